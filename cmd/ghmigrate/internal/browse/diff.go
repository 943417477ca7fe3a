package browse

import (
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A hunkLine is a line of a diff.
type hunkLine struct{ Class, Text string }

// lines names the lines that a review thread is about, such as "lines 3 to 4, outdated".
func lines(r *archive.PullRequestReviewThread) string {
	line, start := r.Line, r.StartLine
	if line == nil {
		line, start = r.OriginalLine, r.OriginalStartLine
	}
	text := ""
	switch {
	case line == nil:
	case start != nil && *start != *line:
		text = "lines " + itoa(*start) + " to " + itoa(*line)
	default:
		text = "line " + itoa(*line)
	}
	if r.Outdated || r.Line == nil && r.OriginalLine != nil {
		text += ", outdated"
	}
	return strings.TrimPrefix(text, ", ")
}

// maxHunk bounds the lines of the diff of a review thread. The last line is the line that
// the thread is about, so that the first lines are left out.
const maxHunk = 16

// hunk returns the last lines of a diff, after its header.
func hunk(diff string) []hunkLine {
	if diff == "" {
		return nil
	}
	rest := strings.TrimRight(diff, "\r\n")
	var last []hunkLine
	for i := 0; len(last) < maxHunk && i >= 0; {
		i = strings.LastIndexByte(rest, '\n')
		last = append(last, diffLine(strings.TrimSuffix(rest[i+1:], "\r")))
		rest = rest[:max(i, 0)]
	}
	if first, _, _ := strings.Cut(rest, "\n"); strings.HasPrefix(first, "@@") {
		last = append(last, diffLine(strings.TrimSuffix(first, "\r")))
	}
	slices.Reverse(last)
	return last
}

func diffLine(text string) hunkLine {
	l := hunkLine{Text: truncate(text, 1000)}
	switch {
	case strings.HasPrefix(text, "@@"):
		l.Class = "at"
	case strings.HasPrefix(text, "+"):
		l.Class = "add"
	case strings.HasPrefix(text, "-"):
		l.Class = "del"
	}
	return l
}
