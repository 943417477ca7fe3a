package ghmigratetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestExportInVirtualTime is an example that needs a *testing.T: in a synctest
// bubble, an export of an hour takes no time.
func TestExportInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour))
		defer server.Close()
		server.AddRepository("octo-org/hello-world")
		client, err := ghmigrate.NewClient(
			ghmigrate.WithBaseURL(server.URL()),
			ghmigrate.WithHTTPClient(server.Client()),
			ghmigrate.WithToken(server.Token()),
		)
		if err != nil {
			t.Fatal(err)
		}
		m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{
			Repositories: []string{"octo-org/hello-world"},
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if m, err = client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); m.State != ghmigrate.StateExported || waited < time.Hour {
			t.Errorf("%s after %v", m.State, waited)
		}
	})
}
