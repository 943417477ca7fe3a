package transfer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// A Source is an object in storage, and the way to get signed URLs for it.
type Source struct {
	// Locate returns a fresh signed URL. Its error ends the transfer, which returns
	// the error wrapped. After an error made by [Passing], the transfer calls Locate
	// again. Locate must return when ctx ends.
	Locate func(ctx context.Context) (Location, error)

	// Client sends the requests to storage. It must have no credentials, no cookie
	// jar, no timeout and no compression. A 3xx response that it returns becomes a
	// [StatusError].
	Client *http.Client

	// Identity names the object. A call resumes an earlier call only if both have the
	// same Identity.
	Identity string

	// UserAgent is the value of the User-Agent header, if it is not empty.
	UserAgent string

	// Logger gets each response at debug level and each retry as a warning.
	// It may be nil.
	Logger *slog.Logger
}

// A Location is a signed URL of an object.
type Location struct {
	URL string

	// Expires is when URL expires by our clock, zero if that is not known. The transfer
	// treats it as a hint.
	Expires time.Time
}

// ErrChanged reports that the object has changed since the transfer began. The bytes
// of the old object are useless.
var ErrChanged = errors.New("the object changed while it was fetched")

// ErrInUse reports that another call, in this process or another, fetches to the same
// path.
var ErrInUse = durable.ErrLocked
