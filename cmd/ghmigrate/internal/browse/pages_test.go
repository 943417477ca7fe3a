package browse_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// TestPages looks for the content of each kind of page. A page names the data that the
// archive lacks.
func TestPages(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	for path, want := range map[string][]string{
		"": {
			"<title>migration-79.tar.gz</title>", ">octo-org/app</a>", "An app that crashes", "2 issues (1 open)", "1 pull request (0 open)",
			"The Octo Organization", ">users</a> <span class=\"n\">2<", "does not export comments on discussions", "The archive is incomplete", "lost.png", "no Git data",
		},
		"octo-org": {">octo-org/app</a>", ">octo-org/empty</a>"},
		"octo-org/app": {
			"<h1>The app</h1>", "It crashes, see <a", "git clone http://127.0.0.1:", "octo-org/app.git", "feature/crash", "v1.0", "1 collaborator<",
			"hooks.example", "[image: shot, at elsewhere.example]", "Add a program", "crash</span>",
		},
		"octo-org/app/issues":              {"Crash on the first start", "データが消える", `class="state closed"`, "1 comment<", "All <span class=\"n\">2"},
		"octo-org/app/issues?state=closed": {"Crash on the first start"},
		"octo-org/app/pulls":               {"Do not crash", `class="state merged"`},
		"octo-org/app/issues/1": {
			"<title>Crash on the first start · ", "<em>every</em> Überraschung", "added the label “bug”", "closed this by", "flew to the moon", "deleted account",
			"from “It crashes” to “Crash on the first start”", "panic: runtime error", "lost.png", "the archive has its record, but not the file",
			"[image: a tracker, at tracker.example]", "👍", `title="mona, hubot"`, ">hubot</a></dd>", "☑", "<code>#1</code>",
		},
		"octo-org/app/pull/2": {
			"requested changes", "Nearly.", "main.go", "line 4", "resolved by mona", "What if <code>run</code> panics?", "Then it panics.", "merged this as",
			"hubot:patch-1 (the repository is gone)", `class="add"`, ">#1</a>",
		},
		"octo-org/app/discussions":            {"Where to go", "does not export the comments"},
		"octo-org/app/discussions/4":          {"Any ideas?", "Ideas", "does not export the comments"},
		"octo-org/app/releases":               {"The first"},
		"octo-org/app/milestones":             {"1.0", `class="state open"`},
		"octo-org/app/milestones/1":           {"The <em>first</em> one", "Crash on the first start", "Do not crash", "0 open, 2 closed"},
		"octo-org/app/labels":                 {"good first issue", "Something is broken", "#d73a4a"},
		"octo-org/app/files":                  {"report.html", "text/html"},
		"octo-org/app/commit/" + lostCommit:   {"do not have this commit", "On a lost commit"},
		"octo-org/empty":                      {"no Git data of this"},
		"octo-org/empty/issues":               {"The archive has no issues of this repository"},
		"-/users":                             {">mona</a>", ">hubot</a>"},
		"-/users/mona":                        {"Mona Lisa", "mona@example.com", "Crash on the first start"},
		"-/records":                           {"issues", "review threads"},
		"-/records/1":                         {"Crash on the first start"},
		"-/search?q=Uberraschung":             {"Crash on the first start", "<mark>"},
		"-/search?q=berraschung":              {"No record has all of these words"},
		"-/search?q=データベース":                   {"データが消える"},
		"-/search?q=panics+main":              {"No record"},
		"-/search?q=%22then+it+panics%22":     {"review comment by"},
		"-/search?q=%22it+then+panics%22":     {"No record"},
		"-/search?q=%22mona+lisa%22":          {"1 record with", `>mona</a>`},
		"-/search?q=crash&kind=milestones":    {"No record"},
		"-/search?q=panics&repo=octo-org/app": {"review comment by"},
		"-/search?q=panics&repo=octo-org/no":  {"No record"},
		"-/search?q=crash&kind=releases":      {"4 records with all words, in all kinds", ">The first</a>"},
		"-/search?q=%22%2A+OR+NEAR%28":        {"<h1>Search</h1>"},
	} {
		body := v.page(path)
		for _, text := range want {
			assertHas(t, body, text, path)
		}
		assert.NotContains(t, body, "ZgotmplZ", path)
		assert.NotContains(t, body, "<script", path)
		assert.NotContains(t, body, "secret-", "%s: the address of a webhook is a secret", path)
	}
	assert.NotContains(t, v.page("octo-org/app/issues?state=open"), "Crash on the first start")
	for _, path := range []string{"nobody", "octo-org/nothing", "octo-org/app/issues/99", "octo-org/app/issues/1/x", "octo-org/app/pull/1", "-/users/nobody", "-/record/999999", "-/nothing", "octo-org/app/commit/" + strings.Repeat("0", 40)} {
		resp, body := v.get(path)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
		assert.Contains(t, body, "does not have this page", path)
	}
}

// assertHas is assert.Contains without the page in the message.
func assertHas(t *testing.T, page, text, path string) {
	t.Helper()
	has := strings.Contains(page, text)
	assert.True(t, has, "%s does not contain %s", path, text)
}

// TestSearchOrder looks for matches in titles before other matches, and for later records
// before earlier ones.
func TestSearchOrder(t *testing.T) {
	t.Parallel()
	body := visit(t, sampleArchive(t)).page("-/search?q=crash")
	for _, title := range []string{"Do not crash", "Crash on the first start", "The first"} { // the release has "crashes" in its text
		_, after, found := strings.Cut(body, ">"+title+"</a>")
		require.True(t, found, title)
		body = after
	}
}

// TestFilters narrows a list with each field of its form.
func TestFilters(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	const crash, data = "Crash on the first start", "データが消える"
	for query, want := range map[string][]bool{ // crash, data
		"author=mona":                     {true, false},
		"author=@MONA":                    {true, false},
		"label=bug":                       {true, false},
		"label=good+first+issue":          {false, true},
		"milestone=1.0":                   {true, false},
		"milestone=2.0":                   {false, false},
		"from=2024-05-07":                 {false, true},
		"to=2024-05-06":                   {true, false},
		"from=2024-05-06&to=2024-05-07":   {true, true},
		"q=reproduced":                    {true, false},
		"q=reprod":                        {true, false},
		"q=reproduced+mended":             {true, false},
		"q=nothing":                       {false, false},
		"state=open&author=hubot":         {false, true},
		"sort=oldest":                     {true, true},
		"sort=updated&q=":                 {true, true},
		"from=yesterday":                  {true, true},
		"author=mona%27+OR+1%3D1&state=x": {false, false},
	} {
		body := v.page("octo-org/app/issues?" + query)
		assert.Equal(t, want[0], strings.Contains(body, crash), query)
		assert.Equal(t, want[1], strings.Contains(body, data), query)
	}
}

// TestManyMatches filters a list with a word of more records than the filter considers.
func TestManyMatches(t *testing.T) {
	t.Parallel()
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app"}, &archive.Issue{URL: app + "/issues/1", Repository: app, Title: "Long"})
		for i := range 20_001 {
			a.records(&archive.IssueComment{URL: app + archive.URL(fmt.Sprintf("/issues/1#issuecomment-%d", i)), Issue: app + "/issues/1", Body: "frequent"})
		}
	}))
	body := v.page("octo-org/app/issues?q=frequent")
	assertHas(t, body, "More than 20,000 records have these words", "a word of 20,001 comments")
	assertHas(t, body, ">Long</a>", "a word of 20,001 comments")
	assert.NotContains(t, v.page("octo-org/app/issues?q=long"), "More than")
}

// TestFiles checks the headers of files. A browser may show only files in which it cannot
// run anything.
func TestFiles(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	hrefs := map[string]string{}
	for _, path := range []string{"octo-org/app/issues/1", "octo-org/app/files"} {
		for _, part := range strings.Split(v.page(path), `href="`)[1:] {
			href, _, _ := strings.Cut(part, `"`)
			if _, rest, ok := strings.Cut(href, "/-/file/"); ok {
				hrefs[filepath.Base(rest)] = "-/file/" + rest
			}
		}
	}
	require.Contains(t, hrefs, "shot.png")
	resp, body := v.get(hrefs["shot.png"])
	assert.Equal(t, "image/png", resp.Header.Get("Content-Type"))
	assert.Equal(t, string(picture(t)), body)
	resp, body = v.get(hrefs["log.txt"])
	assert.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Equal(t, "a log\n", body)
	require.Contains(t, hrefs, "report.html.bin")
	resp, _ = v.get(hrefs["report.html.bin"])
	assert.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
	assert.Equal(t, `attachment; filename=report.html`, resp.Header.Get("Content-Disposition"))
	assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "sandbox")
	for _, path := range []string{"-/file/99/x", "-/file/x/x", "-/file/1", "-/file/1/../../token"} {
		resp, _ = v.get(path)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
	}
}

// TestLongHunk checks that a review thread on a long diff shows the line that it is about,
// which is the last one.
func TestLongHunk(t *testing.T) {
	t.Parallel()
	pull := app + "/pull/2"
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(
			&archive.Repository{URL: app, Name: "app"},
			&archive.PullRequest{URL: pull, Repository: app, Title: "x"},
			&archive.PullRequestReviewThread{URL: pull + "/files#pullrequestreviewthread-8", PullRequest: pull, Path: "main.go",
				DiffHunk: "@@ -1,3 +1,20000 @@\r\n" + strings.Repeat("+one of many lines\r\n", 20_000) + "+the commented line\r\n"},
			&archive.PullRequestReviewThread{URL: pull + "/files#pullrequestreviewthread-9", PullRequest: pull, Path: "main.go",
				DiffHunk: "@@ -1 +1 @@\n\n-a\n+b"},
		)
	}))
	body := v.page("octo-org/app/pull/2")
	for _, want := range []string{
		"<span class=\"at\">@@ -1,3 &#43;1,20000 @@\n</span><span class=\"add\">&#43;one of many", "<span class=\"add\">&#43;the commented line\n",
		"<span class=\"at\">@@ -1 &#43;1 @@\n</span><span>\n</span><span class=\"del\">-a\n</span><span class=\"add\">&#43;b\n</span></pre>",
	} {
		assertHas(t, body, want, "octo-org/app/pull/2")
	}
	assert.Equal(t, 15, strings.Count(body, "one of many lines"))
}

// TestFullPage opens pages whose texts are larger than a page: of comments inside a review,
// and of comments on a commit.
func TestFullPage(t *testing.T) {
	t.Parallel()
	pull, commit := app+"/pull/2", app+"/commit/"+lostCommit
	long := strings.Repeat(`"`, 1<<20) // 5 MiB of HTML
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(
			&archive.Repository{URL: app, Name: "app"}, &archive.PullRequest{URL: pull, Repository: app, Title: "x"},
			&archive.PullRequestReview{URL: pull + "/files#pullrequestreview-7", PullRequest: pull},
		)
		for i := range 5 {
			n := archive.URL(fmt.Sprint(i))
			a.records(
				&archive.PullRequestReviewComment{URL: pull + "/files#r" + n, PullRequest: pull, PullRequestReview: pull + "/files#pullrequestreview-7", Body: long, CreatedAt: at(i)},
				&archive.CommitComment{URL: commit + "#commitcomment-" + n, Repository: app, CommitID: lostCommit, Body: long, CreatedAt: at(i)},
			)
		}
	}))
	for _, path := range []string{"octo-org/app/pull/2", "octo-org/app/commit/" + lostCommit} {
		body := v.page(path)
		assert.Greater(t, len(body), 16<<20, path)
		assert.Less(t, len(body), 24<<20, path)
		assertHas(t, body, "The page is full", path)
	}
}

// TestLinksToComments checks that a link to a comment leads to the page of the comment.
func TestLinksToComments(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app"})
		for _, n := range []archive.URL{"1", "2"} {
			issue := app + "/issues/" + n
			a.records(&archive.Issue{URL: issue, Repository: app, Title: "x"})
			for i := range 401 {
				a.records(&archive.IssueComment{URL: issue + archive.URL(fmt.Sprintf("#issuecomment-%s%d", n, i)), Issue: issue, Body: fmt.Sprintf("comment %d", i), CreatedAt: at(i)})
			}
		}
		for _, i := range []string{"0", "199", "200", "399", "400"} {
			for _, n := range []string{"1", "2"} {
				fmt.Fprintf(&text, "[link %s](%s/issues/%s#issuecomment-%s%s)\n", i, app, n, n, i)
			}
		}
		a.records(&archive.Issue{URL: app + "/issues/3", Repository: app, Title: "x", Body: text.String()})
	}))
	body := v.page("octo-org/app/issues/3")
	for i, page := range map[string]string{"0": "", "199": "", "200": "?page=2", "399": "?page=2", "400": "?page=3"} {
		for _, n := range []string{"1", "2"} {
			part := strings.Split(body, "\">link "+i+"</a>")
			require.Len(t, part, 3)
			number, err := strconv.Atoi(n)
			require.NoError(t, err)
			href := part[number-1][strings.LastIndex(part[number-1], `href="`)+len(`href="`):]
			_, path, _ := strings.Cut(href, "/octo-org/")
			path, anchor, _ := strings.Cut(path, "#")
			assert.Equal(t, "app/issues/"+n+page, path)
			assertHas(t, v.page("octo-org/"+path), `id="`+anchor+`"`, path)
		}
	}
}
