// Package table formats tables, numbers and sizes for people.
package table

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Table is rows of text in aligned columns, with notes below the rows.
type Table struct {
	align string
	rows  [][]string
	notes string
}

// New returns a table. Align has a < or > for each column. Other columns are
// left-aligned.
func New(align string) *Table { return &Table{align: align} }

// Row adds a row of [Printable] cells.
func (t *Table) Row(cells ...string) {
	for i, c := range cells {
		cells[i] = Printable(c)
	}
	t.rows = append(t.rows, cells)
}

// Note adds a line of [Printable] text below the rows.
func (t *Table) Note(format string, args ...any) {
	t.notes += Printable(fmt.Sprintf(format, args...)) + "\n"
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// String returns the table with a newline at the end of each row.
func (t *Table) String() string {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var all strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, c := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < len(t.align) && t.align[i] == '>' {
				line.WriteString(space + c)
			} else {
				line.WriteString(c + space)
			}
		}
		all.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return all.String() + t.notes
}

// Write prints the table and an empty line.
func (t *Table) Write(w io.Writer) { fmt.Fprintln(w, t.String()) }

// Printable replaces characters that are not printable, since they could control
// a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// Short truncates a long text, so that it leaves room for other columns.
func Short(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return s
}

// Count formats a number with separated thousands: "1,234".
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Size formats a number of bytes with a binary unit: "9.2 MiB".
func Size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	size, unit := float64(max(n, 0)), 0
	for size >= 1023.95 && unit < len(units)-1 {
		size /= 1024
		unit++
	}
	if unit == 0 || size >= 9.95 {
		return fmt.Sprintf("%.0f %s", size, units[unit])
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}

// Plural formats a number of things: "1 repository", "2 repositories".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if stem, ok := strings.CutSuffix(thing, "y"); ok {
		thing = stem + "ie"
	}
	return Count(int64(n)) + " " + thing + "s"
}
