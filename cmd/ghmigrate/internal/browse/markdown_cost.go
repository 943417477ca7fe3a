package browse

import (
	"bytes"
	"errors"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds for one text. For some hostile texts, the time and the memory of goldmark grow
// with the square of the length: a text of 64 KiB would take minutes, or gigabytes.
const (
	maxSteps    = 200_000_000 // a step is about a byte that goldmark looks at
	maxElements = 50_000      // in the HTML
)

// The steps of what takes memory.
const (
	lineSteps      = 100                    // of a line, in each search of a block
	blockSteps     = 400                    // of a list or quote, in each line
	cellSteps      = maxSteps / maxElements // of a cell of a table
	referenceSteps = 50                     // of a byte of an address, in each link
	escapeSteps    = 10                     // of an escaped pipe in a table, for each other one
)

// errCostly means that a text takes too many steps, or has too many elements.
var errCostly = errors.New("the text is too costly to render")

// A meter counts the steps of parsing a text. It is the context that goldmark passes to
// its parsers. After maxSteps, the meter panics with errCostly.
type meter struct {
	parser.Context
	steps   int64
	escapes int64 // the escaped pipes in tables
}

func (m *meter) spend(steps int64) {
	if m.steps += steps; m.steps > maxSteps {
		panic(errCostly)
	}
}

// OpenedBlocks counts the lists and quotes around a line. Goldmark calls it for each line.
func (m *meter) OpenedBlocks() []parser.Block {
	blocks := m.Context.OpenedBlocks()
	m.spend(int64(len(blocks)) * blockSteps)
	return blocks
}

// Reference counts the address and the title that each link to a definition repeats.
func (m *meter) Reference(label string) (parser.Reference, bool) {
	r, ok := m.Context.Reference(label)
	if ok {
		m.spend(int64(len(r.Destination())+len(r.Title())) * referenceSteps)
	}
	return r, ok
}

// A costParser is the first parser of goldmark for paragraphs and for inline elements. It
// counts the steps of the others.
type costParser struct{}

func costParsers() []parser.Option {
	return []parser.Option{
		parser.WithInlineParsers(util.Prioritized(costParser{}, 0)),
		parser.WithParagraphTransformers(util.Prioritized(costParser{}, 0)),
	}
}

// Trigger returns the characters that may begin or end an inline element.
func (costParser) Trigger() []byte { return []byte("[]!(<`*_~") }

// Parse counts the steps of an inline element: a parser may search all the text of its
// block.
func (costParser) Parse(block ast.Node, _ text.Reader, pc parser.Context) ast.Node {
	if m, ok := pc.(*meter); ok {
		lines := block.Lines()
		m.spend(size(lines) + int64(lines.Len())*lineSteps)
	}
	return nil
}

// Transform counts the steps of the link definitions and the table in a paragraph.
// Goldmark searches the paragraph for each definition. Each row of a table gets as many
// cells as the delimiter row has. Each escaped pipe is compared with all the others.
func (costParser) Transform(node *ast.Paragraph, reader text.Reader, pc parser.Context) {
	m, ok := pc.(*meter)
	if !ok {
		return
	}
	lines := node.Lines()
	var definitions, columns, escapes int64
	for i := range lines.Len() {
		segment := lines.At(i)
		line := bytes.TrimSpace(segment.Value(reader.Source()))
		if bytes.HasPrefix(line, []byte("[")) {
			definitions++
		}
		if isDelimiterRow(line) {
			columns = max(columns, int64(bytes.Count(line, []byte("|"))+1))
		}
		escapes += int64(bytes.Count(line, []byte(`\|`)))
	}
	m.spend(definitions * size(lines))
	if columns > 0 {
		m.spend(columns * int64(lines.Len()) * cellSteps)
		m.escapes += escapes
		m.spend(escapes * m.escapes * escapeSteps)
	}
}

// size returns the length of the text of a block, in bytes.
func size(lines *text.Segments) int64 {
	return int64(lines.At(lines.Len()-1).Stop - lines.At(0).Start)
}

// isDelimiterRow reports whether a line may be the delimiter row of a table.
func isDelimiterRow(line []byte) bool {
	return bytes.IndexByte(line, '-') >= 0 && len(bytes.Trim(line, "-|: \t\v\f\r")) == 0
}
