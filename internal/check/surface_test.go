package check_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateAPI = flag.Bool("update-api", false, "write the exported surface to api/")

// TestExportedSurfaceIsTheBaseline compares the exported surface with the files in api,
// which have a line for each feature. So every change of the surface is in the diff. A
// line that a change removes or alters may break a program; a new line does not.
func TestExportedSurfaceIsTheBaseline(t *testing.T) {
	checkout(t)
	packages := exportedSurface(t)
	if *updateAPI {
		for name, lines := range packages {
			require.NoError(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
		}
	}
	baselines, err := filepath.Glob(filepath.Join("api", "*.txt"))
	require.NoError(t, err)
	for _, name := range baselines {
		if packages[name] == nil {
			t.Errorf("incompatible: the package of %s is gone", name)
		}
	}
	for name, now := range packages {
		text, err := os.ReadFile(name)
		require.NoError(t, err, "is the package new?")
		before := lines(string(text))
		for _, line := range without(before, now) {
			t.Errorf("%s: incompatible, gone: %s", name, line)
		}
		for _, line := range without(now, before) {
			t.Errorf("%s: new: %s", name, line)
		}
	}
	if t.Failed() {
		t.Log("If this is intended, run: go test ./internal/check -run TestExportedSurface -update-api. CHANGELOG.md must say why something is gone")
	}
}

// without returns the lines that are not in others. Others are sorted.
func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		_, found := slices.BinarySearch(others, line)
		return found
	})
}

// exportedSurface returns the sorted features of each package that users can import, by
// the name of its file. It reads the export data of the compiler.
func exportedSurface(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Module}}", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())

	exports := make(map[string]string)
	var own []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		exports[fields[0]] = fields[1]
		if fields[2] == "github.com/ghmigrate/ghmigrate" && !strings.Contains(fields[0]+"/", "/internal/") {
			own = append(own, fields[0])
		}
	}
	compiler := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	packages := make(map[string][]string)
	for _, path := range own {
		pkg, err := compiler.Import(path)
		require.NoError(t, err)
		packages[filepath.Join("api", pkg.Name()+".txt")] = features(pkg)
	}
	assert.NotEmpty(t, packages)
	return packages
}

// A surface collects the features of a package: a line for each exported name, and for
// each promise of a type.
type surface struct {
	own   *types.Package // names of its types have no qualifier
	lines []string
}

// features returns the sorted features of a package.
func features(pkg *types.Package) []string {
	s := &surface{own: pkg}
	for _, name := range pkg.Scope().Names() {
		object := pkg.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch object := object.(type) {
		case *types.Const:
			s.add("const %s %s = %s", name, s.nameOf(object.Type()), object.Val().ExactString())
		case *types.Var:
			s.add("var %s %s", name, s.nameOf(object.Type()))
		case *types.Func:
			s.add("func %s%s", name, s.signature(object.Signature()))
		case *types.TypeName:
			s.addType(object)
		}
	}
	slices.Sort(s.lines)
	return s.lines
}

// add adds a line.
func (s *surface) add(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// addType adds the lines of a type: its kind, its exported fields and its exported
// methods, including the methods of embedded types.
func (s *surface) addType(object *types.TypeName) {
	if object.IsAlias() {
		s.add("type %s = %s", object.Name(), s.nameOf(types.Unalias(object.Type())))
		return
	}
	named := object.Type().(*types.Named)
	name := object.Name() + s.typeParameters(named.TypeParams())
	if types.Comparable(named) {
		s.add("type %s, comparable", name)
	}
	switch under := named.Underlying().(type) {
	case *types.Interface:
		// One line for all methods, because another method breaks implementations.
		var methods []string
		for method := range under.Methods() {
			methods = append(methods, method.Name()+s.signature(method.Signature()))
		}
		s.add("type %s interface { %s }", name, strings.Join(methods, "; "))
		return
	case *types.Struct:
		s.add("type %s struct", name)
		for field := range under.Fields() {
			switch {
			case !field.Exported():
			case field.Embedded():
				s.add("type %s struct, embeds %s", name, s.nameOf(field.Type()))
			default:
				s.add("type %s struct, %s %s", name, field.Name(), s.nameOf(field.Type()))
			}
		}
	default:
		s.add("type %s %s", name, s.nameOf(under))
	}
	values := types.NewMethodSet(named)
	for method := range types.NewMethodSet(types.NewPointer(named)).Methods() {
		if !method.Obj().Exported() {
			continue
		}
		receiver := "*" + object.Name()
		if values.Lookup(nil, method.Obj().Name()) != nil {
			receiver = object.Name()
		}
		s.add("method (%s) %s%s", receiver, method.Obj().Name(), s.signature(method.Type().(*types.Signature)))
	}
}

// signature returns a signature without the names of its parameters, which no caller
// depends on.
func (s *surface) signature(of *types.Signature) string {
	parameters := s.tuple(of.Params())
	if of.Variadic() {
		last := len(parameters) - 1
		parameters[last] = "..." + strings.TrimPrefix(parameters[last], "[]")
	}
	results := strings.Join(s.tuple(of.Results()), ", ")
	switch of.Results().Len() {
	case 0:
	case 1:
		results = " " + results
	default:
		results = " (" + results + ")"
	}
	return fmt.Sprintf("%s(%s)%s", s.typeParameters(of.TypeParams()), strings.Join(parameters, ", "), results)
}

// tuple returns the types of parameters or results.
func (s *surface) tuple(variables *types.Tuple) []string {
	var names []string
	for variable := range variables.Variables() {
		names = append(names, s.nameOf(variable.Type()))
	}
	return names
}

// typeParameters returns a list of type parameters, in brackets.
func (s *surface) typeParameters(list *types.TypeParamList) string {
	var names []string
	for parameter := range list.TypeParams() {
		names = append(names, s.nameOf(parameter)+" "+s.nameOf(parameter.Constraint()))
	}
	if names == nil {
		return ""
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// nameOf returns a type with the names of packages instead of their paths.
func (s *surface) nameOf(of types.Type) string {
	return types.TypeString(of, func(p *types.Package) string {
		if p == s.own {
			return ""
		}
		return p.Name()
	})
}
