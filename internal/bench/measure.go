package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A scenario is an archive that programs download over a line.
type scenario struct {
	title string
	size  int64 // bytes
	runs  int
	line  line
	kill  bool // kill the program half-way, and measure the next call
	aims  []aim
}

// A result holds the measurements of one program, one value for each run.
type result struct {
	failed error
	rates  []float64 // bytes a second
	peaks  []int64   // bytes of memory
	again  []float64 // bytes fetched again after a kill, in seconds at the line's rate
}

// measure runs the programs in turns, so that the machine is equally busy for
// all, and returns the results by the programs' names.
func (s scenario) measure(ctx context.Context, chosen []program, dir string, progress io.Writer) (map[string]*result, error) {
	source, err := startSource(ctx, s.size, s.line)
	if err != nil {
		return nil, err
	}
	defer source.stop()
	results := map[string]*result{}
	for round := range s.runs {
		for i := range chosen {
			p := chosen[(i+round)%len(chosen)] // the order makes a difference
			r := results[p.name]
			if r == nil {
				r = &result{failed: p.missing()}
				results[p.name] = r
			}
			if r.failed != nil {
				continue
			}
			switch err := s.measureOnce(ctx, p, source, dir, r); {
			case errors.Is(err, errTooFast):
				r.failed = err
			case err != nil:
				return nil, fmt.Errorf("%s: %w", p.name, err)
			default:
				_, _ = fmt.Fprintf(progress, "%s: %s: %s MB/s\n", s.title, p.name, number(r.rates[round]/1e6))
			}
		}
	}
	return results, nil
}

// measureOnce measures one run, and removes the files of the program.
func (s scenario) measureOnce(ctx context.Context, p program, from *source, dir string, r *result) (err error) {
	path := filepath.Join(dir, "archive.tar.gz")
	defer func() { err = errors.Join(err, emptyFolder(dir)) }()
	before, err := from.settled(ctx)
	if err != nil {
		return err
	}
	rate := 0.0
	if s.kill {
		if rate, err = p.interrupt(ctx, from, path); err != nil {
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
	r.rates = append(r.rates, float64(s.size)/took.Seconds())
	r.peaks = append(r.peaks, peak)
	if s.kill {
		after, err := from.settled(ctx)
		if err != nil {
			return err
		}
		r.again = append(r.again, float64(after.Sent-before.Sent-s.size)/rate)
	}
	return nil
}

// emptyFolder empties a folder and syncs it, so that the next run does not wait
// for the disk to remove the files of this one.
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
