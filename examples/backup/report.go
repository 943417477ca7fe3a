package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// report prints the archives as sha256sum does, and tells what is in them.
func report(stdout io.Writer, show *display, m *export.Manifest, took time.Duration) {
	seen := map[string]bool{}
	var bytes int64
	for _, row := range m.Repositories {
		if row.OK() && !seen[row.Archive] {
			seen[row.Archive] = true
			bytes += row.Size
			fmt.Fprintf(stdout, "%s  %s\n", row.SHA256, filepath.Join(m.Dir, row.Archive))
		}
	}
	show.say("%s", byReason(m.Repositories, func(row export.Row) string {
		switch {
		case row.OK() && len(row.Dropped) > 0:
			return "exported only with " + strings.Join(row.Dropped, " and ")
		case row.OK() && row.Inferred:
			return "exported, but migration " + fmt.Sprint(row.Migration) + " may be another program's"
		}
		return ""
	}))
	show.say("%d of %s in %s, %s, after %s", m.Covered, plural(m.Requested, "repository", "repositories"),
		plural(len(seen), "archive", "archives"), size(bytes), took.Round(100*time.Millisecond))
	if !m.Ended.IsZero() {
		show.say("Which is where: %s", filepath.Join(m.Dir, "manifest.json"))
	}
}

// explain prints an error and what mends it. Of is the account, as flags.
func explain(w io.Writer, err error, of string) {
	partial, ok := errors.AsType[*export.PartialError](err)
	if !ok {
		partial = &export.PartialError{}
		fmt.Fprintf(w, "backup: %v\n", err)
	}
	if n := len(partial.Repositories); n > 0 {
		fmt.Fprintf(w, "backup: %s not exported\n%s", plural(n, "repository", "repositories"),
			byReason(partial.Repositories, func(row export.Row) string { return strings.Join(append([]string{row.Error}, row.Faults...), ": ") }))
	}
	if n := len(partial.Locked); n > 0 {
		fmt.Fprintf(w, "backup: %s perhaps still locked: %s\n"+
			"The next run unlocks what GitHub lets it, and so does: backup %s -unlock\n",
			plural(n, "repository", "repositories"), some(partial.Locked), of)
	}
	if partial.Err != nil {
		fmt.Fprintf(w, "backup: not finished: %v\nRun it again with the same flags: it goes on where it was.\n", partial.Err)
	}
	answer, refused := errors.AsType[*ghmigrate.APIError](err)
	switch {
	case errors.Is(err, export.ErrUnfinished):
		fmt.Fprint(w, "Finish that with the flags that it was begun with, or give another -out.\n")
	case errors.Is(err, export.ErrForeign):
		fmt.Fprint(w, "Give each account a -out of its own.\n")
	case errors.Is(err, export.ErrDamaged):
		fmt.Fprintf(w, "To begin anew, move that folder away, and unlock what it has left: backup %s -unlock\n", of)
	case refused && answer.StatusCode < 500 && answer.RetryAfter == 0:
		fmt.Fprintf(w, "Whether the token is the reason, this says: backup %s -preflight\n", of)
	}
}

// byReason has a line for each reason that there is, with its repositories.
func byReason(rows []export.Row, reason func(export.Row) string) string {
	var reasons []string
	names := map[string][]string{}
	for _, row := range rows {
		why := reason(row)
		if why != "" && names[why] == nil {
			reasons = append(reasons, why)
		}
		names[why] = append(names[why], row.Repository)
	}
	var b strings.Builder
	for _, why := range reasons {
		fmt.Fprintf(&b, "  %s: %s\n", why, some(names[why]))
	}
	return b.String()
}

// some lists the first of many names: the manifest has all of them.
func some(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// size writes a number of bytes as people read it.
func size(n int64) string {
	if n < 1024 {
		return plural(int(n), "byte", "bytes")
	}
	amount, unit := float64(n)/1024, 0
	for amount >= 1024 && unit < 4 {
		amount, unit = amount/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", amount, "KMGTP"[unit])
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
