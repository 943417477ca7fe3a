package export_test

// Repositories that are renamed, transferred or deleted during a run.

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestARowSaysWhatHappenedToARepository(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*ghmigratetest.Server)
		now    ghmigratetest.Fault // what GitHub says of the repository then
		want   string
	}{
		"renamed": {
			func(s *ghmigratetest.Server) { s.RenameRepository("octo/r001", "octo/new") },
			ghmigratetest.Fault{Status: http.StatusOK, Body: `{"full_name":"octo/new"}`},
			"the repository was renamed to octo/new: export it under that name",
		},
		"transferred": {
			func(s *ghmigratetest.Server) { s.RenameRepository("octo/r001", "other/r001") },
			ghmigratetest.Fault{Status: http.StatusOK, Body: `{"full_name":"other/r001"}`},
			"the repository was transferred to other/r001: export it from that account",
		},
		"deleted": {
			func(s *ghmigratetest.Server) { s.RemoveRepository("octo/r001") },
			ghmigratetest.Fault{Status: http.StatusNotFound, Body: `{"message":"Not Found"}`},
			"the repository does not exist any more, or the token may not see it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("other/there")
				opts := locked(addRepositories(server, 4), t.TempDir())
				server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
					return test.now, strings.HasPrefix(r.Path, "/repos/octo/")
				})
				time.AfterFunc(30*time.Minute, func() { test.change(server) })
				m, err := run(t, t.Context(), server, octo(t, server), opts)
				p := partial(t, err)
				require.NoError(t, p.Err, "the run is finished")
				require.Equal(t, opts.Repositories[1:2], namesOf(p.Repositories))
				assert.Equal(t, test.want, p.Repositories[0].Error)
				assert.Equal(t, 3, m.Covered)
				for _, migration := range server.Migrations() {
					for _, name := range migration.Locked {
						assert.Contains(t, m.Locked, name, "locked, and nobody knows")
					}
				}
				assert.Empty(t, m.Locked)
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
}
