package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/examples/internal/progress"
	"github.com/ghmigrate/ghmigrate/export"
)

// report prints the archives as sha256sum does, and tells what is in them.
func (c *command) report(m *export.Manifest, took time.Duration) {
	seen := map[string]bool{}
	var bytes int64
	var notes list
	for _, row := range m.Repositories {
		switch {
		case !row.OK():
			continue // the error tells
		case row.Inferred:
			notes = append(notes, fmt.Sprintf("%s: exported, but migration %d may be another program's", row.Repository, row.Migration))
		}
		if !seen[row.Archive] {
			seen[row.Archive] = true
			bytes += row.Size
			fmt.Fprintf(c.stdout, "%s  %s\n", row.SHA256, filepath.Join(m.Dir, row.Archive))
		}
	}
	c.progress.Say("%s%d of %s in %s, %s, after %s", notes, m.Covered, progress.Repositories(m.Requested),
		english.Plural(len(seen), "archive", ""), progress.Size(bytes), took.Round(100*time.Millisecond))
	if !m.Ended.IsZero() {
		c.progress.Say("Manifest: %s", filepath.Join(m.Dir, "manifest.json"))
	}
}

// explain prints an error and what mends it, and returns the exit status.
func (c *command) explain(w io.Writer, err error) int {
	var partial *export.PartialError
	if !errors.As(err, &partial) {
		partial = &export.PartialError{}
		fmt.Fprintf(w, "backup: %v\n", err)
	}
	if n := len(partial.Repositories); n > 0 {
		var why list
		for _, row := range partial.Repositories {
			why = append(why, fmt.Sprintf("%s: %s", row.Repository, strings.Join(append([]string{row.Error}, row.Faults...), ": ")))
		}
		fmt.Fprintf(w, "backup: %s not exported\n%s", progress.Repositories(n), why)
	}
	if n := len(partial.Reduced); n > 0 {
		var how list
		for _, row := range partial.Reduced {
			how = append(how, fmt.Sprintf("%s: only with %s", row.Repository, strings.Join(row.Dropped, " and ")))
		}
		fmt.Fprintf(w, "backup: %s exported, but not all of it\n%s", progress.Repositories(n), how)
	}
	same := c.account()
	if n := len(partial.Locked); n > 0 {
		fmt.Fprintf(w, "backup: %s perhaps still locked\n%sThe next run unlocks what GitHub lets it, and so does: %s -unlock\n",
			progress.Repositories(n), list(partial.Locked), same)
	}
	if partial.Err != nil {
		fmt.Fprintf(w, "backup: not finished: %v\nRun it again with the same flags: it goes on where it was.\n", partial.Err)
	}
	answer, refused := errors.AsType[*ghmigrate.APIError](err)
	switch {
	case errors.Is(err, export.ErrUnfinished):
		fmt.Fprint(w, "Finish that run with the flags that it was begun with, or give another -out.\n")
	case errors.Is(err, export.ErrForeign):
		fmt.Fprint(w, "Give each account a -out of its own.\n")
	case errors.Is(err, export.ErrDamaged):
		fmt.Fprintf(w, "To begin anew, move that folder away, and unlock what it has left: %s -unlock\n", same)
	case refused && answer.StatusCode < 500 && answer.RetryAfter == 0:
		fmt.Fprintf(w, "To see whether the token is the reason: %s -preflight\n", same)
	}
	return status(err)
}

// account is the command line up to what to do with the account.
func (c *command) account() string {
	line := "backup -org " + c.org
	if c.user {
		line = "backup -user"
	}
	switch { // or a token of theirs would go to GitHub.com
	case c.host != "":
		line += " -host " + c.host
	case c.baseURL != "":
		line += " -base-url " + c.baseURL
	}
	return line
}

func status(err error) int {
	if partial, ok := errors.AsType[*export.PartialError](err); ok && partial.Err != nil {
		return unfinished
	}
	return failed
}

// A list is printed a line each, the first of many: the manifest has them all.
type list []string

func (l list) String() string {
	const most = 20
	var b strings.Builder
	for _, line := range l[:min(most, len(l))] {
		b.WriteString("  " + line + "\n")
	}
	if len(l) > most {
		fmt.Fprintf(&b, "  and %d more\n", len(l)-most)
	}
	return b.String()
}
