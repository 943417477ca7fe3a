package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A note is a record of somebody else's making.
type note struct {
	Type string   `json:"type"`
	URL  string   `json:"url"`
	Body string   `json:"body,omitzero"`
	Tags []string `json:"tags"`
}

func (n *note) Kind() string         { return n.Type }
func (n *note) Key() string          { return n.URL }
func (n *note) Raw() json.RawMessage { return nil }

func newNote(n int) *note {
	return &note{Type: "note", URL: fmt.Sprintf("https://example.com/notes/%d", n), Tags: []string{}}
}

type list []string

func (list) Kind() string         { return "note" }
func (list) Key() string          { return "u" }
func (list) Raw() json.RawMessage { return nil }

type bad struct {
	list
	Channel chan int
}

// when is the time of the archives of these tests.
var when = time.Date(2024, 7, 26, 14, 47, 57, 999, time.UTC)

// written returns the archive that fill makes.
func written(t *testing.T, fill func(w *archive.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b, &archive.WriterOptions{ModTime: when})
	fill(w)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func create(t *testing.T, w *archive.Writer, name, content string) {
	t.Helper()
	f, err := w.Create(name, int64(len(content)))
	require.NoError(t, err)
	_, err = io.WriteString(f, content)
	require.NoError(t, err)
}

// bareRepository is as little as git takes for one.
func bareRepository() fstest.MapFS {
	return fstest.MapFS{
		"HEAD":    {Data: []byte("ref: refs/heads/main\n")},
		"config":  {Data: []byte("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")},
		"objects": {Mode: fs.ModeDir},
		"refs":    {Mode: fs.ModeDir},
	}
}

func untarred(t *testing.T, data []byte) (whole []byte, header gzip.Header, entries []*tar.Header, files map[string]string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	z.Multistream(false)
	whole, err = io.ReadAll(z)
	require.NoError(t, err)
	files = make(map[string]string)
	r := tar.NewReader(bytes.NewReader(whole))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return whole, z.Header, entries, files
		}
		require.NoError(t, err)
		entries = append(entries, h)
		if h.Typeflag == tar.TypeReg {
			content, err := io.ReadAll(r)
			require.NoError(t, err)
			files[h.Name] = string(content)
		}
	}
}

func TestWriterLayout(t *testing.T) {
	long := strings.Repeat("long-", 20) + ".pack"
	data := written(t, func(w *archive.Writer) {
		require.NoError(t, w.Write(&note{"note", "https://example.com/1", "\"a < b\", 日本語 \\", nil}))
		bare := bareRepository()
		bare["objects/pack/"+long] = &fstest.MapFile{Data: []byte("PACK")}
		require.NoError(t, w.AddRepository("octo/app", bare))
		require.NoError(t, w.AddRepository("octo/app.wiki", bareRepository()))
		create(t, w, "attachments/1/empty", "")
		create(t, w, "attachments/2/shot.png", "PNG")
		require.NoError(t, w.Write(&note{"discussion_category", "https://example.com/2", "", []string{}}))
		require.NoError(t, w.Write(&note{"note", "https://example.com/3", "", []string{"a", "b"}}))
	})
	assert.Equal(t, []byte{0x1f, 0x8b, 8, 0, 0x1d, 0xb7, 0xa3, 0x66, 0, 3}, data[:10], "mtime, and no name")
	whole, header, entries, files := untarred(t, data)
	assert.True(t, header.ModTime.Equal(when.Truncate(time.Second)))
	assert.Zero(t, len(whole)%10240, "GNU tar's padding")
	assert.NotZero(t, len(whole))

	var listing []string
	for _, h := range entries {
		assert.Equal(t, tar.FormatGNU, h.Format, h.Name)
		assert.True(t, h.ModTime.Equal(when.Truncate(time.Second)), h.Name)
		listing = append(listing, fmt.Sprintf("%c %o %s/%s %d %s", h.Typeflag, h.Mode, h.Uname, h.Gname, h.Size, h.Name))
	}
	assert.Equal(t, []string{
		"5 755 root/root 0 ./",
		"5 755 root/root 0 ./repositories/",
		"5 755 root/root 0 ./repositories/octo/",
		"5 755 root/root 0 ./repositories/octo/app.git/",
		"0 644 root/root 21 ./repositories/octo/app.git/HEAD",
		"0 644 root/root 49 ./repositories/octo/app.git/config",
		"5 755 root/root 0 ./repositories/octo/app.git/objects/",
		"5 755 root/root 0 ./repositories/octo/app.git/objects/pack/",
		"0 644 root/root 4 ./repositories/octo/app.git/objects/pack/" + long,
		"5 755 root/root 0 ./repositories/octo/app.git/refs/",
		"5 755 root/root 0 ./repositories/octo/app.wiki.git/",
		"0 644 root/root 21 ./repositories/octo/app.wiki.git/HEAD",
		"0 644 root/root 49 ./repositories/octo/app.wiki.git/config",
		"5 755 root/root 0 ./repositories/octo/app.wiki.git/objects/",
		"5 755 root/root 0 ./repositories/octo/app.wiki.git/refs/",
		"5 755 root/root 0 ./attachments/",
		"5 755 root/root 0 ./attachments/1/",
		"0 644 root/root 0 ./attachments/1/empty",
		"5 755 root/root 0 ./attachments/2/",
		"0 644 root/root 3 ./attachments/2/shot.png",
		"0 644 root/root 229 ./notes_000001.json",
		"0 644 root/root 103 ./discussion_categories_000001.json",
		"0 644 root/root 19 ./schema.json",
	}, listing)
	assert.Equal(t, `{"version":"1.0.1"}`, files["./schema.json"])
	assert.Equal(t, "PNG", files["./attachments/2/shot.png"])
	assert.Equal(t, `[
  {
    "type": "note",
    "url": "https://example.com/1",
    "body": "\"a < b\", 日本語 \\",
    "tags": null
  },
  {
    "type": "note",
    "url": "https://example.com/3",
    "tags": [
      "a",
      "b"
    ]
  }
]`, files["./notes_000001.json"])
	assert.Equal(t, `[
  {
    "type": "discussion_category",
    "url": "https://example.com/2",
    "tags": [

    ]
  }
]`, files["./discussion_categories_000001.json"])
}

func TestWriterMakesTheSameOfTheSame(t *testing.T) {
	fill := func(w *archive.Writer) {
		for n := range 250 {
			require.NoError(t, w.Write(newNote(n)))
			require.NoError(t, w.Write(&note{Type: "other", URL: fmt.Sprint("https://example.com/", n)}))
		}
		require.NoError(t, w.AddRepository("octo/app", bareRepository()))
	}
	assert.Equal(t, written(t, fill), written(t, fill))
}

func TestWriterOptions(t *testing.T) {
	text := strings.Repeat("compress me ", 10000)
	sizes := make(map[int]int)
	for _, level := range []int{-1, 0, 1, 9} {
		var b bytes.Buffer
		before := time.Now().Truncate(time.Second)
		w := archive.NewWriter(&b, &archive.WriterOptions{Level: level, Schema: archive.Schema{Version: "1.2.0", GitHubSHA: "cafe"}})
		create(t, w, "attachments/1/text", text)
		require.NoError(t, w.Close())
		_, header, _, files := untarred(t, b.Bytes())
		assert.False(t, header.ModTime.Before(before))
		assert.False(t, header.ModTime.After(time.Now()))
		assert.Equal(t, map[string]string{
			"./schema.json":        `{"version":"1.2.0","github_sha":"cafe"}`,
			"./attachments/1/text": text,
		}, files)
		sizes[level] = b.Len()
	}
	assert.Greater(t, sizes[-1], len(text))
	for _, level := range []int{0, 1, 9} {
		assert.Less(t, sizes[level], len(text)/10)
	}
	for _, level := range []int{-2, 10} {
		w := archive.NewWriter(io.Discard, &archive.WriterOptions{Level: level})
		assert.EqualError(t, w.Close(), fmt.Sprintf("level %d: want -1 to 9", level))
	}
	require.NoError(t, archive.NewWriter(io.Discard, nil).Close())
}

func TestWriterBeginsAFileAfterAHundredRecords(t *testing.T) {
	_, _, entries, files := untarred(t, written(t, func(w *archive.Writer) {
		for n := range 201 {
			require.NoError(t, w.Write(newNote(n)))
		}
	}))
	var counts []int
	for _, h := range entries {
		if strings.HasPrefix(h.Name, "./notes_") {
			var notes []note
			require.NoError(t, json.Unmarshal([]byte(files[h.Name]), &notes))
			counts = append(counts, len(notes))
		}
	}
	assert.Equal(t, []int{100, 100, 1}, counts)
}

func TestWriterHoldsNoMoreThanSomeMegabytes(t *testing.T) {
	const n, size = 90, 1 << 20
	var out countingWriter
	w := archive.NewWriter(&out, &archive.WriterOptions{Level: -1})
	for i := range int64(n) {
		require.NoError(t, w.Write(&note{
			Type: "note_" + string(rune('a'+i%9)),
			URL:  fmt.Sprint("https://example.com/", i),
			Body: strings.Repeat("x", size),
		}))
		require.LessOrEqual(t, (i+1)*size-int64(out), int64(17<<20))
	}
	require.NoError(t, w.Close())
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

func TestWriterRefuses(t *testing.T) {
	wide := strings.Repeat("x", 10)
	for _, test := range []struct {
		name string
		do   func(w *archive.Writer) error
		want string
	}{
		{"no record", func(w *archive.Writer) error { return w.Write(nil) }, "write a record: it is nil"},
		{
			"a type that names a folder", func(w *archive.Writer) error { return w.Write(&note{Type: "../note", URL: "u"}) },
			`write a record: u: a type is made of lower case letters, this is "../note"`,
		},
		{"no type", func(w *archive.Writer) error { return w.Write(&note{URL: "u"}) }, `write a record: u: a type is made of lower case letters, this is ""`},
		{"no URL", func(w *archive.Writer) error { return w.Write(&note{Type: "note"}) }, "write a record: the note has no URL"},
		{
			"a type that is not the record's own", func(w *archive.Writer) error { return w.Write(&archive.Issue{Type: "note", URL: "u"}) },
			`write a record: u: the issue has the type "note"`,
		},
		{
			"a record that is no object", func(w *archive.Writer) error { return w.Write(list{}) },
			`write a record: u: the note has the type ""`,
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
		{"the schema", creating("schema.json", 1), "create schema.json: it is written by Close"},
		{"records", creating("issues_000001.json", 1), "create issues_000001.json: files of records are written by Write"},
		{"a size below zero", creating("a", -1), "create a: the size is -1"},
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
		}, "write a: gets more than its 9 bytes"},
		{"too little", func(w *archive.Writer) error {
			f, err := w.Create("a", 11)
			require.NoError(t, err)
			_, err = io.WriteString(f, wide)
			require.NoError(t, err)
			return w.Write(newNote(1))
		}, "write a: has 10 of its 11 bytes"},
		{"nothing at all", func(w *archive.Writer) error {
			require.NoError(t, creating("a", 1)(w))
			return w.Close()
		}, "write a: has 0 of its 1 bytes"},
		{"a repository without an owner", adding("app", bareRepository()), `add repository app: want "owner/name"`},
		{"a repository of nobody", adding("/app", bareRepository()), `add repository /app: want "owner/name"`},
		{"a repository without a name", adding("octo/", bareRepository()), `add repository octo/: want "owner/name"`},
		{"a repository in a folder", adding("octo/a/b", bareRepository()), `add repository octo/a/b: want "owner/name"`},
		{"a repository by its folder", adding("octo/app.git", bareRepository()), `add repository octo/app.git: want "owner/name"`},
		{"a repository elsewhere", adding("../app", bareRepository()), "add repository ../app: want a relative name, clean and separated by slashes"},
		{"a repository twice", func(w *archive.Writer) error {
			return errors.Join(adding("octo/app", bareRepository())(w), adding("octo/app", bareRepository())(w))
		}, "add repository octo/app: it is there already"},
		{"a checkout", adding("octo/app", fstest.MapFS{".git/HEAD": {}}), "add repository octo/app: not a bare repository: open HEAD: file does not exist"},
		{"what only looks like a repository", adding("octo/app", fstest.MapFS{"HEAD": {}}), "add repository octo/app: not a bare repository: open objects: file does not exist"},
		{
			"borrowed objects", adding("octo/app", with(bareRepository(), "objects/info/alternates", &fstest.MapFile{Data: []byte("/elsewhere\n")})),
			"add repository octo/app: objects/info/alternates: it borrows objects from another repository",
		},
		{
			"a link", adding("octo/app", with(bareRepository(), "hooks", &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("/etc")})),
			"add repository octo/app: hooks is neither a file nor a directory",
		},
		{
			"a name of Windows in a repository", adding("octo/app", with(bareRepository(), `refs/a\b`, &fstest.MapFile{})),
			`add repository octo/app: refs/a\b: want a relative name, clean and separated by slashes`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := archive.NewWriter(io.Discard, nil)
			require.EqualError(t, test.do(w), test.want)
			// The first error is the last word.
			require.EqualError(t, w.Write(newNote(1)), test.want)
			_, err := w.Create("b", 0)
			require.EqualError(t, err, test.want)
			require.EqualError(t, w.AddRepository("octo/other", bareRepository()), test.want)
			require.EqualError(t, w.Close(), test.want)
		})
	}
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

func TestWriterWritesNothingOfWhatItRefuses(t *testing.T) {
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

func TestWriterAfterClose(t *testing.T) {
	var b bytes.Buffer
	w := archive.NewWriter(&b, nil)
	f, err := w.Create("a", 1)
	require.NoError(t, err)
	_, err = f.Write([]byte("a"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	size := b.Len()
	require.NoError(t, w.Close(), "again")
	require.EqualError(t, w.Write(newNote(1)), "the archive is closed")
	_, err = f.Write(nil)
	require.EqualError(t, err, "the archive is closed")
	assert.Equal(t, size, b.Len())
}

func TestWriterForgetsAFileWhenItGoesOn(t *testing.T) {
	w := archive.NewWriter(io.Discard, nil)
	f, err := w.Create("a", 0)
	require.NoError(t, err)
	require.NoError(t, w.Write(newNote(1)))
	_, err = f.Write(nil)
	require.EqualError(t, err, "write a: the archive has gone on")
	require.NoError(t, w.Close(), "which is no fault of the archive")
}

func TestWriterTellsOfTheWriterBelow(t *testing.T) {
	full := errors.New("disk full")
	for after := range 12 {
		w := archive.NewWriter(&failing{after: after * 1000, err: full}, &archive.WriterOptions{Level: -1})
		err := errors.Join(w.Write(newNote(1)), w.AddRepository("octo/app", bareRepository()))
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

// A shrinking file system has files that end before the size that they tell.
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

func TestWriterNoticesAFileThatShrinks(t *testing.T) {
	w := archive.NewWriter(io.Discard, nil)
	require.EqualError(t, w.AddRepository("octo/app", shrinking{bareRepository()}),
		"add repository octo/app: config, of 49 bytes: unexpected EOF")
}

func TestGNUTarUnpacksWhatWriterWrites(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		t.Skip("no GNU tar on this machine")
	}
	long := "attachments/1/" + strings.Repeat("long-", 30)
	data := written(t, func(w *archive.Writer) {
		require.NoError(t, w.Write(newNote(1)))
		create(t, w, long, "content")
		require.NoError(t, w.AddRepository("octo/app", bareRepository()))
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "archive.tar.gz")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	out, err := exec.CommandContext(t.Context(), "tar", "-tzf", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, _, entries, files := untarred(t, data)
	var names []string
	for _, h := range entries {
		names = append(names, h.Name)
	}
	assert.Equal(t, strings.Join(names, "\n")+"\n", string(out))
	out, err = exec.CommandContext(t.Context(), "tar", "-xzf", file, "-C", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, out)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), name)
	}
}
