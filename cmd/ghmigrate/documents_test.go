package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A command line of ghmigrate in a document names a command that exists, and flags
// that it has.
func TestCommandsInDocumentsExist(t *testing.T) {
	u := newUser(t, nil)
	help := map[string]string{}
	for _, name := range append(slices.Clone(commands), "help", "completion") {
		help[name] = u.do(name, "--help")
	}
	var documents []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "action/*", "Dockerfile", ".ci/*", "internal/demo/*.go"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		require.NoError(t, err)
		documents = append(documents, found...)
	}
	// A whole line of code, or a piece of one: after $(, a quote, a pipe or the like.
	line := regexp.MustCompile("(?m)(?:^|[\\t `(|;&]|run: )ghmigrate ((?:[a-z]+)(?: [^\\n`|;]*)?)")
	flag := regexp.MustCompile(`(?:^|[ "'])(--?[a-z][-a-z]*)`)
	seen := 0
	for _, name := range documents {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range line.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\\\n", " "), -1) {
			command, args, _ := strings.Cut(m[1], " ")
			if help[command] == "" {
				continue // prose: ghmigrate is the library, too
			}
			if command == "fake" { // a command of its own follows
				args = regexp.MustCompile(`^((?: ?--[-a-z]+[ =][^- ]\S*)*).*`).ReplaceAllString(args, "$1")
			}
			args, _, _ = strings.Cut(args, " #")
			for _, f := range flag.FindAllStringSubmatch(args, -1) {
				seen++
				assert.Regexp(t, `(?m)^ +(-\w, )?`+f[1]+`\b|^ +`+f[1]+`, `, help[command], "%s: ghmigrate %s", name, m[1])
			}
		}
	}
	assert.Greater(t, seen, 60)
}
