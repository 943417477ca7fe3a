package report_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/report"
)

// inspect returns the report of an archive, and its text.
func inspect(t *testing.T, path string, opts *archive.VerifyOptions) (*report.Report, string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	found, err := report.Of(t.Context(), path, f, opts)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, found.Write(&b))
	return found, b.String()
}

// writeArchive writes an archive with the records, a repository, and files of these
// sizes. It returns the path of the archive.
func writeArchive(t *testing.T, files map[string]int, records ...archive.Record) string {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b, &archive.WriterOptions{ModTime: time.Date(2024, 7, 26, 14, 47, 57, 0, time.UTC), Level: -1})
	require.NoError(t, w.AddRepository("octo/app", fstest.MapFS{
		"HEAD":    {Data: []byte("ref: refs/heads/main\n")},
		"config":  {Data: []byte("[core]\n\tbare = true\n")},
		"objects": {Mode: fs.ModeDir},
		"refs":    {Mode: fs.ModeDir},
	}))
	for _, r := range records {
		require.NoError(t, w.Write(r))
	}
	for name, size := range files {
		f, err := w.Create(name, int64(size))
		require.NoError(t, err)
		_, err = f.Write(make([]byte, size))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), "archive.tar.gz")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

const (
	web      = archive.URL("https://github.com/")
	octocat  = web + "octocat"
	hubot    = web + "hubot"
	app      = web + "octo/app"
	issue    = app + "/issues/1"
	stranger = web + "stranger"
)

// conversation returns the records of a repository with issues, comments and
// attachments of several people.
func conversation() []archive.Record {
	return []archive.Record{
		&archive.Organization{URL: web + "octo", Login: "octo", Members: []archive.OrganizationMember{{User: octocat}}},
		&archive.User{URL: hubot, Login: "hubot"},
		&archive.User{URL: octocat, Login: "octocat", Name: "Mona \x1b[31mLisa"},
		&archive.Repository{URL: app, Owner: web + "octo", Name: "app", GitURL: "tarball://root/repositories/octo/app.git"},
		&archive.Issue{URL: issue, Repository: app, User: octocat, Body: "Help!"},
		&archive.IssueComment{URL: issue + "#issuecomment-1", Issue: issue, User: octocat, Body: "Anybody?"},
		&archive.IssueComment{URL: issue + "#issuecomment-2", Issue: issue, User: stranger, Body: strings.Repeat("no ", 700)},
		&archive.IssueComment{URL: issue + "#issuecomment-3", Issue: issue},
		&archive.IssueEvent{URL: issue + "#event-4", Issue: issue, Actor: octocat, Event: "closed"},
		&archive.PullRequest{URL: app + "/pull/2", Repository: app, User: octocat},
		&archive.PullRequestReview{URL: app + "/pull/2/files#pullrequestreview-5", PullRequest: app + "/pull/2", User: octocat},
		&archive.Release{URL: app + "/releases/tag/v1", Repository: app, User: octocat},
		&archive.Attachment{
			URL: web + "user-attachments/assets/1", Issue: issue, User: octocat,
			AssetName: "shot.png", AssetContentType: "image/png", AssetURL: "tarball://root/attachments/1/shot.png",
		},
		&archive.RepositoryFile{
			URL: app + "/files/2/log.txt", Repository: app, User: octocat,
			FileName: "log.txt", FileContentType: "text/plain", FileURL: "tarball://root/repository_files/2/log.txt",
		},
	}
}

func conversationArchive(t *testing.T) string {
	t.Helper()
	return writeArchive(t, map[string]int{"attachments/1/shot.png": 2000, "repository_files/2/log.txt": 3 << 20}, conversation()...)
}

func TestReport(t *testing.T) {
	path := conversationArchive(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	want := fmt.Sprintf(`archive   %s
size      3.0 MiB (3,174,665 bytes)
unpacked  3.0 MiB (3,155,152 bytes)
SHA-256   %x
schema    1.0.1
entries   25

REPOSITORY  RECORD  GIT  WIKI  SIZE  OBJECTS  REFS
octo/app    yes     yes  no    41 B        0     0

RECORDS              COUNT
issue comment            3
user                     2
attachment               1
issue                    1
issue event              1
organization             1
pull request             1
pull request review      1
release                  1
repository               1
repository file          1

UNPACKED             SIZE  SHARE
repository files  3.0 MiB  100 %%
records           7.2 KiB   <1 %%
attachments       2.0 KiB   <1 %%
git                  41 B   <1 %%
other                19 B   <1 %%

PEOPLE                                   ISSUES  PULLS  COMMENTS  REVIEWS  OTHERS     TEXT
octocat (Mona �[31mLisa)                      1      1         1        1       1     13 B
https://github.com/stranger (no record)       0      0         1        0       0  2.1 KiB
(deleted accounts)                            0      0         1        0       0      0 B
hubot                                         0      0         0        0       0      0 B

LARGEST ATTACHMENTS     SIZE  TYPE        OF
log.txt              3.0 MiB  text/plain  https://github.com/octo/app
shot.png             2.0 KiB  image/png   https://github.com/octo/app/issues/1

REFERENCES OUTSIDE THE ARCHIVE  COUNT
user                                1
These are not faults: the archive has only some of the repositories.

No faults.
`, path, sha256.Sum256(data))
	_, text := inspect(t, path, nil)
	assert.Equal(t, want, text)
}

func TestJSON(t *testing.T) {
	path := conversationArchive(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	found, _ := inspect(t, path, nil)
	text, err := json.Marshal(found)
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{
		"file": %q,
		"summary": {
			"sha256": "%x", "size": 3174665, "unpacked": 3155152, "entries": 25,
			"schema": {"version": "1.0.1"},
			"records": {
				"attachment": 1, "issue": 1, "issue_comment": 3, "issue_event": 1, "organization": 1, "pull_request": 1,
				"pull_request_review": 1, "release": 1, "repository": 1, "repository_file": 1, "user": 2
			},
			"unknown": {},
			"repositories": [
				{"name": "octo/app", "record": true, "git": true, "wiki": false, "git_bytes": 41, "objects": 0, "refs": 0}
			],
			"dangling": {"user": 1},
			"duplicates": 0
		},
		"bytes": {
			"attachments": 2000, "git": 41, "other": 19, "records": 7364, "release_assets": 0, "repository_files": 3145728
		},
		"people": [
			{"url": "https://github.com/octocat", "login": "octocat", "name": "Mona \u001b[31mLisa", "known": true,
			 "issues": 1, "pull_requests": 1, "comments": 1, "reviews": 1, "others": 1, "text": 13},
			{"url": "https://github.com/stranger", "login": "", "name": "", "known": false,
			 "issues": 0, "pull_requests": 0, "comments": 1, "reviews": 0, "others": 0, "text": 2100},
			{"url": null, "login": "", "name": "", "known": false,
			 "issues": 0, "pull_requests": 0, "comments": 1, "reviews": 0, "others": 0, "text": 0},
			{"url": "https://github.com/hubot", "login": "hubot", "name": "", "known": true,
			 "issues": 0, "pull_requests": 0, "comments": 0, "reviews": 0, "others": 0, "text": 0}
		],
		"attachments": [
			{"name": "log.txt", "size": 3145728, "content_type": "text/plain", "path": "repository_files/2/log.txt",
			 "url": "https://github.com/octo/app/files/2/log.txt", "parent": "https://github.com/octo/app"},
			{"name": "shot.png", "size": 2000, "content_type": "image/png", "path": "attachments/1/shot.png",
			 "url": "https://github.com/user-attachments/assets/1", "parent": "https://github.com/octo/app/issues/1"}
		],
		"faults": [],
		"more_faults": 0
	}`, path, sha256.Sum256(data)), string(text))
}

func TestAnIncompleteHistoryIsReported(t *testing.T) {
	path := writeArchive(t, nil, append(conversation()[:4], &archive.PullRequest{
		URL: app + "/pull/2", Repository: app, MergedAt: archive.Time{Time: time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)},
	})...)
	found, text := inspect(t, path, nil)
	assert.Contains(t, text, "octo/app has merged pull requests but no Git objects.\n")
	assert.True(t, found.Summary.Repositories[0].Emptied)
}

func TestLongListsAreTruncated(t *testing.T) {
	files := make(map[string]int)
	records := conversation()[:5]
	for n := range 15 {
		records = append(records, &archive.User{URL: web + archive.URL(fmt.Sprint("user-", n)), Login: fmt.Sprint("user-", n)})
		if n < 12 {
			name := fmt.Sprintf("attachments/%d/%d.png", n, n)
			files[name] = 100 + n
			records = append(records, &archive.Attachment{
				URL: archive.URL(fmt.Sprint(web, "user-attachments/assets/", n)), Issue: issue,
				User: octocat, AssetName: fmt.Sprintf("%d.png", n), AssetURL: "tarball://root/" + name,
			})
		}
	}
	path := writeArchive(t, files, records...)
	got, text := inspect(t, path, nil)
	assert.Regexp(t, `(?s)\nLARGEST ATTACHMENTS .*\n11\.png +111 B .*\n2\.png +102 B [^\n]*\n\n`, text)
	assert.NotContains(t, text, "\n1.png")
	assert.Contains(t, text, "\nand 7 more, 7 of whom wrote nothing\n")
	assert.Len(t, got.People, 17)
	assert.Len(t, got.Attachments, 10)
}

// A hostile archive is small, but unpacks to long texts. A report has only the beginnings
// of long texts.
func TestLongTextsAreShortened(t *testing.T) {
	if race.Enabled {
		t.Skip("slow, and measures the memory")
	}
	long := strings.Repeat("ä", 64<<10)
	url := func(i int, kind string) archive.URL {
		return archive.URL(fmt.Sprintf("%s%s-%d/%s", web, kind, i, long))
	}
	var b bytes.Buffer
	w := archive.NewWriter(&b, &archive.WriterOptions{Level: 1})
	for i := range 60 {
		for _, r := range []archive.Record{
			&archive.User{URL: url(i, "user"), Login: fmt.Sprint(i, long), Name: long},
			&archive.Issue{URL: url(i, "issue"), User: url(i, "author")},
			&archive.Attachment{
				URL: url(i, "attachment"), Issue: url(i, "issue"), AssetName: long, AssetContentType: long,
				AssetURL: fmt.Sprintf("tarball://root/attachments/%d/%s", i, long),
			},
		} {
			require.NoError(t, w.Write(r))
		}
	}
	require.NoError(t, w.Close())

	before, during := liveHeap(), int64(0)
	end := iotest.ErrReader(io.EOF)
	found, err := report.Of(t.Context(), "archive", io.MultiReader(&b, readerFunc(func(p []byte) (int, error) {
		during = liveHeap()
		return end.Read(p)
	})), nil)
	require.NoError(t, err)
	assert.Less(t, during-before, int64(48<<20))
	assert.Less(t, liveHeap()-before, int64(4<<20))
	text, err := json.Marshal(found)
	require.NoError(t, err)
	assert.Less(t, len(text), 200_000)
	assert.True(t, utf8.Valid(text))
	assert.Len(t, found.People, 120)
	assert.Len(t, found.Attachments, 10)
}

// liveHeap returns the size of the reachable objects.
func liveHeap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The largest attachments are found among many, also if the file of an attachment comes
// after its record. All people beyond a limit are counted together.
func TestManyPeopleAndAttachments(t *testing.T) {
	if race.Enabled {
		t.Skip("slow, and without concurrency")
	}
	var b bytes.Buffer
	w := archive.NewWriter(&b, &archive.WriterOptions{Level: 1})
	file := func(name string, size int64) {
		f, err := w.Create("attachments/1/"+name, size)
		require.NoError(t, err)
		_, err = f.Write(make([]byte, size))
		require.NoError(t, err)
	}
	record := func(name string) {
		require.NoError(t, w.Write(&archive.Attachment{
			URL: archive.URL(name), AssetName: name, AssetURL: "tarball://root/attachments/1/" + name,
		}))
	}
	file("first", 2000)
	file("small", 1)
	record("a later file")
	record("first")
	for i := range 60_000 {
		record(fmt.Sprint("missing-", i))
		require.NoError(t, w.Write(&archive.Issue{URL: archive.URL(fmt.Sprint(issue, i)), User: archive.URL(fmt.Sprint(web, i))}))
	}
	record("small")
	record("last%20name")
	file("a later file", 3000)
	file("last name", 1000)
	require.NoError(t, w.Close())

	found, err := report.Of(t.Context(), "archive", &b, nil)
	require.NoError(t, err)
	require.Len(t, found.Attachments, 10)
	for i, want := range []struct {
		path string
		size int64
	}{{"a later file", 3000}, {"first", 2000}, {"last name", 1000}, {"small", 1}} {
		assert.Equal(t, "attachments/1/"+want.path, found.Attachments[i].Path)
		assert.Equal(t, want.size, found.Attachments[i].Size)
	}
	require.Len(t, found.People, 50_001)
	assert.EqualValues(t, "…", found.People[0].URL)
	assert.EqualValues(t, 10_000, found.People[0].Issues)
}

func TestFaults(t *testing.T) {
	whole, err := os.ReadFile(conversationArchive(t))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cut.tar.gz")
	require.NoError(t, os.WriteFile(path, whole[:len(whole)-100], 0o600))
	got, text := inspect(t, path, nil)
	assert.Contains(t, text, "\nocto/app  ", "the readable part is reported")
	assert.Regexp(t, `(?s)\nFAULTS \(\d\)\n.*unexpected EOF\n`, text)
	assert.NotContains(t, text, "No faults.")
	require.NotEmpty(t, got.Faults)
	assert.Contains(t, got.Faults[0].Error, "unexpected EOF")
	assert.Positive(t, got.Faults[0].Offset)
}

func TestSHA256(t *testing.T) {
	path := conversationArchive(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	found, _ := inspect(t, path, &archive.VerifyOptions{SHA256: fmt.Sprintf("%x", sha256.Sum256(data))})
	assert.Zero(t, found.FaultCount())
	found, text := inspect(t, path, &archive.VerifyOptions{SHA256: strings.Repeat("0", 64)})
	assert.Equal(t, 1, found.FaultCount())
	assert.Contains(t, text, "\nFAULTS (1)\n")
}

func TestErrorsOfTheReaderAndTheContextAreReturned(t *testing.T) {
	data, err := os.ReadFile(conversationArchive(t))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = report.Of(ctx, "archive", bytes.NewReader(data), nil)
	require.ErrorIs(t, err, context.Canceled)

	disk := errors.New("the disk is gone")
	for _, n := range []int{0, 10, 1 << 20} {
		_, err = report.Of(t.Context(), "archive", io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(disk)), nil)
		require.ErrorIs(t, err, disk, n)
	}
}

// faultyArchive returns an archive with a fault, a symbolic link, before its only file.
func faultyArchive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "attachments/1/link", Linkname: "/etc"}))
	schema := `{"version":"1.0.1"}`
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "schema.json", Size: int64(len(schema)), Mode: 0o644}))
	_, err := io.WriteString(w, schema)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestAnErrorAfterAFaultIsReturned(t *testing.T) {
	data := faultyArchive(t)
	disk := errors.New("the disk is gone")
	failing := func() io.Reader { return io.MultiReader(bytes.NewReader(data), iotest.ErrReader(disk)) }
	found, err := report.Of(t.Context(), "archive", failing(), nil)
	require.ErrorIs(t, err, disk)
	assert.Equal(t, "attachments/1/link", found.Faults[0].Entry)

	summary, err := archive.Extract(t.Context(), failing(), t.TempDir(), nil)
	require.NotNil(t, summary)
	faults, more, other := report.Faults(fmt.Errorf("extract: %w", err))
	assert.Len(t, faults, 1)
	assert.Zero(t, more)
	require.ErrorIs(t, other, disk)
	assert.NotContains(t, other.Error(), "link", "the faults are not in other")

	_, err = archive.Extract(t.Context(), bytes.NewReader(data), t.TempDir(), nil)
	for _, err := range []error{err, fmt.Errorf("extract: %w", err), errors.Join(err, nil)} {
		faults, _, other = report.Faults(err)
		assert.Len(t, faults, 1)
		require.NoError(t, other)
	}
}

func TestAFileThatIsNotAnArchiveHasFaults(t *testing.T) {
	for _, text := range []string{"", "text", "\x1f\x8b"} {
		found, err := report.Of(t.Context(), "archive", strings.NewReader(text), nil)
		require.NoError(t, err)
		assert.NotZero(t, found.FaultCount())
		require.NoError(t, found.Write(io.Discard))
	}
}
