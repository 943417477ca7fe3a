package ghmigrate_test

import (
	"context"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// fakeGitHub starts a fake GitHub that has these repositories, and makes a
// client of it. Exports are over in no time.
func fakeGitHub(repositories ...string) (*ghmigratetest.Server, *ghmigrate.Client) {
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(50 * time.Millisecond))
	for _, name := range repositories {
		github.AddRepository(name)
	}
	return github, clientOf(github)
}

// clientOf makes a client of a fake GitHub.
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

// finished exports one repository of octo-org and waits until it is done.
func finished(ctx context.Context, client *ghmigrate.Client, repository string, locked bool) *ghmigrate.Migration {
	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories:     []string{repository},
		LockRepositories: locked,
	})
	check(err)
	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
	check(err)
	return m
}

// check ends an example that went wrong.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
