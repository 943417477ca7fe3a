package export_test

import (
	"os"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// exampleServer returns a fake GitHub with repositories of the organization octo-org,
// the account of the organization, and an empty folder.
func exampleServer(repositories ...string) (server *ghmigratetest.Server, acct export.Account, dir string) {
	server = ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	for _, name := range repositories {
		server.AddRepository(name)
	}
	dir, err := os.MkdirTemp("", "backups-")
	check(err)
	return server, export.OrgAccount(exampleClient(server), "octo-org"), dir
}

func exampleClient(server *ghmigratetest.Server) *ghmigrate.Client {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithToken(server.Token()),
		ghmigrate.WithHTTPClient(server.Client()),
		ghmigrate.WithPollInterval(10*time.Millisecond, 20*time.Millisecond),
	)
	check(err)
	return client
}

// check panics if err is not nil.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
