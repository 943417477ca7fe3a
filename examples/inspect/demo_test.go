package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// git runs git without the configuration of whoever runs the tests.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "git %q: %s", args, out)
}

func TestDemoInspectsTheCheckout(t *testing.T) {
	checkout := filepath.Join(t.TempDir(), "checkout")
	require.NoError(t, os.Mkdir(checkout, 0o700))
	git(t, checkout, "init", "-q", "-b", "trunk")
	git(t, checkout, "commit", "-q", "--allow-empty", "-m", "one")
	git(t, checkout, "commit", "-q", "--allow-empty", "-m", "two")
	deep := filepath.Join(checkout, "deep")
	require.NoError(t, os.Mkdir(deep, 0o700))
	t.Chdir(deep)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	out := filepath.Join(t.TempDir(), "out")

	r := inspected(t.Context(), t, "-json", "-extract", out)
	require.Equal(t, 0, r.status, r.stderr)
	assert.Regexp(t, `^No archive is given: this is one of .*checkout, as a fake GitHub exports it\.\n$`, r.stderr)
	var got report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &got))
	assert.Equal(t, "octo-org.tar.gz", got.File)
	assert.EqualValues(t, 250, got.Summary.Records["issue"])
	require.Len(t, got.Summary.Repositories, 1)
	assert.EqualValues(t, 3, got.Summary.Repositories[0].Objects, "two commits and an empty tree")
	assert.Len(t, got.Attachments, 10)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left)

	git(t, out, "clone", "-q", filepath.Join(out, "repositories", "octo-org", "checkout.git"), filepath.Join(out, "clone"))
}

func TestDemoMakesUpARepository(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T) string{
		"is in no git checkout": func(t *testing.T) string { return os.Getenv("PATH") },
		"executable file not found": func(t *testing.T) string {
			require.NoError(t, os.Mkdir(".git", 0o700))
			return t.TempDir()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("PATH", prepare(t))
			r := inspected(t.Context(), t)
			assert.Equal(t, 0, r.status)
			assert.Contains(t, r.stderr, "this one is made up")
			assert.Contains(t, r.stderr, name)
			assert.Regexp(t, `\nocto-org/checkout +yes +yes +no +\S+ \S+ +3 +1\n`, r.stdout)
			assert.Contains(t, r.stdout, "\nNo faults.\n")
		})
	}
}
