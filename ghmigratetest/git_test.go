package ghmigratetest_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// git runs git in dir without the configuration of the machine, and returns its
// output.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on this machine")
	}
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// newGit makes a Git repository with two commits, the branches trunk and topic, and a
// tag.
func newGit(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "--quiet")
	git(t, dir, "symbolic-ref", "HEAD", "refs/heads/trunk")
	git(t, dir, "commit", "--quiet", "--allow-empty", "-m", "one")
	git(t, dir, "commit", "--quiet", "--allow-empty", "-m", "two")
	git(t, dir, "branch", "topic")
	git(t, dir, "tag", "v1")
	git(t, dir, "update-ref", "refs/remotes/origin/far", "HEAD")
	return dir
}

// export exports octo/hello, unpacks the archive, checks its Git repository with git
// fsck, and returns the path of that repository.
func export(t *testing.T, opts ...ghmigratetest.RepositoryOption) string {
	t.Helper()
	c := newServer(t)
	c.AddRepository("octo/hello", opts...)
	dir := t.TempDir()
	id := c.exported(hello)
	u := c.fetch(id)
	u.writeTo(t, dir)
	bare := filepath.Join(dir, "repositories", "octo", "hello.git")
	git(t, bare, "fsck", "--full", "--strict")
	head := strings.TrimPrefix(git(t, bare, "symbolic-ref", "HEAD"), "refs/heads/")
	repository := c.do("GET", c.path(id), "").object(t)["repositories"].([]any)[0].(map[string]any)
	assert.Equal(t, head, repository["default_branch"])
	assert.Equal(t, head, u.records(t, "repositories")[0]["default_branch"])
	return bare
}

// cloned clones a bare repository, and returns the subjects of its commits.
func cloned(t *testing.T, bare string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, t.TempDir(), "clone", "--quiet", bare, dir)
	return strings.ReplaceAll(git(t, dir, "log", "--format=%s"), "\n", " ")
}

func TestMadeUpRepository(t *testing.T) {
	bare := export(t)
	assert.Equal(t, "Begin hello", cloned(t, bare))
	assert.Equal(t, "ref: refs/heads/main", readFile(t, bare, "HEAD"))
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return strings.TrimSpace(string(data))
}

func TestFromGit(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T) string
		refs    string
		log     string
	}{
		{"a checkout", newGit, "refs/heads/topic refs/heads/trunk refs/tags/v1", "two one"},
		{"a bare repository", func(t *testing.T) string {
			t.Helper()
			bare := filepath.Join(t.TempDir(), "bare.git")
			git(t, t.TempDir(), "clone", "--quiet", "--bare", newGit(t), bare)
			return bare
		}, "refs/heads/topic refs/heads/trunk refs/tags/v1", "two one"},
		{"a folder in a checkout", func(t *testing.T) string {
			t.Helper()
			dir := filepath.Join(newGit(t), "sub")
			require.NoError(t, os.Mkdir(dir, 0o700))
			return dir
		}, "refs/heads/topic refs/heads/trunk refs/tags/v1", "two one"},
		{"a worktree", func(t *testing.T) string {
			t.Helper()
			dir := filepath.Join(t.TempDir(), "worktree")
			git(t, newGit(t), "worktree", "add", "--quiet", dir, "topic")
			return dir
		}, "refs/heads/topic refs/heads/trunk refs/tags/v1", "two one"},
		{"a shallow clone", func(t *testing.T) string {
			t.Helper()
			dir := filepath.Join(t.TempDir(), "shallow")
			git(t, t.TempDir(), "clone", "--quiet", "--depth=1", "file://"+filepath.ToSlash(newGit(t)), dir)
			return dir
		}, "refs/heads/trunk refs/tags/v1", "two"},
		{"a detached HEAD at the tip of a branch", func(t *testing.T) string {
			t.Helper()
			dir := newGit(t)
			git(t, dir, "checkout", "--quiet", "--detach")
			return dir
		}, "refs/heads/topic refs/heads/trunk refs/tags/v1", "two one"},
		{"a detached HEAD elsewhere", func(t *testing.T) string {
			t.Helper()
			dir := newGit(t)
			git(t, dir, "branch", "main")
			git(t, dir, "checkout", "--quiet", "--detach")
			git(t, dir, "commit", "--quiet", "--allow-empty", "-m", "three")
			return dir
		}, "refs/heads/main refs/heads/master refs/heads/topic refs/heads/trunk refs/tags/v1", "three two one"},
		{"a checkout of CI", func(t *testing.T) string {
			t.Helper()
			source, dir := newGit(t), t.TempDir()
			git(t, dir, "init", "--quiet")
			git(t, dir, "fetch", "--quiet", "--no-tags", "--depth=1", "file://"+filepath.ToSlash(source), "+HEAD:refs/remotes/pull/1/merge")
			git(t, dir, "checkout", "--quiet", "--force", "refs/remotes/pull/1/merge")
			return dir
		}, "refs/heads/main", "two"},
		{"an unborn branch beside others", func(t *testing.T) string {
			t.Helper()
			dir := newGit(t)
			git(t, dir, "symbolic-ref", "HEAD", "refs/heads/unborn")
			return dir
		}, "refs/heads/topic refs/heads/trunk refs/tags/v1", "two one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := test.prepare(t)
			before := git(t, dir, "for-each-ref")
			bare := export(t, ghmigratetest.FromGit(dir))
			refs := git(t, bare, "for-each-ref", "--format=%(refname)")
			assert.Equal(t, test.refs, strings.ReplaceAll(refs, "\n", " "))
			assert.Equal(t, test.log, cloned(t, bare))
			assert.Equal(t, before, git(t, dir, "for-each-ref"), "the source has not changed")
			assert.Equal(t, "true", git(t, bare, "config", "remote.origin.mirror"))
		})
	}
}

func TestFromGitWithoutCommits(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "--quiet")
	bare := export(t, ghmigratetest.FromGit(dir))
	assert.Equal(t, "ref: refs/heads/main", readFile(t, bare, "HEAD"))
	assert.Empty(t, git(t, bare, "for-each-ref"))
}

func TestFromGitOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give files away")
	}
	dir := newGit(t)
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, 12345, 12345))
	}))
	require.NoError(t, ghmigratetest.CheckGit(dir))
	assert.Equal(t, "two one", cloned(t, export(t, ghmigratetest.FromGit(dir))))
}

func TestFromGitInAHookOfAnotherRepository(t *testing.T) {
	dir := newGit(t)
	t.Setenv("GIT_DIR", t.TempDir())
	assert.Equal(t, "two one", cloned(t, export(t, ghmigratetest.FromGit(dir))))
}

func TestCheckGit(t *testing.T) {
	dir := newGit(t)
	require.NoError(t, ghmigratetest.CheckGit(dir))
	require.ErrorContains(t, ghmigratetest.CheckGit(t.TempDir()), "not a git repository")
	t.Setenv("PATH", t.TempDir())
	require.ErrorContains(t, ghmigratetest.CheckGit(dir), "executable file not found")
}
