package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// export makes an archive at path: of the checkout around the working
// directory, with things made up around it, by way of a fake GitHub.
func export(ctx context.Context, path string, log io.Writer) error {
	const org, repository = "octo-org", "octo-org/checkout"
	fake := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	defer fake.Close()
	content := []ghmigratetest.RepositoryOption{ghmigratetest.WithIssues(250), ghmigratetest.Payload(1 << 20)}
	for n := 1; n <= 12; n++ {
		content = append(content, ghmigratetest.WithAttachment(fmt.Sprintf("screenshot-%d.png", n), bytes.Repeat([]byte("PNG"), n*n*1000)))
	}
	dir, err := checkout()
	if err == nil {
		err = rescue(func() { fake.AddRepository(repository, append(content, ghmigratetest.FromGit(dir))...) })
	}
	if err != nil {
		fmt.Fprintf(log, "No archive is given: this one is made up, as a fake GitHub exports it: %v.\n", err)
		fake.AddRepository(repository, content...)
	} else {
		fmt.Fprintf(log, "No archive is given: this is one of %s, as a fake GitHub exports it.\n", dir)
	}
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(fake.Token()), ghmigrate.WithBaseURL(fake.URL()),
		ghmigrate.WithHTTPClient(fake.Client()))
	if err != nil {
		return err
	}
	m, err := client.OrgMigrations.Start(ctx, org, ghmigrate.StartMigrationRequest{Repositories: []string{repository}})
	if err != nil {
		return err
	}
	if m, err = client.OrgMigrations.Wait(ctx, org, m.ID); err != nil {
		return err
	}
	_, err = client.OrgMigrations.DownloadArchive(ctx, org, m.ID, path, nil)
	return err
}

// checkout finds the git checkout around the working directory.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at, ghmigratetest.CheckGit(at)
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is in no git checkout", dir)
		}
	}
}

// rescue turns the panic of a fake that cannot use a checkout into an error.
func rescue(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	do()
	return nil
}
