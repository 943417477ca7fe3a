package browse_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tab is a tab of a headless Chromium. It records the requests of its pages.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps its browser there

	mu      sync.Mutex
	asked   []string // the addresses of requests
	dialogs int
}

// chromium starts a browser. It skips the test if TEST_PAGES is not set, and fails the test
// if there is no browser. `.ci/run pages` sets TEST_PAGES.
func chromium(t *testing.T) *tab {
	t.Helper()
	if os.Getenv("TEST_PAGES") == "" {
		t.Skip("TEST_PAGES is not set: .ci/run pages runs this test")
	}
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	require.NotEmpty(t, program, "there is no Chromium")
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("force-device-scale-factor", "1"),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true),
	}
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser no longer writes to its folder
		cancel()
	})
	b := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			b.mu.Lock()
			b.asked = append(b.asked, e.Request.URL)
			b.mu.Unlock()
		case *page.EventJavascriptDialogOpening:
			b.mu.Lock()
			b.dialogs++
			b.mu.Unlock()
			go func() { _, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) }()
		}
	}))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	return b
}

// run performs actions. It fails the test after 30 seconds.
func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// value evaluates an expression in the page. The Content-Security-Policy of the page does
// not restrict the debugger.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return v
}

// TestPersonInABrowser finds an issue by a word, reads its thread, opens an attachment,
// follows a reference, and clones the repository.
func TestPersonInABrowser(t *testing.T) {
	b := chromium(t)
	v := visit(t, sampleArchive(t))
	b.run(chromedp.Navigate(v.server.URL()), chromedp.WaitVisible(`//a[text()="octo-org/app"]`))
	b.run(chromedp.SendKeys(chromedp.CSS(`#q`), "reproduced"+kb.Enter))
	b.run(chromedp.WaitVisible(chromedp.CSS(`.snippet mark`)))
	b.run(chromedp.Click(chromedp.CSS(`.rows .title`), chromedp.NodeVisible), chromedp.WaitVisible(chromedp.CSS(`.post.comment`)))
	assert.Equal(t, "Crash on the first start · migration-79.tar.gz", value[string](b, "document.title"))
	assert.Regexp(t, `#comment-\d+$`, value[string](b, "location.href"), "the result leads to the comment")
	assert.True(t, value[bool](b, `document.querySelector(".body img").naturalWidth === 320`), "the attachment is shown")
	thread := value[string](b, "location.href")
	b.run(chromedp.Click(`//a[text()="log.txt"]`))
	assert.Eventually(t, func() bool { // the sandbox of the file keeps out the debugger, too
		at, err := chromedp.Run(b.ctx, chromedp.NavigationEntries())
		return err == nil && strings.HasSuffix(at.Entries[at.CurrentIndex].URL, "/log.txt")
	}, 10*time.Second, 20*time.Millisecond)
	b.run(chromedp.Navigate(thread), chromedp.Click(`//a[text()="octo-org/app#2"]`), chromedp.WaitVisible(chromedp.CSS(`.hunk .add`)))
	assert.Contains(t, value[string](b, "document.title"), "Do not crash")
	b.run(chromedp.Click(`//nav[@class="tabs"]/a[text()="Overview"]`), chromedp.WaitVisible(chromedp.CSS(`.clone code`)))
	command := strings.Fields(value[string](b, `document.querySelector(".clone code").textContent`))
	require.Equal(t, []string{"git", "clone"}, command[:2])
	out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", command[2], filepath.Join(t.TempDir(), "clone")).CombinedOutput()
	require.NoError(t, err, string(out))
	b.onlyFrom(v.server.URL())
}

// onlyFrom fails the test if the tab requested any other address, or opened a dialog.
func (b *tab) onlyFrom(prefixes ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range b.asked {
		ok := strings.HasPrefix(address, "data:") // Chromium's own icons: no request leaves the computer
		for _, p := range prefixes {
			ok = ok || strings.HasPrefix(address, p)
		}
		assert.True(b.t, ok, "the page requests %.200s", address)
	}
	assert.Zero(b.t, b.dialogs)
}

// canary starts a server that fails the test if it gets a request.
func canary(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/favicon.ico" {
			t.Errorf("the canary got a request for %s", r.URL)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/"
}

// whatRuns returns the elements of a page that could run or load something.
const whatRuns = `(() => {
	const bad = [];
	if (window.ran) bad.push("a script has run");
	for (const e of document.querySelectorAll("*")) {
		if (["SCRIPT", "IFRAME", "OBJECT", "EMBED", "STYLE", "BASE", "FRAME", "APPLET", "TEMPLATE", "VIDEO", "AUDIO", "MATH"].includes(e.tagName)) bad.push(e.outerHTML.slice(0, 200));
		for (const a of e.attributes) {
			if (a.name.startsWith("on") || a.name === "style" || a.name === "srcdoc" || a.name === "srcset") bad.push(e.outerHTML.slice(0, 200));
			if (["href", "src", "action", "formaction", "xlink:href"].includes(a.name) && /^\s*(javascript|data|vbscript|file):/i.test(a.value)) bad.push(e.outerHTML.slice(0, 200));
		}
	}
	if (document.querySelectorAll("main").length !== 1 || !document.querySelector("body > footer")) bad.push("the page is broken: " + document.title);
	return bad;
})()`

// TestHostileArchiveInABrowser opens the pages and files of a hostile archive. No script
// runs, and no other host gets a request.
func TestHostileArchiveInABrowser(t *testing.T) {
	b := chromium(t)
	v := visit(t, hostileArchive(t, canary(t)))
	base, err := url.Parse(v.server.URL())
	require.NoError(t, err)
	seen, queue := map[string]bool{}, []string{v.server.URL(), v.server.URL() + "-/search?q=script", v.server.URL() + "octo-org/app/issues?q=script&author=%22%3E%3Cscript%3E&state=open"}
	visited, files := 0, 0
	sections := map[string]int{} // the number of visited pages, by kind
	digits := regexp.MustCompile(`\d+|~[0-9a-f]{2}`)
	for len(queue) > 0 {
		address := queue[0]
		queue = queue[1:]
		section := digits.ReplaceAllString(strings.TrimPrefix(address, v.server.URL()), "N")
		if seen[address] || sections[section] >= 8 {
			continue
		}
		seen[address] = true
		sections[section]++
		if strings.Contains(address, "/-/file/") {
			files++
			resp, _ := v.do(http.MethodGet, address, nil)
			if kind := resp.Header.Get("Content-Type"); kind != "image/png" && kind != "text/plain; charset=utf-8" {
				assert.Equal(t, "application/octet-stream", kind, address)
				assert.True(t, strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment"), address)
				continue
			}
		}
		visited++
		var hrefs, bad []string
		b.run(chromedp.Navigate(address))
		if !strings.Contains(address, "/-/file/") {
			bad = value[[]string](b, whatRuns)
			hrefs = value[[]string](b, `[...document.querySelectorAll("a[href]")].map(a => a.href.split("#")[0])`)
		}
		assert.Empty(t, bad, address)
		for _, href := range hrefs {
			if u, err := url.Parse(href); err == nil && u.Host == base.Host {
				queue = append(queue, href)
			}
		}
	}
	t.Logf("%d pages, %d files", visited, files)
	assert.Greater(t, visited, 60)
	assert.Greater(t, files, 3)
	b.onlyFrom(v.server.URL())
}

// TestExportInABrowser opens an export from files. The search works. In the export of a
// hostile archive, no script runs.
func TestExportInABrowser(t *testing.T) {
	b := chromium(t)
	dir := exported(t, sampleArchive(t))
	b.run(
		chromedp.Navigate("file://"+dir+"/index.html"),
		chromedp.Click(`//a[text()="Search"]`), chromedp.WaitVisible(chromedp.CSS(`#words`)),
		chromedp.SendKeys(chromedp.CSS(`#words`), "Überraschung cra"+kb.Enter),
		chromedp.Click(chromedp.CSS(`#found .title`), chromedp.NodeVisible), chromedp.WaitVisible(chromedp.CSS(`.post.comment`)),
	)
	assert.Contains(t, value[string](b, "document.title"), "Crash on the first start")
	assert.True(t, value[bool](b, `document.querySelector(".body img").naturalWidth === 320`))
	assert.True(t, value[bool](b, `getComputedStyle(document.querySelector(".post")).borderRadius === "8px"`), "it has its style")
	b.run(chromedp.Navigate("file://"+dir+"/-/search.html#"+url.PathEscape("データベース")), chromedp.WaitVisible(chromedp.CSS(`#found .title`)))
	b.run(chromedp.Navigate("file://"+dir+"/-/search.html#nothing"), chromedp.Reload(), chromedp.WaitVisible(`//p[contains(text(), "No page")]`))

	dir = exported(t, hostileArchive(t, canary(t)))
	found, err := filepath.Glob(filepath.Join(dir, "octo-org", "app", "*", "*.html"))
	require.NoError(t, err)
	for _, name := range append(found, filepath.Join(dir, "index.html"), filepath.Join(dir, "octo-org", "app.html")) {
		b.run(chromedp.Navigate("file://" + name))
		assert.Empty(t, value[[]string](b, whatRuns), name)
	}
	b.run(chromedp.Navigate("file://"+dir+"/-/search.html#script"), chromedp.WaitVisible(chromedp.CSS(`#found .title`)))
	assert.False(t, value[bool](b, "!!window.ran"))
	b.onlyFrom("file://")
}

// looks has a path for each kind of page.
var looks = map[string]string{
	"overview": "", "repository": "octo-org/app", "issues": "octo-org/app/issues", "issue": "octo-org/app/issues/1", "pull-request": "octo-org/app/pull/2",
	"pulls": "octo-org/app/pulls?q=crash", "discussion": "octo-org/app/discussions/4", "releases": "octo-org/app/releases", "milestone": "octo-org/app/milestones/1",
	"labels": "octo-org/app/labels", "files": "octo-org/app/files", "user": "-/users/mona", "users": "-/users", "search": "-/search?q=crash", "records": "-/records/1", "record": "-/record/1",
	"missing": "octo-org/empty", "not-found": "octo-org/app/issues/99",
}

// TestLooksInABrowser checks each kind of page for accessibility and for overflow, at 400
// and at 1600 pixels, in light and in dark. It writes pictures of the pages into the folder
// SCREENSHOTS, if that is set.
func TestLooksInABrowser(t *testing.T) {
	b := chromium(t)
	v := visit(t, sampleArchive(t))
	axe, err := os.ReadFile(filepath.Join("testdata", "axe", "node_modules", "axe-core", "axe.min.js"))
	require.NoError(t, err, "npm ci --prefix cmd/ghmigrate/internal/browse/testdata/axe fetches it")
	pages := maps.Clone(looks)
	_, body := v.get("octo-org/app/issues/1")
	if m := regexp.MustCompile(`octo-org/app/commit/[0-9a-f]{40}`).FindString(body); m != "" {
		pages["commit"] = m
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{400, 1600} {
			b.run(chromedp.EmulateViewport(width, 900))
			_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			require.NoError(t, err)
			for name, path := range pages {
				b.run(chromedp.Navigate(v.server.URL() + path))
				assert.LessOrEqual(t, value[int64](b, "document.documentElement.scrollWidth"), width, "%s is wider than %d", name, width)
				b.run(chromedp.Evaluate[chromedp.Void](string(axe)))
				found := value[string](b, `axe.run().then(r => JSON.stringify(r.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html.slice(0, 150) + " " + n.failureSummary).slice(0, 3)])))`)
				var violations []any
				require.NoError(t, json.Unmarshal([]byte(found), &violations))
				assert.Empty(t, violations, "%s, %d, %s", name, width, scheme)
				if dir := os.Getenv("SCREENSHOTS"); dir != "" {
					picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-"+scheme+"-"+strconv.FormatInt(width, 10)+".png"), picture, 0o600))
				}
			}
		}
	}
	b.onlyFrom(v.server.URL())
}
