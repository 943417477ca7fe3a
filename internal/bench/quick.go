package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// An aim is a bound of how fast this library is beside another program, or beside
// itself with one range.
type aim struct {
	ours, peer string
	least      float64 // times the rate of the peer
}

const (
	byDefault = "ghmigrate"
	oneRange  = "ghmigrate, 1 range"
	of16      = "ghmigrate, 16 ranges"
	aria8     = "aria2c -x8 -s8"
	aria16    = "aria2c -x16 -s16"

	// The most memory that a download may take.
	mostMemory = 32 << 20
	// The default may take so many times as long as one range, on any line.
	longest = 1.5
)

// A quickLine is a line with its aims.
type quickLine struct {
	scenario
	runs int
	aims []aim
}

// quickLines are the lines of the aims. Slow lines run once.
func (o options) quickLines() []quickLine {
	many := []aim{{byDefault, aria8, 1}, {of16, aria16, 1.05}}
	beside := []aim{{byDefault, oneRange, 1 / longest}}
	rate, all, quarter := int64(o.rate), int64(o.size), int64(o.size/4)
	lines := []quickLine{{scenario{title: "unthrottled", size: all}, o.runs, []aim{{byDefault, "curl", 1}}}}
	for _, size := range []int64{quarter, all} {
		for _, latency := range []time.Duration{0, o.latency} {
			title := fmt.Sprintf("%v/s a connection", o.rate)
			if latency > 0 {
				title += fmt.Sprintf(", %v", latency)
			}
			runs := o.runs
			if size == all {
				runs = 1
			}
			lines = append(lines, quickLine{scenario{title: title, size: size, line: line{rate: rate, latency: latency}}, runs, many})
		}
	}
	return append(lines,
		quickLine{scenario{title: fmt.Sprintf("a cut every %v", o.cut), size: all / 2, line: line{cut: int64(o.cut)}}, o.runs, []aim{{byDefault, "curl", 1.3}}},
		quickLine{scenario{title: "killed half-way", size: all / 8, line: line{rate: rate}, kill: true}, o.runs, []aim{{ours: byDefault}}},
		quickLine{scenario{title: fmt.Sprintf("a cut every %v", o.shortCut), size: all / 20, line: line{cut: int64(o.shortCut)}}, o.runs, beside},
		quickLine{scenario{title: "503 beyond a request a second", size: all / 32, line: line{rate: rate, limit: 1}}, 1, beside},
		quickLine{scenario{title: "each range read from the start", size: all / 24, line: line{rate: rate, origin: true}}, 1, beside},
		quickLine{scenario{title: "each eighth connection slow", size: all / 16, line: line{rate: rate, slow: 8}}, 1, beside},
	)
}

// measureAims prints one table, with a row for each aim.
func measureAims(ctx context.Context, o options, dir string, stdout, progress io.Writer) error {
	began := time.Now()
	rows := [][]string{{"line", "size", "program", "MB/s", "beside", "MB/s", "ratio", "aim", ""}}
	peak := int64(0)
	for _, l := range o.quickLines() {
		chosen := slices.DeleteFunc(programs(), func(p program) bool {
			used := slices.ContainsFunc(l.aims, func(a aim) bool { return p.name == a.ours || p.name == a.peer })
			return !used || !o.only.MatchString(l.title+"/"+p.name)
		})
		if len(chosen) == 0 {
			continue
		}
		results, err := l.measure(ctx, chosen, l.runs, dir, progress)
		if err != nil {
			return fmt.Errorf("%s: %w", l.title, err)
		}
		of := map[string]result{}
		for i, p := range chosen {
			of[p.name] = results[i]
		}
		for _, a := range l.aims {
			row, most := l.row(a, of[a.ours], of[a.peer])
			rows, peak = append(rows, row), max(peak, most)
		}
	}
	rows = append(rows, []string{"all", "—", byDefault, "—", "peak memory, MiB", "—", memory(peak), "≤ " + memory(mostMemory), met(peak <= mostMemory)})
	writeTable(stdout, 1, rows...)
	_, _ = fmt.Fprintf(stdout, "\nIt took %v.\n", time.Since(began).Round(time.Second))
	return nil
}

// row returns the row of an aim, and the most memory that this library took.
func (l quickLine) row(a aim, ours, peer result) (row []string, peak int64) {
	row = []string{l.title, amount(l.size).String(), a.ours}
	if ours.failed != nil || len(ours.rates) == 0 {
		return append(row, "failed"), 0
	}
	peak = slices.Max(ours.peaks)
	if l.kill {
		lost := median(ours.lost)
		return append(row, "—", "seconds of the line", "—", number(lost), "≤ 1", met(lost <= 1)), peak
	}
	rate := median(ours.rates)
	row = append(row, number(rate/1e6), a.peer)
	if peer.failed != nil || len(peer.rates) == 0 {
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
