package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors that [errors.Is] matches.
var (
	// ErrSystemic means that GitHub exports no repository at the moment: up to
	// twelve repositories that were exported alone have failed. The run is
	// unfinished, and the next call continues it. If that call returns ErrSystemic
	// too, it finishes the run without the remaining repositories.
	ErrSystemic = errors.New("GitHub fails to export any repository at the moment, try again later")
	// ErrNotNow means that a job may be started later: see [Tally.MayStart].
	ErrNotNow = errors.New("the batch must not be started yet")
	// ErrUnfinished means that Dir has an unfinished run with other options. To
	// finish it, set Options.FinishFirst. Or call Run without Repositories, and with
	// a Store if the run was begun with a Store.
	ErrUnfinished = errors.New("there is an unfinished run with other options")
	// ErrForeign means that the runs in Dir belong to another account. For a renamed
	// account see Options.FormerNames.
	ErrForeign = errors.New("the folder belongs to the runs of another account")
	// ErrInUse means that another process, or another call, holds Dir.
	ErrInUse = errors.New("the folder is in use by another run")
	// ErrDamaged means that the journal of the newest run is damaged before its
	// last line. A crash can only damage the last line. Run has changed nothing.
	ErrDamaged = errors.New("the journal is damaged")

	errJournal = errors.New("the journal cannot be written")
)

// A PartialError lists the repositories that Run has not exported completely. Run
// returns it beside the manifest.
type PartialError struct {
	// Repositories are the rows of repositories without a verified archive that
	// covers them.
	Repositories []Row
	// Reduced are the rows of repositories that were exported without their
	// releases or attachments: see [Row].Dropped.
	Reduced []Row
	// Locked are the repositories that may still be locked and should not be.
	// The next Run in the same Dir tries to unlock them again; so does [Unlock].
	Locked []string
	// Err says why the run is unfinished; the next call continues the run. Err is
	// nil if the run is finished; then the next call begins a new run.
	Err error
}

// Error returns one line: the number of missing repositories, the first of them,
// and the reason.
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

// first names the first of n repositories.
func first(n int, name string) string {
	if n == 1 {
		return ": " + name
	}
	return ", the first is " + name
}
