package check_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every link in a doc comment, such as [Client] or [http.Client], leads to
// what is there, in this repository or in the standard library. Of other
// modules, only that the package is imported is known.
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

// A goPackage is a package of which doc comments are checked, or to which they
// lead.
type goPackage struct {
	doc      *doc.Package
	imports  map[string]string // path by name, of all files
	comments []docComment
}

type docComment struct{ where, text string }

type goPackages struct {
	own    []*goPackage
	byPath map[string]*goPackage // the own packages, and packages of the standard library as they are needed
}

// newPackages parses the packages of all modules of the repository.
func newPackages(t *testing.T) *goPackages {
	t.Helper()
	packages := &goPackages{byPath: make(map[string]*goPackage)}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if base := entry.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
			return fs.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(name, "*.go"))
		if err != nil {
			return err
		}
		files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
		if len(files) > 0 {
			importPath := path.Join("github.com/ghmigrate/ghmigrate", filepath.ToSlash(name))
			p := parsePackage(t, importPath, files)
			packages.own = append(packages.own, p)
			packages.byPath[importPath] = p
		}
		return nil
	})
	require.NoError(t, err)
	return packages
}

// parsePackage reads a package with what it does not export: a comment may
// lead there too.
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

// docComments returns the comments of a file that document something.
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

// links returns all that looks like a link to an identifier. The import path
// of a package that the files do not import is its name after a question mark.
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

// broken says why a link of package p leads nowhere, if it does.
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

// docName is a link as it is written.
func docName(link *comment.DocLink) string {
	return strings.Join(slices.DeleteFunc([]string{link.ImportPath, link.Recv, link.Name}, func(s string) bool { return s == "" }), ".")
}
