package gitdir_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// A repository is the files of a bare repository, by name.
type repository map[string][]byte

// check returns what a Checker says of the repository, as "name: what".
func (r repository) check(tb testing.TB) (faults []string, stats gitdir.Stats) {
	tb.Helper()
	c := gitdir.NewShared(math.MaxInt64).New()
	for _, name := range slices.Sorted(maps.Keys(r)) {
		faults = append(faults, checkFile(tb, c, name, r[name])...)
	}
	stats = c.Close(func(name string, err error) { faults = append(faults, fmt.Sprintf("%s: %v", name, err)) })
	return faults, stats
}

func checkFile(tb testing.TB, c *gitdir.Checker, name string, content []byte) (faults []string) {
	tb.Helper()
	require.NoError(tb, c.File(name, bytes.NewReader(content), func(offset int64, err error) {
		if offset < -1 || offset > int64(len(content)) {
			tb.Errorf("%s: offset %d of a file of %d bytes", name, offset, len(content))
		}
		faults = append(faults, fmt.Sprintf("%s: %v", name, err))
	}))
	return faults
}

// with returns the repository with other files; nil takes one out.
func (r repository) with(files map[string][]byte) repository {
	r = maps.Clone(r)
	for name, content := range files {
		r[name] = content
		if content == nil {
			delete(r, name)
		}
	}
	return r
}

// only returns the name of the only file that matches.
func (r repository) only(tb testing.TB, pattern string) string {
	tb.Helper()
	var names []string
	for name := range r {
		if ok, err := filepath.Match(pattern, name); ok && err == nil {
			names = append(names, name)
		}
	}
	require.Len(tb, names, 1, "of %s in %v", pattern, slices.Sorted(maps.Keys(r)))
	return names[0]
}

// A shape is a way to keep objects and refs.
type shape struct {
	name string
	make func(tb testing.TB, git func(args ...string) string)
}

func shapes() []shape {
	return []shape{
		{"empty", func(testing.TB, func(...string) string) {}},
		{"loose", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 2)
			git("tag", "-a", "-m", "Annotated", "v1", "main")
			git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
		}},
		{"packed", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 3)
			git("tag", "-a", "-m", "Annotated", "v1", "main")
			git("tag", "light", "main~1")
			git("update-ref", "refs/pull/1/head", "main~2")
			git("-c", "pack.writeReverseIndex=true", "gc", "-q")
		}},
		{"detached", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 1)
			git("update-ref", "--no-deref", "HEAD", "main")
			git("update-ref", "-d", "refs/heads/main")
		}},
		{"index of version 1", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 3)
			git("-c", "pack.indexVersion=1", "-c", "repack.writeBitmaps=false", "gc", "-q")
		}},
		{"index with large offsets", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 3)
			git("-c", "repack.writeBitmaps=false", "gc", "-q")
			dir := strings.TrimSpace(git("rev-parse", "--absolute-git-dir"))
			packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
			require.NoError(tb, err)
			require.Len(tb, packs, 1)
			require.NoError(tb, os.Remove(strings.TrimSuffix(packs[0], ".pack")+".idx"))
			git("index-pack", "--index-version=2,0x20", packs[0])
		}},
		{"many packs", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 2)
			git("repack", "-q", "-d", "--no-write-bitmap-index")
			git("commit-graph", "write", "--reachable", "--split=no-merge")
			commits(tb, git, 3)
			git("repack", "-q", "-d", "--no-write-bitmap-index")
			git("commit-graph", "write", "--reachable", "--split=no-merge")
			git("multi-pack-index", "write", "--bitmap")
		}},
		{"cruft", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 2)
			git("update-ref", "refs/heads/main", "main~1")
			git("-c", "pack.writeReverseIndex=true", "repack", "-q", "--cruft", "-d")
			git("update-ref", "refs/heads/other", "main")
			git("pack-refs", "--all")
		}},
		{"overridden refs", func(tb testing.TB, git func(...string) string) {
			tb.Helper()
			commits(tb, git, 1)
			gone := strings.TrimSpace(git("hash-object", "-w", "--stdin"))
			git("update-ref", "refs/tags/moved", gone)
			git("tag", "-a", "-m", "Annotated", "v1", "main")
			git("pack-refs", "--all")
			git("update-ref", "refs/tags/moved", "main")
			git("prune", "--expire=now")
		}},
	}
}

// commits makes n commits on main.
func commits(tb testing.TB, git func(...string) string, n int) {
	tb.Helper()
	parent := strings.TrimSpace(git("for-each-ref", "--format=%(objectname)", "refs/heads/main"))
	for i := range n {
		tree := strings.TrimSpace(git("mktree"))
		args := []string{"commit-tree", "-m", fmt.Sprintf("Commit %d on %.7s", i, parent), tree}
		if parent != "" {
			args = append(args, "-p", parent)
		}
		parent = strings.TrimSpace(git(args...))
	}
	git("update-ref", "refs/heads/main", parent)
}

// made holds the repositories that tests have made, by format and shape: git
// takes longer than all checks of its files.
var made struct {
	sync.Mutex
	repositories map[string]repository
}

// newRepository makes a bare repository with git and reads its files. The caller
// gets a copy.
func newRepository(tb testing.TB, format string, s shape) repository {
	tb.Helper()
	made.Lock()
	defer made.Unlock()
	key := format + " " + s.name
	if made.repositories[key] == nil {
		dir := tb.TempDir()
		s.make(tb, newGit(tb, dir, format))
		if made.repositories == nil {
			made.repositories = map[string]repository{}
		}
		made.repositories[key] = readRepository(tb, dir)
	}
	clone := repository{}
	for name, content := range made.repositories[key] {
		clone[name] = bytes.Clone(content)
	}
	return clone
}

func newGit(tb testing.TB, dir, format string) func(args ...string) string {
	tb.Helper()
	git := func(args ...string) string {
		tb.Helper()
		cmd := exec.CommandContext(tb.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Mona", "GIT_AUTHOR_EMAIL=mona@example.com", "GIT_AUTHOR_DATE=2024-01-02T03:04:05Z",
			"GIT_COMMITTER_NAME=Mona", "GIT_COMMITTER_EMAIL=mona@example.com", "GIT_COMMITTER_DATE=2024-01-02T03:04:05Z")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(tb, err, "git %v: %s", args, &stderr)
		return string(out)
	}
	git("init", "-q", "--bare", "--initial-branch=main", "--object-format="+format, ".")
	return git
}

func readRepository(tb testing.TB, dir string) repository {
	tb.Helper()
	r := repository{}
	root := os.DirFS(dir)
	require.NoError(tb, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		r[name] = content
		return err
	}))
	return r
}
