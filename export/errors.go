package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors to be recognized with [errors.Is].
var (
	// ErrSystemic means that exports of all repositories fail: up to twelve that
	// were tried alone have failed. The run is unfinished, and the next call goes on.
	// If the next call ends likewise, it finishes the run without the rest.
	ErrSystemic = errors.New("GitHub fails to export any repository at the moment, try again later")
	// ErrNotNow means that a job may be started later: see [Tally.MayStart].
	ErrNotNow = errors.New("the batch must not be started yet")
	// ErrUnfinished means that Dir has an unfinished run with other options.
	// Options.FinishFirst finishes it; so do Options without Repositories, and with
	// a Store if the run was begun with one.
	ErrUnfinished = errors.New("there is an unfinished run with other options")
	// ErrForeign means that the runs in Dir belong to another account. For a renamed
	// account see Options.FormerNames.
	ErrForeign = errors.New("the folder belongs to the runs of another account")
	// ErrInUse means that another process, or another call, holds Dir.
	ErrInUse = errors.New("the folder is in use by another run")
	// ErrDamaged means that the journal of the newest run is damaged before its
	// last line, which no crash does. Run has changed nothing.
	ErrDamaged = errors.New("the journal is damaged")

	errBroken = errors.New("the journal cannot be written")
)

// A PartialError lists missing repositories. Run returns it beside the manifest.
type PartialError struct {
	// Repositories are the rows of repositories that are not in a verified
	// archive, or not whole.
	Repositories []Row
	// Reduced are the rows of repositories that could be exported only without
	// their releases or attachments: see [Row].Dropped.
	Reduced []Row
	// Locked are the repositories that may still be locked and should not be.
	// The next Run in the same Dir tries to unlock them again; so does [Unlock].
	Locked []string
	// Err says why the run is unfinished; the next call goes on with it. It is nil
	// if the run is finished: then the next call begins a new run.
	Err error
}

// Error says in one line how many repositories are missing, the first of them,
// and why.
func (e *PartialError) Error() string {
	var parts []string
	if n := len(e.Repositories); n > 0 {
		row := e.Repositories[0]
		why := strings.Join(slices.Concat([]string{row.Error}, row.Faults[:min(len(row.Faults), 1)]), ": ")
		parts = append(parts, fmt.Sprintf("%s not exported%s: %s", count(n), first(n, row.Repository), why))
	}
	if n := len(e.Reduced); n > 0 {
		row := e.Reduced[0]
		parts = append(parts, fmt.Sprintf("%s exported in part%s: with %s", count(n), first(n, row.Repository), strings.Join(row.Dropped, ", ")))
	}
	if n := len(e.Locked); n > 0 {
		parts = append(parts, fmt.Sprintf("%s perhaps still locked%s", count(n), first(n, e.Locked[0])))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return "export: " + strings.ReplaceAll(strings.Join(parts, "; "), "\n", "; ")
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }

func count(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", n)
}

// first names one of n.
func first(n int, name string) string {
	if n == 1 {
		return ": " + name
	}
	return ", the first is " + name
}
