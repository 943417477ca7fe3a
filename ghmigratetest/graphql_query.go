package ghmigratetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/scanner"
)

// A queryField is a field that a query of GraphQL asks for.
type queryField struct {
	alias, name string
	args        map[string]string
	fields      []queryField
}

// parseQuery reads a query of GraphQL that has neither fragments nor
// directives, whose arguments are strings.
func parseQuery(query string, variables map[string]any) (fields []queryField, err error) {
	p := &queryParser{variables: variables}
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case parseError:
			err = fmt.Errorf("Parse error at [%d, %d]: %s", p.Line, p.Column, string(failure)) //nolint:staticcheck // as GitHub spells it
		default:
			panic(failure)
		}
	}()
	p.Init(strings.NewReader(query))
	p.Mode = scanner.ScanIdents | scanner.ScanStrings
	p.Whitespace |= 1 << ','
	p.Error = func(_ *scanner.Scanner, msg string) { panic(parseError(msg)) }
	p.next()
	p.declarations()
	fields = p.selection(1)
	p.expect(scanner.EOF)
	return fields, nil
}

type parseError string

// A queryParser has the token that is to be read next. What is wrong is a
// panic, for parseQuery.
type queryParser struct {
	scanner.Scanner
	token     rune
	declared  []string
	variables map[string]any
}

func (p *queryParser) next() { p.token = p.Scan() }

// expect reads a token of this kind.
func (p *queryParser) expect(kind rune) string {
	text := p.TokenText()
	if p.token != kind {
		panic(parseError(fmt.Sprintf("expected %s, got %q", scanner.TokenString(kind), text)))
	}
	if kind != scanner.EOF {
		p.next()
	}
	return text
}

// declarations reads what may come before the fields: query Name($owner: String!).
func (p *queryParser) declarations() {
	if p.token != scanner.Ident {
		return
	}
	if kind := p.expect(scanner.Ident); kind != "query" {
		panic(parseError(strconv.Quote(kind) + " is not supported"))
	}
	if p.token == scanner.Ident {
		p.next()
	}
	if p.token != '(' {
		return
	}
	for p.next(); p.token != ')'; {
		p.expect('$')
		p.declared = append(p.declared, p.expect(scanner.Ident))
		p.expect(':')
		p.expect(scanner.Ident)
		if p.token == '!' {
			p.next()
		}
	}
	p.next()
}

// maxDepth bounds the depth of a query: what is known here has two levels.
const maxDepth = 10

func (p *queryParser) selection(depth int) []queryField {
	if depth > maxDepth {
		panic(parseError("the query is too deep"))
	}
	var fields []queryField
	for p.expect('{'); p.token != '}' || len(fields) == 0; {
		f := queryField{name: p.expect(scanner.Ident)}
		f.alias = f.name
		if p.token == ':' {
			p.next()
			f.name = p.expect(scanner.Ident)
		}
		if p.token == '(' {
			f.args = p.arguments()
		}
		if p.token == '{' {
			f.fields = p.selection(depth + 1)
		}
		fields = append(fields, f)
	}
	p.next()
	return fields
}

func (p *queryParser) arguments() map[string]string {
	args := make(map[string]string)
	for p.next(); p.token != ')'; {
		name := p.expect(scanner.Ident)
		p.expect(':')
		args[name] = p.value()
	}
	p.next()
	return args
}

func (p *queryParser) value() string {
	if p.token != '$' {
		value, err := strconv.Unquote(p.expect(scanner.String))
		if err != nil {
			panic(parseError(err.Error()))
		}
		return value
	}
	p.next()
	name := p.expect(scanner.Ident)
	value, ok := p.variables[name].(string)
	if !slices.Contains(p.declared, name) || !ok {
		panic(parseError("variable $" + name + " is not declared, or no string"))
	}
	return value
}
