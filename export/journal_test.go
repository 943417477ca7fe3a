package export_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// Replay decodes or refuses every journal; it does not panic.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"run":{"version":2,"repositories":1}}`), []byte(`{"plan":[{"id":"1","repositories":["a/b"],"start":{}}]}`), []byte(`{"job":"1","state":{"migration":79,"outcome":"failed"}}`))
	f.Add([]byte(`{"run":{"version":2}}`), []byte(`{"plan":[null]}`), []byte(`{"job":"x","state":{}}`))
	f.Add([]byte(`{"run":{"version":2}}`), []byte(`{"plan":[{"id":"1","repositories":["a","b"],"lineage":{"at":[1,-5]},"state":{"outcome":"refused","twins":[1,2]}}]}`), []byte(`{"end":{}}`))
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		jobs, err := export.Replay(a, b, c)
		if err != nil {
			return
		}
		for _, job := range jobs {
			for _, next := range job.Successors() {
				assert.False(t, next.Over() && !next.UnlockOnly)
			}
		}
	})
}

func TestADamagedJournalIsRefusedUnlessOnlyItsLastLineIsDamaged(t *testing.T) {
	for name, test := range map[string]struct {
		damage func([]byte) []byte
		ok     bool
	}{
		"the last line truncated": {func(b []byte) []byte { return b[:len(b)-5] }, true},
		"the last line changed":   {func(b []byte) []byte { b[len(b)-5] ^= 1; return b }, true},
		"an earlier line changed": {func(b []byte) []byte { b[50] ^= 1; return b }, false},
		"a line missing": {func(b []byte) []byte {
			lines := strings.SplitAfter(string(b), "\n")
			return []byte(lines[0] + strings.Join(lines[2:], ""))
		}, false},
		"another file": {func([]byte) []byte { return []byte(strings.Repeat("not a journal\n", 3)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
				leaveUnfinished(t, server, opts)
				journal := fileOfRun(t, opts.Dir, "journal")
				data, err := os.ReadFile(journal)
				require.NoError(t, err)
				data = test.damage(data)
				require.NoError(t, os.WriteFile(journal, data, 0o600))
				server.ClearRequests()
				_, err = export.Run(t.Context(), octo(t, server), opts)
				if test.ok {
					require.NoError(t, err)
					assert.Len(t, server.Migrations(), 3)
					return
				}
				require.ErrorIs(t, err, export.ErrDamaged)
				require.ErrorContains(t, err, journal)
				assert.Empty(t, server.Requests())
				left, err := os.ReadFile(journal)
				require.NoError(t, err)
				assert.Equal(t, data, left, "Run has changed nothing")
			})
		})
	}
}

func TestLongNamesInFaultsFitIntoTheJournal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		for i := range 20 {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("../%d%s", i, strings.Repeat("/aaaaaaa", 8000)), Mode: 0o600}))
		}
		require.NoError(t, w.Flush())
		require.NoError(t, z.Close())
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarted {
				server.SetArchive(e.Migration, b.Bytes())
			}
		}
		_, err := run(t, server, opts)
		require.NoError(t, partial(t, err).Err)
	})
}

func TestALongRefusalFitsIntoTheJournal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 422, Body: `{"message":"` + strings.Repeat("x", 1<<20) + `"}`, Times: -1})
		_, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, partial(t, err).Err)
	})
}
