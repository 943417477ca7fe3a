package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// bubble runs a test in virtual time, against a fake GitHub in memory.
func bubble(t *testing.T, test func(t *testing.T, server *ghmigratetest.Server), opts ...ghmigratetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.InMemory()}, opts...)...)
		t.Cleanup(server.Close)
		test(t, server)
	})
}

// newClient makes a client of the fake GitHub whose log must hold no secret.
func newClient(t *testing.T, server *ghmigratetest.Server, opts ...ghmigrate.Option) *ghmigrate.Client {
	t.Helper()
	transport := server.Client().Transport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	log := &lockedBuffer{}
	t.Cleanup(func() { assertNoSecret(t, log.String(), server.Token()) })
	client, err := ghmigrate.NewClient(append([]ghmigrate.Option{
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithToken(server.Token()),
		ghmigrate.WithHTTPClient(&http.Client{Transport: transport}),
		ghmigrate.WithLogger(slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// assertNoSecret fails the test if a text has a token or a signed query in it.
func assertNoSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, "X-Amz-Signature", "X-Amz-Credential") {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("a secret (%.9s…) is in:\n%s", secret, text)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

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
	return export.OrgAccount(newClient(t, server, opts...), "octo")
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
	assertNoSecret(t, allFiles(t, opts.Dir), server.Token())
	var names []string
	for _, row := range m.Repositories {
		names = append(names, row.Repository)
	}
	if len(opts.Repositories) > 0 {
		require.Equal(t, opts.Repositories, names, "one row each")
	}
	if err == nil {
		require.Equal(t, m.Requested, m.Covered)
	}
	if !m.Ended.IsZero() {
		data, err := os.ReadFile(filepath.Join(m.Dir, "manifest.json"))
		require.NoError(t, err)
		var written export.Manifest
		require.NoError(t, json.Unmarshal(data, &written))
		written.Dir = m.Dir
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

// posts counts the starts that the fake GitHub has seen.
func posts(server *ghmigratetest.Server) int { return len(requests(server, http.MethodPost, "")) }

// requests returns the API's requests of a method whose path has a part.
func requests(server *ghmigratetest.Server, method, part string) []ghmigratetest.Request {
	var all []ghmigratetest.Request
	for _, r := range server.Requests() {
		if r.Origin == ghmigratetest.API && r.Method == method && strings.Contains(r.Path, part) {
			all = append(all, r)
		}
	}
	return all
}
