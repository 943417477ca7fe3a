package ghmigratetest

import (
	"net/http"
	"time"
)

// AfterHeader is the value of CutAfter and StallAfter of a [Fault] that lets
// the header pass but not one byte of the body.
const AfterHeader = -1

// A Fault is something that goes wrong with the requests that it matches. Its
// zero value matches the next request, whatever it is, and does nothing to
// it. Faults are tried in the order of their injection and a request suffers
// at most one.
type Fault struct {
	// Which requests.

	Origin Origin // AnyOrigin, API or Storage
	Method string // empty: any
	Path   string // pattern of path.Match for Request.Path unescaped, or, ending in "/", a prefix; empty: any
	After  int    // how many matching requests pass before the first that suffers
	Times  int    // how many suffer; 0 means one, a negative number all

	// What happens before the answer.

	Applied bool          // the request takes effect first, and its true answer is lost
	Delay   time.Duration // nothing happens for so long
	Stall   bool          // no answer ever, until the client goes or the server is closed
	Reset   bool          // the connection is reset instead of an answer

	// The answer. Status 0 means the true one.

	Status int
	Header http.Header // set on the answer, on the true one too
	Body   string      // with Status

	// Handler, if set, gives the answer; next gives the true one.
	Handler func(w http.ResponseWriter, r *http.Request, next http.Handler)

	// How the body arrives.

	CutAfter   int64 // the connection ends after so many bytes of the body, or AfterHeader; 0: no cut
	StallAfter int64 // nothing more comes after so many bytes of the body, or AfterHeader; 0: no stall
	Trickle    int64 // bytes a second; 0: no limit

	resetIn time.Duration
}

// Inject makes requests fail. It panics if the pattern is malformed.
func (s *Server) Inject(f Fault) { panic("to do") }

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { panic("to do") }

// PrimaryRateLimit answers as the API does when the hour's requests are used
// up, with the reset so far ahead.
func PrimaryRateLimit(reset time.Duration) Fault { panic("to do") }

// SecondaryRateLimit answers as the API does when it is asked too fast, in the
// form that only its message tells: no header, no documentation URL.
func SecondaryRateLimit() Fault { panic("to do") }

// SecondaryRateLimitAfter is a secondary rate limit with a Retry-After header.
func SecondaryRateLimitAfter(d time.Duration) Fault { panic("to do") }

// ServerError answers with this status and a JSON body as the API does.
func ServerError(status int) Fault { panic("to do") }

// HTMLError answers with this status and a page of HTML, as GitHub's load
// balancers do.
func HTMLError(status int) Fault { panic("to do") }

// IgnoreRange makes storage send the whole object, with status 200, to
// requests for a range.
func IgnoreRange() Fault { panic("to do") }

// WrongContentRange makes storage answer ranges with a Content-Range that
// starts elsewhere.
func WrongContentRange() Fault { panic("to do") }

// MultipartRange makes storage answer ranges as multipart/byteranges.
func MultipartRange() Fault { panic("to do") }

// IgnoreIfMatch makes storage disregard If-Match and If-Unmodified-Since.
func IgnoreIfMatch() Fault { panic("to do") }

// NoValidators makes storage send neither ETag nor Last-Modified.
func NoValidators() Fault { panic("to do") }

// NoETag makes storage send no ETag, but Last-Modified.
func NoETag() Fault { panic("to do") }

// WeakETag makes storage send a weak ETag.
func WeakETag() Fault { panic("to do") }

// Overlong makes storage send n bytes more than the archive has, in a body
// without a length.
func Overlong(n int64) Fault { panic("to do") }
