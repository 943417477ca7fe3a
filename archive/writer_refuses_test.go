package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestWriterRefuses(t *testing.T) {
	wide := strings.Repeat("x", 10)
	for _, test := range []struct {
		name string
		do   func(w *archive.Writer) error
		want string
	}{
		{"no record", func(w *archive.Writer) error { return w.Write(nil) }, "write a record: the record is nil"},
		{
			"a type that names a folder", func(w *archive.Writer) error { return w.Write(&note{Type: "../note", URL: "u"}) },
			`write a record: u: "../note" cannot be a type: want lower-case letters, and a file name that no other type has`,
		},
		{"no type", func(w *archive.Writer) error { return w.Write(&note{URL: "u"}) }, `write a record: u: "" cannot be a type: want lower-case letters, and a file name that no other type has`},
		{"no URL", func(w *archive.Writer) error { return w.Write(&note{Type: "note"}) }, "write a record: the note has no URL"},
		{
			"a type that is not the record's own", func(w *archive.Writer) error { return w.Write(tagged{&note{"other", "u", "", nil}}) },
			`write a record: u: the JSON has the type "other", not "note"`,
		},
		{
			"a record that is no object", func(w *archive.Writer) error { return w.Write(notAnObject{}) },
			`write a record: u: the JSON has the type "", not "note"`,
		},
		{
			"a record that JSON cannot spell", func(w *archive.Writer) error { return w.Write(&bad{}) },
			"write a record: u: json: unsupported type: chan int",
		},
		{"a file without a name", creating("", 1), "create : want a relative name, clean and separated by slashes"},
		{"the folder itself", creating(".", 1), "create .: want a relative name, clean and separated by slashes"},
		{"an absolute name", creating("/a", 1), "create /a: want a relative name, clean and separated by slashes"},
		{"a name that leads out", creating("a/../../b", 1), "create a/../../b: want a relative name, clean and separated by slashes"},
		{"a name with a dot", creating("./a", 1), "create ./a: want a relative name, clean and separated by slashes"},
		{"a name of a folder", creating("a/", 1), "create a/: want a relative name, clean and separated by slashes"},
		{"a name of Windows", creating(`a\b`, 1), `create a\b: want a relative name, clean and separated by slashes`},
		{"a name that ends early", creating("a\x00b", 1), "create a\x00b: want a relative name, clean and separated by slashes"},
		{"a name that is not UTF-8", creating("a\xff", 1), "create a\xff: want a relative name, clean and separated by slashes"},
		{"the schema", creating("schema.json", 1), "create schema.json: Close writes it"},
		{"records", creating("issues_000001.json", 1), "create issues_000001.json: Write writes files of records"},
		{"a size below zero", creating("a", -1), "create a: negative size -1"},
		{"a name twice", func(w *archive.Writer) error {
			return errors.Join(creating("a/b", 0)(w), creating("a/b", 0)(w))
		}, "create a/b: the name is taken"},
		{"a file that is a folder", func(w *archive.Writer) error {
			return errors.Join(creating("a/b", 0)(w), creating("a", 0)(w))
		}, "create a: the name is taken"},
		{"a folder that is a file", func(w *archive.Writer) error {
			return errors.Join(creating("a", 0)(w), creating("a/b/c", 0)(w))
		}, "create a/b/c: a is a file"},
		{"too much", func(w *archive.Writer) error {
			f, err := w.Create("a", 9)
			require.NoError(t, err)
			_, err = io.WriteString(f, wide)
			return err
		}, "write a: got more than 9 bytes"},
		{"too little", func(w *archive.Writer) error {
			f, err := w.Create("a", 11)
			require.NoError(t, err)
			_, err = io.WriteString(f, wide)
			require.NoError(t, err)
			return w.Write(newNote(1))
		}, "write a: got 10 of 11 bytes"},
		{"nothing at all", func(w *archive.Writer) error {
			require.NoError(t, creating("a", 1)(w))
			return w.Close()
		}, "write a: got 0 of 1 bytes"},
		{"a repository without an owner", adding("app", emptyRepository()), `add repository app: want "owner/name"`},
		{"a repository of nobody", adding("/app", emptyRepository()), `add repository /app: want "owner/name"`},
		{"a repository without a name", adding("octo/", emptyRepository()), `add repository octo/: want "owner/name"`},
		{"a repository in a folder", adding("octo/a/b", emptyRepository()), `add repository octo/a/b: want "owner/name"`},
		{"a repository by its folder", adding("octo/app.git", emptyRepository()), `add repository octo/app.git: want "owner/name"`},
		{"a repository elsewhere", adding("../app", emptyRepository()), "add repository ../app: not in a bare repository, repositories/<owner>/<name>.git"},
		{"a repository twice", func(w *archive.Writer) error {
			return errors.Join(adding("octo/app", emptyRepository())(w), adding("octo/app", emptyRepository())(w))
		}, "add repository octo/app: already added"},
		{"a checkout", adding("octo/app", fstest.MapFS{".git/HEAD": {}}), "add repository octo/app: not a bare repository: open HEAD: file does not exist"},
		{"a directory that only looks like a repository", adding("octo/app", fstest.MapFS{"HEAD": {}}), "add repository octo/app: not a bare repository: open objects: file does not exist"},
		{
			"borrowed objects", adding("octo/app", with(emptyRepository(), "objects/info/alternates", &fstest.MapFile{Data: []byte("/elsewhere\n")})),
			"add repository octo/app: objects/info/alternates: it borrows objects from another repository",
		},
		{
			"a partial clone", adding("octo/app", with(emptyRepository(), "objects/pack/pack-x.promisor", &fstest.MapFile{})),
			"add repository octo/app: objects/pack/pack-x.promisor: a partial clone: objects are in another repository",
		},
		{
			"a link", adding("octo/app", with(emptyRepository(), "hooks", &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/etc")})),
			"add repository octo/app: hooks is neither a file nor a directory",
		},
		{
			"a name of Windows in a repository", adding("octo/app", with(emptyRepository(), `refs/a\b`, &fstest.MapFile{})),
			`add repository octo/app: refs/a\b: want a relative name, clean and separated by slashes`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := archive.NewWriter(io.Discard, nil)
			require.EqualError(t, test.do(w), test.want)
			// All later calls return the first error.
			require.EqualError(t, w.Write(newNote(1)), test.want)
			_, err := w.Create("b", 0)
			require.EqualError(t, err, test.want)
			require.EqualError(t, w.AddRepository("octo/other", emptyRepository()), test.want)
			require.EqualError(t, w.Close(), test.want)
		})
	}
}

// The Writer refuses names and records that Verify or Extract would refuse.
func TestWriterRefusesLikeReaders(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(w *archive.Writer) error
		want string
	}{
		{"a type of many letters", func(w *archive.Writer) error { return w.Write(&note{Type: strings.Repeat("x", 250), URL: "u"}) }, "cannot be a type"},
		{"a type with the plural of another", func(w *archive.Writer) error { return w.Write(&note{Type: "branche", URL: "u"}) }, "cannot be a type"},
		{
			"a large record", func(w *archive.Writer) error {
				return w.Write(&archive.Issue{URL: "u", Body: strings.Repeat("x", 16<<20)})
			},
			"write a record: u: a record is larger than 16777216 bytes (Limits.RecordSize)",
		},
		{
			"a record of many values", func(w *archive.Writer) error {
				return w.Write(&archive.Issue{URL: "u", Assignees: make([]archive.URL, 300_000)})
			}, "write a record: u: a record has more than 262144 values (Limits.RecordSize)",
		},
		{"a long name", creating("attachments/1/"+strings.Repeat("x", 256), 1), "a part of its name has more than 255 bytes"},
		{"a deep name", creating(strings.Repeat("x/", 9)+"x", 1), "below more than 8 directories"},
		{"a name of a device", creating("attachments/1/nul", 1), "is a device on Windows"},
		{"a directory around everything", creating("x/schema.json", 1), "readers ignore it here"},
		{"records around everything", creating("x/issues_000001.json", 1), "readers ignore it here"},
		{"a log around everything", creating("x/log/a", 1), "x/ would be treated as a wrapping directory"},
		{"repositories around everything", creating("x/repositories/o/a.git/HEAD", 1), "readers ignore it here"},
		{"files that look like records", creating("issues-1.json", 1), "readers ignore it"},
		{"a repository in another place", creating("backup/app.git/HEAD", 1), "not in a bare repository"},
		{"objects in another place", creating("app/objects/pack/pack-x.pack", 1), "not in a bare repository"},
		{"a HEAD in another place", creating("app/HEAD", 1), "not in a bare repository"},
		{"a file in repositories", creating("repositories/octo/x", 1), "not in a bare repository"},
		{"a repository twice, in another case", func(w *archive.Writer) error {
			return errors.Join(adding("octo/app", emptyRepository())(w), adding("Octo/App", emptyRepository())(w))
		}, "add repository Octo/App: already added"},
		{"a hidden owner", adding(".octo/app", emptyRepository()), "begins with a dot"},
		{"an owner that is a device", adding("aux/app", emptyRepository()), "is a device on Windows"},
		{"a long owner", adding(strings.Repeat("o", 256)+"/app", emptyRepository()), "not in a bare repository"},
		{
			"a shallow repository", adding("octo/app", with(emptyRepository(), "shallow", &fstest.MapFile{Data: []byte("x")})),
			"add repository octo/app: shallow: a shallow repository: a part of its history is missing",
		},
		{
			"reftables", adding("octo/app", with(emptyRepository(), "reftable/tables.list", &fstest.MapFile{Data: []byte("x")})),
			"add repository octo/app: reftable/tables.list: its refs are in reftables, which readers of archives do not support",
		},
		{"a file that an extracted name places in another repository", adding("octo/app", extracted("..%2Fother.git%2FHEAD")), "want a relative name"},
		{"a hook", adding("octo/app", with(emptyRepository(), "hooks/update", &fstest.MapFile{Data: []byte("x")})), "git could run it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := archive.NewWriter(io.Discard, nil)
			err := test.do(w)
			require.ErrorContains(t, err, test.want)
			require.EqualError(t, w.Close(), err.Error())
		})
	}
	shallow := with(emptyRepository(), "shallow", &fstest.MapFile{Data: []byte("x")})
	require.NoError(t, adding("octo/app", shallow)(archive.NewWriter(io.Discard, &archive.WriterOptions{Shallow: true})))
	w := archive.NewWriter(io.Discard, &archive.WriterOptions{Schema: archive.Schema{Version: "2.0.0"}})
	require.EqualError(t, w.Close(), `schema version "2.0.0": want 1 as the major version`)
}

// Extract renames the files that make AddRepository refuse a repository.
func TestWriterRefusesExtractedRepositoriesThatAreIncomplete(t *testing.T) {
	t.Parallel()
	for renamed, want := range map[string]string{
		"objects%2Finfo%2Falternates":      "it borrows objects from another repository",
		"objects%2Finfo%2Fhttp-alternates": "it would lead Git to other objects",
		"objects%2Fpack%2Fpack-x.promisor": "a partial clone: objects are in another repository",
		"reftable%2Ftables.list":           "its refs are in reftables, which readers of archives do not support",
		"shallow":                          "a shallow repository: a part of its history is missing",
		"hooks%2Fupdate":                   "git could run it",
	} {
		var out countingWriter
		w := archive.NewWriter(&out, &archive.WriterOptions{Level: -1})
		require.EqualError(t, w.AddRepository("octo/app", extracted(renamed)), "add repository octo/app: github-"+renamed+": "+want)
		assert.Zero(t, out, "nothing of the repository is written")
	}
}

// extracted returns a repository of Extract, with a file that Extract renamed.
func extracted(renamed string) fs.FS {
	return with(with(emptyRepository(), "github-config", &fstest.MapFile{Data: []byte("x")}), "github-"+renamed, &fstest.MapFile{Data: []byte("x")})
}

// AddRepository keeps the names of files in a repository that Extract did not write.
func TestWriterKeepsNamesThatOnlyLookExtracted(t *testing.T) {
	t.Parallel()
	for name, repository := range map[string]fstest.MapFS{
		"github-notes":       with(emptyRepository(), "github-notes", &fstest.MapFile{Data: []byte("x")}),
		"github-logs%2FHEAD": with(emptyRepository(), "github-logs%2FHEAD", &fstest.MapFile{Data: []byte("x")}),
		"github-dir/notes":   with(with(emptyRepository(), "github-config", &fstest.MapFile{Data: []byte("x")}), "github-dir/notes", &fstest.MapFile{Data: []byte("x")}),
	} {
		var b bytes.Buffer
		w := archive.NewWriter(&b, nil)
		require.NoError(t, w.AddRepository("octo/app", repository))
		require.NoError(t, w.Close())
		assert.NotNil(t, readLayout(t, b.Bytes()).find("repositories/octo/app.git/"+name, ""))
	}
}

// Extracted repositories can be written and extracted again, with the same result.
func TestExtractedRepositoriesSurviveAnArchive(t *testing.T) {
	t.Parallel()
	file := exported(t).file(t)
	var trees []map[string]string
	for range 3 {
		dir := t.TempDir()
		_, err := archive.Extract(t.Context(), bytes.NewReader(file), dir, nil)
		require.NoError(t, err)
		trees = append(trees, tree(t, filepath.Join(dir, "repositories")))
		var b bytes.Buffer
		w := archive.NewWriter(&b, nil)
		for _, name := range []string{"app", "app.wiki", "next", "next.wiki", "empty"} {
			require.NoError(t, w.AddRepository("octocat/"+name, os.DirFS(filepath.Join(dir, "repositories", "octocat", name+".git"))))
		}
		require.NoError(t, w.Close())
		file = b.Bytes()
	}
	assert.Contains(t, trees[0], "octocat/app.git/github-logs%2FHEAD")
	assert.Equal(t, trees[0], trees[1])
	assert.Equal(t, trees[0], trees[2])
	l := readLayout(t, file)
	assert.Equal(t, "moved\n", string(l.find("repositories/octocat/app.git/logs/HEAD", "").body))
	assert.Contains(t, string(l.find("repositories/octocat/app.git/config", "").body), "mirror = true")
}

func creating(name string, size int64) func(*archive.Writer) error {
	return func(w *archive.Writer) error {
		_, err := w.Create(name, size)
		return err
	}
}

func adding(name string, fsys fs.FS) func(*archive.Writer) error {
	return func(w *archive.Writer) error { return w.AddRepository(name, fsys) }
}

func with(fsys fstest.MapFS, name string, file *fstest.MapFile) fstest.MapFS {
	fsys[name] = file
	return fsys
}

// A tagged note has the kind "note", whatever type its JSON has.
type tagged struct{ *note }

func (tagged) Kind() string { return "note" }

type notAnObject []string

func (notAnObject) Kind() string { return "note" }

func (notAnObject) Key() archive.URL { return archive.URL("u") }

func (notAnObject) Raw() json.RawMessage { return nil }

type bad struct {
	notAnObject
	Channel chan int
}

func TestWriterRefusesNil(t *testing.T) {
	t.Parallel()
	for _, r := range []archive.Record{nil, (*archive.Issue)(nil), (*archive.Unknown)(nil)} {
		w := archive.NewWriter(io.Discard, nil)
		require.EqualError(t, w.Write(r), "write a record: the record is nil")
	}
}

func TestWriterWritesNothingAfterARefusal(t *testing.T) {
	for name, do := range map[string]func(w *archive.Writer) error{
		"a name":       creating("/a", 0),
		"a repository": adding("octo/app", fstest.MapFS{}),
		"a record":     func(w *archive.Writer) error { return w.Write(&note{}) },
	} {
		var out countingWriter
		w := archive.NewWriter(&out, &archive.WriterOptions{Level: -1})
		require.Error(t, do(w), name)
		require.Error(t, w.Close(), name)
		assert.Zero(t, out, name)
	}
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

func TestWriterReturnsTheErrorOfTheUnderlyingWriter(t *testing.T) {
	full := errors.New("disk full")
	for after := range 12 {
		w := archive.NewWriter(&failing{after: after * 1000, err: full}, &archive.WriterOptions{Level: -1})
		err := errors.Join(w.Write(newNote(1)), w.AddRepository("octo/app", emptyRepository()))
		for n := 0; err == nil && n < 200; n++ {
			err = w.Write(newNote(n))
		}
		err = errors.Join(err, w.Close())
		require.ErrorIs(t, err, full, after)
	}
}

type failing struct {
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestWriterNoticesAFileThatShrinks(t *testing.T) {
	w := archive.NewWriter(io.Discard, nil)
	require.EqualError(t, w.AddRepository("octo/app", shrinking{emptyRepository()}),
		"add repository octo/app: config, of 49 bytes: unexpected EOF")
}

// A shrinking file system has a file that ends before its size.
type shrinking struct{ fstest.MapFS }

func (s shrinking) Open(name string) (fs.File, error) {
	f, err := s.MapFS.Open(name)
	if name == "config" && err == nil {
		f = &shrunk{File: f}
	}
	return f, err
}

type shrunk struct{ fs.File }

func (*shrunk) Read([]byte) (int, error) { return 0, io.EOF }

func TestNilAndZeroValues(t *testing.T) {
	t.Parallel()
	w := archive.NewWriter(nil, nil)
	require.EqualError(t, w.Close(), "the io.Writer is nil")
	require.ErrorContains(t, archive.NewWriter(io.Discard, nil).AddRepository("octo-org/app", nil), "the fs.FS is nil")
	_, err := new(archive.Entry).Read(make([]byte, 1))
	require.Error(t, err)
	for _, err := range new(archive.Entry).Records() {
		t.Error("a zero entry has no records", err)
	}
}
