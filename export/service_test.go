package export_test

import (
	"expvar"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// The metric of the service counts no repository that Run has given up.
func TestTheServiceCountsCoveredRepositories(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 1)
		server.AddRepository("octo/poison", ghmigratetest.PoisonsExport())
		s := &service{client: testclient.New(t, server), org: "octo", dir: t.TempDir(), log: slog.New(slog.DiscardHandler), metrics: new(expvar.Map)}
		var partial *export.PartialError
		require.ErrorAs(t, s.backUp(t.Context()), &partial)
		assert.Equal(t, "1", s.metrics.Get("last_covered").String())
	})
}
