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

// The limits of this package, all of them.
const (
	searchFor   = 90 * time.Second // how long a lost start is searched for: GitHub may create the migration after a 502
	searchAgain = 10 * time.Second
	searchStale = 30 * time.Second // a search in vain that is older is repeated before the next start
	maxLost     = 5                // starts without a trace

	maxNameless   = 10 * time.Minute // how long GitHub may refuse all starts without naming a repository
	namelessAgain = time.Minute
	maxTrouble    = time.Hour       // the pauses of one trouble, in all
	maxDenied     = 5 * time.Minute // the same for refusals: 400, 401, 403
	firstPause    = 5 * time.Second // then doubling
	longestPause  = 5 * time.Minute

	maxAbsent   = 5 // how often GitHub may not find a migration, or its archive
	absentAgain = 30 * time.Second
	maxRefusals = 3 // how often GitHub may refuse to unlock, or to delete
	refusalWait = time.Minute
	lateLock    = 2 * time.Minute // how long after the end of an export a lock may land: not documented
	maxDamage   = 2               // how often an archive may not read back as it was fetched

	pollAgain = 30 * time.Second // for drivers without a poll for all jobs
	maxWait   = 24 * time.Hour   // how long an export may run
	maxTries  = 2                // exports of one set that fails
	maxGone   = 3                // exports of one set whose archive dies
	maxParks  = 2                // calls in a row that park a job
)

// A Class is a kind of error, named for its consequence. The package comment has
// a table.
type Class string

// The classes.
const (
	ClassNone   Class = ""       // no error
	ClassRetry  Class = "retry"  // trouble that may pass: the effect is retried with backoff, for an hour of pauses
	ClassDenied Class = "denied" // GitHub refuses the request: retried for five minutes of pauses
	ClassAbsent Class = "absent" // GitHub does not find it: five of them, half a minute apart, mean that it is gone
	ClassWait   Class = "wait"   // a rate limit: all requests of the account pause, and nothing is counted
	ClassJob    Class = "job"    // this job cannot succeed: it is divided, or its row is final
	ClassRun    Class = "run"    // every job is affected: the run ends, for a 401 after five minutes of pauses
)

// Classify returns the class of an error of an [Account], a [Store] or the disk.
// Nothing else decides what an error means.
func Classify(err error) Class { return resultOf(err).Class }

// resultOf is the result of an effect that ended with an error.
func resultOf(err error) Result {
	if err == nil {
		return Result{}
	}
	r := Result{Class: ClassRetry, Reason: brief(err.Error()), err: err}
	response, responded := errors.AsType[*ghmigrate.APIError](err)
	_, stored := errors.AsType[*storeError](err)
	_, refused := errors.AsType[*ghmigrate.StorageError](err)
	switch {
	case stored: // the error comes neither from GitHub nor from this disk
		if errors.Is(err, fs.ErrExist) {
			r.Class = ClassJob
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // beside it may be a response to an earlier attempt
		r.Unsent = errors.Is(err, ghmigrate.ErrNotSent)
	case errors.Is(err, errBroken), errors.Is(err, ErrDamaged), errors.Is(err, ErrForeign):
		r.Class = ClassRun
	case errors.Is(err, errNotDone):
		r.Class = ClassDenied
	case responded && response.RetryAfter > 0:
		r.Class, r.After = ClassWait, response.RetryAfter
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		r.Class, r.Outcome = ClassJob, OutcomeGone
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		r.Class, r.Outcome, r.Reason = ClassJob, OutcomeFailed, reasonFailed
	case responded:
		r.Class = classOfStatus(response)
		r.Invalid = response.StatusCode == http.StatusUnprocessableEntity
	case refused, isDiskFull(err):
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

// maxWords limits quoted errors, in bytes: a state is one line of the journal.
const maxWords = 300

func brief(words string) string {
	if len(words) <= maxWords {
		return words
	}
	return strings.ToValidUTF8(words[:maxWords], "") + "…"
}

// A Result is the result of an effect: plain JSON, so that one process can perform
// an effect and another process apply the result.
type Result struct {
	// Class is the kind of the error; ClassNone after a success.
	Class  Class         `json:"class,omitempty"`
	Reason string        `json:"reason,omitempty"` // the error, in words
	After  time.Duration `json:"after,omitzero"`   // with ClassWait: how long GitHub wants no request

	Unsent  bool  `json:"unsent,omitzero"`  // of a start: the request certainly never left
	Invalid bool  `json:"invalid,omitzero"` // of a start: a 422, which GitHub also sends for a while after too many starts
	Named   []int `json:"named,omitempty"`  // of a start: which repositories GitHub refused

	Migration    int64             `json:"migration,omitzero"`     // of a start
	Found        []Found           `json:"found,omitempty"`        // of a search
	Asked        time.Time         `json:"asked,omitzero"`         // of a search: when it began, if that was not now
	Outcome      Outcome           `json:"outcome,omitempty"`      // of a wait, or of an error that tells the end of the export
	Repositories []string          `json:"repositories,omitempty"` // of a list: all of them; of an unlock: the released ones
	Doubt        bool              `json:"doubt,omitzero"`         // of an unlock: a lock may land yet
	Forgotten    bool              `json:"forgotten,omitzero"`     // of an unlock: GitHub knows the migration no more
	Fates        map[string]string `json:"fates,omitempty"`        // sentences about repositories that were renamed, transferred or deleted
	Archive      *Archive          `json:"archive,omitzero"`       // of a download or transfer
	Damaged      bool              `json:"damaged,omitzero"`       // the archive in Dir is not what was fetched
	InStore      bool              `json:"in_store,omitzero"`      // of a store: the Store has the archive
	Missing      []string          `json:"missing,omitempty"`      // of a verification
	Condemned    []string          `json:"condemned,omitempty"`
	Unsound      bool              `json:"unsound,omitzero"`
	Faults       []Fault           `json:"faults,omitempty"`

	err error // for errors.Is
}

// error is the error of the effect. Of another process only its text is known.
func (r Result) error() error {
	if r.err == nil && r.Reason != "" {
		return errors.New(r.Reason)
	}
	return r.err
}

// Found is a migration that a search has found.
type Found struct {
	ID           int64    `json:"id"`
	Repositories []string `json:"repositories"`
}
