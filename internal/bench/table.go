package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// writeTable writes a table in Markdown. What is in a first column is text, and
// what is in the last ones are numbers.
func writeTable(w io.Writer, texts int, rows ...[]string) {
	line := func(cells []string) { _, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	_, _ = fmt.Fprintln(w)
	line(rows[0])
	rule := slices.Repeat([]string{"---"}, len(rows[0]))
	for i := texts; i < len(rule); i++ {
		rule[i] = "--:"
	}
	line(rule)
	for _, row := range rows[1:] {
		line(append(row, slices.Repeat([]string{"—"}, len(rule)-len(row))...))
	}
}

// number writes three digits, or all of those before the point.
func number(n float64) string {
	switch {
	case n >= 99.95 || n == 0:
		return fmt.Sprintf("%.0f", n)
	case n >= 9.995:
		return fmt.Sprintf("%.1f", n)
	default:
		return fmt.Sprintf("%.2f", n)
	}
}

// median returns the upper one of two.
func median[T cmp.Ordered](all []T) T { return slices.Sorted(slices.Values(all))[len(all)/2] }
