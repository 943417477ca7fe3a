package archive_test

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

const joined = `[
{"type":"pull_request","url":"o/r/pull/2","user":"u/a","title":"Mend it"},
{"type":"issue_comment","url":"o/r/issues/1#issuecomment-2","issue":"o/r/issues/1","user":"u/a","body":"second","created_at":"2024-02-02T00:00:00Z"},
{"type":"issue_comment","url":"o/r/pull/2#issuecomment-3","pull_request":"o/r/pull/2","user":"u/a","body":"third","created_at":"2024-02-03T00:00:00Z"},
{"type":"issue_comment","url":"o/r/issues/1#issuecomment-1","issue":"o/r/issues/1","user":"u/b","body":"first","created_at":"2024-02-01T00:00:00Z"},
{"type":"issue_event","url":"o/r/issues/1#event-1","issue":"o/r/issues/1","actor":"u/a","event":"closed","created_at":"2024-02-04T00:00:00Z"},
{"type":"pull_request_review","url":"review-1","pull_request":"o/r/pull/2","user":"u/b","state":40},
{"type":"pull_request_review_thread","url":"thread-1","pull_request":"o/r/pull/2","pull_request_review":"review-1"},
{"type":"pull_request_review_thread","url":"thread-2","pull_request":"o/r/pull/2","pull_request_review":"review-2"},
{"type":"pull_request_review_comment","url":"rc-1","pull_request":"o/r/pull/2","pull_request_review":"review-1","pull_request_review_thread":"thread-1","body":"here"},
{"type":"pull_request_review_comment","url":"rc-2","pull_request":"o/r/pull/2","pull_request_review":"review-2","pull_request_review_thread":"thread-2","body":"there"},
{"type":"attachment","url":"at-1","issue_comment":"o/r/pull/2#issuecomment-3","asset_name":"shot.png"},
{"type":"attachment","url":"at-2","pull_request_review":"review-1","asset_name":"shot.png"},
{"type":"attachment","url":"at-3","pull_request_review_comment":"rc-1","asset_name":"shot.png"},
{"type":"user","url":"u/a","login":"a"},
{"type":"user","url":"u/a","login":"a again"},
{"type":"user","url":"u/x","login":7},
{"type":"novel","url":"n/1","text":"kept"}
]`

func TestOpenJoinsRecords(t *testing.T) {
	t.Parallel()
	a := open(t, joined)

	body := func(c *archive.IssueComment) string { return c.Body }
	assert.Equal(t, []string{"first", "second"}, collect(t, a.Comments("o/r/issues/1"), body))
	assert.Equal(t, []string{"third"}, collect(t, a.Comments("o/r/pull/2"), body))
	assert.Empty(t, collect(t, a.Comments("o/r/issues/3"), body))
	assert.Equal(t, []string{"closed"}, collect(t, a.Events("o/r/issues/1"), func(e *archive.IssueEvent) string { return e.Event }))
	assert.Equal(t, []string{"review-1"}, collect(t, a.Reviews("o/r/pull/2"), (*archive.PullRequestReview).Key))
	assert.Equal(t, []string{"thread-1", "thread-2"}, collect(t, a.Threads("o/r/pull/2"), (*archive.PullRequestReviewThread).Key))
	assert.Equal(t, []string{"thread-2"}, collect(t, a.Threads("review-2"), (*archive.PullRequestReviewThread).Key))
	assert.Equal(t, []string{"rc-1", "rc-2"}, collect(t, a.ReviewComments("o/r/pull/2"), (*archive.PullRequestReviewComment).Key))
	assert.Equal(t, []string{"rc-1"}, collect(t, a.ReviewComments("review-1"), (*archive.PullRequestReviewComment).Key))
	assert.Equal(t, []string{"rc-2"}, collect(t, a.ReviewComments("thread-2"), (*archive.PullRequestReviewComment).Key))
	assert.Equal(t, []string{"at-1"}, collect(t, a.Attachments("o/r/pull/2#issuecomment-3"), (*archive.Attachment).Key))
	assert.Equal(t, []string{"at-2"}, collect(t, a.Attachments("review-1"), (*archive.Attachment).Key))
	assert.Equal(t, []string{"at-3"}, collect(t, a.Attachments("rc-1"), (*archive.Attachment).Key))

	for _, err := range a.Comments("o/r/issues/1") {
		require.NoError(t, err)
		break
	}
}

func TestJoinsYieldARecordOnce(t *testing.T) {
	t.Parallel()
	a := open(t, `[
{"type":"issue_event","url":"event","issue":"p","pull_request":"p"},
{"type":"pull_request_review_thread","url":"thread","pull_request":"p","pull_request_review":"p"},
{"type":"pull_request_review_comment","url":"comment","pull_request":"p","pull_request_review":"r","pull_request_review_thread":"p"}
]`)
	assert.Equal(t, []string{"event"}, collect(t, a.Events("p"), (*archive.IssueEvent).Key))
	assert.Equal(t, []string{"thread"}, collect(t, a.Threads("p"), (*archive.PullRequestReviewThread).Key))
	assert.Equal(t, []string{"comment"}, collect(t, a.ReviewComments("p"), (*archive.PullRequestReviewComment).Key))
	assert.Equal(t, []string{"comment"}, collect(t, a.ReviewComments("r"), (*archive.PullRequestReviewComment).Key))
}

func TestOpenLooksRecordsUp(t *testing.T) {
	t.Parallel()
	a := open(t, joined)

	r, err := a.Lookup("u/a")
	require.NoError(t, err)
	user, ok := r.(*archive.User)
	require.True(t, ok)
	assert.Equal(t, "a", user.Login)
	assert.JSONEq(t, `{"type":"user","url":"u/a","login":"a"}`, string(user.Raw()))
	for _, url := range []archive.URL{"u/b", ""} {
		r, err = a.Lookup(url)
		require.ErrorIs(t, err, archive.ErrNotFound)
		assert.Nil(t, r)
	}
}

// An empty URL stands for no record, and not for a record without a URL.
func TestLookupOfAnEmptyURLFindsNothing(t *testing.T) {
	t.Parallel()
	a := open(t, `[{"type":"user","url":null,"login":"nobody"},{"type":"novel"}]`)
	r, err := a.Lookup("")
	require.ErrorIs(t, err, archive.ErrNotFound)
	assert.Nil(t, r)
}

func TestAllYieldsRecordsOfOneType(t *testing.T) {
	t.Parallel()
	a := open(t, joined)

	assert.Equal(t, []string{"a", "a again"}, collect(t, archive.All[*archive.User](a), func(u *archive.User) string { return u.Login }))
	assert.Equal(t, []string{"u/x", "n/1"}, collect(t, archive.All[*archive.Unknown](a), (*archive.Unknown).Key))
	assert.Empty(t, collect(t, archive.All[*archive.Team](a), (*archive.Team).Key))
	assert.Len(t, collect(t, archive.All[archive.Record](a), archive.Record.Key), strings.Count(joined, "\n")-1)
	for _, err := range archive.All[*archive.User](a) {
		require.NoError(t, err)
		break
	}
}

func TestAnArchiveServesManyGoroutines(t *testing.T) {
	t.Parallel()
	a := open(t, joined)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := a.Lookup("u/a"); err != nil {
					t.Error(err)
				}
				for _, err := range a.Comments("o/r/issues/1") {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestCloseRemovesTheTemporaryFile(t *testing.T) {
	dir := emptyTempDir(t)
	a, err := archive.Open(t.Context(), bytes.NewReader(archiveOfRecords(t, joined)), nil)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)

	_, err = a.Lookup("u/a")
	require.ErrorIs(t, err, os.ErrClosed)
	rounds := 0
	for _, err := range a.Comments("o/r/issues/1") {
		rounds++
		require.ErrorIs(t, err, os.ErrClosed)
	}
	for _, err := range archive.All[*archive.User](a) {
		rounds++
		require.ErrorIs(t, err, os.ErrClosed)
	}
	assert.Equal(t, 2, rounds)
}

func TestOpenRefusesDamagedArchives(t *testing.T) {
	whole := archiveOfRecords(t, joined)
	notJSON := archiveOfRecords(t, strings.Replace(joined, ":", ";", 1))
	dir := emptyTempDir(t)
	for name, file := range map[string][]byte{
		"truncated": whole[:len(whole)-1],
		"not JSON":  notJSON,
		"empty":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			a, err := archive.Open(t.Context(), bytes.NewReader(file), nil)
			require.Nil(t, a)
			var faults *archive.FaultError
			require.ErrorAs(t, err, &faults)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
	_, err := archive.Open(t.Context(), iotest.ErrReader(os.ErrNotExist), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = archive.Open(t.Context(), bytes.NewReader(whole), &archive.ReaderOptions{Limits: archive.Limits{RecordSize: 10}})
	require.Error(t, err)
}

// emptyTempDir makes os.TempDir an empty directory, and returns it.
func emptyTempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	return dir
}

// open opens an archive of these records.
func open(t *testing.T, records string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.Context(), bytes.NewReader(archiveOfRecords(t, records)), nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.Close()) })
	return a
}

// archiveOfRecords returns an archive of these records.
func archiveOfRecords(t *testing.T, records string) []byte {
	t.Helper()
	l := new(layout)
	l.add("schema.json", `{"version":"1.0.1"}`)
	l.add("records_000001.json", records)
	return l.file(t)
}
