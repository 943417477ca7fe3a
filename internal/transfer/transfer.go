package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Source is an object behind signed URLs that die.
type Source struct {
	// Locate returns a fresh signed URL. Its error ends the transfer and is
	// returned wrapped, unless it is a Passing one. It must return when ctx ends.
	Locate func(ctx context.Context) (Location, error)

	// Client sends the requests to storage. It must have no credentials, no
	// cookie jar, no timeout and no compression of its own. Where it follows
	// a redirect is its own affair; a 3xx that it does not is a StatusError.
	Client *http.Client

	// Identity says what the object is, in the same words in every process.
	Identity string

	UserAgent string

	// Logger gets each request at debug level and each retry as a warning.
	// It may be nil.
	Logger *slog.Logger
}

// Location is where an object can be fetched for a while.
type Location struct {
	URL string

	// Expires is the end of that while by our clock, zero if it is not known.
	// It is a hint: only storage knows.
	Expires time.Time
}

// ErrChanged says that storage has another object now than when the transfer
// began. What was fetched of the old one is of no use.
var ErrChanged = errors.New("the object changed while it was fetched")

// ErrInUse says that another call, or another process, transfers to the same
// path.
var ErrInUse = durable.ErrLocked

var (
	// errNoResume says that a connection was cut, and that the object has
	// no validator by which the rest could be asked for.
	errNoResume = errors.New("storage gives nothing to resume by")

	// errNoRanges says that storage has the same object, but no parts of it.
	errNoRanges = errors.New("storage gives no part of it but the first")

	errEmpty   = errors.New("storage has an empty object")
	errStalled = errors.New("storage sent nothing for a minute")
	errSlow    = errors.New("storage sends this slowly, and others wait for it")
)

func changed(how string) error { return fmt.Errorf("%w: %s", ErrChanged, how) }

// A setback is trouble that another request may be spared.
type setback struct {
	err    error
	kind   setbackKind
	wait   time.Duration // as storage asked
	signed signed        // what was refused
}

type setbackKind int

const (
	// A cut is a connection that broke, or a server that did.
	cut setbackKind = iota
	// What got no answer met a line that is down, or something on the way that
	// bears no more connections.
	unanswered
	// Who is busy may have more time for fewer requests.
	busy
	// A refusal is what storage says to a URL that died.
	refusal
	// A fault is an answer that contradicts the request or itself. Storage that
	// does that again and again is broken.
	fault
)

// Passing returns err as one that Locate may not meet again: the transfer tries
// until it makes no progress.
func Passing(err error) error { return &setback{kind: cut, err: err} }

func (s *setback) Error() string { return s.err.Error() }

func (s *setback) Unwrap() error { return s.err }

func faulty(format string, args ...any) error {
	return &setback{kind: fault, err: fmt.Errorf(format, args...)}
}
