package check_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCommandsInDocumentsExist checks that commands in documents run examples that
// exist, with flags that they have.
func TestCommandsInDocumentsExist(t *testing.T) {
	checkout(t)
	command := regexp.MustCompile("go run -C examples \\./([^\\s`]+)([^`]*)")
	seen := 0
	for _, d := range readDocuments(t) {
		for i, line := range d.lines {
			line, _, _ = strings.Cut(strings.TrimSuffix(line, "-->"), " #")
			for _, found := range command.FindAllStringSubmatch(line, -1) {
				if found[1] == "mine" {
					continue // a program of the reader
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

// flagsOf returns the names of the flags of a program: the first string among the first
// two arguments of calls such as flag.String and flag.StringVar.
func flagsOf(t *testing.T, dir string) []string {
	t.Helper()
	definition := regexp.MustCompile(`^(Bool|Duration|Float64|Int|Int64|String|Text|Uint|Uint64)?(Var|Func)?$`)
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, names, "%s is not a program", dir)
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
