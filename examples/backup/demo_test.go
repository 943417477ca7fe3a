package main

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDemoBacksUpTheCheckout(t *testing.T) {
	t.Parallel()
	origin := t.TempDir()
	git(t, origin, "init", "-q", "-b", "trunk")
	for _, subject := range []string{"one", "two", "three"} {
		git(t, origin, "commit", "-q", "--allow-empty", "-m", subject)
	}
	shallow := filepath.Join(t.TempDir(), "clone") // as CIs make them
	git(t, origin, "clone", "-q", "--depth", "2", "file://"+filepath.ToSlash(origin), shallow)
	git(t, shallow, "checkout", "-q", "--detach")
	git(t, shallow, "branch", "-q", "-D", "trunk")
	linked := filepath.Join(t.TempDir(), "worktree")
	git(t, origin, "worktree", "add", "-q", "--detach", linked, "HEAD~1")

	for name, checkout := range map[string]string{
		"this one":                          ".",
		"a shallow clone without a branch":  shallow,
		"a folder inside a linked worktree": filepath.Join(linked, "deep"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, os.MkdirAll(checkout, 0o700))
			out := t.TempDir()
			cmd, stdout, stderr := program(t.Context(), t, "backup", "ghp_secretOfTheUser", "-out", out)
			cmd.Dir = checkout
			require.NoError(t, cmd.Run(), stderr)
			assertNoSecret(t, "", stdout.String()+stderr.String())

			archives := archivesIn(t, out)
			require.Len(t, archives, 1)
			assertReported(t, stdout.String(), archives...)
			for _, step := range []string{"exporting 1 repository, migration 79", "exported", "verified", "unlocked", "deleted"} {
				assert.Regexp(t, `(?m)^..:..:..  batch 1: `+step+`$`, stderr.String())
			}
			clone := filepath.Join(t.TempDir(), "clone")
			git(t, out, "clone", "-q", filepath.Join(unpack(t, archives[0]), "repositories", "octo-org", "checkout.git"), clone)
			assert.Equal(t, git(t, checkout, "rev-parse", "HEAD"), git(t, clone, "rev-parse", "HEAD"))
			assert.Equal(t, git(t, checkout, "rev-list", "HEAD"), git(t, clone, "rev-list", "HEAD"))
		})
	}
}

func TestDemoMakesUpARepository(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]struct{ checkout, path, says string }{
		"outside of a checkout": {t.TempDir(), os.Getenv("PATH"), "is in no git checkout"},
		"without git":           {".", t.TempDir(), "is made up: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			cmd, stdout, stderr := program(t.Context(), t, "backup", "")
			cmd.Dir = setup.checkout
			cmd.Env = append(cmd.Env, "PATH="+setup.path, "TMPDIR="+temp, "TMP="+temp)
			require.NoError(t, cmd.Run(), stderr)
			assert.Contains(t, stderr.String(), setup.says)
			assert.Regexp(t, `^[0-9a-f]{64}  `+regexp.QuoteMeta(temp)+`\S+migration-79\.tar\.gz\n$`, stdout.String())
			assertNothingIn(t, temp)
		})
	}
}

func TestDemoStopped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent Ctrl-C there")
	}
	t.Parallel()
	temp := t.TempDir()
	cmd, stdout, stderr := program(t.Context(), t, "backup", "")
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	require.NoError(t, cmd.Start())
	untilFetched(t, filepath.Join(temp, "ghmigrate-*"), 2<<20)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 3, cmd.ProcessState.ExitCode())
	assert.Empty(t, stdout.String())
	assert.Contains(t, stderr.String(), "\nbackup: not finished: ")
	assertNothingIn(t, temp)
}

func assertNothingIn(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
