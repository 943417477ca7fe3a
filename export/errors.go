package export

import (
	"errors"
	"fmt"
	"strings"
)

// Errors to be recognized with [errors.Is].
var (
	// ErrSystemic means that exports fail for a reason that is not a
	// repository's: nothing more is started. The run is unfinished; the next
	// call goes on with it.
	ErrSystemic = errors.New("too many exports fail")
	// ErrUnfinished means that there is an unfinished run in Dir that was asked
	// for otherwise. Options without Repositories finish it, with a Store
	// if it was begun with one.
	ErrUnfinished = errors.New("there is an unfinished run with other options")
	// ErrForeign means that the runs in Dir are another account's.
	ErrForeign = errors.New("the folder belongs to the runs of another account")
	// ErrInUse means that another process, or another call, has Dir.
	ErrInUse = errors.New("the folder is in use by another run")
	// ErrDamaged means that the journal of the newest run was changed before
	// its last line, which no crash does. Nothing was touched.
	ErrDamaged = errors.New("the journal is damaged")
)

// A PartialError says what is missing. Run returns it beside the manifest.
type PartialError struct {
	// Repositories are the rows of those that are not, or not whole, in a
	// verified archive.
	Repositories []Row
	// Locked are the repositories that may still be locked and should not be.
	// The next Run in the same Dir tries again; so does [Unlock].
	Locked []string
	// Err is what ended the run early, so that the next call goes on with it.
	// It is nil if the run is finished: then the next call begins anew.
	Err error
}

// Error tells how many are missing, the first of them, and why.
func (e *PartialError) Error() string {
	var parts []string
	if n := len(e.Repositories); n > 0 {
		names := make([]string, 0, n)
		for _, row := range e.Repositories {
			names = append(names, row.Repository)
		}
		parts = append(parts, fmt.Sprintf("%s not exported: %s", count(n), some(names)))
	}
	if n := len(e.Locked); n > 0 {
		parts = append(parts, fmt.Sprintf("%s perhaps still locked: %s", count(n), some(e.Locked)))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return "export: " + strings.Join(parts, "; ")
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }

func count(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", n)
}

func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}
