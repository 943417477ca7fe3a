package main_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCommandsInDocumentsExist checks the command lines of ghmigrate in documents: the
// command has to exist, with the flags.
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
	// The command begins a line, or follows $(, a quote, a pipe or the like.
	line := regexp.MustCompile("(?m)(?:^|[\\t `(|;&]|run: )ghmigrate ((?:[a-z]+)(?: [^\\n`|;]*)?)")
	flag := regexp.MustCompile(`(?:^|[ "'])(--?[a-z][-a-z]*)`)
	checked := 0
	for _, name := range documents {
		text := strings.ReplaceAll(readFile(t, name), "\\\n", " ")
		for _, m := range line.FindAllStringSubmatch(text, -1) {
			command, args, _ := strings.Cut(m[1], " ")
			if help[command] == "" {
				continue // prose
			}
			args, _, _ = strings.Cut(args, " #")
			if command == "fake" {
				args = flagsOfFake(args, help[command])
			}
			for _, f := range flag.FindAllStringSubmatch(args, -1) {
				checked++
				assert.Regexp(t, `(?m)^ +(-\w, )?`+f[1]+`\b|^ +`+f[1]+`, `, help[command], "%s: ghmigrate %s", name, m[1])
			}
		}
	}
	assert.Greater(t, checked, 60)
}

// flagsOfFake returns the flags of the command fake. The flags after the first argument
// belong to another command.
func flagsOfFake(args, help string) string {
	var flags []string
	words := strings.Fields(args)
	for i := 0; i < len(words) && strings.HasPrefix(words[i], "-"); i++ {
		flags = append(flags, words[i])
		if regexp.MustCompile(" " + regexp.QuoteMeta(words[i]) + " [A-Z]").MatchString(help) {
			i++ // the value
		}
	}
	return strings.Join(flags, " ")
}
