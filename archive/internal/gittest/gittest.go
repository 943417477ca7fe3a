// Package gittest makes Git repositories for the tests of packages archive and
// gitdir. It runs the git of the system.
package gittest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Environ returns the environment in which tests run git. It has fixed names and
// times, and no configuration of the machine. It switches fsync off, which costs more
// time than everything else that git does here.
func Environ() []string {
	return append(os.Environ(),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.fsync", "GIT_CONFIG_VALUE_0=none",
		"GIT_AUTHOR_NAME=octocat", "GIT_AUTHOR_EMAIL=octocat@example.com", "GIT_AUTHOR_DATE=2024-07-26T14:00:00Z",
		"GIT_COMMITTER_NAME=octocat", "GIT_COMMITTER_EMAIL=octocat@example.com", "GIT_COMMITTER_DATE=2024-07-26T14:00:00Z")
}

// Run runs a program in dir and returns its output. The test fails if the program
// fails.
func Run(tb testing.TB, dir, stdin, name string, args ...string) string {
	tb.Helper()
	cmd := command(tb, dir, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stderr = tb.Output()
	out, err := cmd.Output()
	require.NoError(tb, err, "%s %s: these tests need git, GNU tar and gzip", name, strings.Join(args, " "))
	return string(out)
}

func command(tb testing.TB, dir, name string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), name, args...) //nolint:gosec // tests choose the program
	cmd.Dir = dir
	cmd.Env = Environ()
	return cmd
}

// A Repository is a bare repository in a temporary directory.
type Repository struct {
	Dir     string
	Format  string // "sha1" or "sha256"
	tb      testing.TB
	commits int
}

// New returns a new repository. The arguments are further arguments of git init.
func New(tb testing.TB, format string, args ...string) *Repository {
	tb.Helper()
	r := At(tb, tb.TempDir(), format)
	r.Git(append([]string{"init", "-q", "--bare", "--initial-branch=main", "--object-format=" + format}, args...)...)
	return r
}

// At returns the repository in a directory.
func At(tb testing.TB, dir, format string) *Repository {
	tb.Helper()
	return &Repository{Dir: dir, Format: format, tb: tb}
}

// Git runs git in the repository and returns its output without the line break at
// the end.
func (r *Repository) Git(args ...string) string {
	r.tb.Helper()
	return strings.TrimSuffix(Run(r.tb, r.Dir, "", "git", args...), "\n")
}

// Commit adds n commits to main, all in two processes. Each commit changes the file,
// unless the name of the file is empty. The objects are loose.
func (r *Repository) Commit(n int, file string) {
	r.tb.Helper()
	var stream strings.Builder
	for i := range n {
		message := fmt.Sprintf("Commit %d", r.commits)
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter octocat <octocat@example.com> 1722002400 +0000\ndata %d\n%s\n", len(message), message)
		if i == 0 && r.commits > 0 {
			stream.WriteString("from refs/heads/main^0\n")
		}
		if file != "" {
			fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", file, len(message), message)
		}
		r.commits++
	}
	Run(r.tb, r.Dir, stream.String(), "git", "fast-import", "--quiet")
}

// Clone returns a bare clone of the repository at origin, with further arguments of git
// clone.
func (r *Repository) Clone(origin string, args ...string) *Repository {
	r.tb.Helper()
	c := At(r.tb, r.tb.TempDir(), r.Format)
	c.Git(append(append([]string{"clone", "-q", "--bare", "--template="}, args...), origin, ".")...)
	return c
}

// Reftable returns a new repository whose refs are in reftables. It skips the test if git
// has no reftables.
func (r *Repository) Reftable() *Repository {
	r.tb.Helper()
	c := At(r.tb, r.tb.TempDir(), r.Format)
	cmd := command(r.tb, c.Dir, "git", "init", "-q", "--bare", "--template=", "--initial-branch=main",
		"--ref-format=reftable", "--object-format="+r.Format)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.tb.Skipf("this git has no reftables: %s", out)
	}
	return c
}

// Files returns the content of the repository's files, by name.
func (r *Repository) Files() map[string]string {
	r.tb.Helper()
	files := map[string]string{}
	root := os.DirFS(r.Dir)
	require.NoError(r.tb, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		files[name] = string(content)
		return err
	}))
	return files
}
