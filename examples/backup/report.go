package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ghmigrate/ghmigrate"
)

// A report is what is told at the end.
type report struct {
	begun   time.Time
	steps   []step
	archive *ghmigrate.DownloadResult // nil until it is here
}

type step struct {
	name string
	took time.Duration
	note string
}

func (r *report) write(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.archive != nil {
		fmt.Fprintf(table, "file\t%s\n", r.archive.Path)
		fmt.Fprintf(table, "size\t%s (%d bytes)\n", size(r.archive.Size), r.archive.Size)
		fmt.Fprintf(table, "SHA-256\t%s\n\n", r.archive.SHA256)
	}
	for _, s := range r.steps {
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.name, short(s.took), s.note)
	}
	fmt.Fprintf(table, "in all\t%s\n", short(time.Since(r.begun)))
	_ = table.Flush()
}

// size writes a number of bytes as people read it.
func size(n int64) string {
	if n < 1024 {
		return plural(int(n), "byte", "bytes")
	}
	return fmt.Sprintf("% .1f", decor.SizeB1024(n))
}

// short writes a duration with no more digits than anyone wants to see.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
