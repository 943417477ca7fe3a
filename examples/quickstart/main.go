// Quickstart exports one repository and fetches its archive, from a fake GitHub
// that it brings along. It is the program of README.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func main() {
	if err := backUp(context.Background(), filepath.Join(os.TempDir(), "backup.tar.gz")); err != nil {
		log.Fatal(err)
	}
}

func backUp(ctx context.Context, path string) error {
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0)) // a fake GitHub
	defer github.Close()
	github.AddRepository("octo-org/hello-world")

	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(github.Token()),
		ghmigrate.WithBaseURL(github.URL()),
		ghmigrate.WithHTTPClient(github.Client()),
	) // the real one: ghmigrate.NewClient(ghmigrate.WithToken(os.Getenv("GITHUB_TOKEN")))
	if err != nil {
		return err
	}
	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
	if err != nil {
		return err
	}
	if _, err := client.OrgMigrations.Wait(ctx, "octo-org", m.ID); err != nil {
		return err
	}
	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", m.ID, path, nil)
	if err != nil {
		return err
	}
	fmt.Println(archive.Path, "is complete")
	return nil
}
