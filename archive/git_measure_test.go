package archive_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
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
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// With the flag, all bytes are damaged, and git judges all that Verify does not
// report. That takes minutes; CI does it every night:
//
//	go test -run TestGitIsTheMeasure -exhaustive ./archive
var exhaustive = flag.Bool("exhaustive", false, "damage every byte that Git does not protect by a checksum, and let git judge all of it")

// TestGitIsTheMeasure damages repositories that git made. Each time Verify must
// report the damage, or Extract must leave a repository that git fsck and git
// clone accept. The exceptions have names; the documentation of Verify has them
// too.
func TestGitIsTheMeasure(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("it waits for git, and is one goroutine")
	}
	relax(t)
	for _, kind := range bareKinds() {
		for _, format := range kind.formats {
			t.Run(format+" "+kind.name, func(t *testing.T) {
				t.Parallel()
				m := newMeasure(t, kind.make(newBare(t, format)))
				m.whole(kind.refused)
				for _, name := range slices.Sorted(maps.Keys(m.files)) {
					m.damage(name)
					m.lose(name)
				}
				m.reorder()
				t.Logf("%d damages: %d reported, %d accepted by git, %d exceptions", m.all, m.reported, m.accepted, m.exceptions)
			})
		}
	}
}

// A bareKind is a way in which git keeps objects and refs.
type bareKind struct {
	name    string
	formats []string
	make    func(b *bare) map[string]string
	refused string // the fault that such repositories always have
}

func bareKinds() []bareKind {
	one, both := []string{"sha1"}, []string{"sha1", "sha256"}
	if *exhaustive {
		one = both
	}
	return []bareKind{
		{"empty", one, func(b *bare) map[string]string { return b.files() }, ""},
		{"loose", one, func(b *bare) map[string]string {
			b.commits(2)
			b.git("tag", "-a", "-m", "Tagged", "v1", "main")
			b.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
			return b.files()
		}, ""},
		{"packed", both, func(b *bare) map[string]string {
			b.commits(3)
			b.git("tag", "-a", "-m", "Tagged", "v1", "main")
			b.git("update-ref", "refs/heads/main-2", "main~1")
			b.git("-c", "pack.writeReverseIndex=true", "gc", "-q")
			return b.files()
		}, ""},
		{"mixed", one, func(b *bare) map[string]string {
			b.commits(2)
			b.git("tag", "-a", "-m", "Tagged", "v1", "main")
			b.git("update-ref", "refs/pull/1/head", "main~1")
			b.git("-c", "pack.writeReverseIndex=true", "gc", "-q")
			b.commits(1)
			return b.files()
		}, ""},
		{"several packs", one, func(b *bare) map[string]string {
			for range 2 {
				b.commits(2)
				b.git("repack", "-q", "-d", "--no-write-bitmap-index")
				b.git("commit-graph", "write", "--reachable", "--split=no-merge")
			}
			b.git("multi-pack-index", "write", "--bitmap")
			b.git("pack-refs", "--all")
			return b.files()
		}, ""},
		{"commit-graph", one, func(b *bare) map[string]string {
			b.commits(2)
			b.git("commit-graph", "write", "--reachable")
			b.git("pack-refs", "--all")
			b.commits(1)
			return b.files()
		}, ""},
		{"cruft", one, func(b *bare) map[string]string {
			b.commits(2)
			b.git("update-ref", "refs/heads/main", "main~1")
			b.git("repack", "-q", "--cruft", "-d")
			return b.files()
		}, ""},
		{"detached", one, func(b *bare) map[string]string {
			b.commits(1)
			b.git("update-ref", "--no-deref", "HEAD", "main")
			return b.files()
		}, ""},
		{"shallow", one, func(b *bare) map[string]string {
			b.commits(3)
			b.git("branch", "old", "main~1")
			return b.cloned("--depth=1", "--no-single-branch").files()
		}, ""},
		{"alternates", one, func(b *bare) map[string]string {
			b.commits(1)
			return b.cloned("--shared").files()
		}, "objects/info/alternates"},
		{"reftable", both, func(b *bare) map[string]string {
			b.reftable()
			b.commits(1)
			return b.files()
		}, "reftable/tables.list"},
	}
}

// A bare is a bare repository that git makes for a test.
type bare struct {
	t           *testing.T
	dir, format string
}

func newBare(t *testing.T, format string) *bare {
	t.Helper()
	b := &bare{t, t.TempDir(), format}
	b.git("init", "-q", "--bare", "--template=", "--initial-branch=main", "--object-format="+format, ".")
	return b
}

func (b *bare) git(args ...string) string {
	b.t.Helper()
	return run(b.t, b.dir, "", "git", append([]string{"-c", "core.fsync=none"}, args...)...)
}

// commits adds n commits to main.
func (b *bare) commits(n int) {
	b.t.Helper()
	parent := strings.TrimSpace(b.git("for-each-ref", "--format=%(objectname)", "refs/heads/main"))
	for i := range n {
		blob := strings.TrimSpace(run(b.t, b.dir, fmt.Sprint(parent, i), "git", "hash-object", "-w", "--stdin"))
		tree := strings.TrimSpace(run(b.t, b.dir, "100644 blob "+blob+"\tREADME\n", "git", "mktree"))
		args := []string{"commit-tree", "-m", "A commit", tree}
		if parent != "" {
			args = append(args, "-p", parent)
		}
		parent = strings.TrimSpace(b.git(args...))
	}
	b.git("update-ref", "refs/heads/main", parent)
}

func (b *bare) cloned(args ...string) *bare {
	b.t.Helper()
	c := &bare{b.t, b.t.TempDir(), b.format}
	origin := "file://" + b.dir
	if slices.Contains(args, "--shared") {
		origin = b.dir
	}
	c.git(append([]string{"clone", "-q", "--bare", "--template="}, append(args, origin, ".")...)...)
	return c
}

// reftable makes the repository anew with reftables, if git can.
func (b *bare) reftable() {
	b.t.Helper()
	b.dir = b.t.TempDir()
	cmd := exec.CommandContext(b.t.Context(), "git", "init", "-q", "--bare", "--template=", "--ref-format=reftable", "--object-format="+b.format, b.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Skipf("this git has no reftables: %s", out)
	}
}

func (b *bare) files() map[string]string {
	b.t.Helper()
	files := map[string]string{}
	root := os.DirFS(b.dir)
	require.NoError(b.t, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		files[name] = string(text)
		return err
	}))
	return files
}

// A measure compares what Verify and Extract make of damages with what git does.
type measure struct {
	t      *testing.T
	files  map[string]string
	random *rand.Rand
	judged map[string]string // what git said of an extracted repository

	all, reported, accepted, exceptions int
}

func newMeasure(t *testing.T, files map[string]string) *measure {
	t.Helper()
	return &measure{t: t, files: files, random: rand.New(rand.NewPCG(1, 2)), judged: map[string]string{}}
}

const measuredRepository = "repositories/octo/app.git/"

// whole checks that the repository has no fault before it is damaged.
func (m *measure) whole(refused string) {
	m.t.Helper()
	_, err := archive.Verify(m.t.Context(), bytes.NewReader(m.archive(m.files)), nil)
	if refused != "" {
		require.ErrorContains(m.t, err, measuredRepository+refused)
		return
	}
	require.NoError(m.t, err)
	assert.Empty(m.t, m.judge(m.files))
}

func (m *measure) archive(files map[string]string) []byte {
	m.t.Helper()
	l := new(layout)
	l.add("schema.json", `{"version":"1.0.1"}`)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		l.add(measuredRepository+name, files[name])
	}
	return l.file(m.t)
}

// damage changes bytes of a file: all in three ways where Git keeps no checksum,
// and some elsewhere.
func (m *measure) damage(name string) {
	m.t.Helper()
	text := m.files[name]
	if name != "HEAD" && name != "packed-refs" && name != "shallow" && !strings.HasPrefix(name, "refs/") {
		for range min(len(text), 8) {
			i := m.random.IntN(len(text))
			m.check(fmt.Sprintf("%s: byte %d changed", name, i), "", map[string]string{
				name: text[:i] + string([]byte{text[i] ^ byte(1+m.random.IntN(255))}) + text[i+1:],
			})
		}
		return
	}
	for i := range len(text) {
		if !*exhaustive && (i+len(name))%11 != 0 {
			continue
		}
		for what, damaged := range map[string]string{
			"with another bit": text[:i] + string([]byte{text[i] ^ 1<<(i%8)}) + text[i+1:],
			"inverted":         text[:i] + string([]byte{text[i] ^ 0xff}) + text[i+1:],
			"deleted":          text[:i] + text[i+1:],
		} {
			m.check(fmt.Sprintf("%s: byte %d %s", name, i, what), "", map[string]string{name: damaged})
		}
	}
}

// lose removes a file, cuts it, and puts others in its place.
func (m *measure) lose(name string) {
	m.t.Helper()
	text, lost := m.files[name], ""
	switch {
	case name == "shallow":
		lost = "lines of shallow that are lost"
	case path.Dir(path.Dir(name)) == "objects" && len(path.Base(path.Dir(name))) == 2:
		lost = "a lost loose object inside the history"
	}
	m.check(name+" removed", lost, map[string]string{name: "\x00removed"})
	m.check(name+" emptied", lost, map[string]string{name: ""})
	m.check(name+" cut", lost, map[string]string{name: text[:len(text)/2]})
	m.check(name+" doubled", lost, map[string]string{name: text + text})
	m.check(name+" in capitals", lost, map[string]string{name: "\x00removed", strings.ToUpper(name): text})
	m.check(name+" under another name", lost, map[string]string{name: "\x00removed", name + "x": text})
	for _, other := range []string{"HEAD", "packed-refs", "refs/heads/main", "objects/info/commit-graph"} {
		if content, ok := m.files[other]; ok {
			m.check(name+" with the content of "+other, lost, map[string]string{name: content})
		}
	}
}

// reorder changes lines of packed-refs and shallow, and refs by each other.
func (m *measure) reorder() {
	m.t.Helper()
	for _, name := range []string{"packed-refs", "shallow"} {
		lines := slices.Collect(strings.Lines(m.files[name]))
		for i := range lines {
			lost := map[bool]string{true: "lines of shallow that are lost"}[name == "shallow"]
			m.check(fmt.Sprintf("%s without line %d", name, i+1), lost, map[string]string{name: strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")})
			m.check(fmt.Sprintf("%s with line %d twice", name, i+1), "", map[string]string{name: strings.Join(slices.Insert(slices.Clone(lines), i, lines[i]), "")})
			m.check(fmt.Sprintf("%s with line %d twice and no header", name, i+1), lost, map[string]string{name: strings.Join(append(slices.Clone(lines[1:]), lines[i]), "")})
			if below, ok := strings.CutSuffix(lines[i], "\n"); ok && lines[i][0] != '#' && lines[i][0] != '^' {
				m.check(fmt.Sprintf("%s with a ref below line %d", name, i+1), lost, map[string]string{name: strings.Join(append(slices.Clone(lines[1:]), below+"/x\n"), "")})
			}
		}
		slices.Reverse(lines)
		m.check(name+" backward", "", map[string]string{name: strings.Join(lines, "")})
	}
	refs := []string{"HEAD", "refs/heads/main", "refs/heads/gone", "refs/tags/v1", "refs/heads/loop"}
	for _, name := range refs {
		for _, target := range append(refs, "refs/heads", "refs/heads/main/x", "MAIN") {
			m.check(name+" to "+target, "", map[string]string{name: "ref: " + target + "\n"})
		}
		below := map[string]string{name: "\x00removed", name + "/x": m.files["refs/heads/main"]}
		m.check("a ref in place of "+name, "", below)
	}
	for name, text := range m.files {
		if strings.HasPrefix(name, "refs/tags/") {
			m.check("a branch of the tag "+name, "a branch whose object in a pack is not a commit", map[string]string{"refs/heads/tag": text})
		}
	}
}

// check compares for one damage. The exception names a damage that only git can
// see.
func (m *measure) check(what, exception string, change map[string]string) {
	m.t.Helper()
	files := maps.Clone(m.files)
	for name, text := range change {
		files[name] = text
		if text == "\x00removed" {
			delete(files, name)
		}
	}
	if maps.Equal(files, m.files) {
		return
	}
	m.all++
	if _, err := archive.Verify(m.t.Context(), bytes.NewReader(m.archive(files)), nil); err != nil {
		faultsOf(m.t, err)
		m.reported++
		return
	}
	if !*exhaustive && m.all%10 != 0 {
		return
	}
	switch said := m.judge(files); {
	case said == "not extracted":
		m.reported++
	case said == "":
		m.accepted++
	case exception != "":
		m.exceptions++
	default:
		m.t.Errorf("%s: Verify reports nothing, and git refuses what Extract leaves: %s", what, said)
	}
}

// judge extracts the repository and returns what git has against it.
func (m *measure) judge(files map[string]string) string {
	m.t.Helper()
	dir := m.t.TempDir()
	defer func() { assert.NoError(m.t, os.RemoveAll(dir)) }()
	if _, err := archive.Extract(m.t.Context(), bytes.NewReader(m.archive(files)), dir, nil); err != nil {
		faultsOf(m.t, err)
		return "not extracted"
	}
	left := filepath.Join(dir, filepath.FromSlash(measuredRepository))
	state := fmt.Sprint((&bare{m.t, left, ""}).files())
	if said, ok := m.judged[state]; ok {
		return said
	}
	said := ""
	for _, args := range [][]string{
		{"-C", left, "fsck", "--full", "--strict"},
		{"clone", "-q", "--no-local", left, filepath.Join(dir, "clone")},
	} {
		cmd := exec.CommandContext(m.t.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
		if out, err := cmd.CombinedOutput(); err != nil {
			said += fmt.Sprintf("git %s: %v: %s", args[len(args)-1], err, out)
		}
	}
	m.judged[state] = said
	return said
}
