package browse_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/browse"
)

var (
	benchRecords = flag.Int("browse.records", 5000, "the number of records in the archive of the benchmark")
	benchMiB     = flag.Int("browse.mib", 1, "the size of the attachments in the archive of the benchmark, in MiB")
	benchFile    = flag.String("browse.file", "", "keep the archive of the benchmark in this file, and use it if it is there")
)

// benchArchive writes an archive. Of ten records, one is an issue, four are comments, and
// five are events. The frequencies of its words follow Zipf's law, as in a language.
func benchArchive(b *testing.B) string {
	b.Helper()
	path := *benchFile
	if path == "" {
		path = b.TempDir() + "/bench.tar.gz"
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Create(path)
	require.NoError(b, err)
	w := archive.NewWriter(f, &archive.WriterOptions{Level: 1})
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 30_000)
	for i := range words {
		var word strings.Builder
		for range 3 + random.IntN(7) {
			word.WriteByte(byte('a' + random.IntN(26)))
		}
		words[i] = word.String()
	}
	zipf := rand.NewZipf(random, 1.1, 4, uint64(len(words)-1))
	text := func(n int) string {
		var t strings.Builder
		for range n {
			t.WriteString(words[zipf.Uint64()] + " ")
		}
		return t.String()
	}
	write := func(r archive.Record) { require.NoError(b, w.Write(r)) }
	minute := 0
	now := func() archive.Time {
		minute++
		return archive.Time{Time: at(0).Add(time.Duration(minute) * time.Minute)}
	}
	user := func() archive.URL { return host + archive.URL(fmt.Sprintf("/user%d", random.IntN(500))) }
	for i := range 500 {
		login := fmt.Sprintf("user%d", i)
		write(&archive.User{URL: host + "/" + archive.URL(login), Login: login})
	}
	write(&archive.Repository{URL: app, Owner: org, Name: "app", GitURL: "tarball://root/repositories/octo-org/app.git", Labels: []archive.Label{{URL: app + "/labels/bug", Name: "bug", Color: "d73a4a"}}})
	for i := range *benchRecords / 10 {
		url := archive.URL(fmt.Sprintf("%s/issues/%d", app, i+1))
		write(&archive.Issue{URL: url, Repository: app, User: user(), Title: text(7), Body: text(100), Labels: []archive.URL{app + "/labels/bug"}, CreatedAt: now(), UpdatedAt: now()})
		for j := range 4 {
			write(&archive.IssueComment{URL: url + archive.URL(fmt.Sprintf("#issuecomment-%d", 4*i+j)), Issue: url, User: user(), Body: text(60), Formatter: "markdown", CreatedAt: now()})
		}
		for j := range 5 {
			write(&archive.IssueEvent{URL: url + archive.URL(fmt.Sprintf("#event-%d", 5*i+j)), Issue: url, Actor: user(), Event: "labeled", Label: app + "/labels/bug", LabelName: "bug", LabelColor: "d73a4a", LabelTextColor: "ffffff", CreatedAt: now()})
		}
	}
	block := make([]byte, 1<<20)
	for i := range *benchMiB {
		for j := 0; j < len(block); j += 8 {
			n := random.Uint64()
			for k := range 8 {
				block[j+k] = byte(n >> (8 * k))
			}
		}
		e, err := w.Create(fmt.Sprintf("attachments/%d/x.bin", i), int64(len(block)))
		require.NoError(b, err)
		_, err = e.Write(block)
		require.NoError(b, err)
	}
	require.NoError(b, w.Close())
	require.NoError(b, f.Close())
	return path
}

// BenchmarkOpen measures the time to build an index, to verify the same archive, to open
// the index again, and to serve pages.
func BenchmarkOpen(b *testing.B) {
	path, cache := benchArchive(b), b.TempDir()
	f, err := os.Open(path)
	require.NoError(b, err)
	begun := time.Now()
	_, _ = archive.Verify(b.Context(), f, nil) // the only fault is that the archive has no Git data
	verify := time.Since(begun).Seconds()
	require.NoError(b, f.Close())
	for b.Loop() {
		begun = time.Now()
		require.NoError(b, os.RemoveAll(cache))
		opts := browse.Options{Archives: []string{path}, Cache: cache}
		l, err := browse.Open(b.Context(), opts)
		require.NoError(b, err)
		b.ReportMetric(verify, "s/verify")
		b.ReportMetric(time.Since(begun).Seconds(), "s/index")
		require.NoError(b, l.Wait(b.Context()))
		require.NoError(b, l.Close())
		index, err := os.Stat(l.Folder() + "/index.db")
		require.NoError(b, err)
		b.ReportMetric(float64(index.Size())/(1<<20), "MiB/index")
		begun = time.Now()
		l, err = browse.Open(b.Context(), opts)
		require.NoError(b, err)
		b.ReportMetric(float64(time.Since(begun).Microseconds())/1000, "ms/reopen")
		benchPages(b, l)
		require.NoError(b, l.Close())
	}
}

// benchPages measures the slowest of three requests for each of some pages.
func benchPages(b *testing.B, l *browse.Library) {
	b.Helper()
	server, err := l.Listen(b.Context(), 0, nil)
	require.NoError(b, err)
	defer server.Close()
	get := func(path string) string {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, server.URL()+path, nil)
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, req)
		require.Equal(b, http.StatusOK, rec.Code)
		return rec.Body.String()
	}
	// The first words of a text are probably frequent ones.
	_, body, _ := strings.Cut(get("octo-org/app/issues/1"), `<div class="body"><p>`)
	words := strings.Fields(body)
	for name, path := range map[string]string{
		"overview": "", "repository": "octo-org/app", "issue": "octo-org/app/issues/7", "list": "octo-org/app/issues?page=9", "label": "octo-org/app/issues?label=bug",
		"search-one": "-/search?q=" + words[0], "search-two": "-/search?q=" + words[0] + "+" + words[1], "list-search": "octo-org/app/issues?q=" + words[0], "search-kind": "-/search?kind=users&q=" + words[0],
	} {
		worst := time.Duration(0)
		for range 3 {
			begun := time.Now()
			get(path)
			worst = max(worst, time.Since(begun))
		}
		b.ReportMetric(float64(worst.Microseconds())/1000, "ms/"+name)
	}
}
