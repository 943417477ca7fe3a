package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// programs builds the programs as a user would and returns their folder.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ghmigrate-test-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), ".", "../fakegithub").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return dir, err
})

func TestMain(m *testing.M) {
	dir, err := programs()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// program prepares a run of one of the programs, which shall print no secret.
// The context kills it.
func program(ctx context.Context, t *testing.T, name, token string, args ...string) (cmd *exec.Cmd, stdout, stderr *output) {
	t.Helper()
	dir, err := programs()
	require.NoError(t, err)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	cmd = exec.CommandContext(ctx, filepath.Join(dir, name), args...)
	cmd.Env = append(os.Environ(), "GITHUB_TOKEN="+token)
	stdout, stderr = new(output), new(output)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// An output is what a program prints, to be read while it does.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// result is what became of a run.
type result struct {
	status         int
	stdout, stderr string
}

// backup runs the backup in this process, against a fake GitHub if there is
// one, with -v, and sees to it that nothing secret is printed.
func backup(ctx context.Context, t *testing.T, fake *ghmigratetest.Server, args ...string) result {
	t.Helper()
	var stdout, stderr output
	token := ""
	var client []ghmigrate.Option
	if fake != nil {
		token = fake.Token()
		client = append(client, ghmigrate.WithHTTPClient(fake.Client()))
		args = append([]string{"-base-url", fake.URL(), "-v"}, args...)
	}
	status := run(ctx, args, token, &stdout, &stderr, client...)
	assertNoSecret(t, token, stdout.String()+stderr.String())
	return result{status, stdout.String(), stderr.String()}
}

func assertNoSecret(t *testing.T, token, printed string) {
	t.Helper()
	if token != "" {
		assert.NotContains(t, printed, token)
	}
	assert.NotContains(t, printed, "ghp_")
	assert.NotContains(t, printed, "X-Amz-Signature")
	assert.NotContains(t, printed, "X-Amz-Credential")
}

// archivesIn lists the archives below a folder, oldest first, where there is
// nothing else but what belongs to a run.
func archivesIn(t *testing.T, dir string) (archives []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
		case strings.HasSuffix(path, ".tar.gz"):
			archives = append(archives, path)
		default:
			assert.Contains(t, []string{"lock", "journal", "manifest.json"}, d.Name())
		}
		return err
	}))
	return archives
}

// assertReported checks that the report has these archives and no others, as
// sha256sum would print them.
func assertReported(t *testing.T, stdout string, archives ...string) {
	t.Helper()
	assert.NotEmpty(t, archives)
	var want []string
	for _, path := range archives {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		want = append(want, fmt.Sprintf("%x  %s", sha256.Sum256(data), path))
	}
	assert.ElementsMatch(t, want, strings.Split(strings.TrimSuffix(stdout, "\n"), "\n"))
}

// unpack unpacks an archive to its very end, which proves it whole.
func unpack(t *testing.T, path string) (dir string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	dir = t.TempDir()
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		to := filepath.Join(dir, filepath.Clean("/"+header.Name))
		if header.FileInfo().IsDir() {
			require.NoError(t, os.MkdirAll(to, 0o700))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, data, 0o600))
	}
	_, err = io.Copy(io.Discard, z)
	require.NoError(t, err, "the checksum at the end")
	return dir
}

// git runs git without the configuration of whoever runs the tests.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "git %q: %s", args, out)
	return strings.TrimSpace(string(out))
}

func TestWhatARunLacksThatIsFinishedFirstIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, args := newFake(t), []string{"-org", "octo-org", "-all", "-out", t.TempDir()}
		fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", Status: http.StatusForbidden, Times: -1})
		require.Equal(t, 3, backup(t.Context(), t, fake, args...).status)
		fake.ClearFaults()
		fake.AddRepository("octo-org/new")
		fake.Forget(79) // so that it is exported again
		fake.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			if len(m.Repositories) < 3 { // then alone
				return ghmigratetest.Fate{Missing: []string{"octo-org/a"}}
			}
			return ghmigratetest.Fate{}
		})
		res := backup(t.Context(), t, fake, args...)
		assert.Contains(t, res.stderr, "\nbackup: 1 repository not exported\n  octo-org/a: GitHub has left it out of the archive of migration ")
	})
}
