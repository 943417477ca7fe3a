package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A pulled sequence can outlive its entry. It must not yield the records of the next
// entry.
func TestRecordsOfAnEntryEndWhenTheLoopMovesOn(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user","url":"u2"}]`},
		tarred{name: "users_000002.json", content: `[{"type":"user","url":"u3"},{"type":"user","url":"u4"}]`})
	var pull func() (archive.Record, error, bool)
	var got []string
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		if pull == nil {
			next, stop := iter.Pull2(e.Records())
			t.Cleanup(stop)
			pull = next
			r, err, _ := pull()
			require.NoError(t, err)
			assert.Equal(t, archive.URL("u1"), r.Key())
			continue
		}
		for r, err := range e.Records() {
			require.NoError(t, err)
			got = append(got, string(r.Key()))
			_, err, more := pull()
			if more {
				require.EqualError(t, err, "read users_000001.json: the loop over the archive has moved past this entry")
			}
		}
	}
	assert.Equal(t, []string{"u3", "u4"}, got)
}

func TestEntriesAreClassifiedByName(t *testing.T) {
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
	type entry struct {
		Name, Kind, Repository, RecordType string
		Size                               int64
		Mode                               fs.FileMode
	}
	var got []entry
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		assert.True(t, when.Truncate(time.Second).Equal(e.ModTime))
		got = append(got, entry{e.Name, e.Kind.String(), e.Repository, e.RecordType, e.Size, e.Mode})
	}
	const dir, regular = fs.ModeDir | 0o755, fs.FileMode(0o644)
	assert.Equal(t, []entry{
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

func TestEntriesHaveTheModeOfTheirType(t *testing.T) {
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

// A sparse file can claim any size, so its content is not read.
func TestEntriesHaveNoContentIfSparse(t *testing.T) {
	t.Parallel()
	for _, after := range [][]tarred{nil, {{name: "last", content: "content"}}} {
		plain := tarOf(t, append([]tarred{{name: "sparse", content: strings.Repeat("x", 512)}}, after...)...)
		header := plain[:512]
		header[156] = tar.TypeGNUSparse
		copy(header[386:], fmt.Sprintf("%011o\x00%011o\x00", 1<<32, 512)) // one piece, at a large offset
		copy(header[483:], fmt.Sprintf("%011o\x00", 1<<32+512))           // the claimed size
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

func TestEntryIsReadBeforeTheNext(t *testing.T) {
	t.Parallel()
	shard := `[{"type":"user","url":"u1"},{"type":"user","url":"u2"}]`
	file := archiveOf(t, tarred{name: "users_000001.json", content: shard}, tarred{name: "bots_000001.json", content: shard}, tarred{name: "a", content: "last"})
	var before *archive.Entry
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		require.NoError(t, err)
		if before != nil {
			_, err = before.Read(make([]byte, 1))
			require.EqualError(t, err, "read "+before.Name+": the loop over the archive has moved past this entry")
			_, faults := everything(before.Records(), keyOf)
			assert.Len(t, faults, 1)
		}
		if e.Name == "bots_000001.json" {
			for r, err := range e.Records() { // reads only the first
				require.NoError(t, err)
				assert.Equal(t, archive.URL("u1"), r.Key())
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
	require.ErrorContains(t, err, "has moved past")
}

// Entry.Read returns the error that the loop over the entries yields next.
// Entry.Records only stops.
func TestTheLoopOverEntriesYieldsErrorsOfTheArchive(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"},` + strings.Repeat(" ", 5000) + `]`})
	file := gzipOf(t, plain[:3000])
	var readErr, loopErr error
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		if loopErr = err; err == nil {
			_, readErr = io.Copy(io.Discard, e)
		}
	}
	require.ErrorIs(t, loopErr, io.ErrUnexpectedEOF)
	assert.Same(t, loopErr, readErr)

	loopErr = nil
	for e, err := range readerOf(t, bytes.NewReader(file), archive.Limits{}).Entries() {
		if loopErr = err; err != nil {
			continue
		}
		users, faults := everything(e.Records(), archive.Record.Key)
		assert.Equal(t, []string{"u1"}, users)
		assert.Empty(t, faults)
	}
	require.ErrorIs(t, loopErr, io.ErrUnexpectedEOF)
}
