package browse_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// TestCostlyMarkdown checks that a text whose Markdown would take minutes or gigabytes is
// shown as plain text, and that other texts are not.
func TestCostlyMarkdown(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	const firstFine = 51        // the issues from this number on are rendered
	texts := map[string]string{ // by the number of the issue, and a name
		"1 quotes":                        repeat("> ", 30_000),
		"2 bullets":                       repeat("- ", 30_000) + "x",
		"3 numbers":                       repeat("1. ", 20_000) + "x",
		"4 links":                         repeat("[a](", 16_000),
		"5 images":                        repeat("![", 32_000),
		"6 emphasis":                      repeat("*_", 32_000),
		"7 long text":                     repeat("x", 300_000),
		"8 empty cells":                   repeat("|a", 500) + "\n" + repeat("|-", 500) + "\n" + repeat("a\n", 1000),
		"9 empty cells in a quote":        "> " + repeat("|a", 500) + "\n> " + repeat("|-", 500) + "\n" + repeat("> a\n", 1000),
		"10 plus without a space":         repeat("+_a _a _a _a\n", 3000) + repeat("+a* a* a* a*\n", 3000),
		"11 number in a paragraph":        "x\n" + repeat("2. _a _a _a\n", 3000) + repeat("2. a* a* a*\n", 3000),
		"12 indented bullet":              "x\n" + repeat("    - _a _a _a\n", 3000) + repeat("    - a* a* a*\n", 3000),
		"13 empty lines in lists":         repeat("- ", 50) + "x" + repeat("\n", 10_000) + "- y",
		"14 links to a long address":      "[a]: https://example.com/" + repeat("a", 60_000) + "\n\n" + repeat("[a]\n\n", 200),
		"15 titles of definitions":        repeat("[a]: b\n(\n", 5000),
		"16 escaped pipes":                "a|\n-|\n" + repeat("`\\|`|\n", 5000),
		"17 elements that are not closed": "<p>" + repeat("<b><i><u><s><em><strong>", 3) + "</p>" + repeat("<p>x</p>", 6000),
		"18 deep quotes":                  repeat(">", 600) + "x",
		"19 short lines":                  repeat("\\``a\n", 2000),

		"51 list":                 repeat("- [a link](https://example.com/a) and `code`\n", 1000),
		"52 long paragraph":       "> > > deep\n\n" + repeat("A text of many words. ", 10_000),
		"53 emphasis":             repeat("*one*\n\n", 20_000),
		"54 rule of dashes":       "one\n\n" + repeat("-", 80) + "\n\ntwo",
		"55 rule of stars":        "one\n\n" + repeat("* ", 80) + "\n\n" + repeat("*", 80) + "\n\ntwo",
		"56 underlined heading":   repeat("A title ", 10) + "\n" + repeat("-", 80) + "\n\ntext",
		"57 table of a database":  "+" + repeat(repeat("-", 30)+"+", 4) + "\n| a | b | c | d |\n+" + repeat(repeat("-", 30)+"+", 4),
		"58 pluses":               repeat("+", 200),
		"59 nested list":          repeat("- one\n    - [a link](https://example.com/a) and `code`\n", 500),
		"60 table of links":       "| a | b |\n|---|---|\n" + repeat("| [a link](https://example.com/a) | `code` |\n", 1000),
		"61 wide table":           repeat("|a", 30) + "\n" + repeat("|-", 30) + "\n" + repeat(repeat("|1", 30)+"\n", 300),
		"62 link definitions":     "# Changes\n\n[1.0.0]\n\n" + repeat("[1.0.0]: https://example.com/octo-org/app/compare/1.0.0\n", 500),
		"63 code block":           "```\n" + repeat("a[i] = *p + _q * (r < s) `t`\n", 2000) + "```",
		"64 right to left":        `<div dir="rtl">` + "\n\none\n\n</div>",
		"65 quotes around a list": repeat("> > - one\n", 2000),
	}
	number := func(name string) string { return strings.Fields(name)[0] }
	v := visit(t, writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app"})
		for name, text := range texts {
			a.records(&archive.Issue{URL: app + archive.URL("/issues/"+number(name)), Repository: app, Title: "x", Body: text})
		}
	}))
	for name := range texts {
		n, err := strconv.Atoi(number(name))
		require.NoError(t, err)
		body := v.page("octo-org/app/issues/" + number(name))
		assert.Equal(t, n < firstFine, strings.Contains(body, `<pre class="long">`), name)
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
