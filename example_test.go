package ghmigrate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// backUp exports a repository, waits for the end of the export, and downloads the
// archive to path.
func backUp(ctx context.Context, client *ghmigrate.Client, path string) error {
	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
	if err != nil {
		return err
	}
	if m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID); err != nil {
		return err
	}
	fmt.Println("migration", m.ID, "is", m.State)
	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", m.ID, path, nil)
	if err != nil {
		return err
	}
	fmt.Println(filepath.Base(archive.Path), "is complete, with a SHA-256 of", len(archive.SHA256), "digits")
	return nil
}

// The whole job: start an export, wait for its end, download the archive. The
// example uses a fake GitHub. For GitHub.com, a client needs only WithToken.
func Example() {
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(50 * time.Millisecond))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")

	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(github.Token()),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
		ghmigrate.WithPollInterval(10*time.Millisecond, 20*time.Millisecond), // default 5 seconds to a minute
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "backup-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	if err := backUp(context.Background(), client, filepath.Join(dir, "backup.tar.gz")); err != nil {
		fmt.Println(err)
	}

	// Output:
	// migration 79 is exported
	// backup.tar.gz is complete, with a SHA-256 of 64 digits
}

// fakeGitHub starts a fake GitHub with these repositories and short exports. It
// also returns a client for it.
func fakeGitHub(repositories ...string) (*ghmigratetest.Server, *ghmigrate.Client) {
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(50 * time.Millisecond))
	for _, name := range repositories {
		github.AddRepository(name)
	}
	return github, clientOf(github)
}

// clientOf returns a client for a fake GitHub.
func clientOf(github *ghmigratetest.Server) *ghmigrate.Client {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(github.Token()),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
		ghmigrate.WithPollInterval(10*time.Millisecond, 20*time.Millisecond),
	)
	check(err)
	return client
}

// exportAndWait exports one repository of octo-org and waits for the end of the export.
func exportAndWait(ctx context.Context, client *ghmigrate.Client, repository string, locked bool) *ghmigrate.Migration {
	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories:     []string{repository},
		LockRepositories: locked,
	})
	check(err)
	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
	check(err)
	return m
}

// check ends an example after an error.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
