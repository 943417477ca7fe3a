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

	// Client sends the requests to storage. It must have no credentials, no cookie
	// jar, no timeout and no compression. A 3xx that it returns is a StatusError.
	Client *http.Client

	// Identity names the object, in every process alike.
	Identity string

	UserAgent string

	// Logger gets each request at debug level and each retry as a warning.
	// It may be nil.
	Logger *slog.Logger
}

// A Location is where an object can be fetched for a while.
type Location struct {
	URL string

	// Expires is when URL dies by our clock, zero if that is not known. It is a hint.
	Expires time.Time
}

// ErrChanged means that the object has changed since the transfer began. The bytes
// of the old object are of no use.
var ErrChanged = errors.New("the object changed while it was fetched")

// ErrInUse means that another call, or another process, transfers to the same
// path.
var ErrInUse = durable.ErrLocked
