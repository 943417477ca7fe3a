package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A tarred is an entry of an archive that a test makes: a file, or a directory
// if the name ends in a slash.
type tarred struct {
	name, content string
	change        func(*tar.Header)
}

// tarOf returns a tar, without gzip.
func tarOf(tb testing.TB, members ...tarred) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644, ModTime: when, Format: tar.FormatGNU}
		if strings.HasSuffix(m.name, "/") {
			header.Typeflag, header.Mode = tar.TypeDir, 0o755
		}
		if m.change != nil {
			m.change(header)
		}
		require.NoError(tb, w.WriteHeader(header))
		_, err := io.WriteString(w, m.content)
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return b.Bytes()
}

func gzipOf(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(tb, err)
	_, err = w.Write(data)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

func archiveOf(tb testing.TB, members ...tarred) []byte {
	tb.Helper()
	return gzipOf(tb, tarOf(tb, members...))
}

func readerOf(tb testing.TB, r io.Reader, limits archive.Limits) *archive.Reader {
	tb.Helper()
	reader, err := archive.NewReader(r, &archive.ReaderOptions{Limits: limits})
	require.NoError(tb, err)
	return reader
}

// everything ranges over a sequence to its end.
func everything[T any](seq iter.Seq2[T, error], of func(T) string) (got, faults []string) {
	for value, err := range seq {
		if err != nil {
			faults = append(faults, err.Error())
		} else {
			got = append(got, of(value))
		}
	}
	return got, faults
}

func nameOf(e *archive.Entry) string { return e.Name }

func keyOf(r archive.Record) string { return r.Kind() + " " + r.Key() }

func TestEntriesTellWhatNamesTell(t *testing.T) {
	t.Parallel()
	long := "repositories/octo-org/app.git/objects/pack/pack-" + strings.Repeat("0", 64) + ".bitmap.with.a.long.name"
	file := archiveOf(t,
		tarred{name: "./"},
		tarred{name: "./repositories/"},
		tarred{name: "./repositories/octo-org/"},
		tarred{name: "./repositories/octo-org/app.git/"},
		tarred{name: "./repositories/octo-org/app.git/HEAD", content: "ref: refs/heads/main\n"},
		tarred{name: "./" + long},
		tarred{name: "./repositories/octo-org/app.wiki.git/HEAD"},
		tarred{name: "./schema.json"},
		tarred{name: "./urls.json"},
		tarred{name: "./protected_branches_000001.json"},
		tarred{name: "./discussion_categories_1000000.json"},
		tarred{name: "./issues_00001.json"},
		tarred{name: "./Issues_000001.json"},
		tarred{name: "./_000001.json"},
		tarred{name: "./attachments/6e3f/shot.png"},
		tarred{name: "./attachments/6e3f/users_000001.json"},
		tarred{name: "./releases/6e3f/app.zip"},
		tarred{name: "./repository_files/6/log.txt"},
		tarred{name: "./audit_log.csv"},
		tarred{name: "./users_000001.json/"},
	)
	type what struct {
		Name, Kind, Repository, RecordType string
		Size                               int64
		Mode                               fs.FileMode
	}
	var got []what
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		assert.True(t, when.Truncate(time.Second).Equal(e.ModTime))
		got = append(got, what{e.Name, e.Kind.String(), e.Repository, e.RecordType, e.Size, e.Mode})
	}
	const dir, regular = fs.ModeDir | 0o755, fs.FileMode(0o644)
	assert.Equal(t, []what{
		{"repositories", "other", "", "", 0, dir},
		{"repositories/octo-org", "other", "", "", 0, dir},
		{"repositories/octo-org/app.git", "git", "octo-org/app", "", 0, dir},
		{"repositories/octo-org/app.git/HEAD", "git", "octo-org/app", "", 21, regular},
		{long, "git", "octo-org/app", "", 0, regular},
		{"repositories/octo-org/app.wiki.git/HEAD", "git", "octo-org/app.wiki", "", 0, regular},
		{"schema.json", "schema", "", "", 0, regular},
		{"urls.json", "other", "", "", 0, regular},
		{"protected_branches_000001.json", "records", "", "protected_branch", 0, regular},
		{"discussion_categories_1000000.json", "records", "", "discussion_category", 0, regular},
		{"issues_00001.json", "other", "", "", 0, regular},
		{"Issues_000001.json", "other", "", "", 0, regular},
		{"_000001.json", "other", "", "", 0, regular},
		{"attachments/6e3f/shot.png", "attachment", "", "", 0, regular},
		{"attachments/6e3f/users_000001.json", "attachment", "", "", 0, regular},
		{"releases/6e3f/app.zip", "release asset", "", "", 0, regular},
		{"repository_files/6/log.txt", "repository file", "", "", 0, regular},
		{"audit_log.csv", "other", "", "", 0, regular},
		{"users_000001.json", "other", "", "", 0, dir},
	}, got)
}

func TestTypesOfRecordsHaveAPlural(t *testing.T) {
	t.Parallel()
	for kind, prefix := range map[string]string{
		"user": "users", "repository": "repositories", "discussion_category": "discussion_categories",
		"protected_branch": "protected_branches", "issue": "issues", "release": "releases",
		"repository_file": "repository_files", "public_key": "public_keys",
	} {
		assert.Equal(t, prefix, archive.Plural(kind))
		assert.Equal(t, kind, archive.Singular(prefix))
	}
}

func TestEntriesHaveNoDirectoryAroundEverything(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ names, want []string }{
		"GitHub's":                  {[]string{"./", "./schema.json"}, []string{"schema.json"}},
		"without ./":                {[]string{"schema.json", "users_000001.json"}, []string{"schema.json", "users_000001.json"}},
		"a directory":               {[]string{"x/", "x/schema.json", "x/a"}, []string{"schema.json", "a"}},
		"a directory, ./":           {[]string{"./x/", "./x/./attachments/", "./x/attachments/1"}, []string{"attachments", "attachments/1"}},
		"no entry of it":            {[]string{"x/users_000001.json", "x/a", "x/"}, []string{"users_000001.json", "a"}},
		"what is known, at the top": {[]string{"schema.json", "x/", "x/schema.json"}, []string{"schema.json", "x", "x/schema.json"}},
		"known names deeper":        {[]string{"repositories/", "repositories/o/schema.json"}, []string{"repositories", "repositories/o/schema.json"}},
		"unknown ones first": {
			[]string{"log.txt", "y/", "x/", "x/schema.json", "x/a", "y/b"},
			[]string{"log.txt", "y", "schema.json", "a", "y/b"},
		},
		"an unknown directory alone": {[]string{"x/"}, []string{"x"}},
		"twice around":               {[]string{"x/", "x/y/", "x/y/schema.json"}, []string{"x", "x/y", "x/y/schema.json"}},
		"odd slashes":                {[]string{".//a", "b//c", "d/./e"}, []string{"a", "b/c", "d/e"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var members []tarred
			for _, name := range test.names {
				members = append(members, tarred{name: name})
			}
			got, faults := everything(readerOf(t, bytes.NewReader(archiveOf(t, members...)), archive.Limits{}).Entries(), nameOf)
			assert.Empty(t, faults)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestEntriesSurviveNamesThatLeadOut(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "/etc/passwd"}, tarred{name: "../a"}, tarred{name: "a/../../b"}, tarred{name: "a/../b"},
		tarred{name: ".."}, tarred{name: "a/..", content: "x"}, tarred{name: "..a/b..c"}, tarred{name: "\x1b[2J/../x"},
	)
	got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries(), nameOf)
	assert.Equal(t, []string{"..a/b..c"}, got)
	assert.Equal(t, []string{
		"/etc/passwd: the name is absolute",
		`../a: the name has ".." in it`,
		`../b: the name has ".." in it`,
		`b: the name has ".." in it`,
		`..: the name has ".." in it`,
		`.: the name has ".." in it`,
		`x: the name has ".." in it`,
	}, faults)
}

func TestEntriesTellWhatIsNoFile(t *testing.T) {
	t.Parallel()
	as := func(typeflag byte) func(*tar.Header) {
		return func(h *tar.Header) {
			h.Typeflag = typeflag
			if typeflag == tar.TypeLink || typeflag == tar.TypeSymlink {
				h.Linkname = "/etc/passwd"
			}
		}
	}
	global := func(h *tar.Header) {
		*h = tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"}}
	}
	file := archiveOf(t,
		tarred{name: "global", change: global},
		tarred{name: "symlink", change: as(tar.TypeSymlink)},
		tarred{name: "link", change: as(tar.TypeLink)},
		tarred{name: "char", change: as(tar.TypeChar)},
		tarred{name: "block", change: as(tar.TypeBlock)},
		tarred{name: "fifo", change: as(tar.TypeFifo)},
		tarred{name: "users_000001.json", change: as(tar.TypeSymlink)},
		tarred{name: "setuid", change: func(h *tar.Header) { h.Mode = 0o4777 }},
		tarred{name: "last", content: "content"},
	)
	got := map[string]fs.FileMode{}
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		got[e.Name] = e.Mode
		content, err := io.ReadAll(e)
		require.NoError(t, err)
		assert.Len(t, content, int(e.Size))
		records, faults := everything(e.Records(), keyOf)
		assert.Empty(t, records)
		assert.Empty(t, faults)
	}
	assert.Equal(t, map[string]fs.FileMode{
		"symlink":           0o644 | fs.ModeSymlink,
		"link":              0o644 | fs.ModeIrregular,
		"char":              0o644 | fs.ModeDevice | fs.ModeCharDevice,
		"block":             0o644 | fs.ModeDevice,
		"fifo":              0o644 | fs.ModeNamedPipe,
		"users_000001.json": 0o644 | fs.ModeSymlink,
		"setuid":            0o777,
		"last":              0o644,
	}, got)
}

// A sparse file can claim any size; nothing is read of it.
func TestEntriesHaveNoContentIfSparse(t *testing.T) {
	t.Parallel()
	for _, after := range [][]tarred{nil, {{name: "last", content: "content"}}} {
		plain := tarOf(t, append([]tarred{{name: "sparse", content: strings.Repeat("x", 512)}}, after...)...)
		header := plain[:512]
		header[156] = tar.TypeGNUSparse
		copy(header[386:], fmt.Sprintf("%011o\x00%011o\x00", 1<<32, 512)) // one piece, far out
		copy(header[483:], fmt.Sprintf("%011o\x00", 1<<32+512))           // the size that it seems to have
		rechecksum(header)
		got := []string{}
		for e, err := range readerOf(t, bytes.NewReader(gzipOf(t, plain)), archive.Limits{}).Entries() {
			require.NoError(t, err)
			content, err := io.ReadAll(e)
			require.NoError(t, err)
			got = append(got, fmt.Sprintf("%s %v %d %q", e.Name, e.Mode, e.Size, content))
		}
		assert.Equal(t, []string{`sparse ?rw-r--r-- 0 ""`, `last -rw-r--r-- 7 "content"`}[:1+len(after)], got)
	}
}

func rechecksum(header []byte) {
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header[:512] {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func TestRecordsComeInTheArchivesOrder(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "./issues_000001.json", content: `[{"type":"issue","url":"i1"},{"type":"user","url":"u1"}]`},
		tarred{name: "./schema.json", content: `{"version":"1.0.1"}`}, // late
		tarred{name: "./issues_000003.json", content: `[{"type":"issue","url":"i3"}]`},
		tarred{name: "./attachments/1/users_000001.json", content: `[{"type":"user","url":"none"}]`},
		tarred{name: "./bots_000001.json", content: `[{"type":"user","url":"u2"}]`},
		tarred{name: "./novelties_000001.json", content: `[{"type":"novelty","url":"n1"},{"url":"n2","sub":{"type":"issue"}}]`},
		tarred{name: "./users_000001.json", content: `[]`},
		tarred{name: "./issues_000002.json", content: `[{"url":"i2","type":"issue"}]`}, // short, and not the last
	)
	for name, test := range map[string]struct{ types, want []string }{
		"all":      {nil, []string{"issue i1", "user u1", "issue i3", "user u2", "novelty n1", " n2", "issue i2"}},
		"one type": {[]string{"user"}, []string{"user u1", "user u2"}},
		"two":      {[]string{"novelty", "issue"}, []string{"issue i1", "issue i3", "novelty n1", "issue i2"}},
		"none":     {[]string{"nothing"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Records(test.types...), keyOf)
			assert.Empty(t, faults)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestRecordsTakeEverySpelling(t *testing.T) {
	t.Parallel()
	want := []archive.Record{
		&archive.Issue{Type: "issue", URL: "i1", Title: `a "b" ]}`, Assignees: []archive.URL{}, Labels: []archive.URL{}},
		&archive.Issue{Type: "issue", URL: "i2", Title: "c", Assignees: []archive.URL{"u"}, Labels: []archive.URL{}},
	}
	for name, shard := range map[string]string{
		"GitHub": `[
  {
    "type": "issue",
    "url": "i1",
    "title": "a \"b\" ]}",
    "assignees": [

    ],
    "labels": [

    ]
  },
  {
    "type": "issue",
    "url": "i2",
    "title": "c",
    "assignees": [
      "u"
    ],
    "labels": [

    ]
  }
]`,
		"gl-exporter": `[
{"type":"issue","url":"i1","title":"a \"b\" ]}","assignees":[],"labels":[]},
{"type":"issue","url":"i2","title":"c","assignees":["u"],"labels":[]}
]
`,
		"bbs-exporter": `[
{
  "type": "issue",
  "url": "i1",
  "title": "a \"b\" ]}",
  "assignees": [],
  "labels": []
}
,
{
  "type": "issue",
  "url": "i2",
  "title": "c",
  "assignees": ["u"],
  "labels": []
}
]`,
		"compact": `[{"type":"issue","url":"i1","title":"a \u0022b\u0022 ]}","assignees":[],"labels":[]},` +
			`{"type":"issue","url":"i2","title":"c","assignees":["u"],"labels":[]}]`,
		"sorted keys": `[
    {
        "assignees": [],
        "labels": [],
        "title": "a \"b\" ]}",
        "type": "issue",
        "url": "i1"
    },
    {
        "assignees": [
            "u"
        ],
        "labels": [],
        "title": "c",
        "type": "issue",
        "url": "i2"
    }
]
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, types := range [][]string{nil, {"issue"}} {
				var got []archive.Record
				file := archiveOf(t, tarred{name: "issues_000001.json", content: shard})
				for r, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Records(types...) {
					require.NoError(t, err)
					assert.Contains(t, shard, string(r.Raw()))
					got = append(got, archive.Forget(r))
				}
				assert.Equal(t, want, got)
			}
		})
	}
}

func TestRecordsGoOnAfterAFault(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "issues_000001.json", content: `[{"type":"issue","url":"i1"},{"type":"issue",},{"type":"issue","url":"i2"}]`},
		tarred{name: "issues_000002.json", content: `[{"type":"issue","url":"i3"}{"type":"issue","url":"i4"}]`},
		tarred{name: "issues_000003.json", content: `[{"type":"issue","url":"i5"},`},
		tarred{name: "issues_000004.json", content: `[{"type":"issue","url":"i6","body":"` + strings.Repeat("x", 200) + `"},{"type":"issue","url":"i7"}]`},
		tarred{name: "issues_000005.json", content: ``},
	)
	var got []string
	faults := map[string]int64{}
	for r, err := range readerOf(t, bytes.NewReader(file), archive.Limits{RecordSize: 100}).Records() {
		if err == nil {
			got = append(got, r.Key())
			continue
		}
		assert.Nil(t, r)
		fault, ok := errors.AsType[*archive.Fault](err)
		require.True(t, ok)
		faults[fault.Entry] = fault.Offset
	}
	assert.Equal(t, []string{"i1", "i2", "i3", "i5", "i7"}, got)
	assert.Equal(t, map[string]int64{
		"issues_000001.json": 29, "issues_000002.json": 28, "issues_000003.json": 29, "issues_000004.json": 1, "issues_000005.json": 0,
	}, faults)
}

func TestRecordsKeepTheirSpelling(t *testing.T) {
	t.Parallel()
	var shard strings.Builder
	for i := range 500 {
		fmt.Fprintf(&shard, `,{"type":"user","url":"u%03d","n":%q}`, i, strings.Repeat("x", i*5))
	}
	file := archiveOf(t, tarred{name: "users_000001.json", content: "[" + shard.String()[1:] + "]"})
	var all []archive.Record
	for r, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Records() {
		require.NoError(t, err)
		all = append(all, r)
	}
	for i, r := range all {
		require.Contains(t, shard.String(), ","+string(r.Raw()))
		require.Len(t, r.Raw(), 35+i*5)
	}
	assert.Len(t, all, 500)
}

func TestReaderIsStrictAboutTheEnd(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, tarred{name: "a", content: "content"}, tarred{name: "b", content: strings.Repeat("y", 512)})
	bare := plain[:len(plain)-1024]
	zeros := make([]byte, 10240)
	longName := tarOf(t, tarred{name: strings.Repeat("long", 30)})[:1024] // the long name alone
	damaged := gzipOf(t, plain)
	damaged[len(damaged)-5] ^= 1
	for name, test := range map[string]struct {
		file   []byte
		want   string
		isEOF  bool
		before int // entries
	}{
		"two blocks of zeros":     {gzipOf(t, plain), "", false, 2},
		"many blocks of zeros":    {gzipOf(t, slices.Concat(plain, zeros)), "", false, 2},
		"nothing":                 {nil, "archive at byte 0: the gzip member ends too early: unexpected EOF", true, 0},
		"an empty gzip":           {gzipOf(t, nil), "archive at byte 0: the tar ends too early: unexpected EOF", true, 0},
		"an empty tar":            {gzipOf(t, zeros[:1024]), "", false, 0},
		"no gzip":                 {plain, "archive at byte 0: not in gzip format", false, 0},
		"no blocks of zeros":      {gzipOf(t, bare), "archive at byte 2048: the tar ends too early: unexpected EOF", true, 2},
		"one block of zeros":      {gzipOf(t, plain[:len(plain)-512]), "archive at byte 2560: the tar ends too early: unexpected EOF", true, 2},
		"half a block of zeros":   {gzipOf(t, plain[:len(plain)-900]), "archive at byte 2172: the tar ends too early: unexpected EOF", true, 2},
		"cut in an entry":         {gzipOf(t, plain[:1600]), "archive at byte 1600: the tar ends too early: unexpected EOF", true, 2},
		"cut in padding":          {gzipOf(t, plain[:600]), "archive at byte 600: the tar ends too early: unexpected EOF", true, 1},
		"cut in a header":         {gzipOf(t, plain[:1100]), "archive at byte 1100: the tar ends too early: unexpected EOF", true, 1},
		"something after the tar": {gzipOf(t, slices.Concat(plain, zeros[:700], []byte("x"))), "archive at byte 3772: data after the end of the tar", false, 2},
		"a tar after the tar":     {gzipOf(t, slices.Concat(plain, plain)), "archive at byte 3072: data after the end of the tar", false, 2},
		"one block, then more":    {gzipOf(t, slices.Concat(bare, zeros[:512], bare)), "archive at byte 3072: archive/tar: invalid tar header", false, 2},
		"a header that is none":   {gzipOf(t, slices.Concat(bare, bytes.Repeat([]byte("x"), 1024))), "archive at byte 2560: archive/tar: invalid tar header", false, 2},
		"a name without an entry": {gzipOf(t, slices.Concat(bare, longName, zeros)), "archive at byte 2048: a tar header that belongs to no entry", false, 2},
		"a byte after the member": {append(gzipOf(t, plain), 0), "archive at byte 3072: data after the end of the gzip member", false, 2},
		"two members":             {slices.Concat(gzipOf(t, plain), gzipOf(t, nil)), "archive at byte 3072: data after the end of the gzip member", false, 2},
		"a wrong checksum":        {damaged, "archive at byte 3072: wrong gzip checksum", false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			var last error
			for _, err := range readerOf(t, bytes.NewReader(test.file), archive.Limits{}).Entries() {
				require.NoError(t, last, "more after the last fault")
				last = err
				if err == nil {
					n++
				}
			}
			assert.Equal(t, test.before, n)
			assert.Equal(t, test.isEOF, errors.Is(last, io.ErrUnexpectedEOF))
			if test.want == "" {
				require.NoError(t, last)
				return
			}
			require.EqualError(t, last, test.want)
			_, ok := errors.AsType[*archive.Fault](last)
			assert.True(t, ok)
		})
	}
}

// Every prefix is found to be one, whatever it was in the midst of.
func TestReaderTellsEveryPrefix(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user","url":"u2"}]`},
		tarred{name: "a", content: strings.Repeat("some text ", 300)})
	for n := range file {
		var last error
		for r, err := range readerOf(t, bytes.NewReader(file[:n]), archive.Limits{}).Records() {
			require.NoError(t, last)
			last = err
			assert.Equal(t, err != nil, r == nil)
		}
		require.ErrorIs(t, last, io.ErrUnexpectedEOF, n)
	}
}

func TestReaderReturnsTheErrorsOfItsInput(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	file := archiveOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"}]`})
	for _, n := range []int{0, 5, len(file) / 2, len(file) - 1, len(file)} {
		for _, of := range []error{broken, io.ErrUnexpectedEOF, fmt.Errorf("not really: %w", io.EOF)} {
			in := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(of))
			var last error
			for _, err := range readerOf(t, in, archive.Limits{}).Records() {
				last = err
			}
			require.ErrorIs(t, last, of, n)
			_, isFault := errors.AsType[*archive.Fault](last)
			assert.False(t, isFault)
		}
	}
}

func TestReaderTakesInputInAnyPieces(t *testing.T) {
	t.Parallel()
	file := archiveOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"}]`}, tarred{name: "a", content: "b"})
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
		got, faults := everything(readerOf(t, wrap(bytes.NewReader(file)), archive.Limits{}).Records(), keyOf)
		assert.Empty(t, faults)
		assert.Equal(t, []string{"user u1"}, got)
	}
}

func TestReaderKeepsLimits(t *testing.T) {
	t.Parallel()
	file := archiveOf(t, tarred{name: "a", content: strings.Repeat("x", 1<<20)}, tarred{name: "b"}, tarred{name: "c"})
	size := int64(512 + 1<<20 + 2*512 + 1024)
	for name, test := range map[string]struct {
		limits archive.Limits
		want   []string
		faults []string
	}{
		"just enough":       {archive.Limits{UnpackedSize: size, Entries: 3}, []string{"a", "b", "c"}, nil},
		"a byte less":       {archive.Limits{UnpackedSize: size - 1}, nil, []string{fmt.Sprintf("archive at byte %d: it unpacks to more than %d bytes (Limits.UnpackedSize)", size-1, size-1)}},
		"an entry too many": {archive.Limits{Entries: 2}, []string{"a", "b"}, []string{"archive at byte 1050112: it has more than 2 entries (Limits.Entries)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, faults := everything(readerOf(t, bytes.NewReader(file), test.limits).Entries(), nameOf)
			assert.Equal(t, test.faults, faults)
			if test.want != nil {
				assert.Equal(t, test.want, got)
			}
		})
	}
}

func TestArgumentsAreCheckedBeforeAnythingIsRead(t *testing.T) {
	t.Parallel()
	in := iotest.ErrReader(errors.New("read"))
	for name, limits := range map[string]archive.Limits{
		"RecordSize": {RecordSize: -1}, "UnpackedSize": {UnpackedSize: -1}, "Entries": {Entries: -1},
	} {
		_, err := archive.NewReader(in, &archive.ReaderOptions{Limits: limits})
		require.EqualError(t, err, "new archive reader: negative Limits."+name)
		summary, err := archive.Verify(in, &archive.VerifyOptions{Limits: limits})
		require.EqualError(t, err, "verify archive: negative Limits."+name)
		assert.NotNil(t, summary)
	}
	_, err := archive.NewReader(nil, nil)
	require.EqualError(t, err, "new archive reader: the io.Reader is nil")
	summary, err := archive.Verify(nil, nil)
	require.EqualError(t, err, "verify archive: the io.Reader is nil")
	assert.NotNil(t, summary)
	for _, name := range []string{"", "app", "/app", "octo/", "https://github.com/octo/app", "octo/app/"} {
		_, err := archive.Verify(in, &archive.VerifyOptions{Repositories: []string{"octo/app", name}})
		require.EqualError(t, err, fmt.Sprintf(`verify archive: VerifyOptions.Repositories has %q: want "owner/name"`, name))
	}
	r := readerOf(t, in, archive.Limits{})
	for _, want := range []string{"repositories", "issues"} {
		got, faults := everything(r.Records("user", want), keyOf)
		assert.Empty(t, got)
		assert.Equal(t, []string{fmt.Sprintf("%q names files: want %q", want, archive.Singular(want))}, faults)
	}
	_, faults := everything(r.Records("issue", "novelty", "novelties", "bots"), keyOf)
	assert.Equal(t, []string{"read archive: read"}, faults)
}

// A limit that no record reaches is as good as none.
func TestReaderTakesTheLargestLimits(t *testing.T) {
	t.Parallel()
	const most = math.MaxInt64
	file := archiveOf(t, tarred{name: "issues_000001.json", content: `[{"type":"issue","url":"u","body":"` + strings.Repeat("x", 200<<10) + `"}]`})
	r := readerOf(t, bytes.NewReader(file), archive.Limits{RecordSize: most, UnpackedSize: most, Entries: most})
	got, faults := everything(r.Records(), keyOf)
	assert.Equal(t, []string{"issue u"}, got)
	assert.Empty(t, faults)
}

func TestEntriesRefuseEndlessNames(t *testing.T) {
	t.Parallel()
	fits := "attachments/1/" + strings.Repeat("é", (4096-len("attachments/1/"))/2)
	file := archiveOf(t, tarred{name: fits}, tarred{name: fits + "x"}, tarred{name: strings.Repeat("a/", 50_000)}, tarred{name: "b"})
	got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries(), nameOf)
	assert.Equal(t, []string{fits, "b"}, got)
	assert.Equal(t, []string{
		fits[:300] + "…: the name has 4097 bytes, and no system takes more than 4096",
		strings.Repeat("a/", 150) + "…: the name has 100000 bytes, and no system takes more than 4096",
	}, faults)
}

func TestRecordsTellOfASchemaThatIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		schema string
		want   []string
	}{
		"GitHub's":         {`{"version":"1.0.1","github_sha":"0123456789abcdef0123456789abcdef01234567"}`, nil},
		"of Windows":       {"\ufeff{\"version\":\"1.2.0\"}", nil},
		"the next":         {`{"version":"2.0.0"}`, []string{`schema.json: version "2.0.0", but only those that begin with 1 are known`}},
		"without anything": {"", []string{"schema.json: unexpected end of JSON input"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := archiveOf(t, tarred{name: "schema.json", content: test.schema}, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u"}]`})
			got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Records("user"), keyOf)
			assert.Equal(t, []string{"user u"}, got)
			assert.Equal(t, test.want, faults)

			path := filepath.Join(t.TempDir(), "archive.tar.gz")
			require.NoError(t, os.WriteFile(path, file, 0o600))
			a, err := archive.Open(path, nil)
			if test.want != nil {
				faults, ok := errors.AsType[*archive.FaultError](err)
				require.True(t, ok, "%v", err)
				require.EqualError(t, faults, test.want[0])
				return
			}
			require.NoError(t, err)
			require.NoError(t, a.Close())
			require.NoError(t, a.Close(), "a second time")
		})
	}
}

func TestEntriesTellWhatTakesThePlaceOfTheRoot(t *testing.T) {
	t.Parallel()
	link := func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc" }
	file := archiveOf(t,
		tarred{name: "export/schema.json"}, tarred{name: "export/"}, tarred{name: "export", change: link},
		tarred{name: "./export", content: "x"}, tarred{name: ".", content: "x"}, tarred{name: "export/a"},
	)
	got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries(), nameOf)
	assert.Equal(t, []string{"schema.json", "a"}, got)
	assert.Equal(t, []string{
		"export: a symbolic link in place of the directory around everything",
		"export: a file in place of the directory around everything",
		".: a file in place of the directory around everything",
	}, faults)
}

func TestReaderIsRangedOverOnce(t *testing.T) {
	t.Parallel()
	file := archiveOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"}]`})
	r := readerOf(t, bytes.NewReader(file), archive.Limits{})
	records, entries := r.Records(), r.Entries()
	for range records {
		break
	}
	const want = "the archive was read already: its Reader has one sequence, for one loop"
	for range 2 {
		got, faults := everything(records, keyOf)
		assert.Empty(t, got)
		assert.Equal(t, []string{want}, faults)
		names, faults := everything(entries, nameOf)
		assert.Empty(t, names)
		assert.Equal(t, []string{want}, faults)
	}
}

func TestEntryIsReadBeforeTheNext(t *testing.T) {
	t.Parallel()
	shard := `[{"type":"user","url":"u1"},{"type":"user","url":"u2"}]`
	file := archiveOf(t, tarred{name: "users_000001.json", content: shard}, tarred{name: "bots_000001.json", content: shard}, tarred{name: "a", content: "last"})
	var before *archive.Entry
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		if before != nil {
			_, err = before.Read(make([]byte, 1))
			require.EqualError(t, err, "read "+before.Name+": the loop over the archive has gone on: an entry is read before the next")
			_, faults := everything(before.Records(), keyOf)
			assert.Len(t, faults, 1)
		}
		if e.Name == "bots_000001.json" {
			for r, err := range e.Records() { // and no further
				require.NoError(t, err)
				assert.Equal(t, "u1", r.Key())
				break
			}
			_, faults := everything(e.Records(), keyOf)
			assert.Equal(t, []string{"read bots_000001.json: the records of the entry were read already"}, faults)
		}
		if e.Name == "a" {
			content, err := io.ReadAll(e)
			require.NoError(t, err)
			assert.Equal(t, "last", string(content))
		}
		before = e
	}
	_, err := before.Read(make([]byte, 1))
	require.ErrorContains(t, err, "has gone on")
}

// What is damaged is told by Read, and again, the same, by the loop.
func TestEntryTellsThatTheArchiveIsDamaged(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"},` + strings.Repeat(" ", 5000) + `]`})
	file := gzipOf(t, plain[:3000])
	for name, read := range map[string]func(*archive.Entry) error{
		"Read": func(e *archive.Entry) error { _, err := io.Copy(io.Discard, e); return err },
		"Records": func(e *archive.Entry) (last error) {
			for _, err := range e.Records() {
				require.NoError(t, last)
				last = err
			}
			return last
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told, again error
			for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
				if again = err; err == nil {
					told = read(e)
				}
			}
			require.ErrorIs(t, told, io.ErrUnexpectedEOF)
			assert.Same(t, told, again)
		})
	}
}

// A loop leaves no goroutine behind, and the input alone: the bubble would
// fail for the one, and the input for the other.
func TestReaderLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	var members []tarred
	for i := range 50 {
		members = append(members,
			tarred{name: fmt.Sprintf("users_%06d.json", i), content: `[{"type":"user","url":"u1"}]`},
			tarred{name: fmt.Sprintf("attachments/%d", i), content: strings.Repeat("noise", 20_000)})
	}
	file := archiveOf(t, members...)
	for name, loop := range map[string]func(*archive.Reader){
		"a break": func(r *archive.Reader) {
			for _, err := range r.Entries() {
				require.NoError(t, err)
				break
			}
		},
		"a break in a file": func(r *archive.Reader) {
			for e, err := range r.Entries() {
				require.NoError(t, err)
				_, err = e.Read(make([]byte, 1))
				require.NoError(t, err)
				break
			}
		},
		"a later break": func(r *archive.Reader) {
			n := 0
			for _, err := range r.Records() {
				require.NoError(t, err)
				if n++; n == 20 {
					break
				}
			}
		},
		"no break": func(r *archive.Reader) {
			_, faults := everything(r.Records(), keyOf)
			assert.Empty(t, faults)
		},
		"a panic": func(r *archive.Reader) {
			defer func() { assert.NotNil(t, recover()) }()
			for _, err := range r.Records() {
				panic(err)
			}
		},
		"a pulled sequence": func(r *archive.Reader) {
			next, stop := iter.Pull2(r.Records())
			next()
			stop()
		},
		"no loop": func(r *archive.Reader) { r.Records() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := &slowInput{t: t, r: bytes.NewReader(file)}
				loop(readerOf(t, in, archive.Limits{}))
				in.over = true
				synctest.Wait()
			})
		})
	}
}

// A slowInput takes its time, and wants to be left alone when it is over.
type slowInput struct {
	t    *testing.T
	r    io.Reader
	over bool
}

func (in *slowInput) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	assert.False(in.t, in.over, "read after the loop")
	return in.r.Read(p[:min(len(p), 1000)])
}

// However large a file of records is, and however large a giant in it, memory
// stays what it was.
func TestReaderNeedsConstantMemory(t *testing.T) {
	const size, enough = 48 << 20, 20 << 20
	inUse := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapInuse
	}
	for name, test := range map[string]struct {
		begin, repeated, end string
		want                 []string
	}{
		"records": {`[{"type":"user","url":"u0"}`, `,{"type":"user","url":"u1","name":"` + strings.Repeat("x", 20_000) + `"}`, "]", nil},
		"a giant": {`[{"type":"user","url":"u0","name":"`, strings.Repeat("x", 9_000) + `\"`, `"},{"type":"user","url":"u1"}]`, []string{
			"users_000001.json at byte 1: a record is larger than 1048576 bytes (Limits.RecordSize)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe()
			go func() {
				z, err := gzip.NewWriterLevel(out, gzip.NoCompression)
				w := tar.NewWriter(z)
				n := int64(size / len(test.repeated))
				total := int64(len(test.begin)+len(test.end)) + n*int64(len(test.repeated))
				err = errors.Join(err, w.WriteHeader(&tar.Header{Name: "users_000001.json", Size: total, Mode: 0o644}))
				write := func(text string) {
					if err == nil {
						_, err = io.WriteString(w, text)
					}
				}
				write(test.begin)
				for range n {
					write(test.repeated)
				}
				write(test.end)
				out.CloseWithError(errors.Join(err, w.Close(), z.Close()))
			}()
			runtime.GC()
			before := inUse()
			most := before
			var faults []string
			i := 0
			for _, err := range readerOf(t, in, archive.Limits{RecordSize: 1 << 20}).Records() {
				if err != nil {
					faults = append(faults, err.Error())
				}
				if i++; i%200 == 1 {
					most = max(most, inUse())
				}
			}
			most = max(most, inUse())
			assert.Equal(t, test.want, faults)
			assert.Less(t, most-before, uint64(enough))
		})
	}
}

func TestFaultTellsWhere(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for want, fault := range map[string]*archive.Fault{
		"schema.json: broken":           {Entry: "schema.json", Offset: -1, Err: broken},
		"schema.json at byte 0: broken": {Entry: "schema.json", Err: broken},
		"archive: broken":               {Offset: -1, Err: broken},
		"archive at byte 7: broken":     {Offset: 7, Err: broken},
		`"a\x1b[2J\n": broken`:          {Entry: "a\x1b[2J\n", Offset: -1, Err: broken},
	} {
		require.EqualError(t, fault, want)
		require.ErrorIs(t, fault, broken)
	}
}

func TestFaultErrorTellsTheFirstFaults(t *testing.T) {
	t.Parallel()
	fault := func(name string) *archive.Fault {
		return &archive.Fault{Entry: name, Offset: -1, Err: fs.ErrExist}
	}
	for want, err := range map[string]*archive.FaultError{
		"a: file already exists": {Faults: []*archive.Fault{fault("a")}},
		"2 faults in the archive: a: file already exists; b: file already exists": {
			Faults: []*archive.Fault{fault("a"), fault("b")},
		},
		"14 faults in the archive: a: file already exists; b: file already exists; c: file already exists; …": {
			Faults: []*archive.Fault{fault("a"), fault("b"), fault("c"), fault("d")}, More: 10,
		},
	} {
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, fs.ErrExist)
		found, ok := errors.AsType[*archive.Fault](err)
		require.True(t, ok)
		assert.Equal(t, "a", found.Entry)
	}
}

// readAll reads everything that is in an archive in every way, and returns the
// last error.
func readAll(t *testing.T, file []byte) (last error) {
	t.Helper()
	limits := archive.Limits{UnpackedSize: 10 << 20, Entries: 1000, RecordSize: 10 << 10}
	for e, err := range readerOf(t, bytes.NewReader(file), limits).Entries() {
		last = err
		if err != nil {
			require.Nil(t, e)
			continue
		}
		require.True(t, fs.ValidPath(strings.ToValidUTF8(e.Name, "?")), "%q", e.Name)
		if e.Kind == archive.KindRecords {
			for r, err := range e.Records() {
				require.Equal(t, err != nil, r == nil)
			}
		} else {
			n, err := io.Copy(io.Discard, e)
			require.True(t, err != nil || n == e.Size)
		}
	}
	for r, err := range readerOf(t, bytes.NewReader(file), limits).Records("user") {
		require.Equal(t, err != nil, r == nil)
	}
	return last
}

func seeds(f *testing.F) {
	f.Helper()
	long := tarred{name: strings.Repeat("long", 30), content: "x"}
	for _, members := range [][]tarred{
		nil,
		{{name: "x/"}, {name: "x/schema.json", content: `{"version":"1.0.1"}`}},
		{{name: "./users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user"},3]`}, long},
		{long, {name: "../x"}, {name: "/x"}},
		{{name: "pax", change: func(h *tar.Header) { h.Format = tar.FormatPAX; h.Name = strings.Repeat("é", 150) }}},
		{{name: "repositories/o/r.git/HEAD", content: "ref: refs/heads/main\n"}},
	} {
		f.Add(tarOf(f, members...))
	}
}

// FuzzReaderTar gives the Reader a tar in good gzip.
func FuzzReaderTar(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		last := readAll(t, gzipOf(t, data))
		// What it takes for whole, archive/tar does too, and there are zeros at the end.
		if last == nil {
			r := tar.NewReader(bytes.NewReader(data))
			var err error
			for err == nil {
				_, err = r.Next()
			}
			require.Equal(t, io.EOF, err)
			require.True(t, len(data) >= 1024 && len(bytes.Trim(data[len(data)-1024:], "\x00")) == 0)
		}
	})
}

// FuzzReaderGzip gives it anything.
func FuzzReaderGzip(f *testing.F) {
	f.Add(archiveOf(f, tarred{name: "./users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user"},3]`}))
	f.Add(archiveOf(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		if readAll(t, data) == nil {
			_, err := gzip.NewReader(bytes.NewReader(data))
			require.NoError(t, err)
		}
	})
}
