// Quickstart exports a repository and downloads its archive. The README shows this program.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/ghmigrate/ghmigrate"
)

func main() {
	if err := backUp(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func backUp(ctx context.Context) error {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(os.Getenv("GITHUB_TOKEN")),
		ghmigrate.WithBaseURL(cmp.Or(os.Getenv("GITHUB_API_URL"), "https://api.github.com")), // or a fake one
	)
	if err != nil {
		return err
	}
	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
	if err != nil {
		return err
	}
	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
	if err != nil {
		return err
	}
	archive, err := client.OrgMigrations.DownloadArchive(ctx, "octo-org", m.ID, "backup.tar.gz", nil)
	if err != nil {
		return err
	}
	fmt.Println(archive.Path, "is complete")
	return nil
}
