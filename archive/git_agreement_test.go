package archive_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/archive/internal/gittest"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// With the flag, the tests that damage archives damage every byte, and git checks every
// repository in which Verify finds no fault. That takes minutes; CI does it every night:
//
//	go test -run 'Agrees|EveryChange|NoParts|RunsNothing' -exhaustive ./archive
var exhaustive = flag.Bool("exhaustive", false, "damage every byte, and let git check every result")

// TestVerifyAgreesWithGit damages repositories that git made. Verify must report each
// damage, or Extract must leave a repository that git fsck and git clone accept. The
// exceptions have the names that the documentation of Verify gives them.
func TestVerifyAgreesWithGit(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("it runs git, and has no concurrency")
	}
	collectLess(t)
	for _, kind := range bareKinds() {
		for _, format := range kind.formats {
			t.Run(format+" "+kind.name, func(t *testing.T) {
				t.Parallel()
				repository := kind.make(gittest.New(t, format, "--template="))
				c := newComparison(t, repository.Files())
				c.undamaged(kind.fault)
				for _, name := range slices.Sorted(maps.Keys(c.files)) {
					c.damage(name)
					c.lose(name)
				}
				c.reorder()
				t.Logf("%d damages: %d reported, %d accepted by git, %d exceptions, %d not checked by git",
					c.all, c.reported, c.accepted, c.exceptions, c.unchecked)
			})
		}
	}
}

// A bareKind is a way in which git stores objects and refs.
type bareKind struct {
	name    string
	formats []string
	make    func(r *gittest.Repository) *gittest.Repository
	fault   string // the file of a fault that such repositories always have
}

func bareKinds() []bareKind {
	one, both := []string{"sha1"}, []string{"sha1", "sha256"}
	if *exhaustive {
		one = both
	}
	return []bareKind{
		{"empty", one, func(r *gittest.Repository) *gittest.Repository { return r }, ""},
		{"loose", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(2, "README")
			r.Git("tag", "-a", "-m", "Tagged", "v1", "main")
			r.Git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
			return r
		}, ""},
		{"packed", both, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(3, "README")
			r.Git("tag", "-a", "-m", "Tagged", "v1", "main")
			r.Git("update-ref", "refs/heads/main-2", "main~1")
			r.Git("-c", "pack.writeReverseIndex=true", "gc", "-q")
			return r
		}, ""},
		{"mixed", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(2, "README")
			r.Git("tag", "-a", "-m", "Tagged", "v1", "main")
			r.Git("update-ref", "refs/pull/1/head", "main~1")
			r.Git("-c", "pack.writeReverseIndex=true", "gc", "-q")
			r.Commit(1, "README")
			return r
		}, ""},
		{"several packs", one, func(r *gittest.Repository) *gittest.Repository {
			for range 2 {
				r.Commit(2, "README")
				r.Git("repack", "-q", "-d", "--no-write-bitmap-index")
				r.Git("commit-graph", "write", "--reachable", "--split=no-merge")
			}
			r.Git("multi-pack-index", "write", "--bitmap")
			r.Git("pack-refs", "--all")
			return r
		}, ""},
		{"commit-graph", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(2, "README")
			r.Git("commit-graph", "write", "--reachable")
			r.Git("pack-refs", "--all")
			r.Commit(1, "README")
			return r
		}, ""},
		{"cruft", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(2, "README")
			r.Git("update-ref", "refs/heads/main", "main~1")
			r.Git("repack", "-q", "--cruft", "-d")
			return r
		}, ""},
		{"detached", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(1, "README")
			r.Git("update-ref", "--no-deref", "HEAD", "main")
			return r
		}, ""},
		{"shallow", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(3, "README")
			r.Git("branch", "old", "main~1")
			return r.Clone("file://"+r.Dir, "--depth=1", "--no-single-branch")
		}, ""},
		{"alternates", one, func(r *gittest.Repository) *gittest.Repository {
			r.Commit(1, "README")
			return r.Clone(r.Dir, "--shared")
		}, "objects/info/alternates"},
		{"reftable", both, func(r *gittest.Repository) *gittest.Repository {
			r = r.Reftable()
			r.Commit(1, "README")
			return r
		}, "reftable/tables.list"},
	}
}

// A comparison compares how Verify and Extract treat damaged repositories with what git
// does.
type comparison struct {
	t       *testing.T
	files   map[string]string // of the undamaged repository
	random  *rand.Rand
	checked map[string]string // the errors of git, by the content of the extracted repository

	all, reported, accepted, exceptions, unchecked int
}

func newComparison(t *testing.T, files map[string]string) *comparison {
	t.Helper()
	return &comparison{t: t, files: files, random: rand.New(rand.NewPCG(1, 2)), checked: map[string]string{}}
}

const comparedRepository = "repositories/octo/app.git/"

// undamaged checks that the undamaged repository has no fault, or the one that its kind
// always has.
func (c *comparison) undamaged(fault string) {
	c.t.Helper()
	_, err := archive.Verify(c.t.Context(), bytes.NewReader(c.archive(c.files)), nil)
	if fault != "" {
		require.ErrorContains(c.t, err, comparedRepository+fault)
		return
	}
	require.NoError(c.t, err)
	assert.Empty(c.t, c.checkWithGit(c.files))
}

// archive returns an archive of a repository with these files.
func (c *comparison) archive(files map[string]string) []byte {
	c.t.Helper()
	l := new(layout)
	l.add("schema.json", `{"version":"1.0.1"}`)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		l.add(comparedRepository+name, files[name])
	}
	return storedOf(c.t, l.tar(c.t))
}

// damage changes bytes of a file. In files without a checksum, it changes each chosen
// byte in three ways; in the others, it changes some bytes in one way.
func (c *comparison) damage(name string) {
	c.t.Helper()
	text := c.files[name]
	if name != "HEAD" && name != "packed-refs" && name != "shallow" && !strings.HasPrefix(name, "refs/") {
		for range min(len(text), 8) {
			i := c.random.IntN(len(text))
			c.check(fmt.Sprintf("%s: byte %d changed", name, i), "", map[string]string{
				name: text[:i] + string([]byte{text[i] ^ byte(1+c.random.IntN(255))}) + text[i+1:],
			})
		}
		return
	}
	for i := range len(text) {
		if (i+len(name))%stride(11) != 0 {
			continue
		}
		for what, damaged := range map[string]string{
			"with another bit": text[:i] + string([]byte{text[i] ^ 1<<(i%8)}) + text[i+1:],
			"inverted":         text[:i] + string([]byte{text[i] ^ 0xff}) + text[i+1:],
			"deleted":          text[:i] + text[i+1:],
		} {
			c.check(fmt.Sprintf("%s: byte %d %s", name, i, what), "", map[string]string{name: damaged})
		}
	}
}

// lose removes, truncates, doubles, renames and replaces a file.
func (c *comparison) lose(name string) {
	c.t.Helper()
	text, lost := c.files[name], ""
	switch {
	case name == "shallow":
		lost = "lines of shallow that are lost"
	case path.Dir(path.Dir(name)) == "objects" && len(path.Base(path.Dir(name))) == 2:
		lost = "a lost loose object inside the history"
	}
	c.check(name+" removed", lost, map[string]string{name: "\x00removed"})
	c.check(name+" emptied", lost, map[string]string{name: ""})
	c.check(name+" truncated", lost, map[string]string{name: text[:len(text)/2]})
	c.check(name+" doubled", lost, map[string]string{name: text + text})
	c.check(name+" in capitals", lost, map[string]string{name: "\x00removed", strings.ToUpper(name): text})
	c.check(name+" under another name", lost, map[string]string{name: "\x00removed", name + "x": text})
	for _, other := range []string{"HEAD", "packed-refs", "refs/heads/main", "objects/info/commit-graph"} {
		if content, ok := c.files[other]; ok {
			c.check(name+" with the content of "+other, lost, map[string]string{name: content})
		}
	}
}

// reorder removes, repeats and moves lines of packed-refs and shallow, and makes refs
// point to each other.
func (c *comparison) reorder() {
	c.t.Helper()
	for _, name := range []string{"packed-refs", "shallow"} {
		lines := slices.Collect(strings.Lines(c.files[name]))
		for i := range lines {
			lost := map[bool]string{true: "lines of shallow that are lost"}[name == "shallow"]
			c.check(fmt.Sprintf("%s without line %d", name, i+1), lost, map[string]string{name: strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")})
			c.check(fmt.Sprintf("%s with line %d twice", name, i+1), "", map[string]string{name: strings.Join(slices.Insert(slices.Clone(lines), i, lines[i]), "")})
			c.check(fmt.Sprintf("%s with line %d twice and no header", name, i+1), lost, map[string]string{name: strings.Join(append(slices.Clone(lines[1:]), lines[i]), "")})
			if below, ok := strings.CutSuffix(lines[i], "\n"); ok && lines[i][0] != '#' && lines[i][0] != '^' {
				c.check(fmt.Sprintf("%s with a ref below line %d", name, i+1), lost, map[string]string{name: strings.Join(append(slices.Clone(lines[1:]), below+"/x\n"), "")})
			}
		}
		slices.Reverse(lines)
		c.check(name+" backward", "", map[string]string{name: strings.Join(lines, "")})
	}
	refs := []string{"HEAD", "refs/heads/main", "refs/heads/gone", "refs/tags/v1", "refs/heads/loop"}
	for _, name := range refs {
		for _, target := range append(refs, "refs/heads", "refs/heads/main/x", "MAIN") {
			c.check(name+" to "+target, "", map[string]string{name: "ref: " + target + "\n"})
		}
		below := map[string]string{name: "\x00removed", name + "/x": c.files["refs/heads/main"]}
		c.check("a ref in place of "+name, "", below)
	}
	for name, text := range c.files {
		if strings.HasPrefix(name, "refs/tags/") {
			c.check("a branch of the tag "+name, "a branch whose object in a pack is not a commit", map[string]string{"refs/heads/tag": text})
		}
	}
}

// check checks one damage. The exception names a damage that only git can see.
func (c *comparison) check(what, exception string, change map[string]string) {
	c.t.Helper()
	files := maps.Clone(c.files)
	for name, text := range change {
		files[name] = text
		if text == "\x00removed" {
			delete(files, name)
		}
	}
	if maps.Equal(files, c.files) {
		return
	}
	c.all++
	if _, err := archive.Verify(c.t.Context(), bytes.NewReader(c.archive(files)), nil); err != nil {
		faultsOf(c.t, err)
		c.reported++
		return
	}
	if c.all%stride(10) != 0 {
		c.unchecked++
		return
	}
	switch failure := c.checkWithGit(files); {
	case failure == "not extracted":
		c.reported++
	case failure == "":
		c.accepted++
	case exception != "":
		c.exceptions++
	default:
		c.t.Errorf("%s: Verify reports no fault, and git refuses the extracted repository: %s", what, failure)
	}
}

// checkWithGit extracts the repository and returns the errors of git.
func (c *comparison) checkWithGit(files map[string]string) string {
	c.t.Helper()
	dir := c.t.TempDir()
	defer func() { assert.NoError(c.t, os.RemoveAll(dir)) }()
	if _, err := archive.Extract(c.t.Context(), bytes.NewReader(c.archive(files)), dir, nil); err != nil {
		faultsOf(c.t, err)
		return "not extracted"
	}
	extracted := filepath.Join(dir, filepath.FromSlash(comparedRepository))
	content := fmt.Sprint(gittest.At(c.t, extracted, "").Files())
	if failure, ok := c.checked[content]; ok {
		return failure
	}
	failure := ""
	for _, args := range [][]string{
		{"-C", extracted, "fsck", "--full", "--strict"},
		{"clone", "-q", "--no-local", extracted, filepath.Join(dir, "clone")},
	} {
		cmd := exec.CommandContext(c.t.Context(), "git", args...)
		cmd.Env = gittest.Environ()
		if out, err := cmd.CombinedOutput(); err != nil {
			failure += fmt.Sprintf("git %s: %v: %s", args[len(args)-1], err, out)
		}
	}
	c.checked[content] = failure
	return failure
}
