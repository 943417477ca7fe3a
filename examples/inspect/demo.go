package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/examples/internal/demo"
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
	dir, err := demo.AddRepository(fake, repository, content...)
	if err != nil {
		fmt.Fprintf(log, "No archive is given: this one is made up, as a fake GitHub exports it: %v.\n", err)
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
