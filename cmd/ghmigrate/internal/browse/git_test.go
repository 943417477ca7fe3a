package browse_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// TestClone clones a repository from the server, and reads the pages of its commits.
func TestClone(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	dir := filepath.Join(t.TempDir(), "clone")
	for _, protocol := range []string{"2", "0"} {
		out, err := exec.CommandContext(t.Context(), "git", "-c", "protocol.version="+protocol, "clone", "-q", v.server.URL()+"octo-org/app.git", dir+protocol).CombinedOutput()
		require.NoError(t, err, string(out))
		text, err := os.ReadFile(filepath.Join(dir+protocol, "main.go"))
		require.NoError(t, err)
		assert.Contains(t, string(text), "func main")
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", dir+"2", "push", "-q", "origin", "HEAD:refs/heads/new").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "403", "the server refuses a push")

	log, err := exec.CommandContext(t.Context(), "git", "-C", dir+"2", "rev-list", "HEAD").Output()
	require.NoError(t, err)
	commits := strings.Fields(string(log))
	require.Len(t, commits, 2)
	assert.Contains(t, v.page("octo-org/app/commit/"+commits[0]), "It does nothing yet.")
	body := v.page("octo-org/app/commit/" + commits[1])
	assert.Contains(t, body, "A fine beginning")
	assert.Contains(t, body, "It crashes, see #1")
	assert.Contains(t, v.page("octo-org/app/issues/1"), "/octo-org/app/commit/"+commits[1])
}

// TestNoGit serves an archive on a computer without Git.
func TestNoGit(t *testing.T) { //nolint:paralleltest // it sets PATH
	path := sampleArchive(t)
	t.Setenv("PATH", t.TempDir())
	v := visit(t, path)
	body := v.page("octo-org/app")
	assertHas(t, body, "Git is not installed", "octo-org/app")
	assert.NotContains(t, body, "git clone", "a command that fails")
	resp, body := v.get("octo-org/app.git/info/refs?service=git-upload-pack")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	assert.Contains(t, body, "Git is not installed")
}

// TestUnreadableRepository shows a text with many commits of a repository that git cannot
// read. It counts the processes of git.
func TestUnreadableRepository(t *testing.T) { //nolint:paralleltest // it sets PATH
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script")
	}
	git, err := exec.LookPath("git")
	require.NoError(t, err)
	repository, _ := bareRepository(t, "")
	require.NoError(t, os.WriteFile(filepath.Join(repository, "HEAD"), []byte("no ref\n"), 0o600))
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "abc%04x ", i)
	}
	path := writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app", GitURL: "tarball://root/repositories/octo-org/app.git"},
			&archive.Issue{URL: app + "/issues/1", Repository: app, Title: "x", Body: text.String()})
		require.NoError(t, a.w.AddRepository("octo-org/app", os.DirFS(repository)))
	})
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\necho >>"+calls+"\nexec "+git+" \"$@\"\n"), 0o700))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	v := visit(t, path)
	assertHas(t, v.page("octo-org/app"), "Git cannot read the repository.", "octo-org/app")
	require.NoError(t, os.Remove(calls))
	for range 2 {
		assertHas(t, v.page("octo-org/app/issues/1"), "abc0001", "octo-org/app/issues/1")
	}
	made, err := os.ReadFile(calls)
	require.NoError(t, err)
	assert.Len(t, made, 1, "the processes for two pages")
}

// TestHugeGitData opens a repository whose README and first diff are larger than a page
// shows.
func TestHugeGitData(t *testing.T) {
	t.Parallel()
	repository, first := bareRepository(t, strings.Repeat("A line of a long text.\n", 200_000))
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app", GitURL: "tarball://root/repositories/octo-org/app.git", DefaultBranch: "main"})
		require.NoError(t, a.w.AddRepository("octo-org/app", os.DirFS(repository)))
	}))
	for path, note := range map[string]string{
		"octo-org/app":                 "The text is longer than a page can show",
		"octo-org/app/commit/" + first: "The change is longer than a page can show",
	} {
		body := v.page(path)
		assertHas(t, body, note, path)
		assert.Less(t, len(body), 2<<20, path)
	}
}
