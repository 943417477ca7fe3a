package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/ghmigrate/ghmigrate"
)

// Errors to be recognized with [errors.Is].
var (
	// ErrSystemic means that exports fail whichever repository they are of: up
	// to twelve that were tried alone have all failed. The run is unfinished; the
	// next call goes on with it. A second call in a row that comes to the same
	// result finishes the run without them.
	ErrSystemic = errors.New("GitHub exports no repository at the moment")
	// ErrNotNow is what [Tally.MayStart] returns for a job that may be started
	// later.
	ErrNotNow = errors.New("not to be started yet")
	// ErrUnfinished means that there is an unfinished run in Dir that was asked
	// for otherwise. Options.FinishFirst finishes it; so do Options without
	// Repositories, with a Store if it was begun with one.
	ErrUnfinished = errors.New("there is an unfinished run with other options")
	// ErrForeign means that the runs in Dir are another account's. For a renamed
	// account see Options.FormerNames.
	ErrForeign = errors.New("the folder belongs to the runs of another account")
	// ErrInUse means that another process, or another call, has Dir.
	ErrInUse = errors.New("the folder is in use by another run")
	// ErrDamaged means that the journal of the newest run was changed before
	// its last line, which no crash does. Run has touched nothing.
	ErrDamaged = errors.New("the journal is damaged")

	errBroken = errors.New("the journal cannot be written")
)

// A PartialError says what is missing. Run returns it beside the manifest.
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
	// Err is what ended the run early, so that the next call goes on with it.
	// It is nil if the run is finished: then the next call begins a new one.
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

// A Class is a kind of error, named for what happens after it. The package
// comment has the table.
type Class string

// The classes.
const (
	ClassNone   Class = ""       // no error
	ClassRetry  Class = "retry"  // trouble that may pass: the effect is retried with backoff, for an hour of pauses
	ClassDenied Class = "denied" // GitHub refuses the request, and perhaps not for long: retried for five minutes of pauses
	ClassAbsent Class = "absent" // GitHub does not find it: five times, half a minute apart, mean that it is gone
	ClassWait   Class = "wait"   // a rate limit: all requests of the account pause, and nothing is counted
	ClassJob    Class = "job"    // this job cannot succeed: it is divided, or its row is final
	ClassRun    Class = "run"    // every job is affected: the run ends after five minutes of pauses, at once if that is certain
)

// Classify returns the class of an error of an [Account], a [Store] or the disk.
// It is the only place that decides what an error means; [Perform] uses it.
func Classify(err error) Class { return resultOf(err).Class }

// resultOf is the result of an effect that ended with an error.
func resultOf(err error) Result {
	if err == nil {
		return Result{}
	}
	r := Result{Class: ClassRetry, Reason: brief(err.Error()), err: err}
	answer, answered := errors.AsType[*ghmigrate.APIError](err)
	_, stored := errors.AsType[*storeError](err)
	_, refused := errors.AsType[*ghmigrate.StorageError](err)
	switch {
	case stored: // whatever a Store speaks to is neither GitHub nor this disk
		if errors.Is(err, fs.ErrExist) {
			r.Class = ClassJob
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // beside it may be a response to an earlier attempt
		r.Unsent = errors.Is(err, ghmigrate.ErrNotSent)
	case errors.Is(err, errBroken), errors.Is(err, ErrDamaged), errors.Is(err, ErrForeign):
		r.Class = ClassRun
	case errors.Is(err, errNotDone):
		r.Class = ClassDenied
	case answered && answer.RetryAfter > 0:
		r.Class, r.After = ClassWait, answer.RetryAfter
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		r.Class, r.Outcome = ClassJob, OutcomeGone
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		r.Class, r.Outcome, r.Reason = ClassJob, OutcomeFailed, reasonFailed
	case answered:
		r.Class = classOfStatus(answer)
		r.Invalid = answer.StatusCode == http.StatusUnprocessableEntity
	case refused, isDiskFull(err):
		r.Class = ClassJob
	case errors.Is(err, ghmigrate.ErrNotSent):
		r.Unsent = true
	}
	return r
}

func classOfStatus(answer *ghmigrate.APIError) Class {
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized:
		return ClassRun
	case isAbsent(answer):
		return ClassAbsent
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout, status < http.StatusBadRequest:
		return ClassRetry
	case status == http.StatusUnprocessableEntity, status == http.StatusUnavailableForLegalReasons:
		return ClassJob
	}
	return ClassDenied
}

// isAbsent reports whether GitHub knows no such thing, as far as it lets the
// token see.
func isAbsent(err error) bool {
	return errors.Is(err, ghmigrate.ErrNotFound) && !errors.Is(err, ghmigrate.ErrMissingScope)
}

// isDiskFull reports whether there is no room for a file.
func isDiskFull(err error) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	const handleDiskFull, diskFull = 39, 112 // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
	return ok && (number == syscall.ENOSPC || number == syscall.EDQUOT ||
		runtime.GOOS == "windows" && (number == handleDiskFull || number == diskFull))
}

// refusedNames returns the indexes of the repositories that GitHub names in the
// refusal of a start.
func refusedNames(err error, repositories []string) []int {
	answer, ok := errors.AsType[*ghmigrate.APIError](err)
	if !ok {
		return nil
	}
	var named []int
	for _, detail := range answer.Errors {
		value, _ := detail.Value.(string)
		switch i := slices.IndexFunc(repositories, func(name string) bool { return strings.EqualFold(name, value) }); {
		case detail.Field != "repositories":
		case detail.Index != nil && *detail.Index >= 0 && *detail.Index < len(repositories):
			named = append(named, *detail.Index)
		case i >= 0:
			named = append(named, i)
		}
	}
	slices.Sort(named)
	return slices.Compact(named)
}

// maxWords is how much of what others say is kept, in bytes: a state is one
// line of the journal.
const maxWords = 300

func brief(words string) string {
	if len(words) <= maxWords {
		return words
	}
	return strings.ToValidUTF8(words[:maxWords], "") + "…"
}
