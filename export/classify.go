package export

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A Class is a kind of error, named for its consequence. The package comment has
// a table of the classes.
type Class string

// The classes.
const (
	ClassNone   Class = ""       // no error
	ClassRetry  Class = "retry"  // a temporary error: the effect is retried until its pauses reach an hour
	ClassDenied Class = "denied" // GitHub refuses the request: the effect is retried until its pauses reach five minutes
	ClassAbsent Class = "absent" // a 404: five 404s, 30 seconds apart, mean that the migration or its archive is gone
	ClassWait   Class = "wait"   // a rate limit: all requests of the account pause, and no failure is counted
	ClassJob    Class = "job"    // this job cannot succeed: it is divided, or its row is final
	ClassRun    Class = "run"    // the error affects every job: the run ends; for a 401 only when the pauses reach five minutes
)

// Classify returns the class of an error of an [Account], a [Store] or the disk.
// The whole package treats errors by their class alone.
func Classify(err error) Class { return resultOf(err).Class }

// resultOf returns the result of an effect that ended with err.
func resultOf(err error) Result {
	if err == nil {
		return Result{}
	}
	r := Result{Class: ClassRetry, Reason: shorten(err.Error()), err: err}
	response, responded := errors.AsType[*ghmigrate.APIError](err)
	_, stored := errors.AsType[*storeError](err)
	_, refused := errors.AsType[*ghmigrate.StorageError](err)
	switch {
	case stored: // an error inside it is not from GitHub or from this disk
		if errors.Is(err, fs.ErrExist) {
			r.Class = ClassJob
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // takes precedence over the response to an earlier attempt
		r.Unsent = errors.Is(err, ghmigrate.ErrNotSent)
	case errors.Is(err, errJournal), errors.Is(err, ErrDamaged), errors.Is(err, ErrForeign):
		r.Class = ClassRun
	case errors.Is(err, errNotDone):
		r.Class = ClassDenied
	case responded && response.RetryAfter > 0:
		r.Class, r.After = ClassWait, min(response.RetryAfter, time.Hour) // a server may send an absurd delay
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		r.Class, r.Outcome = ClassJob, OutcomeGone
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		r.Class, r.Outcome, r.Reason = ClassJob, OutcomeFailed, reasonFailed
	case responded:
		r.Class = classOfStatus(response)
		r.Invalid = response.StatusCode == http.StatusUnprocessableEntity
	case refused, isDiskFull(err), errors.Is(err, syscall.EFBIG):
		r.Class = ClassJob
	case errors.Is(err, ghmigrate.ErrNotSent):
		r.Unsent = true
	}
	return r
}

func classOfStatus(response *ghmigrate.APIError) Class {
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized:
		return ClassRun
	case isAbsent(response):
		return ClassAbsent
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout, status < http.StatusBadRequest:
		return ClassRetry
	case status == http.StatusUnprocessableEntity, status == http.StatusUnavailableForLegalReasons:
		return ClassJob
	}
	return ClassDenied
}

// isAbsent reports whether err is a 404 that is not explained by a missing scope.
func isAbsent(err error) bool {
	return errors.Is(err, ghmigrate.ErrNotFound) && !errors.Is(err, ghmigrate.ErrMissingScope)
}

// isDiskFull reports whether err says that the disk or the quota is full.
func isDiskFull(err error) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	const handleDiskFull, diskFull = 39, 112 // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
	return ok && (number == syscall.ENOSPC || number == syscall.EDQUOT ||
		runtime.GOOS == "windows" && (number == handleDiskFull || number == diskFull))
}

// refusedIndexes returns the indexes of the repositories that GitHub names in its
// refusal of a start.
func refusedIndexes(err error, repositories []string) []int {
	response, ok := errors.AsType[*ghmigrate.APIError](err)
	if !ok {
		return nil
	}
	var named []int
	for _, detail := range response.Errors {
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

// maxReason limits the text of an error in a state, in bytes: a state is one line
// of the journal.
const maxReason = 300

func shorten(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "…"
}
