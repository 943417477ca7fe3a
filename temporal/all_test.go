package temporal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// Two organizations share a token. Their requests together stay within its rate limit,
// and requests that change something are sent a second apart.
func TestTwoOrganizationsShareOneToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(20)
		var others []string
		for _, name := range w.names {
			other := strings.Replace(name, "octo-org", "other-org", 1)
			w.github.AddRepository(other)
			others = append(others, other)
		}
		w.github.Inject(ghmigratetest.FastChanges())
		// The test suite panics when a workflow signals a workflow that another one has
		// just started. So one export begins a moment later.
		w.wrap = func(acct export.Account) export.Account {
			if acct.Owner() == "other-org" && w.starts() == 0 {
				time.Sleep(10 * time.Second)
			}
			return acct
		}
		result, err := w.run("all", temporal.ExportAll, temporal.Orders{Orders: []temporal.Order{
			{Organization: "octo-org", BatchSize: 4, Start: locking},
			{Organization: "other-org", BatchSize: 4, Start: locking},
		}})
		require.NoError(t, err)
		var all temporal.Summaries
		require.NoError(t, result.Get(&all))
		require.Len(t, all.Exports, 2)
		assert.True(t, all.OK(), "%+v", all)
		for i := range all.Exports {
			names := w.names
			if strings.HasSuffix(all.Exports[i].Account, "/other-org") {
				names = others
			}
			w.check(&all.Exports[i], names)
		}
		refused := 0
		for _, r := range w.github.Requests() {
			if r.Status == 429 || r.Status == 403 {
				refused++
			}
		}
		assert.LessOrEqual(t, refused, 4, "of %d requests", len(w.github.Requests()))
	}, ghmigratetest.WithRateLimit(60))
}

// An export that fails does not end the others.
func TestExportAllGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		result, err := w.run("all", temporal.ExportAll, temporal.Orders{Concurrency: 1, Orders: []temporal.Order{
			{Organization: "nobody"},
			{Organization: "octo-org", Token: "missing"},
		}})
		require.NoError(t, err)
		var all temporal.Summaries
		require.NoError(t, result.Get(&all))
		require.Len(t, all.Exports, 2)
		assert.False(t, all.OK())
		assert.Contains(t, all.Exports[0].Problem, "nobody")
		assert.Contains(t, all.Exports[1].Problem, "no such token")
	})
}
