package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

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
		tarred{name: "./issues_000002.json", content: `[{"url":"i2","type":"issue"}]`}, // a short file that is not the last
	)
	for name, test := range map[string]struct{ types, want []string }{
		"all":      {nil, []string{"issue i1", "user u1", "issue i3", "user u2", "novelty n1", " n2", "issue i2"}},
		"one type": {[]string{"user"}, []string{"user u1", "user u2"}},
		"two":      {[]string{"issue", "user"}, []string{"issue i1", "user u1", "issue i3", "user u2", "issue i2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Records(test.types...), keyOf)
			assert.Empty(t, faults)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestRecordsOfOneTypeAreTyped(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "./issues_000001.json", content: `[{"type":"issue","url":"i1"},{"type":"issue","url":"i2","title":7},{"type":"user","url":"u1"},{"type":"issue","url":"i3"}]`},
		tarred{name: "./novelties_000001.json", content: `[{"type":"novelty","url":"n1"},{"url":"n2"}]`},
	)
	reader := func() *archive.Reader { return readerOf(t, bytes.NewReader(file), archive.Limits{}) }
	issues, faults := everything(archive.Records[*archive.Issue](reader()), (*archive.Issue).Key)
	assert.Equal(t, []string{"i1", "i3"}, issues)
	require.Len(t, faults, 1)
	assert.Contains(t, faults[0], "issues_000001.json at byte 29: ")
	assert.Contains(t, faults[0], "/title")

	users, faults := everything(archive.Records[*archive.User](reader()), (*archive.User).Key)
	assert.Equal(t, []string{"u1"}, users)
	assert.Empty(t, faults)

	unknown, faults := everything(archive.Records[*archive.Unknown](reader()), (*archive.Unknown).Key)
	assert.Equal(t, []string{"i2", "n1", "n2"}, unknown)
	assert.Empty(t, faults)

	all, faults := everything(archive.Records[archive.Record](reader()), keyOf)
	assert.Equal(t, []string{"issue i1", "issue i2", "user u1", "issue i3", "novelty n1", " n2"}, all)
	assert.Empty(t, faults)

	for _, err := range archive.Records[*archive.Issue](reader()) {
		require.NoError(t, err)
		break
	}
	_, faults = everything(archive.Records[foreignRecord](reader()), foreignRecord.Key)
	assert.Equal(t, []string{`unknown record type "foreign"`}, faults)
}

// A foreignRecord is a Record of another package.
type foreignRecord struct{ archive.Record }

func (foreignRecord) Kind() string     { return "foreign" }
func (foreignRecord) Key() archive.URL { return "" }

func TestRecordsAcceptEveryFormat(t *testing.T) {
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

func TestRecordsContinueAfterAFault(t *testing.T) {
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
			got = append(got, string(r.Key()))
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
		"a byte less":       {archive.Limits{UnpackedSize: size - 1}, nil, []string{fmt.Sprintf("archive at byte %d: unpacks to more than %d bytes (Limits.UnpackedSize)", size-1, size-1)}},
		"an entry too many": {archive.Limits{Entries: 2}, []string{"a", "b"}, []string{"archive at byte 1050112: more than 2 entries (Limits.Entries)"}},
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
		summary, err := archive.Verify(t.Context(), in, &archive.VerifyOptions{Limits: limits})
		require.EqualError(t, err, "verify archive: negative Limits."+name)
		assert.NotNil(t, summary)
	}
	_, err := archive.NewReader(nil, nil)
	require.EqualError(t, err, "new archive reader: the io.Reader is nil")
	summary, err := archive.Verify(t.Context(), nil, nil)
	require.EqualError(t, err, "verify archive: the io.Reader is nil")
	assert.NotNil(t, summary)
	for _, name := range []string{"", "app", "/app", "octo/", "https://github.com/octo/app", "octo/app/"} {
		_, err := archive.Verify(t.Context(), in, &archive.VerifyOptions{Repositories: []string{"octo/app", name}})
		require.EqualError(t, err, fmt.Sprintf(`verify archive: VerifyOptions.Repositories has %q: want "owner/name"`, name))
	}
	r := readerOf(t, in, archive.Limits{})
	for name, want := range map[string]string{
		"repositories": `"repositories" is a file name: its records have the type "repository"`,
		"issues":       `"issues" is a file name: its records have the type "issue"`,
		"bots":         `unknown record type "bots"`,
		"novelty":      `unknown record type "novelty"`,
		"Issue":        `unknown record type "Issue"`,
		"":             `unknown record type ""`,
	} {
		got, faults := everything(r.Records("user", name), keyOf)
		assert.Empty(t, got)
		assert.Equal(t, []string{want}, faults)
	}
	_, faults := everything(r.Records("issue"), keyOf)
	assert.Equal(t, []string{"read archive: read"}, faults)
}

// The largest limits do not overflow.
func TestReaderAcceptsTheLargestLimits(t *testing.T) {
	t.Parallel()
	const largest = math.MaxInt64
	file := archiveOf(t, tarred{name: "issues_000001.json", content: `[{"type":"issue","url":"u","body":"` + strings.Repeat("x", 200<<10) + `"}]`})
	r := readerOf(t, bytes.NewReader(file), archive.Limits{RecordSize: largest, UnpackedSize: largest, Entries: largest})
	got, faults := everything(r.Records(), keyOf)
	assert.Equal(t, []string{"issue u"}, got)
	assert.Empty(t, faults)
}

func TestRecordsReportUnknownSchemas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		schema string
		want   []string
	}{
		"GitHub's":         {`{"version":"1.0.1","github_sha":"0123456789abcdef0123456789abcdef01234567"}`, nil},
		"of Windows":       {"\ufeff{\"version\":\"1.2.0\"}", nil},
		"the next":         {`{"version":"2.0.0"}`, []string{`schema.json: unsupported version "2.0.0": want 1 as the major version`}},
		"without anything": {"", []string{"schema.json: unexpected EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := archiveOf(t, tarred{name: "schema.json", content: test.schema}, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u"}]`})
			got, faults := everything(readerOf(t, bytes.NewReader(file), archive.Limits{}).Records("user"), keyOf)
			assert.Equal(t, []string{"user u"}, got)
			assert.Equal(t, test.want, faults)

			a, err := archive.Open(t.Context(), bytes.NewReader(file), nil)
			if test.want != nil {
				faults := faultsOf(t, err)
				require.EqualError(t, faults, test.want[0])
				return
			}
			require.NoError(t, err)
			require.NoError(t, a.Close())
			require.NoError(t, a.Close(), "a second time")
		})
	}
}

func TestReaderIsRangedOverOnce(t *testing.T) {
	t.Parallel()
	file := archiveOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"}]`})
	r := readerOf(t, bytes.NewReader(file), archive.Limits{})
	records, entries := r.Records(), r.Entries()
	for range records {
		break
	}
	const want = "the archive was read already: a Reader can be ranged over once"
	for range 2 {
		got, faults := everything(records, keyOf)
		assert.Empty(t, got)
		assert.Equal(t, []string{want}, faults)
		names, faults := everything(entries, nameOf)
		assert.Empty(t, names)
		assert.Equal(t, []string{want}, faults)
	}
}

// The memory depends neither on the size of a file of records nor on the size of a
// record that is too large.
func TestReaderNeedsConstantMemory(t *testing.T) {
	const size, enough = 32 << 20, 20 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // at 100, garbage may double the data that other tests keep
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
		"a large record": {`[{"type":"user","url":"u0","name":"`, strings.Repeat("x", 9_000) + `\"`, `"},{"type":"user","url":"u1"}]`, []string{
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
			highest := before
			var faults []string
			i := 0
			for _, err := range readerOf(t, in, archive.Limits{RecordSize: 1 << 20}).Records() {
				if err != nil {
					faults = append(faults, err.Error())
				}
				if i++; i%200 == 1 {
					highest = max(highest, inUse())
				}
			}
			highest = max(highest, inUse())
			assert.Equal(t, test.want, faults)
			assert.Less(t, highest-before, uint64(enough))
		})
	}
}
