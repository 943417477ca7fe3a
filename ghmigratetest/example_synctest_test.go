package ghmigratetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// An example that needs a *testing.T: in a bubble, an hour takes no time.
func TestAnHourInNoTime(t *testing.T) {
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
		m, err := start(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if m, err = client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); m.State != ghmigrate.StateExported || waited < time.Hour {
			t.Errorf("%s after %v", m.State, waited)
		}
	})
}
