package check_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocLinksResolve checks that every link in a doc comment, such as [Client] or
// [http.Client], leads to an identifier of this repository or of the standard library.
// For other modules, it checks only that the package is imported.
func TestDocLinksResolve(t *testing.T) {
	checkout(t)
	packages := newPackages(t)
	links := 0
	for _, p := range packages.own {
		for _, text := range p.comments {
			for _, link := range p.links(text.text) {
				links++
				if why := packages.broken(t, p, link); why != "" {
					t.Errorf("%s: [%s]: %s", text.where, docName(link), why)
				}
			}
		}
	}
	assert.NotZero(t, links)
}

// A goPackage is a package whose doc comments are checked, or the target of a link.
type goPackage struct {
	doc      *doc.Package
	imports  map[string]string // path by name, of all files
	comments []docComment
}

// A docComment is a doc comment, and its place in a file.
type docComment struct{ where, text string }

// goPackages are the packages that links may lead to.
type goPackages struct {
	own    []*goPackage
	byPath map[string]*goPackage // own, and packages of the standard library as links need them
}

// newPackages parses the packages of all modules of the repository.
func newPackages(t *testing.T) *goPackages {
	t.Helper()
	packages := &goPackages{byPath: make(map[string]*goPackage)}
	files := map[string][]string{}
	for _, name := range filesOf(t, ".go") {
		if !strings.HasSuffix(name, "_test.go") {
			files[path.Dir(name)] = append(files[path.Dir(name)], name)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(files)) {
		importPath := path.Join("github.com/ghmigrate/ghmigrate", dir)
		p := parsePackage(t, importPath, files[dir])
		packages.own = append(packages.own, p)
		packages.byPath[importPath] = p
	}
	return packages
}

// parsePackage reads a package with its unexported identifiers: links may lead to them.
func parsePackage(t *testing.T, importPath string, names []string) *goPackage {
	t.Helper()
	p := &goPackage{imports: make(map[string]string)}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			as := strings.TrimPrefix(path.Base(imported), "go-")
			if spec.Name != nil {
				as = spec.Name.Name
			}
			p.imports[as] = imported
		}
		p.comments = append(p.comments, docComments(fset, file)...)
	}
	var err error
	p.doc, err = doc.NewFromFiles(fset, files, importPath, doc.AllDecls|doc.AllMethods|doc.PreserveAST)
	require.NoError(t, err)
	return p
}

// docComments returns the doc comments of a file.
func docComments(fset *token.FileSet, file *ast.File) []docComment {
	var comments []docComment
	for node := range ast.Preorder(file) {
		var groups []*ast.CommentGroup
		switch node := node.(type) {
		case *ast.File:
			groups = append(groups, node.Doc)
		case *ast.GenDecl:
			groups = append(groups, node.Doc)
		case *ast.FuncDecl:
			groups = append(groups, node.Doc)
		case *ast.TypeSpec:
			groups = append(groups, node.Doc, node.Comment)
		case *ast.ValueSpec:
			groups = append(groups, node.Doc, node.Comment)
		case *ast.Field:
			groups = append(groups, node.Doc, node.Comment)
		}
		for _, group := range groups {
			if group != nil {
				where := fset.Position(group.Pos())
				comments = append(comments, docComment{fmt.Sprintf("%s:%d", where.Filename, where.Line), group.Text()})
			}
		}
	}
	return comments
}

// links returns all links to identifiers. For a package that the files do not import,
// the import path is a question mark and the name.
func (p *goPackage) links(text string) []*comment.DocLink {
	parser := comment.Parser{
		LookupSym: func(string, string) bool { return true },
		LookupPackage: func(name string) (string, bool) {
			if name == p.doc.Name {
				return p.doc.ImportPath, true
			}
			if imported, ok := p.imports[name]; ok {
				return imported, true
			}
			if std, ok := comment.DefaultLookupPackage(name); ok {
				return std, true
			}
			return "?" + name, true
		},
	}
	var links []*comment.DocLink
	var inText func([]comment.Text)
	inText = func(texts []comment.Text) {
		for _, text := range texts {
			switch text := text.(type) {
			case *comment.DocLink:
				links = append(links, text)
			case *comment.Link:
				inText(text.Text)
			}
		}
	}
	var inBlocks func([]comment.Block)
	inBlocks = func(blocks []comment.Block) {
		for _, block := range blocks {
			switch block := block.(type) {
			case *comment.Paragraph:
				inText(block.Text)
			case *comment.Heading:
				inText(block.Text)
			case *comment.List:
				for _, item := range block.Items {
					inBlocks(item.Content)
				}
			}
		}
	}
	inBlocks(parser.Parse(text).Content)
	return links
}

// broken returns why a link of package p is broken, or an empty string.
func (packages *goPackages) broken(t *testing.T, p *goPackage, link *comment.DocLink) string {
	t.Helper()
	if name, unknown := strings.CutPrefix(link.ImportPath, "?"); unknown {
		if link.Name == "" {
			return "" // a word in brackets
		}
		return "package " + name + " is not imported"
	}
	target := p
	if link.ImportPath != "" {
		if target = packages.find(t, link.ImportPath); target == nil {
			return ""
		}
		if link.Name == "" {
			return ""
		}
	}
	if !target.doc.Parser().LookupSym(link.Recv, link.Name) {
		return target.doc.ImportPath + " has no such identifier"
	}
	return ""
}

// find returns a package of this repository or of the standard library, or nil.
func (packages *goPackages) find(t *testing.T, importPath string) *goPackage {
	t.Helper()
	if p, ok := packages.byPath[importPath]; ok {
		return p
	}
	if first, _, _ := strings.Cut(importPath, "/"); strings.Contains(first, ".") {
		if strings.HasPrefix(importPath, "github.com/ghmigrate/ghmigrate") {
			t.Errorf("package %s does not exist", importPath)
		}
		return nil
	}
	found, err := build.Import(importPath, "", 0)
	require.NoError(t, err)
	names := make([]string, len(found.GoFiles))
	for i, name := range found.GoFiles {
		names[i] = filepath.Join(found.Dir, name)
	}
	packages.byPath[importPath] = parsePackage(t, importPath, names)
	return packages.byPath[importPath]
}

// docName returns a link as it is written.
func docName(link *comment.DocLink) string {
	return strings.Join(slices.DeleteFunc([]string{link.ImportPath, link.Recv, link.Name}, func(s string) bool { return s == "" }), ".")
}
