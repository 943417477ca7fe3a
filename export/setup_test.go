package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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

// addRepositories gives the fake GitHub repositories octo/r000, octo/r001, …
// and returns their names.
func addRepositories(server *ghmigratetest.Server, n int, opts ...ghmigratetest.RepositoryOption) []string {
	var names []string
	for i := range n {
		name := fmt.Sprintf("octo/r%03d", i)
		server.AddRepository(name, opts...)
		names = append(names, name)
	}
	return names
}

// octo is the organization of the tests.
func octo(t *testing.T, server *ghmigratetest.Server, opts ...ghmigrate.Option) export.Account {
	t.Helper()
	return export.OrgAccount(testclient.New(t, server, opts...), "octo")
}

// run calls Run, and checks what is true of every call of it: the manifest
// accounts for everything, and the folder holds no secret.
func run(t *testing.T, ctx context.Context, server *ghmigratetest.Server, acct export.Account, opts export.Options) (*export.Manifest, error) { //nolint:revive // t goes first
	t.Helper()
	m, err := export.Run(ctx, acct, opts)
	if m == nil {
		require.Error(t, err)
		return nil, err
	}
	testclient.AssertNoSecret(t, allFiles(t, opts.Dir), server.Token())
	var names []string
	for _, row := range m.Repositories {
		names = append(names, row.Repository)
	}
	if len(opts.Repositories) > 0 {
		require.Equal(t, opts.Repositories, names, "one row each")
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
		assert.Equal(t, *m, written, "the manifest on disk is the one returned")
	}
	return m, err
}

// allFiles returns the content of all files in a folder but archives.
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

// journalOf is the journal of the only run in a folder.
func journalOf(t *testing.T, dir string) string {
	t.Helper()
	journals, err := filepath.Glob(filepath.Join(dir, "*", "journal"))
	require.NoError(t, err)
	require.Len(t, journals, 1)
	return journals[0]
}

// pause waits until something is due for the job.
func pause(job *export.Job) {
	if effect, at := job.Next(time.Now()); effect == export.EffectNone && !at.IsZero() {
		time.Sleep(time.Until(at))
	}
}

// next is the effect of a job that is due now.
func next(job *export.Job) export.Effect {
	effect, _ := job.Next(time.Now())
	return effect
}

// posts counts the starts that the fake GitHub has seen.
func posts(server *ghmigratetest.Server) int { return len(requests(server, http.MethodPost, "")) }

// requests returns the API's requests of a method, or of any, whose path has a
// part.
func requests(server *ghmigratetest.Server, method, part string) []ghmigratetest.Request {
	var all []ghmigratetest.Request
	for _, r := range server.Requests() {
		if r.Origin == ghmigratetest.API && (method == "" || r.Method == method) && strings.Contains(r.Path, part) {
			all = append(all, r)
		}
	}
	return all
}
