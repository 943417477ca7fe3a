package check_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A document is a Markdown file of this repository.
type document struct {
	name   string // relative to the repository, with slashes
	lines  []string
	prose  []string // lines, with empty lines instead of code
	blocks []codeBlock
}

// A codeBlock has the lines between two fences.
type codeBlock struct {
	line     int    // the number of the opening fence, from 1
	language string // the text after the opening fence
	before   string // the last line before the block that is not empty
	lines    []string
}

// readDocuments returns the documents of the repository.
func readDocuments(t *testing.T) []document {
	t.Helper()
	var documents []document
	for _, name := range filesOf(t, ".md") {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		documents = append(documents, parseDocument(name, string(text)))
	}
	return documents
}

// parseDocument separates prose from code.
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

// TestDocumentsShowCodeThatCompiles looks for each block of Go code in the file that
// the comment above it names.
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
			assert.True(t, ok, "%s: %s does not have this block: no line %q", where, found[1], missing)
		}
	}
}

// quoted reports whether a file has the lines of a block in a row, with any further
// indentation that is the same for all lines. A line … stands for omitted lines, which
// are not indented less than the block. If the file does not have the block, quoted
// returns the first missing line of the block.
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

// quotedAt returns how many lines of the block the file has, from the first line of
// the file.
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
	command = flag.String("command", "", "the command whose output is in the file of -printed")
	printed = flag.String("printed", "", "a file with the output of -command")
)

// TestDocumentsShowWhatIsPrinted compares the output of a command with the documents
// that show it, except for times, checksums, sizes and paths. The script .ci/run runs
// the commands, and this test for each.
func TestDocumentsShowWhatIsPrinted(t *testing.T) {
	if *printed == "" {
		t.Skip("no -command, no -printed")
	}
	checkout(t)
	output, err := os.ReadFile(*printed)
	require.NoError(t, err)
	lines := strings.Split(maskOutput(string(output)), "\n")
	shown := 0
	for _, d := range readDocuments(t) {
		for _, block := range d.blocks {
			if block.before != "<!-- printed by "+*command+" -->" {
				continue
			}
			shown++
			block.lines = strings.Split(maskOutput(strings.Join(block.lines, "\n")), "\n")
			missing, ok := quoted(block.lines, lines)
			assert.True(t, ok, "%s:%d: %s does not print %q. It prints:\n%s", d.name, block.line, *command, missing, output)
		}
	}
	assert.NotZero(t, shown, "no document shows what %s prints", *command)
}

// maskOutput replaces the parts of an output that differ between runs and machines.
func maskOutput(text string) string {
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
