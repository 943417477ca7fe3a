package ghmigratetest_test

import (
	"context"
	"fmt"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// start is a program to be tried out: it starts an export.
func start(ctx context.Context, client *ghmigrate.Client) (*ghmigrate.Migration, error) {
	return client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
}

// The server as the GitHub of a ghmigrate.Client.
func ExampleNewServer() {
	server := ghmigratetest.NewServer()
	defer server.Close()
	server.AddRepository("octo-org/hello-world")

	client, err := ghmigrate.NewClient(
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithHTTPClient(server.Client()),
		ghmigrate.WithToken(server.Token()),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := start(context.Background(), client)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("migration", m.ID, "is of", server.Migration(m.ID).Repositories)
	// Output: migration 79 is of [octo-org/hello-world]
}
