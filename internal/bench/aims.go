package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// An aim is a lower bound of this library's rate, compared with another program
// or with one range.
type aim struct {
	program, peer string
	least         float64 // times the rate of the peer
}

const (
	byDefault = "ghmigrate"
	oneRange  = "ghmigrate, 1 range"
	sixteen   = "ghmigrate, 16 ranges"
	aria8     = "aria2c -x8 -s8"
	aria16    = "aria2c -x16 -s16"

	// maxMemory is the memory that a download may take.
	maxMemory = 32 << 20

	lineRate = 25e6 // bytes a second of one connection, on lines with a limit
)

// scenarios returns the lines to measure, with their aims. Slow lines run once.
func (o options) scenarios() []scenario {
	parallel := []aim{{byDefault, aria8, 1}, {sixteen, aria16, 1.05}}
	// By default a download may take one and a half times as long as with one range, on any line.
	noWorse := []aim{{byDefault, oneRange, 1 / 1.5}}
	all := []scenario{{title: "unthrottled", size: o.size, runs: o.runs, aims: []aim{{byDefault, "curl", 1}}}}
	for _, size := range []int64{o.size / 4, o.size} {
		for _, latency := range []time.Duration{0, 80 * time.Millisecond} {
			s := scenario{title: "25 MB/s a connection", size: size, runs: o.runs, line: line{rate: lineRate, latency: latency}, aims: parallel}
			if latency > 0 {
				s.title += fmt.Sprintf(", %v", latency)
			}
			if size == o.size {
				s.runs = 1
			}
			all = append(all, s)
		}
	}
	return append(all,
		scenario{title: "a cut every 64 MB", size: o.size / 2, runs: o.runs, line: line{cut: 64e6}, aims: []aim{{byDefault, "curl", 1.3}}},
		scenario{title: "killed half-way", size: o.size / 8, runs: o.runs, line: line{rate: lineRate}, kill: true, aims: []aim{{program: byDefault}}},
		scenario{title: "a cut every 900 kB", size: o.size / 20, runs: o.runs, line: line{cut: 900e3}, aims: noWorse},
		scenario{title: "503 beyond a request a second", size: o.size / 32, runs: 1, line: line{rate: lineRate, limit: 1}, aims: noWorse},
		scenario{title: "each range read from the start", size: o.size / 24, runs: 1, line: line{rate: lineRate, origin: true}, aims: noWorse},
		scenario{title: "each eighth connection slow", size: o.size / 16, runs: 1, line: line{rate: lineRate, slow: 8}, aims: noWorse},
	)
}

// measureAims prints a table with a row for each aim.
func measureAims(ctx context.Context, o options, stdout, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "ghmigrate-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	printSetup(stdout, o.runs)
	began := time.Now()
	rows := [][]string{{"line", "MiB", "program", "MB/s", "peer", "MB/s", "ratio", "aim", ""}}
	peak := int64(0)
	for _, s := range o.scenarios() {
		chosen := slices.DeleteFunc(programs(), func(p program) bool {
			used := slices.ContainsFunc(s.aims, func(a aim) bool { return p.name == a.program || p.name == a.peer })
			return !used || !o.only.MatchString(s.title+"/"+p.name)
		})
		if len(chosen) == 0 {
			continue
		}
		results, err := s.measure(ctx, chosen, dir, progress)
		if err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		for _, a := range s.aims {
			row, memory := s.row(a, results[a.program], results[a.peer])
			rows, peak = append(rows, row), max(peak, memory)
		}
	}
	if len(rows) == 1 {
		return fmt.Errorf("no line/program matches %q", o.only)
	}
	rows = append(rows, []string{"all", "—", byDefault, "—", "peak memory, MiB", "—", number(float64(peak) / (1 << 20)), "≤ 32", met(peak <= maxMemory)})
	writeTable(stdout, rows)
	_, _ = fmt.Fprintf(stdout, "\nIt took %v.\n", time.Since(began).Round(time.Second))
	return nil
}

// row returns the row of an aim, and the peak memory of this library in bytes.
func (s scenario) row(a aim, ours, peer *result) (row []string, peak int64) {
	row = []string{s.title, number(float64(s.size) / (1 << 20)), a.program}
	if ours == nil || ours.failed != nil {
		return append(row, "not measured"), 0
	}
	peak = slices.Max(ours.peaks)
	if s.kill {
		again := median(ours.again)
		return append(row, "—", "seconds fetched again", "—", number(again), "≤ 1", met(again <= 1)), peak
	}
	rate := median(ours.rates)
	row = append(row, number(rate/1e6), a.peer)
	if peer == nil || peer.failed != nil {
		return append(row, "not measured"), peak
	}
	other := median(peer.rates)
	return append(row, number(other/1e6), number(rate/other), "≥ "+number(a.least), met(rate >= a.least*other)), peak
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "missed"
}

// writeTable writes a table in Markdown: a column of text, then columns of
// numbers. A short row ends with dashes.
func writeTable(w io.Writer, rows [][]string) {
	line := func(cells []string) { _, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	columns := len(rows[0])
	_, _ = fmt.Fprintln(w)
	line(rows[0])
	line(append([]string{"---"}, slices.Repeat([]string{"--:"}, columns-1)...))
	for _, row := range rows[1:] {
		line(append(row, slices.Repeat([]string{"—"}, columns-len(row))...))
	}
}

// number formats n with three significant digits, or with all digits before the
// point.
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

// median returns the median, or the upper of two.
func median[T cmp.Ordered](all []T) T { return slices.Sorted(slices.Values(all))[len(all)/2] }
