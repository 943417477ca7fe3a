package export_test

// What several tests share: a fake GitHub with repositories, calls of Run with the
// checks that hold for all of them, and the requests that the fake has received.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// addRepositories adds the repositories octo/r000, octo/r001, … to the fake, and
// returns their names.
func addRepositories(server *ghmigratetest.Server, n int, opts ...ghmigratetest.RepositoryOption) []string {
	var names []string
	for i := range n {
		name := fmt.Sprintf("octo/r%03d", i)
		server.AddRepository(name, opts...)
		names = append(names, name)
	}
	return names
}

// octo returns the account of the organization octo.
func octo(t *testing.T, server *ghmigratetest.Server, opts ...ghmigrate.Option) export.Account {
	t.Helper()
	return export.OrgAccount(testclient.New(t, server, opts...), "octo")
}

// locked returns options for a run that locks the repositories.
func locked(names []string, dir string) export.Options {
	return export.Options{Repositories: names, Dir: dir, Start: ghmigrate.StartMigrationRequest{LockRepositories: true}}
}

// startLocked starts a migration that locks the repositories.
func startLocked(t *testing.T, acct export.Account, names ...string) {
	t.Helper()
	_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: names, LockRepositories: true})
	require.NoError(t, err)
}

// run calls Run for the organization octo: see runAs.
func run(t *testing.T, server *ghmigratetest.Server, opts export.Options) (*export.Manifest, error) {
	t.Helper()
	return runAs(t, t.Context(), server, octo(t, server), opts)
}

// runAs calls Run, and checks the promises that hold for every call. The manifest has a
// row for each repository. It is on disk when the run is finished. The folder holds no
// secret.
func runAs(t *testing.T, ctx context.Context, server *ghmigratetest.Server, acct export.Account, opts export.Options) (*export.Manifest, error) { //nolint:revive // t goes first
	t.Helper()
	m, err := export.Run(ctx, acct, unsynced(opts))
	if m == nil {
		require.Error(t, err)
		return nil, err
	}
	testclient.AssertNoSecret(t, allFiles(t, opts.Dir), server.Token())
	if len(opts.Repositories) > 0 {
		require.Equal(t, opts.Repositories, namesOf(m.Repositories), "one row each")
	}
	if err == nil {
		require.Equal(t, m.Requested, m.Covered)
		require.Zero(t, m.Reduced)
	}
	if !m.Ended.IsZero() {
		data, err := os.ReadFile(filepath.Join(m.Dir, "manifest.json"))
		require.NoError(t, err)
		var written export.Manifest
		require.NoError(t, json.Unmarshal(data, &written))
		written.Dir, written.Earlier = m.Dir, m.Earlier
		assert.Equal(t, *m, written, "the manifest on disk is the returned manifest")
	}
	return m, err
}

// leaveUnfinished leaves an unfinished run in opts.Dir.
func leaveUnfinished(t *testing.T, server *ghmigratetest.Server, opts export.Options) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	m, err := export.Run(ctx, octo(t, server), unsynced(opts))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotNil(t, m)
	require.Zero(t, m.Ended)
}

// partial returns the *PartialError that err must be.
func partial(t *testing.T, err error) *export.PartialError {
	t.Helper()
	p, ok := errors.AsType[*export.PartialError](err)
	require.True(t, ok, "%v", err)
	return p
}

func namesOf(rows []export.Row) []string {
	var names []string
	for _, row := range rows {
		names = append(names, row.Repository)
	}
	return names
}

// planJob returns the only job of a plan.
func planJob(t *testing.T, opts export.Options) *export.Job {
	t.Helper()
	_, jobs, err := export.Plan(opts)
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	return jobs[0]
}

// nextProcess returns a copy of the job that has been through JSON, as another
// process would decode it.
func nextProcess(t *testing.T, job *export.Job) *export.Job {
	t.Helper()
	data, err := json.Marshal(job)
	require.NoError(t, err)
	next := &export.Job{}
	require.NoError(t, json.Unmarshal(data, next))
	return next
}

// pause waits until an effect of the job is due.
func pause(job *export.Job) {
	if effect, at := job.Next(time.Now()); effect == export.EffectNone && !at.IsZero() {
		time.Sleep(time.Until(at))
	}
}

// next returns the effect of a job that is due now.
func next(job *export.Job) export.Effect {
	effect, _ := job.Next(time.Now())
	return effect
}

// allFiles returns the content of all files in a folder except archives.
func allFiles(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".tar.gz") {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	}))
	return all.String()
}

// fileOfRun returns the path of the only file of all runs in dir that matches the
// pattern.
func fileOfRun(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", pattern))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

// writeJournal writes a journal to a new folder of a run.
func writeJournal(t *testing.T, dir string, lines ...string) {
	t.Helper()
	require.NoError(t, os.Mkdir(dir, 0o700))
	f, err := durable.OS{}.OpenLocked(filepath.Join(dir, "journal"))
	require.NoError(t, err)
	log, err := durable.CreateLog(f)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, log.Append([]byte(line)))
	}
	require.NoError(t, log.Sync())
	require.NoError(t, f.Close())
}

// posts returns the number of starts that the fake has received.
func posts(server *ghmigratetest.Server) int { return len(requests(server, http.MethodPost, "")) }

// requests returns the requests to the API whose path contains a part. An empty
// method selects all methods.
func requests(server *ghmigratetest.Server, method, part string) []ghmigratetest.Request {
	var all []ghmigratetest.Request
	for _, r := range server.Requests() {
		if r.Origin == ghmigratetest.API && (method == "" || r.Method == method) && strings.Contains(r.Path, part) {
			all = append(all, r)
		}
	}
	return all
}

// refusals returns the number of requests that a rate limit has refused.
func refusals(server *ghmigratetest.Server) (n int) {
	for _, r := range server.Requests() {
		if r.Status == http.StatusForbidden || r.Status == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// assertSecondsApart checks that a second passes between the requests.
func assertSecondsApart(t *testing.T, all []ghmigratetest.Request) {
	t.Helper()
	for i := 1; i < len(all); i++ {
		assert.GreaterOrEqual(t, all[i].Time.Sub(all[i-1].Time), time.Second)
	}
}

func anyLocked(server *ghmigratetest.Server, names []string) bool {
	return slices.ContainsFunc(names, server.Locked)
}

// assertLockedOrListed checks that every repository that is locked is in listed.
func assertLockedOrListed(t *testing.T, server *ghmigratetest.Server, names, listed []string) {
	t.Helper()
	for _, name := range names {
		assert.True(t, !server.Locked(name) || slices.Contains(listed, name), "%s is locked and not listed in %v", name, listed)
	}
}
