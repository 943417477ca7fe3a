package check_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A document is a Markdown file of this repository.
type document struct {
	name   string // relative to the repository, with slashes
	lines  []string
	prose  []string
	blocks []codeBlock
}

// A codeBlock is what stands between two fences.
type codeBlock struct {
	line     int    // of the opening fence, from 1
	language string // after the opening fence
	before   string // the nearest line above that is not empty
	lines    []string
}

// readDocuments returns the documents of the repository.
func readDocuments(t *testing.T) []document {
	t.Helper()
	var documents []document
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch base := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir():
			hidden := strings.HasPrefix(base, ".") && name != "." && name != ".github"
			if hidden || base == "node_modules" || base == "testdata" {
				return fs.SkipDir
			}
		case filepath.Ext(name) == ".md":
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			documents = append(documents, parseDocument(filepath.ToSlash(name), string(text)))
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, documents)
	return documents
}

// parseDocument separates prose from code. Lines of code are empty in prose,
// so that line numbers stay.
func parseDocument(name, text string) document {
	d := document{name: name, lines: strings.Split(text, "\n")}
	before, fence := "", ""
	for i, line := range d.lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "" && trimmed == fence:
			fence = ""
			line = ""
		case fence != "":
			last := &d.blocks[len(d.blocks)-1]
			last.lines = append(last.lines, line)
			line = ""
		case strings.HasPrefix(trimmed, "```"):
			language := strings.TrimLeft(trimmed, "`")
			fence = strings.TrimSuffix(trimmed, language)
			d.blocks = append(d.blocks, codeBlock{line: i + 1, language: language, before: before})
			line = ""
		}
		d.prose = append(d.prose, line)
		if line = strings.TrimSpace(line); line != "" {
			before = line
		}
	}
	return d
}

// Go code in a document is code that is compiled: each block stands in the
// file that the comment above it names.
func TestDocumentsShowCodeThatCompiles(t *testing.T) {
	checkout(t)
	marker := regexp.MustCompile(`^<!-- from (\S+) -->$`)
	for _, d := range readDocuments(t) {
		for _, block := range d.blocks {
			if block.language != "go" {
				continue
			}
			where := fmt.Sprintf("%s:%d", d.name, block.line)
			found := marker.FindStringSubmatch(block.before)
			if !assert.NotNil(t, found, "%s: no <!-- from FILE --> above this block, but %q", where, block.before) {
				continue
			}
			source, err := os.ReadFile(filepath.FromSlash(found[1]))
			require.NoError(t, err, where)
			missing, ok := quoted(block.lines, strings.Split(string(source), "\n"))
			assert.True(t, ok, "%s: %s does not have this block; it goes wrong at: %s", where, found[1], missing)
		}
	}
}

// quoted reports whether the lines of a block follow each other somewhere in a
// file, all indented by as much more. A line … stands for lines that are left
// out, none of which is indented less. Otherwise it returns the line that the
// best attempt did not find.
func quoted(block, file []string) (missing string, ok bool) {
	best := 0
	for start, line := range file {
		indent, found := strings.CutSuffix(line, block[0])
		if !found || strings.TrimLeft(indent, "\t ") != "" {
			continue
		}
		n := quotedAt(block, file[start:], indent)
		if n == len(block) {
			return "", true
		}
		best = max(best, n)
	}
	return block[best], false
}

// quotedAt returns how many lines of the block the file has, from its first
// line on.
func quotedAt(block, file []string, indent string) int {
	n := 0
	skipping := false
	for _, line := range file {
		for n < len(block) && strings.TrimSpace(block[n]) == "…" {
			skipping = true
			n++
		}
		text, inside := strings.CutPrefix(line, indent)
		switch {
		case n == len(block):
			return n
		case inside && text == block[n], line == "" && block[n] == "":
			n++
			skipping = false
		case !skipping, !inside && line != "":
			return n
		}
	}
	return n
}

func TestQuoted(t *testing.T) {
	file := strings.Split("package p\n\nfunc f() {\n\tone()\n\n\tif two() {\n\t\tthree()\n\t}\n}\n\nfunc g() {\n\tfour()\n}\n", "\n")
	for name, test := range map[string]struct {
		block   string
		missing string
	}{
		"whole":                         {"package p\n\nfunc f() {", ""},
		"without its indentation":       {"one()\n\nif two() {\n\tthree()\n}", ""},
		"with lines left out":           {"one()\n…\n}", ""},
		"with lines left out inside":    {"if two() {\n\t…\n}", ""},
		"top level, lines left out":     {"func f() {\n\t…\n}\n\nfunc g() {", ""},
		"another line":                  {"one()\n\nif too() {", "if too() {"},
		"another first line":            {"none()\n\nif two() {", "none()"},
		"a line is not there":           {"one()\nif two() {", "if two() {"},
		"another indentation":           {"if two() {\nthree()\n}", "three()"},
		"lines left out of two bodies":  {"one()\n…\nfour()", "four()"},
		"lines left out, and no others": {"one()\n…\nfive()", "five()"},
		"part of a line":                {"ne()", "ne()"},
	} {
		t.Run(name, func(t *testing.T) {
			missing, ok := quoted(strings.Split(test.block, "\n"), file)
			assert.Equal(t, test.missing, missing)
			assert.Equal(t, test.missing == "", ok)
		})
	}
}

var (
	command = flag.String("command", "", "the command that printed what -printed has")
	printed = flag.String("printed", "", "a file with what -command printed")
)

// What documents say that a command prints, it prints, but for times, sums,
// sizes and paths. Commands take their time: the checks run them, and then this
// test with each.
func TestDocumentsShowWhatIsPrinted(t *testing.T) {
	if *printed == "" {
		t.Skip("no -command, no -printed")
	}
	checkout(t)
	output, err := os.ReadFile(*printed)
	require.NoError(t, err)
	lines := strings.Split(anyTime(string(output)), "\n")
	shown := 0
	for _, d := range readDocuments(t) {
		for _, block := range d.blocks {
			if block.before != "<!-- printed by "+*command+" -->" {
				continue
			}
			shown++
			block.lines = strings.Split(anyTime(strings.Join(block.lines, "\n")), "\n")
			missing, ok := quoted(block.lines, lines)
			assert.True(t, ok, "%s:%d: %s does not print this: %s\nIt prints:\n%s", d.name, block.line, *command, missing, output)
		}
	}
	assert.NotZero(t, shown, "no document shows what %s prints", *command)
}

// anyTime makes equal what differs from one run, and one machine, to another.
func anyTime(text string) string {
	for pattern, same := range map[string]string{
		`\b[0-9a-f]{64}\b`:                  "SHA256",
		`\b\d\d:\d\d:\d\d\b`:                "TIME",
		`\b\d{8}T\d{6}Z(-\w{6})?\b`:         "RUN",
		`\b\d+(\.\d+)? [KMGT]?i?B\b`:        "SIZE",
		`\bafter (\d+(\.\d+)?(h|m|s|ms))+`:  "after DURATION",
		`\S*/ghmigrate-\d+\b`:               "DIR",
		`\b(is a clone of|is one of) \S+\B`: "$1 CHECKOUT",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, same)
	}
	return text
}

// A link in a document that points into this repository leads to a file or a
// folder that is there, and its #anchor to a headline.
func TestLinksInDocumentsResolve(t *testing.T) {
	checkout(t)
	documents := readDocuments(t)
	headlines := make(map[string][]string)
	for _, d := range documents {
		headlines[d.name] = d.anchors()
	}
	for _, d := range documents {
		for _, link := range d.links() {
			where := fmt.Sprintf("%s:%d: %s", d.name, link.line, link.target)
			if strings.Contains(link.target, "://") || strings.HasPrefix(link.target, "mailto:") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(link.target, "#")
			target := d.name
			if file != "" {
				target = path.Join(path.Dir(d.name), file)
				if !assert.True(t, fs.ValidPath(target), "%s leads out of the repository", where) {
					continue
				}
				if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
					t.Errorf("%s: %v", where, err)
				}
			}
			if hasAnchor {
				assert.Contains(t, headlines[target], anchor, "%s: no such headline in %s", where, target)
			}
		}
	}
}

type link struct {
	line   int
	target string
}

// links returns the targets of inline links, pictures and link definitions,
// outside of code.
func (d document) links() []link {
	code := regexp.MustCompile("`[^`]*`")
	target := regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s+<?([^\s>]+)|(?:href|src)="([^"]+)"`)
	var links []link
	for i, line := range d.prose {
		for _, found := range target.FindAllStringSubmatch(code.ReplaceAllString(line, "`"), -1) {
			links = append(links, link{i + 1, found[1] + found[2] + found[3]})
		}
	}
	return links
}

// anchors returns the names that GitHub gives to the headlines.
func (d document) anchors() []string {
	headline := regexp.MustCompile(`^#{1,6}\s+(.+?)\s*#*$`)
	linked := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	var anchors []string
	times := make(map[string]int)
	for _, line := range d.prose {
		found := headline.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linked.ReplaceAllString(found[1], "$1"))
		times[anchor]++
		if n := times[anchor] - 1; n > 0 {
			anchor += "-" + strconv.Itoa(n)
		}
		anchors = append(anchors, anchor)
	}
	return anchors
}

// A command that runs an example names one that exists, and flags that it has.
func TestCommandsInDocumentsExist(t *testing.T) {
	checkout(t)
	command := regexp.MustCompile("go run -C examples \\./([^\\s`]+)([^`]*)")
	seen := 0
	for _, d := range readDocuments(t) {
		for i, line := range d.lines {
			line, _, _ = strings.Cut(strings.TrimSuffix(line, "-->"), " #")
			for _, found := range command.FindAllStringSubmatch(line, -1) {
				if found[1] == "mine" {
					continue // the reader's own
				}
				seen++
				where := fmt.Sprintf("%s:%d", d.name, i+1)
				flags := flagsOf(t, filepath.Join("examples", found[1]))
				for word := range strings.FieldsSeq(found[2]) {
					if name, ok := strings.CutPrefix(word, "-"); ok {
						name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
						assert.Contains(t, flags, name, "%s: %s has no such flag", where, found[1])
					}
				}
			}
		}
	}
	assert.NotZero(t, seen, "no document runs an example")
}

// flagsOf returns the names of the flags that a program defines: what package
// flag's functions are called with first, or second when a variable comes
// before it.
func flagsOf(t *testing.T, dir string) []string {
	t.Helper()
	definition := regexp.MustCompile(`^(Bool|Duration|Float64|Int|Int64|String|Text|Uint|Uint64)?(Var|Func)?$`)
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, names, "%s is no program", dir)
	flags := []string{"h", "help"}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for node := range ast.Preorder(file) {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				continue
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !definition.MatchString(selector.Sel.Name) {
				continue
			}
			for _, arg := range call.Args[:2] {
				if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					flag, err := strconv.Unquote(literal.Value)
					require.NoError(t, err)
					flags = append(flags, flag)
					break
				}
			}
		}
	}
	return flags
}
