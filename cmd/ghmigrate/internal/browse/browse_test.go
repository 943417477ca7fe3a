package browse_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/browse"
)

// Each page shows what the archive has, and says what it does not have.
func TestPages(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	for path, want := range map[string][]string{
		"": {
			"<title>migration-79.tar.gz</title>", ">octo-org/app</a>", "An app that crashes", "2 issues (1 open)", "1 pull request (0 open)",
			"The Octo Organization", ">users</a> <span class=\"n\">2<", "no comments on discussions", "The archive is not whole", "lost.png", "no Git data",
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
		"-/search?q=crash&kind=milestones":    {"No record"},
		"-/search?q=panics&repo=octo-org/app": {"review comment by"},
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

// assertHas is assert.Contains without the whole page.
func assertHas(t *testing.T, page, text, path string) {
	t.Helper()
	has := strings.Contains(page, text)
	assert.True(t, has, "%s does not have %s", path, text)
}

// A list can be narrowed by everything that its form has.
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

// Files are sent as what they are only where a browser cannot run them.
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

// Requests of other sites, to other hosts, without the token, or that would change
// something are refused.
func TestSafety(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	address := v.server.URL()
	token := strings.Split(address, "/")[3]
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, test := range map[string]struct {
		method, address string
		change          func(*http.Request)
		status          int
	}{
		"as it is":               {http.MethodGet, address, nil, 200},
		"HEAD":                   {http.MethodHead, address, nil, 200},
		"no token":               {http.MethodGet, strings.TrimSuffix(address, token+"/"), nil, 404},
		"another token":          {http.MethodGet, strings.Replace(address, token, strings.Repeat("0", 32), 1), nil, 404},
		"POST":                   {http.MethodPost, address, nil, 405},
		"DELETE":                 {http.MethodDelete, address, nil, 405},
		"DNS rebinding":          {http.MethodGet, address, func(r *http.Request) { r.Host = "evil.example" }, 403},
		"another port":           {http.MethodGet, address, func(r *http.Request) { r.Host = "127.0.0.1:1" }, 403},
		"localhost":              {http.MethodGet, address, func(r *http.Request) { r.Host = strings.Replace(r.Host, "127.0.0.1", "localhost", 1) }, 200},
		"another origin":         {http.MethodGet, address, header("Origin", "https://evil.example"), 403},
		"no origin":              {http.MethodGet, address, header("Origin", "null"), 403},
		"another site":           {http.MethodGet, address, header("Sec-Fetch-Site", "cross-site"), 403},
		"another port's page":    {http.MethodGet, address, header("Sec-Fetch-Site", "same-site"), 403},
		"its own page":           {http.MethodGet, address, header("Sec-Fetch-Site", "same-origin"), 200},
		"typed":                  {http.MethodGet, address, header("Sec-Fetch-Site", "none"), 200},
		"push":                   {http.MethodGet, address + "octo-org/app.git/info/refs?service=git-receive-pack", nil, 403},
		"push, second step":      {http.MethodPost, address + "octo-org/app.git/git-receive-pack", nil, 405},
		"dumb protocol":          {http.MethodGet, address + "octo-org/app.git/info/refs", nil, 403},
		"file of a repository":   {http.MethodGet, address + "octo-org/app.git/HEAD", nil, 404},
		"repository outside":     {http.MethodGet, address + "..%2F..%2Fetc/x.git/info/refs?service=git-upload-pack", nil, 404},
		"repository not in here": {http.MethodGet, address + "octo-org/empty.git/info/refs?service=git-upload-pack", nil, 404},
	} {
		resp, body := v.do(test.method, test.address, test.change)
		assert.Equal(t, test.status, resp.StatusCode, name)
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), name)
		assert.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"), name)
		policy := resp.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", name)
		assert.NotContains(t, policy, "script-src", name)
		assert.NotContains(t, policy, "unsafe", name)
		if test.status >= 400 && !strings.Contains(body, "<html") {
			assert.NotContains(t, body, token, name)
		}
	}
}

// Git clones a repository from the server.
func TestClone(t *testing.T) {
	t.Parallel()
	v := visit(t, sampleArchive(t))
	dir := filepath.Join(t.TempDir(), "clone")
	for _, protocol := range []string{"2", "0"} {
		out, err := exec.CommandContext(t.Context(), "git", "-c", "protocol.version="+protocol, "clone", "-q", v.server.URL()+"octo-org/app.git", dir+protocol).CombinedOutput()
		require.NoError(t, err, string(out))
		text, err := os.ReadFile(filepath.Join(dir+protocol, "main.go"))
		require.NoError(t, err)
		assert.Contains(t, string(text), "func main")
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", dir+"2", "push", "-q", "origin", "HEAD:refs/heads/new").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "403")

	log, err := exec.CommandContext(t.Context(), "git", "-C", dir+"2", "rev-list", "HEAD").Output()
	require.NoError(t, err)
	commits := strings.Fields(string(log))
	require.Len(t, commits, 2)
	assert.Contains(t, v.page("octo-org/app/commit/"+commits[0]), "It does nothing yet.")
	body := v.page("octo-org/app/commit/" + commits[1])
	assert.Contains(t, body, "A fine beginning")
	assert.Contains(t, body, "It crashes, see #1")
	assert.Contains(t, v.page("octo-org/app/issues/1"), "/octo-org/app/commit/"+commits[1])
}

// An index is made once, has its address for good, and is made anew for a changed
// archive.
func TestIndexIsKept(t *testing.T) {
	t.Parallel()
	path, cache := sampleArchive(t), t.TempDir()
	open := func() (address string, said int) {
		l, err := browse.Open(t.Context(), browse.Options{Archives: []string{path}, Cache: cache, Say: func(string, ...any) { said++ }})
		require.NoError(t, err)
		require.NoError(t, l.Wait(t.Context()))
		server, err := l.Listen(t.Context(), 0, nil)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(server.URL(), "127.0.0.1:")
		_, address, _ = strings.Cut(rest, "/")
		require.NoError(t, server.Close())
		require.NoError(t, l.Close())
		return address, said
	}
	first, said := open()
	assert.NotZero(t, said)
	second, said := open()
	assert.Equal(t, first, second)
	assert.Zero(t, said, "nothing is made")
	require.NoError(t, os.Chtimes(path, at(1).Time, at(1).Time))
	third, said := open()
	assert.NotEqual(t, first, third)
	assert.NotZero(t, said)
}

// A build that was interrupted goes on with the archives that are missing.
func TestBuildGoesOn(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	one := writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app"}, &archive.Issue{URL: app + "/issues/1", Repository: app, Title: "In the first"})
	})
	two := sampleArchive(t)
	ctx, cancel := context.WithCancel(t.Context())
	var indexed []string
	opts := browse.Options{Archives: []string{one, two}, Cache: cache, Say: func(format string, args ...any) {
		if strings.HasPrefix(format, "indexing") {
			indexed = append(indexed, args[0].(string))
			if len(indexed) == 2 {
				cancel()
			}
		}
	}}
	_, err := browse.Open(ctx, opts)
	require.ErrorIs(t, err, context.Canceled)
	l, err := browse.Open(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, l.Wait(t.Context()))
	assert.Len(t, indexed, 3, "the first archive is read once")
	v := serve(t, l)
	body := v.page("octo-org/app/issues")
	assert.Contains(t, body, "データが消える")
	assert.Contains(t, body, "In the first", "the first record with a URL counts")
	assert.NotContains(t, body, "Crash on the first start")
	require.NoError(t, l.Close())

	// A damaged index is made anew.
	damaged, err := filepath.Glob(filepath.Join(cache, "*", "index.db"))
	require.NoError(t, err)
	require.Len(t, damaged, 1)
	require.NoError(t, os.WriteFile(damaged[0], []byte("not a database, but long enough to be one"), 0o600))
	l, err = browse.Open(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	assert.Len(t, indexed, 5)
}

// A damaged archive is shown as far as it could be read, with its faults.
func TestDamagedArchive(t *testing.T) {
	t.Parallel()
	path := sampleArchive(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)-40], 0o600))
	v := visit(t, path)
	body := v.page("")
	assert.Contains(t, body, "The archive is not whole")
	assert.Contains(t, body, "unexpected EOF")
	assert.Contains(t, v.page("octo-org/app/issues/1"), "Crash on the first start")
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, archives := range [][]string{nil, {filepath.Join(dir, "nowhere.tar.gz")}, {dir}} {
		_, err := browse.Open(t.Context(), browse.Options{Archives: archives, Cache: dir})
		require.Error(t, err)
	}
}

// Texts whose Markdown would take minutes are shown as they are.
func TestCostlyMarkdown(t *testing.T) {
	t.Parallel()
	costly := []string{
		strings.Repeat("> ", 30_000), strings.Repeat("- ", 30_000) + "x", strings.Repeat("1. ", 20_000) + "x", strings.Repeat("[a](", 16_000), strings.Repeat("![", 32_000),
		strings.Repeat("*_", 32_000), strings.Repeat("x", 300_000),
	}
	fine := []string{
		strings.Repeat("- [a link](https://example.com/a) and `code`\n", 1000), "> > > deep\n\n" + strings.Repeat("A text of many words. ", 10_000), strings.Repeat("*one*\n\n", 20_000),
	}
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app"})
		for i, text := range append(costly, fine...) {
			a.records(&archive.Issue{URL: app + archive.URL(fmt.Sprintf("/issues/%d", i+1)), Repository: app, Title: "x", Body: text})
		}
	}))
	for i := range append(costly, fine...) {
		plain := strings.Contains(v.page(fmt.Sprintf("octo-org/app/issues/%d", i+1)), `<pre class="long">`)
		assert.Equal(t, i < len(costly), plain, i)
	}
}
