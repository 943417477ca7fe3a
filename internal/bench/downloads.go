package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// A scenario is what is measured in one table.
type scenario struct {
	title string
	size  int64
	line  line
	kill  bool // in mid-transfer
}

func (o options) scenarios() []scenario {
	half := int64(o.size / 2)
	return []scenario{
		{title: fmt.Sprintf("%v, unthrottled", o.size), size: int64(o.size)},
		{title: fmt.Sprintf("%v, each connection at %v/s", amount(half), o.rate), size: half, line: line{rate: int64(o.rate)}},
		{
			title: fmt.Sprintf("%v, each connection at %v/s, %v to the first byte", amount(half), o.rate, o.latency),
			size:  half, line: line{rate: int64(o.rate), latency: o.latency},
		},
		{title: fmt.Sprintf("%v, a cut every %v", amount(half), o.cut), size: half, line: line{cut: int64(o.cut)}},
		{title: fmt.Sprintf("%v, each connection at %v/s, killed half-way", amount(half), o.rate), size: half, line: line{rate: int64(o.rate)}, kill: true},
		{title: fmt.Sprintf("%v, a cut every %v", amount(half/16), o.shortCut), size: half / 16, line: line{cut: int64(o.shortCut)}},
		{title: fmt.Sprintf("%v, each connection at %v/s, 503 beyond a request a second", amount(half/8), o.rate), size: half / 8, line: line{rate: int64(o.rate), limit: 1}},
		{title: fmt.Sprintf("%v, each range read from the start at %v/s", amount(half/8), o.rate), size: half / 8, line: line{rate: int64(o.rate), origin: true}},
		{title: fmt.Sprintf("%v, each connection at %v/s, each eighth at a twentieth", amount(half/4), o.rate), size: half / 4, line: line{rate: int64(o.rate), slow: 8}},
	}
}

// measureDownloads prints a table for each scenario.
func measureDownloads(ctx context.Context, o options, stdout, progress io.Writer) error {
	dir, err := os.MkdirTemp(o.dir, "ghmigrate-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if free, ok := freeSpace(dir); ok && free < 2*int64(o.size) {
		return fmt.Errorf("%s has %v free: want twice the size, %v", o.dir, amount(free), 2*o.size)
	}
	if o.quick {
		return measureAims(ctx, o, dir, stdout, progress)
	}
	measured := false
	for _, s := range o.scenarios() {
		chosen := slices.DeleteFunc(programs(), func(p program) bool {
			return s.kill && !p.resumes || !o.only.MatchString(s.title+"/"+p.name)
		})
		if len(chosen) == 0 {
			continue
		}
		measured = true
		results, err := s.measure(ctx, chosen, o.runs, dir, progress)
		if err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		_, _ = fmt.Fprintf(stdout, "\n%s:\n", s.title)
		s.print(stdout, chosen, results)
	}
	if !measured {
		return fmt.Errorf("no line/program matches %q", o.only)
	}
	return nil
}

// A result is what was measured of one program.
type result struct {
	failed error
	rates  []float64 // bytes a second
	used   []float64 // connections that sent, on average
	most   []int     // at once
	peaks  []int64   // bytes
	twice  []int64   // bytes
	lost   []float64 // seconds' worth of the line, of what was fetched twice
}

// measure lets the programs run in turns, so that the machine is equally busy
// for all.
func (s scenario) measure(ctx context.Context, chosen []program, runs int, dir string, progress io.Writer) ([]result, error) {
	source, err := startSource(ctx, append(s.line.args(), "-size", fmt.Sprint(s.size))...)
	if err != nil {
		return nil, err
	}
	defer source.stop()
	source.archive, source.line = newArchive(s.size), s.line
	source.sum = source.archive.sum()
	results := make([]result, len(chosen))
	for round := range runs {
		for i := range chosen {
			i = (i + round) % len(chosen) // who comes after whom makes a difference
			p, r := chosen[i], &results[i]
			if r.failed == nil {
				r.failed = p.missing()
			}
			if r.failed != nil {
				continue
			}
			err := s.one(ctx, p, source, dir, r)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if errors.Is(err, errTooFast) {
				r.failed = errTooFast
				continue
			}
			if err != nil && (p.resumes || s.line.cut == 0) {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			if err != nil {
				r.failed = errors.New("gives up")
				continue
			}
			_, _ = fmt.Fprintf(progress, "%s: %s: %s MB/s, %s MB twice\n", s.title, p.name, number(r.rates[round]/1e6), number(float64(r.twice[round])/1e6))
		}
	}
	return results, nil
}

// one measures one run, and removes what it has written.
func (s scenario) one(ctx context.Context, p program, from *source, dir string, r *result) (err error) {
	path := filepath.Join(dir, "archive.tar.gz")
	defer func() { err = errors.Join(err, emptyFolder(dir)) }()
	before, err := from.settled(ctx)
	if err != nil {
		return err
	}
	lineRate := 0.0
	if s.kill {
		if lineRate, err = p.interrupt(ctx, from, path); err != nil {
			return err
		}
	}
	began := time.Now()
	peak, err := p.fetch(ctx, from, path)
	took := time.Since(began)
	if err != nil {
		return err
	}
	if err := from.archive.check(path); err != nil {
		return err
	}
	after, err := from.settled(ctx)
	if err != nil {
		return err
	}
	twice := after.Sent - before.Sent - s.size
	r.rates = append(r.rates, float64(s.size)/took.Seconds())
	r.used = append(r.used, (after.Took-before.Took).Seconds()/took.Seconds())
	r.most = append(r.most, after.Most)
	r.peaks = append(r.peaks, peak)
	r.twice = append(r.twice, twice)
	if s.kill {
		r.lost = append(r.lost, float64(twice)/lineRate)
	}
	return nil
}

// emptyFolder empties a folder, and waits until the disk has: who comes next must not
// pay for who was there before.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	_ = folder.Sync() // Windows cannot
	return nil
}

func (s scenario) print(w io.Writer, chosen []program, results []result) {
	rows := [][]string{{"program", "MB/s", "lowest to highest", "× curl", "connections", "at most", "peak memory, MiB", "bytes twice, %"}}
	if s.kill {
		rows = [][]string{{"program", "MB fetched twice", "lowest to highest", "seconds of the line"}}
	}
	curl := 0.0
	for i, p := range chosen {
		if p.name == "curl" && results[i].failed == nil {
			curl = median(results[i].rates)
		}
	}
	for i, p := range chosen {
		r := results[i]
		switch {
		case r.failed != nil:
			rows = append(rows, []string{p.name, r.failed.Error()})
		case s.kill:
			twice := make([]float64, len(r.twice))
			for i, n := range r.twice {
				twice[i] = float64(n) / 1e6
			}
			rows = append(rows, []string{p.name, number(median(twice)), span(twice), number(median(r.lost))})
		default:
			rates := make([]float64, len(r.rates))
			for i, rate := range r.rates {
				rates[i] = rate / 1e6
			}
			rows = append(rows, []string{
				p.name, number(median(rates)), span(rates), ratio(median(r.rates), curl),
				number(median(r.used)), strconv.Itoa(slices.Max(r.most)), memory(median(r.peaks)), fmt.Sprintf("%.3f", 100*float64(median(r.twice))/float64(s.size)),
			})
		}
	}
	writeTable(w, 1, rows...)
}

func span(all []float64) string {
	return number(slices.Min(all)) + " to " + number(slices.Max(all))
}

func ratio(a, b float64) string {
	if b == 0 {
		return "—"
	}
	return number(a / b)
}

func memory(bytes int64) string {
	if bytes == 0 {
		return "—"
	}
	return number(float64(bytes) / (1 << 20))
}
