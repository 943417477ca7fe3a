package gitdir_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
	"github.com/ghmigrate/ghmigrate/archive/internal/gittest"
)

// A repository has the files of a bare repository, by name.
type repository map[string][]byte

// check returns the faults that a Checker reports, as "name: fault".
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

// with returns a copy of the repository with other files. A nil file is removed.
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

// only returns the name of the one file that matches.
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

// A shape is a way in which git stores objects and refs.
type shape struct {
	name string
	make func(tb testing.TB, r *gittest.Repository)
}

func shapes() []shape {
	return []shape{
		{"empty", func(testing.TB, *gittest.Repository) {}},
		{"loose", func(_ testing.TB, r *gittest.Repository) {
			r.Commit(2, "")
			r.Git("tag", "-a", "-m", "Annotated", "v1", "main")
			r.Git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
		}},
		{"packed", func(_ testing.TB, r *gittest.Repository) {
			r.Commit(3, "")
			r.Git("tag", "-a", "-m", "Annotated", "v1", "main")
			r.Git("tag", "light", "main~1")
			r.Git("update-ref", "refs/pull/1/head", "main~2")
			r.Git("-c", "pack.writeReverseIndex=true", "gc", "-q")
		}},
		{"detached", func(_ testing.TB, r *gittest.Repository) {
			r.Commit(1, "")
			r.Git("update-ref", "--no-deref", "HEAD", "main")
			r.Git("update-ref", "-d", "refs/heads/main")
		}},
		{"index of version 1", func(_ testing.TB, r *gittest.Repository) {
			r.Commit(3, "")
			r.Git("-c", "pack.indexVersion=1", "-c", "repack.writeBitmaps=false", "repack", "-q", "-a", "-d")
		}},
		{"index with large offsets", func(tb testing.TB, r *gittest.Repository) {
			tb.Helper()
			r.Commit(3, "")
			r.Git("-c", "repack.writeBitmaps=false", "repack", "-q", "-a", "-d")
			packs, err := filepath.Glob(filepath.Join(r.Dir, "objects", "pack", "*.pack"))
			require.NoError(tb, err)
			require.Len(tb, packs, 1)
			require.NoError(tb, os.Remove(strings.TrimSuffix(packs[0], ".pack")+".idx"))
			r.Git("index-pack", "--index-version=2,0x20", packs[0])
		}},
		{"many packs", func(_ testing.TB, r *gittest.Repository) {
			for _, commits := range []int{2, 3} {
				r.Commit(commits, "")
				r.Git("repack", "-q", "-d", "--no-write-bitmap-index")
				r.Git("commit-graph", "write", "--reachable", "--split=no-merge")
			}
			r.Git("multi-pack-index", "write", "--bitmap")
		}},
		{"cruft", func(_ testing.TB, r *gittest.Repository) {
			r.Commit(2, "")
			r.Git("update-ref", "refs/heads/main", "main~1")
			r.Git("-c", "pack.writeReverseIndex=true", "repack", "-q", "--cruft", "-d")
			r.Git("update-ref", "refs/heads/other", "main")
			r.Git("pack-refs", "--all")
		}},
		{"overridden refs", func(_ testing.TB, r *gittest.Repository) {
			r.Commit(1, "")
			r.Git("update-ref", "refs/tags/moved", r.Git("hash-object", "-w", "--stdin"))
			r.Git("tag", "-a", "-m", "Annotated", "v1", "main")
			r.Git("pack-refs", "--all")
			r.Git("update-ref", "refs/tags/moved", "main")
			r.Git("prune", "--expire=now")
		}},
	}
}

// made has the files of each repository that a test has made, by format and shape. git
// takes longer than all checks of the files.
var made sync.Map // string to func() map[string]string

// newRepository makes a bare repository with git and reads its files. The caller
// gets a copy.
func newRepository(tb testing.TB, format string, s shape) repository {
	tb.Helper()
	files, _ := made.LoadOrStore(format+" "+s.name, sync.OnceValue(func() map[string]string {
		r := gittest.New(tb, format)
		s.make(tb, r)
		return r.Files()
	}))
	clone := repository{}
	for name, content := range files.(func() map[string]string)() {
		clone[name] = []byte(content)
	}
	return clone
}
