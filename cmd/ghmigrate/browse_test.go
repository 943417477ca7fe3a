package main_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startBrowse starts browse, and returns the address of its pages.
func startBrowse(t *testing.T, u *user, args ...string) string {
	t.Helper()
	cmd, stdout, stderr := u.command(append([]string{"browse", "--cache", u.path("cache")}, args...)...)
	require.NoError(t, cmd.Start())
	eventually(t, "browse prints an address", stderr, func() bool { return strings.HasSuffix(stdout.String(), "/\n") })
	t.Cleanup(func() {
		requireSignals(t)
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), stderr)
	})
	return strings.TrimSpace(stdout.String())
}

func get(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode, address)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// TestBrowse browses an archive, and the newest run of an account.
func TestBrowse(t *testing.T) {
	requireSignals(t)
	t.Parallel()
	u, path := exportedArchive(t)
	address := startBrowse(t, u, path)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/[0-9a-f]{32}/$`, address)
	assert.Contains(t, get(t, address+"octo-org/app/issues"), "#30")

	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	exporter := newUser(t, fake)
	exporter.do("export", "--org", "octo-org", "--all", "--batch", "1", "--out", "backups")
	exporter.fails(1, []string{"browse", "backups", "--run", "x"}, "no runs")
	exporter.fails(1, []string{"browse", "backups", "--org", "nobody"}, "no runs")
	body := get(t, startBrowse(t, exporter, "backups", "--org", "octo-org"))
	assert.Contains(t, body, ">octo-org/a</a>")
	assert.Contains(t, body, ">octo-org/b</a>", "a repository of another archive of the run")
}
