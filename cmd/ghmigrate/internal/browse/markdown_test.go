package browse_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// TestCostlyMarkdown checks that a text whose Markdown would take minutes is shown as
// plain text.
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

// TestReadmeLinks checks the relative links of a README: to a record they lead to its page,
// and to a file of the repository they are plain text, with a note.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	const note = "Links to files of the repository"
	path := sampleArchive(t)
	body := visit(t, path).page("octo-org/app")
	for _, want := range []string{
		`/octo-org/app/issues/1">an issue</a>`, "<span>the docs</span>", "<span>the license</span>", "<span>no issue</span>", "<span>a heading</span>", "[image: logo]",
		note, "The clone has these files",
	} {
		assertHas(t, body, want, "octo-org/app")
	}
	page, err := os.ReadFile(filepath.Join(exported(t, path), "octo-org", "app.html"))
	require.NoError(t, err)
	assertHas(t, string(page), `href="../octo-org/app/issues/1.html">an issue</a>`, "the export")
	assertHas(t, string(page), note, "the export")
	assert.NotContains(t, string(page), "The clone has these files")

	repository, _ := bareRepository(t, "# The app\n\n[a heading](#the-app), [a site](https://elsewhere.example/docs/x.md)\n")
	body = visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app", GitURL: "tarball://root/repositories/octo-org/app.git"})
		require.NoError(t, a.w.AddRepository("octo-org/app", os.DirFS(repository)))
	})).page("octo-org/app")
	assertHas(t, body, "<span>a heading</span>", "octo-org/app")
	assert.NotContains(t, body, note)
}
