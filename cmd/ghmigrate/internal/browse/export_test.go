package browse_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/browse"
)

// exported exports archives, and returns the folder of the export.
func exported(t *testing.T, archives ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pages")
	first, err := openLibrary(t, archives...).Export(t.Context(), dir, browse.Options{})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "index.html"), first)
	return dir
}

// TestExport checks that every link of an exported page leads to a file of the export or
// to another site.
func TestExport(t *testing.T) {
	t.Parallel()
	dir := exported(t, sampleArchive(t))
	address := regexp.MustCompile(`(href|src)="([^"]*)"`)
	pages := 0
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(name) != ".html" {
			return err
		}
		pages++
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		relative, err := filepath.Rel(dir, name)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "<form action", relative)
		for _, m := range address.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[2], "https://") {
				assert.Equal(t, "href", m[1], relative)
				continue
			}
			to, _, _ := strings.Cut(m[2], "#")
			to, err := url.PathUnescape(to)
			require.NoError(t, err)
			if to != "" {
				assert.FileExists(t, filepath.Join(dir, filepath.FromSlash(path.Join(path.Dir(filepath.ToSlash(relative)), to))), relative)
			}
		}
		return nil
	}))
	assert.Greater(t, pages, 25)
	for name, want := range map[string][]string{
		"index.html":                            {"An app that crashes"},
		"octo-org/app.html":                     {"<h1>The app</h1>"},
		"octo-org/app/issues/1.html":            {"panic: runtime error", `src="../../../-/file/`},
		"octo-org/app/issues~state~closed.html": {"Crash on the first start"},
		"octo-org/app/pull/2.html":              {"What if"},
		"-/search.html":                         {`src="../-/search.js"`, "needs JavaScript"},
		"-/search/w" + hexOf("cr") + ".js":      {`"crash":[[`},
		"-/search/w" + hexOf("デ") + ".js":       {`"デ":[[`},
		"-/search/p0.js":                        {"octo-org/app/issues/1.html"},
		"-/users/mona.html":                     {"Mona Lisa"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		require.NoError(t, err)
		for _, part := range want {
			assertHas(t, string(text), part, name)
		}
	}
	html, err := filepath.Glob(filepath.Join(dir, "-", "file", "*", "*.html"))
	require.NoError(t, err)
	assert.Empty(t, html, "a web server would send it as HTML")
	bin, err := filepath.Glob(filepath.Join(dir, "-", "file", "*", "report.html.bin"))
	require.NoError(t, err)
	assert.Len(t, bin, 1)

	_, err = openLibrary(t, sampleArchive(t)).Export(t.Context(), dir, browse.Options{})
	require.ErrorContains(t, err, "is not empty")
}

func hexOf(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString(string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
	}
	return b.String()
}

// TestExportOfManyTags checks that an export has no pages for the commits of tags that no
// page shows.
func TestExportOfManyTags(t *testing.T) {
	t.Parallel()
	repository, first := bareRepository(t, "")
	var stream strings.Builder
	for i := range 10 { // older than the first commit
		fmt.Fprintf(&stream, "commit refs/tags/old-%d\ncommitter Mona <mona@example.com> %d +0000\ndata 3\nold\n\n", i, 1_000_000_000+i)
	}
	for i := range 500 {
		fmt.Fprintf(&stream, "reset refs/tags/new-%d\nfrom %s\n\n", i, first)
	}
	git := exec.CommandContext(t.Context(), "git", "--git-dir="+repository, "fast-import", "--quiet")
	git.Stdin = strings.NewReader(stream.String())
	out, err := git.CombinedOutput()
	require.NoError(t, err, string(out))
	dir := exported(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app", GitURL: "tarball://root/repositories/octo-org/app.git", DefaultBranch: "main"})
		require.NoError(t, a.w.AddRepository("octo-org/app", os.DirFS(repository)))
	}))
	page, err := os.ReadFile(filepath.Join(dir, "octo-org", "app.html"))
	require.NoError(t, err)
	assertHas(t, string(page), "new-499", "octo-org/app")
	assert.NotContains(t, string(page), "old-")
	commits, err := os.ReadDir(filepath.Join(dir, "octo-org", "app", "commit"))
	require.NoError(t, err)
	assert.Len(t, commits, 2)
}
