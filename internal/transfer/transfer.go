package transfer

import (
	"context"
	"errors"
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
