package export_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// The figures of docs/measurements.md come from
// go test ./export -run ScaleOfALarge -v -timeout 1h -args -scale 100000.
var (
	scale     = flag.Int("scale", 300, "the number of repositories of the large organization")
	scaleLock = flag.Bool("scale-lock", false, "lock the repositories")
)

// kindOf returns the operation of a request.
func kindOf(r ghmigratetest.Request) string {
	switch {
	case r.Origin == ghmigratetest.Storage:
		return "storage"
	case r.Method == http.MethodPost:
		return "start"
	case r.Method == http.MethodDelete && strings.HasSuffix(r.Path, "/lock"):
		return "unlock"
	case r.Method == http.MethodDelete:
		return "delete"
	case strings.HasSuffix(r.Path, "/archive"):
		return "archive URL"
	case strings.HasSuffix(r.Path, "/repositories"):
		return "repositories"
	}
	return "poll" // of the list, or of a single migration
}

func TestScaleOfALargeOrganization(t *testing.T) {
	begunForReal := time.Now()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		n := *scale
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("octo/repository-with-a-name-%06d", i)
			server.AddRepository(names[i])
		}
		seen := map[string]int{}
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			seen[kindOf(r)]++
			return ghmigratetest.Fault{}, false
		})
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: time.Duration(5+m.ID%25) * time.Minute}
		})
		heap := func() int64 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return int64(stats.HeapAlloc)
		}
		before, peak, events := heap(), int64(0), 0
		begun := time.Now()
		m, err := export.Run(t.Context(), octo(t, server), export.Options{
			Repositories:   names,
			Dir:            t.TempDir(),
			DeleteArchives: true,
			Concurrency:    100,
			Store:          putFunc(discard),
			Start:          ghmigrate.StartMigrationRequest{LockRepositories: *scaleLock},
			Progress: func(export.Event) {
				if events++; events%max(n/20, 1) == 0 {
					peak = max(peak, heap())
				}
			},
		})
		took := time.Since(begun)
		require.NoError(t, err)
		assert.Equal(t, n, m.Covered)
		migrations := (n + 99) / 100
		assert.Equal(t, migrations, m.Starts)
		for _, kind := range []string{"start", "archive URL", "delete"} {
			assert.Equal(t, migrations, seen[kind], kind)
		}
		assert.Equal(t, migrations+n/100, seen["repositories"], "a full page without a Link header is followed by another")
		if *scaleLock {
			assert.Equal(t, n, seen["unlock"])
		}
		journal, err := os.Stat(filepath.Join(m.Dir, "journal"))
		require.NoError(t, err)
		manifest, err := os.Stat(filepath.Join(m.Dir, "manifest.json"))
		require.NoError(t, err)
		t.Logf("%d repositories, %d migrations, in %v of virtual time", n, migrations, took.Round(time.Second))
		for _, kind := range slices.Sorted(maps.Keys(seen)) {
			t.Logf("requests: %6d %s", seen[kind], kind)
		}
		t.Logf("journal: %d KiB, manifest: %d KiB, heap growth: %d MiB at most", journal.Size()>>10, manifest.Size()>>10, (peak-before)>>20)
	}, ghmigratetest.WithRequestLog(0))
	t.Logf("in %v of real time", time.Since(begunForReal).Round(time.Millisecond))
}

// Run waits for a rate limit, and no export fails.
func TestScaleWithinAQuota(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 60)
		begun := time.Now()
		waits := 0
		opts := locked(names, t.TempDir())
		opts.BatchSize, opts.DeleteArchives = 2, true
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventWaiting {
				waits++
			}
		}
		m, err := run(t, server, opts)
		require.NoError(t, err)
		assert.Equal(t, 60, m.Covered)
		assert.Positive(t, waits)
		assert.Less(t, refusals(server), 60)
		assert.Greater(t, time.Since(begun), 2*time.Hour)
		assert.Len(t, server.Migrations(), 30, "no batch was started twice")
	}, ghmigratetest.WithRateLimit(50))
}
