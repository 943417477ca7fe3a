//go:build e2e && unix

package e2e_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// program runs a program to its end, and returns the exit status and the output.
func (w *world) program(env []string, name string, args ...string) (status int, output string) {
	w.Helper()
	p, err := startProcess(name, env, args...)
	require.NoError(w, err)
	w.Cleanup(p.kill)
	status, err = p.wait(time.Minute)
	require.NoError(w, err)
	return status, p.output.String()
}

// A worker that cannot work prints an error and ends at once.
func TestWorkersThatCannotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	tokenless := slices.DeleteFunc(w.env(), func(v string) bool {
		return strings.HasPrefix(v, "GITHUB_TOKEN=") || strings.HasPrefix(v, "GHMIGRATE_TOKEN_")
	})
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	bucket := "--bucket=" + w.bucket.url()
	scratch := "--scratch=" + t.TempDir()
	for name, c := range map[string]struct {
		env    []string
		args   []string
		status int
		says   string
	}{
		"no bucket":        {w.env(), []string{scratch}, 2, "--bucket is missing"},
		"nothing to do":    {w.env(), []string{bucket, "--requests=0", "--transfers=0"}, 2, "nothing to do"},
		"unknown scheme":   {w.env(), []string{"--bucket=ftp://host/x", scratch}, 1, "ftp"},
		"absent bucket":    {w.env(), []string{"--bucket=" + strings.Replace(w.bucket.url(), bucketName, "other-"+bucketName, 1), scratch}, 1, "the bucket does not exist"},
		"absent namespace": {w.env(), []string{bucket, scratch, "--namespace=nowhere"}, 1, `no namespace \"nowhere\"`},
		"no server":        {w.env(), []string{bucket, scratch, "--address=127.0.0.1:1"}, 1, "connect to Temporal at 127.0.0.1:1"},
		"no token":         {tokenless, []string{bucket, scratch}, 1, "no token: set GITHUB_TOKEN"},
		"scratch":          {w.env(), []string{bucket, "--scratch=" + file}, 1, "--scratch"},
		"metrics":          {w.env(), []string{bucket, scratch, "--metrics=nowhere"}, 1, "--metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, output := w.program(c.env, "worker", c.args...)
			assert.Equal(t, c.status, status, output)
			assert.Contains(t, output, c.says)
		})
	}
}

// An impossible export fails at once and prints the reason.
func TestImpossibleExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared, ghmigratetest.WithExportDuration(time.Hour))
	w.add("octo-org", 1)
	w.add("octo-two", 1)
	w.add("octo-three", 1)
	w.github.RequireSSO("octo-two")
	w.github.SetRole("octo-three", "member")
	w.github.AddImport("octo-empty", "complete")
	w.startWorker(t.TempDir())
	names := filepath.Join(t.TempDir(), "names")
	require.NoError(t, os.WriteFile(names, []byte("\n"), 0o600))
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--org", "octo-empty"}, 1, "no repositories"},
		{[]string{"--org", "nobody"}, 1, "nobody"},
		{[]string{"--org", "octo-two"}, 1, "octo-two"},
		{[]string{"--org", "octo-three"}, 1, "octo-three"},
		{[]string{"--org", "octo-org", "--token", "unknown"}, 1, "GHMIGRATE_TOKEN_UNKNOWN is not set"},
		{[]string{"--org", "octo-org", "--repos-object", "nothing"}, 1, "nothing"},
		{[]string{"--org", "octo-org", "--repos", "octo-two/repo-000"}, 1, "octo-two/repo-000"},
		{[]string{"--org", "octo-org", "--attach"}, 1, "ghmigrate/orgs/octo-org"},
		{[]string{"--orgs-file", names}, 2, "has no names"},
		{[]string{"--org", "octo-org/hello"}, 2, "octo-org/hello"},
		{[]string{"--namespace", "nowhere"}, 1, `no namespace "nowhere"`},
	} {
		status, output := w.program(w.env(), "export", c.args...)
		assert.Equal(t, c.status, status, "%v: %s", c.args, output)
		assert.Contains(t, output, c.says, "%v", c.args)
	}
	w.bucket.readOnly.Store(true)
	status, output := w.program(w.env(), "export", "--org", "octo-org")
	assert.Equal(t, 1, status, output)
	assert.Contains(t, output, "AccessDenied")
	assert.Empty(t, slices.DeleteFunc(w.github.Migrations(), func(m ghmigratetest.Migration) bool { return m.Owner == "octo-empty" }))
	w.checkHistories()
}

func TestWorkerServesMetricsAndHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	p := w.startWorker(t.TempDir(), "--metrics", "127.0.0.1:0")
	address := regexp.MustCompile(`"msg":"metrics","address":"([^"]+)"`).FindStringSubmatch(p.output.String())
	require.Len(t, address, 2)
	get := func(path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address[1]+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, body := get("/healthz")
	assert.Equal(t, http.StatusOK, status, body)
	status, body = get("/metrics")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "temporal_worker_start_total")
	assert.Contains(t, body, "go_goroutines")
}
