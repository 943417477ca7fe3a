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
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A note is a record of another package.
type note struct {
	Type string   `json:"type"`
	URL  string   `json:"url"`
	Body string   `json:"body,omitzero"`
	Tags []string `json:"tags"`
}

func (n *note) Kind() string { return n.Type }

func (n *note) Key() archive.URL { return archive.URL(n.URL) }

func (n *note) Raw() json.RawMessage { return nil }

func newNote(n int) *note {
	return &note{Type: "note", URL: fmt.Sprintf("https://example.com/notes/%d", n), Tags: []string{}}
}

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

// untarred returns the tar in an archive, the header of gzip, the headers of the entries,
// and the content of the files.
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
		bare := emptyRepository()
		bare["objects/pack/"+long] = &fstest.MapFile{Data: []byte("PACK")}
		require.NoError(t, w.AddRepository("octo/app", bare))
		require.NoError(t, w.AddRepository("octo/app.wiki", emptyRepository()))
		create(t, w, "attachments/1/empty", "")
		create(t, w, "attachments/2/shot.png", "PNG")
		require.NoError(t, w.Write(&note{"discussion_category", "https://example.com/2", "", []string{}}))
		require.NoError(t, w.Write(&note{"note", "https://example.com/3", "", []string{"a", "b"}}))
	})
	assert.Equal(t, []byte{0x1f, 0x8b, 8, 0, 0x1d, 0xb7, 0xa3, 0x66, 0, 3}, data[:10], "mtime, and no name")
	whole, header, entries, files := untarred(t, data)
	assert.True(t, header.ModTime.Equal(when.Truncate(time.Second)))
	assert.Zero(t, len(whole)%10240, "GNU tar's padding")
	assert.NotEmpty(t, whole)

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
	for name := range files {
		if strings.HasPrefix(name, "./repositories/") {
			delete(files, name)
		}
	}
	assert.Equal(t, map[string]string{
		"./schema.json":            `{"version":"1.0.1"}`,
		"./attachments/1/empty":    "",
		"./attachments/2/shot.png": "PNG",
		"./notes_000001.json": `[
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
]`,
		"./discussion_categories_000001.json": `[
  {
    "type": "discussion_category",
    "url": "https://example.com/2",
    "tags": [

    ]
  }
]`,
	}, files)
}

func TestWriterIsDeterministic(t *testing.T) {
	fill := func(w *archive.Writer) {
		for n := range 250 {
			require.NoError(t, w.Write(newNote(n)))
			require.NoError(t, w.Write(&note{Type: "other", URL: fmt.Sprint("https://example.com/", n)}))
		}
		require.NoError(t, w.AddRepository("octo/app", emptyRepository()))
	}
	first := written(t, fill)
	assert.Equal(t, first, written(t, fill))
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
		require.EqualError(t, w.Close(), fmt.Sprintf("level %d: want -1 to 9", level))
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

func TestWriterHoldsFewMegabytes(t *testing.T) {
	const n, size = 40, 1 << 20
	var b bytes.Buffer
	w := archive.NewWriter(&b, &archive.WriterOptions{Level: -1})
	var records []archive.Record // records that were read are not encoded again
	for kind := range 9 {
		records = append(records, decodeRecord(t, fmt.Appendf(nil, `{"type":"note_%c","url":"u","body":"%s"}`, 'a'+kind, strings.Repeat("x", size))))
	}
	for i := range n {
		require.NoError(t, w.Write(records[i%len(records)]))
		require.LessOrEqual(t, (i+1)*size-b.Len(), 17<<20)
	}
	require.NoError(t, w.Close())
	files := collect(t, readerOf(t, &b, archive.Limits{}).Entries(), nameOf)
	assert.LessOrEqual(t, len(files), 30, "three times the waiting records")
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

func TestWriterEndsAFileAtTheNextCall(t *testing.T) {
	w := archive.NewWriter(io.Discard, nil)
	f, err := w.Create("a", 0)
	require.NoError(t, err)
	require.NoError(t, w.Write(newNote(1)))
	_, err = f.Write(nil)
	require.EqualError(t, err, "write a: the Writer has moved on")
	require.NoError(t, w.Close(), "the archive is complete")
}

// A triagedIssue is an issue with a field that GitHub does not have.
type triagedIssue struct {
	*archive.Issue
	Severity int `json:"severity"`
}

func TestWriterAcceptsWrappedRecords(t *testing.T) {
	_, _, _, files := untarred(t, written(t, func(w *archive.Writer) {
		require.NoError(t, w.Write(triagedIssue{&archive.Issue{Type: "issue", URL: "https://example.com/1", Title: "<b>"}, 3}))
	}))
	var issues []map[string]any
	require.NoError(t, json.Unmarshal([]byte(files["./issues_000001.json"]), &issues))
	require.Len(t, issues, 1)
	assert.Equal(t, []any{"<b>", 3.0}, []any{issues[0]["title"], issues[0]["severity"]})
}

func TestReaderReadsRecordsOfTheWriter(t *testing.T) {
	at := archive.Time{Time: when.Truncate(time.Second)}
	position := int64(0)
	wrote := []archive.Record{
		&archive.User{Type: "user", URL: "https://github.com/octocat", Login: "octocat", CreatedAt: at},
		&archive.Repository{
			Type: "repository", URL: "https://github.com/octo/app", Owner: "https://github.com/octocat", Name: "app", CreatedAt: at,
			Labels:        []archive.Label{{URL: "https://github.com/octo/app/labels/%F0%9F%90%9B", Name: "🐛", Color: "d73a4a", CreatedAt: at}},
			GitURL:        "tarball://root/repositories/octo/app.git",
			DefaultBranch: "main",
		},
		&archive.Issue{
			Type: "issue", URL: "https://github.com/octo/app/issues/1", Repository: "https://github.com/octo/app",
			User: "https://github.com/octocat", Title: "a < b && c", Body: "\u0000 and \r\n, \u2028, \\ and 日本語", CreatedAt: at,
		},
		&archive.PullRequestReviewComment{
			Type: "pull_request_review_comment", URL: "https://github.com/octo/app/pull/2/files#r3", Position: &position, CreatedAt: at,
		},
	}
	data := written(t, func(w *archive.Writer) {
		for _, r := range wrote {
			require.NoError(t, w.Write(r))
		}
		require.NoError(t, w.Write(newNote(1)))
	})
	got := recordsOf(t, data)
	require.Len(t, got, len(wrote)+1)
	for i, want := range wrote {
		// A nil slice may become null or [].
		a, err := json.Marshal(want)
		require.NoError(t, err)
		b, err := json.Marshal(got[i])
		require.NoError(t, err)
		null := strings.NewReplacer(":[]", ":null")
		assert.Equal(t, null.Replace(string(a)), null.Replace(string(b)))
	}
	unknown, ok := got[len(wrote)].(*archive.Unknown)
	require.True(t, ok)
	assert.Equal(t, &note{"note", "https://example.com/notes/1", "", []string{}}, func() *note {
		var n note
		require.NoError(t, json.Unmarshal(unknown.Raw(), &n))
		return &n
	}())

	again := written(t, func(w *archive.Writer) {
		for _, r := range got {
			require.NoError(t, w.Write(r))
		}
	})
	assert.Equal(t, data, again, "records that were read are written unchanged")
}

func TestWriterFormatsRecordsLikeGitHub(t *testing.T) {
	shards := map[string]string{"of this test": `[
  {
    "type": "issue",
    "url": "https://github.com/octo/app/issues/1",
    "repository": "https://github.com/octo/app",
    "user": "https://github.com/octocat",
    "title": "\\ \"<b>\" \u0000 [ ] { } , : \u2028",
    "body": null,
    "assignees": [

    ],
    "labels": [
      "https://github.com/octo/app/labels/bug"
    ],
    "unheard of": {
      "nested": [
        [

        ],
        -1.50e+3
      ],
      "nothing": {}
    },
    "created_at": "2024-07-26T14:58:43Z"
  },
  {
    "type": "issue",
    "url": "https://github.com/octo/app/issues/2"
  }
]`}
	_ = filepath.WalkDir("../../shared/samples", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" || filepath.Base(path) == "schema.json" ||
			strings.HasPrefix(filepath.Base(path), "pull_requests") { // another program changed its format
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		shards[path] = string(text)
		return nil
	})
	for name, shard := range shards {
		file := archiveOf(t, tarred{name: "./records_000001.json", content: shard})
		_, _, _, files := untarred(t, written(t, func(w *archive.Writer) {
			for _, r := range recordsOf(t, file) {
				require.NoError(t, w.Write(r))
			}
		}))
		delete(files, "./schema.json")
		assert.Equal(t, []string{shard}, slices.Collect(maps.Values(files)), name)
	}
}

func TestVerifyAcceptsArchivesOfTheWriter(t *testing.T) {
	data := written(t, func(w *archive.Writer) {
		require.NoError(t, w.Write(&archive.User{URL: "https://github.com/octocat", Login: "octocat"}))
		require.NoError(t, w.Write(&archive.Repository{
			URL: "https://github.com/octo/app", Owner: "https://github.com/octocat", Name: "app",
			GitURL:  "tarball://root/repositories/octo/app.git",
			WikiURL: "tarball://root/repositories/octo/app.wiki.git",
		}))
		require.NoError(t, w.AddRepository("octo/app", emptyRepository()))
		require.NoError(t, w.AddRepository("octo/app.wiki", emptyRepository()))
		require.NoError(t, w.Write(&archive.Issue{URL: "https://github.com/octo/app/issues/1", Repository: "https://github.com/octo/app"}))
		require.NoError(t, w.Write(&archive.Attachment{
			URL: "https://github.com/user-attachments/assets/1", Issue: "https://github.com/octo/app/issues/1",
			AssetName: "shot.png", AssetURL: "tarball://root/attachments/1/shot.png",
		}))
		create(t, w, "attachments/1/shot.png", "PNG")
	})
	summary, err := archive.Verify(t.Context(), bytes.NewReader(data), &archive.VerifyOptions{Repositories: []string{"octo/app"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"user": 1, "repository": 1, "issue": 1, "attachment": 1}, summary.Records)
	assert.Empty(t, summary.Dangling)
	require.Len(t, summary.Repositories, 1)
	assert.Equal(t, archive.RepositorySummary{Name: "octo/app", Record: true, Git: true, Wiki: true}, func() archive.RepositorySummary {
		r := summary.Repositories[0]
		r.GitBytes = 0
		return r
	}())
}

func TestGNUTarUnpacksArchivesOfTheWriter(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		t.Skip("no GNU tar on this machine")
	}
	long := "attachments/1/" + strings.Repeat("long-", 30)
	data := written(t, func(w *archive.Writer) {
		require.NoError(t, w.Write(newNote(1)))
		create(t, w, long, "content")
		require.NoError(t, w.AddRepository("octo/app", emptyRepository()))
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
