package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/archive/internal/gittest"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

func TestExtractLosesNothingOfARepository(t *testing.T) {
	t.Parallel()
	const git = "repositories/octocat/app.git/"
	sum := sha256.Sum256([]byte("large"))
	id := hex.EncodeToString(sum[:])
	large := "lfs/objects/" + id[:2] + "/" + id[2:4] + "/" + id
	l := readLayout(t, smallArchive(t))
	want := l.extracted()
	for name, as := range map[string]string{
		large:                               large,
		"lfs/tmp/x":                         "github-lfs%2Ftmp%2Fx",
		"audit_log":                         "github-audit_log",
		"language-stats.cache":              "github-language-stats.cache",
		"info/last-sync":                    "github-info%2Flast-sync",
		"info%2Flast-sync":                  "github-info%252Flast-sync",
		"github-config":                     "github-github-config",
		"logs/refs/heads/main":              "github-logs%2Frefs%2Fheads%2Fmain",
		"ORIG_HEAD":                         "github-ORIG_HEAD",
		"info/attributes":                   "github-info%2Fattributes",
		"reftable/x.ref":                    "github-reftable%2Fx.ref",
		"custom_hooks/pre-receive":          "github-custom_hooks%2Fpre-receive",
		"custom_hooks/x.sample":             "github-custom_hooks%2Fx.sample",
		"refs/heads/.hidden":                "github-refs%2Fheads%2F.hidden",
		".hg/hgrc":                          "github-.hg%2Fhgrc",
		"of the future":                     "github-of the future",
		"empty":                             "",
		"hooks/update.sample":               "",
		"nw-sync.lock":                      "",
		"dgit-state.flock":                  "",
		"refs/heads/x.lock":                 "",
		"objects/ab/tmp_obj_x":              "",
		"objects/pack/tmp_pack_x":           "",
		"objects/pack/tmp_idx_x.idx":        "",
		"objects/pack/.tmp-1-pack-x.pack":   "",
		"objects/pack/.tmp-1-pack-x.bitmap": "",
		"objects/info/tmp_graph_x":          "",
		"objects/info/commit-graphs/x":      "",
		"objects/pack/pack-x.keep":          "",
	} {
		text := "content of " + name
		switch name {
		case "empty":
			text = ""
		case large:
			text = "large"
		}
		l.add(git+name, text)
		if as != "" {
			want[git+as] = text
		}
	}
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
	require.NoError(t, err)
	assert.Equal(t, want, tree(t, dir))
}

func TestExtractRenamesFaultyFilesOfARepository(t *testing.T) {
	t.Parallel()
	const git = "repositories/octocat/app.git/"
	l := readLayout(t, smallArchive(t))
	want := l.extracted()
	want[git+"github-objects%2Finfo%2Falternates"] = "/objects\n"
	want[git+"github-objects%2Fpack%2Fpack-x.promisor"] = "main\n"
	want[git+"github-refs%2Fheads%2Fa..b"] = "no ref"
	l.add(git+"objects/info/alternates", "/objects\n")
	l.add(git+"objects/pack/pack-x.promisor", "main\n")
	l.add(git+"refs/heads/a..b", "no ref")
	l.add(git+"refs/heads/empty", "") // git clone would fail because of it
	l.add(git+strings.Repeat("x/", 120)+"x", "long")
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
	require.ErrorContains(t, err, "not the name of a ref")
	require.ErrorContains(t, err, "objects of other repositories")
	require.ErrorContains(t, err, "a partial clone")
	require.ErrorContains(t, faultsOf(t, err).Faults[3], git+"refs/heads/empty: not a ref")
	require.ErrorContains(t, faultsOf(t, err).Faults[4], "more than 255 bytes")
	assert.Equal(t, want, tree(t, dir))
}

// TestExtractBoundsDirectories extracts few entries in many directories that have no
// entries of their own.
func TestExtractBoundsDirectories(t *testing.T) {
	t.Parallel()
	for name, pattern := range map[string]string{
		"deep":         "novelties/%d/" + strings.Repeat("a/", 200) + "f",
		"wide":         "novelties/%d/a/b/c/d/e/f",
		"in a ref":     "repositories/o/r.git/refs/heads/%d/" + strings.Repeat("a/", 200) + "f",
		"repositories": "repositories/o%d/r.git/HEAD",
	} {
		l := new(layout)
		l.add("schema.json", `{"version":"1.0.1"}`)
		for i := range 150 {
			l.add(fmt.Sprintf(pattern, i), strings.Repeat("0", 40)+"\n")
		}
		dir := t.TempDir()
		_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, &archive.VerifyOptions{Limits: archive.Limits{Entries: 200}})
		require.ErrorContains(t, err, "Limits.Entries", name)
		made := 0
		require.NoError(t, filepath.WalkDir(dir, func(string, fs.DirEntry, error) error { made++; return nil }))
		assert.Less(t, made, 1000, name)
	}
}

// plant returns a reader of the archive that calls do before the first read. Extract has
// found the directory to be empty then.
func plant(file []byte, do func()) io.Reader {
	r := bytes.NewReader(file)
	return readerFunc(func(p []byte) (int, error) {
		if r.Len() == len(file) {
			do()
		}
		return r.Read(p)
	})
}

func TestExtractOverwritesNothing(t *testing.T) {
	t.Parallel()
	const git = "repositories/octocat/app.git/"
	for name, test := range map[string]struct {
		plant, content, want string
	}{
		"a file":                 {"attachments/9/after.txt", "mine", "attachments/9/after.txt: not extracted: its name is taken"},
		"a config":               {git + "config", "[alias]\n\tx = !x\n", git + "config: not extracted: its name is taken"},
		"the same config":        {git + "config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n", ""},
		"a file for a directory": {"attachments/9", "mine", "attachments/9/after.txt: not extracted: its name is taken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := readLayout(t, smallArchive(t))
			l.add("attachments/9/after.txt", "after")
			dir := t.TempDir()
			_, err := archive.Extract(t.Context(), plant(l.file(t), func() {
				planted := filepath.Join(dir, filepath.FromSlash(test.plant))
				require.NoError(t, os.MkdirAll(filepath.Dir(planted), 0o700))
				require.NoError(t, os.WriteFile(planted, []byte(test.content), 0o600))
			}), dir, nil)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				faults := faultsOf(t, err)
				require.Len(t, faults.Faults, 1)
				assert.Equal(t, test.want, faults.Faults[0].Error())
			}
			assert.Equal(t, test.content, tree(t, dir)[test.plant])
		})
	}
}

// TestExtractFinishesTheOtherRepositories puts a file in place of the directory of a
// repository. This happens on a file system that ignores case.
func TestExtractFinishesTheOtherRepositories(t *testing.T) {
	t.Parallel()
	l := readLayout(t, smallArchive(t))
	for _, owner := range []string{"another", "octodog"} {
		for _, m := range readLayout(t, smallArchive(t)).members {
			if rest, ok := strings.CutPrefix(m.name, "repositories/octocat/"); ok && m.typeflag == tar.TypeReg {
				l.add("repositories/"+owner+"/"+rest, string(m.body))
			}
		}
	}
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), plant(l.file(t), func() {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "repositories"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "repositories", "another"), nil, 0o600))
	}), dir, nil)
	faults := faultsOf(t, err)
	for _, fault := range faults.Faults {
		assert.Contains(t, fault.Error(), "a file has the name of its directory")
		assert.Contains(t, fault.Entry, "repositories/another/app.git")
	}
	files := tree(t, dir)
	assert.Contains(t, files, "repositories/octocat/app.git/config")
	assert.Contains(t, files, "repositories/octodog/app.git/config")
	gittest.Run(t, filepath.Join(dir, "repositories", "octodog", "app.git"), "", "git", "fsck")
}

func TestExtractDistinguishesRefusalsFromErrorsOfTheDisk(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		fs.ErrExist:          "its name is taken",
		syscall.ENOTDIR:      "a file has the name of its directory",
		syscall.EISDIR:       "a file has the name of its directory",
		syscall.ENAMETOOLONG: "the file system cannot hold its name",
		fs.ErrInvalid:        "the file system cannot hold its name",
	} {
		fault, ok := errors.AsType[*archive.Fault](archive.OrRefuse(&fs.PathError{Err: err}))
		require.True(t, ok, "%v", err)
		assert.Equal(t, "x: not extracted: "+want, fault.Error())
	}
	for _, err := range []error{syscall.ENOSPC, syscall.EACCES, fs.ErrNotExist} {
		_, ok := errors.AsType[*archive.Fault](archive.OrRefuse(&fs.PathError{Err: err}))
		assert.False(t, ok, "%v", err)
	}
	assert.NoError(t, archive.OrRefuse(nil))
}

func TestExtractPacksRefsThatCannotBeFiles(t *testing.T) {
	t.Parallel()
	const git = "repositories/octocat/app.git/"
	l := readLayout(t, smallArchive(t))
	packed := l.find(git+"packed-refs", "")
	first := strings.Fields(string(packed.body[bytes.IndexByte(packed.body, '\n'):]))[0]
	loose := strings.TrimSpace(string(l.find(git+"refs/tags/loose", "").body))
	packed.body = append(packed.body, loose+" refs/heads/old|value\n"...)
	want := []string{first + " refs/heads/main", first + " refs/heads/taken", loose + " refs/tags/loose"}
	for _, name := range []string{"a|b", "feature/aux", `a"b`, "foo./bar", "<x>", "\xffx", strings.Repeat("x", 256), "old|value", "d|r/x"} {
		l.add(git+"refs/heads/"+name, first+"\n")
		want = append(want, first+" refs/heads/"+name)
	}
	l.members = append(l.members, &member{name: git + "refs/heads/d|r", typeflag: tar.TypeDir})
	l.add(git+"refs/heads/taken", first+"\n")

	dir := t.TempDir()
	bare := filepath.Join(dir, filepath.FromSlash(git))
	_, err := archive.Extract(t.Context(), plant(l.file(t), func() { // as on a file system that ignores case
		require.NoError(t, os.MkdirAll(filepath.Join(bare, "refs", "heads", "taken"), 0o700))
	}), dir, nil)
	require.NoError(t, err)
	assert.NotContains(t, tree(t, dir), git+"packed-refs.new")
	got := gittest.Run(t, bare, "", "git", "for-each-ref", "--format=%(objectname) %(refname)")
	assert.ElementsMatch(t, want, strings.Split(strings.TrimSpace(got), "\n"))
	gittest.Run(t, bare, "", "git", "fsck", "--full")
	gittest.Run(t, bare, "", "git", "pack-refs", "--all")
}

func TestExtractReportsRefsThatItCannotKeep(t *testing.T) {
	t.Parallel()
	const git = "repositories/octocat/app.git/"
	sha := strings.Repeat("0", 40)
	l := readLayout(t, smallArchive(t))
	l.add(git+"refs/heads/a|b", "ref: refs/heads/main\n")
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
	require.EqualError(t, err, git+`refs/heads/a|b: not extracted: "a|b" is not a name on Windows: it has one of <>:"|?*\`)

	l.remove(git+"refs/heads/a|b", "")
	l.add(git+"refs/heads/a|b", string(l.find(git+"refs/tags/loose", "").body))
	l.find(git+"packed-refs", "").body = []byte(sha + " refs/heads/cut")
	_, err = archive.Extract(t.Context(), bytes.NewReader(l.file(t)), t.TempDir(), nil)
	require.ErrorContains(t, err, git+"packed-refs: not extracted: too damaged")
}

func TestDuplicateEntriesAreNotChecked(t *testing.T) {
	t.Parallel()
	const name = "repositories/octocat/app.git/packed-refs"
	l := readLayout(t, smallArchive(t))
	l.add(name, "no refs\n")
	l.add("users_000001.json", "no records")
	_, err := archive.Verify(t.Context(), bytes.NewReader(l.file(t)), nil)
	require.EqualError(t, err, "2 faults in the archive: "+name+": an earlier file has the same name; users_000001.json: an earlier file has the same name")
}

func TestExtractBoundsTheMemoryForRefs(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("slow, and without concurrency")
	}
	const n, git = 5000, "repositories/octocat/app.git/"
	l := readLayout(t, smallArchive(t))
	first := strings.Fields(string(l.find(git+"packed-refs", "").body))
	for i := range n {
		l.add(fmt.Sprintf("%srefs/heads/%d%s", git, i, strings.Repeat("x", 4000)), first[len(first)-2]+"\n")
	}
	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(storedOf(t, l.tar(t))), dir, nil)
	faults := faultsOf(t, err)
	kept := strings.Count(tree(t, dir)[git+"packed-refs"], "xxx\n")
	assert.Equal(t, n, kept+len(faults.Faults)+faults.More)
	assert.InDelta(t, 4000, kept, 200)
}

// The test is not parallel, so that no other test allocates.
func TestExtractBoundsTheMemoryForOneRef(t *testing.T) {
	const size = 8 << 20
	l := readLayout(t, smallArchive(t))
	l.add("repositories/octocat/app.git/refs/heads/long", strings.Repeat(" ", size))
	file := l.file(t)
	dir := t.TempDir()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := archive.Extract(t.Context(), bytes.NewReader(file), dir, nil)
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "too long for a ref")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size))
}
