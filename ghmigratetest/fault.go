package ghmigratetest

import (
	"net/http"
	"time"
)

const (
	// AfterHeader is a value of CutAfter and StallAfter of a [Fault]: the client
	// gets the header and no byte of the body.
	AfterHeader = -1

	// NoBody is a value of Body of a [Fault]: the response has an empty body.
	NoBody = "\x00"
)

// A Fault says which requests fail, and how they fail. The zero value selects
// the next request and changes nothing.
//
// The server tries its faults in the order of their injection. The first fault
// that selects a request affects it. Later faults affect it only if that fault
// has Continue.
//
// [ReadFaults] reads faults from JSON, in which fields have the names of the tags.
type Fault struct {
	// Name identifies the fault in [Request].Fault and in the log of
	// "ghmigrate fake".
	Name string `json:"name,omitempty"`

	// Selection: a fault selects the requests that meet all of its conditions.

	Origin    Origin `json:"origin,omitempty"`     // AnyOrigin, API or Storage
	Operation string `json:"operation,omitempty"`  // GitHub's operation ID, such as "migrations/start-for-org", or a pattern of path.Match; empty: any
	Method    string `json:"method,omitempty"`     // one method, or several separated by spaces; empty: any
	Path      string `json:"path,omitempty"`       // pattern of path.Match for the unescaped Request.Path, or a prefix that ends in "/"; empty: any
	HasHeader string `json:"has_header,omitempty"` // the name of a header that the request has, such as "Range"

	// Migration selects the requests about one migration: operations on it, requests
	// for its archive, and the start that gets this ID. The server takes the next
	// free ID for the ID of a start. Concurrent starts have the same next ID, so for
	// starts Migration and EachMigration are exact only if starts come one after another.
	Migration int64 `json:"migration,omitempty"`
	// Repository, "owner/name", selects the requests that name the repository in
	// their path or as a repository to export, and the requests about a migration
	// that holds it.
	Repository string `json:"repository,omitempty"`

	// From and Until limit the fault to a span of the server's time, counted
	// from its injection. An Until of 0 means no end.
	From  time.Duration `json:"from,omitempty"`
	Until time.Duration `json:"until,omitempty"`
	// Within selects a request that comes less than this duration after the
	// previous request that met the conditions above.
	Within time.Duration `json:"within,omitempty"`

	// Probability selects requests by chance; 0 means every request. The choice
	// depends on Seed and on the number of earlier requests with the same method,
	// path and range. So it is the same in every run, in whatever order
	// concurrent requests come.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	// After is how many matching requests the fault spares first.
	After int `json:"after,omitempty"`
	// Times is how many requests the fault affects; a negative number means all.
	// 0 means one, or all if Until, Within or Probability is set.
	Times int `json:"times,omitempty"`
	// EachMigration makes After and Times count for each migration separately.
	EachMigration bool `json:"each_migration,omitempty"`
	// WholeConnections makes After, Probability and Times select connections:
	// the fault affects all matching requests of a selected connection.
	WholeConnections bool `json:"whole_connections,omitempty"`
	// Continue lets later faults affect the request, too.
	Continue bool `json:"continue,omitempty"`

	// Effects before the response.

	// Repositories changes repositories before the server serves the request. The
	// keys are full names. The values are another "owner/name" for a rename or a
	// transfer, "removed", "private", "public", or "taken down".
	Repositories map[string]string `json:"repositories,omitempty"`

	Applied bool          `json:"applied,omitempty"` // the request takes effect, but its response is lost: the fault's Status, Handler or Stall replaces it, or else a Reset
	Delay   time.Duration `json:"delay,omitempty"`   // how long the server delays the response
	Stall   bool          `json:"stall,omitempty"`   // the server sends no response until the client disconnects or the server closes
	Reset   bool          `json:"reset,omitempty"`   // the connection is reset instead of a response

	// Hidden is how long lists omit the migration that the request starts, and
	// its operations respond with 404. GitHub may create a migration after a 502.
	// Hidden does not delay the export.
	Hidden time.Duration `json:"hidden,omitempty"`
	// Fate is the outcome of the migration that the request starts. It replaces
	// the Fate that [Server.SetFate] chooses. If several faults affect the
	// request, the first Fate counts.
	Fate *Fate `json:"fate,omitempty"`

	// The response.

	// Status is the status of the response. 0 means the status of the true
	// response.
	Status int `json:"status,omitempty"`
	// Header replaces headers of the response; an empty list removes a header.
	// Values may have placeholders: {now} and {now+90s} are Unix times, {date}
	// and {date-1m} are HTTP dates, and {connection} is the number of the
	// connection. {elsewhere} is another URL of the requested resource. This
	// fault does not select requests for that URL. Storage compares preconditions
	// with an ETag that has {connection}, too.
	Header http.Header `json:"header,omitempty"`
	// Body is the body of the response. Without a Body, a Status of 400 or more
	// has the body that GitHub or S3 sends with this status.
	Body string `json:"body,omitempty"`
	// Set replaces or adds values in the JSON of the true response. The keys are
	// JSON Pointers (RFC 6901), such as "/repositories/*/owner". In them, * means
	// every element or property, and - a new element after the last one. The empty
	// pointer means the whole body.
	Set map[string]any `json:"set,omitempty"`
	// Remove lists JSON Pointers to the values to remove from the true response. An
	// index in Remove or Set counts the elements of the true response.
	Remove []string `json:"remove,omitempty"`

	// Handler, if set, sends the response; next sends the true response.
	Handler func(w http.ResponseWriter, r *http.Request, next http.Handler) `json:"-"`

	// Transfer of the body.

	Rate       int64 `json:"rate,omitempty"`        // bytes a second; 0: no limit
	CutAfter   int64 `json:"cut_after,omitempty"`   // after how many bytes of the body the connection breaks, or AfterHeader; 0: never
	StallAfter int64 `json:"stall_after,omitempty"` // after how many bytes of the body the server sends nothing more, or AfterHeader; 0: never
}

// Inject adds faults. It panics if a fault is invalid: a malformed pattern, an
// unknown operation, a negative duration.
//
// net/http retries a GET if a reused connection breaks without a response. The
// caller sees such a Reset only if Times covers the retry, too.
func (s *Server) Inject(faults ...Fault) {
	for _, f := range faults {
		f.mustBeValid("Inject")
		s.faults.add(f, s.clock.Now())
	}
}

// InjectFunc makes the server call choose for each request that no fault of
// [Server.Inject] selects, and for each request that only faults with Continue select.
// choose returns the fault that affects the request, and true, or else false. The
// server ignores the selection and Continue of that fault. It panics if the fault is
// invalid. before is the number of earlier requests with the same origin, method and
// path. With it, a choice by chance can be the same in every run:
//
//	srv.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
//		h := fnv.New64a()
//		fmt.Fprint(h, r.Method, r.Path, before)
//		chance := rand.New(rand.NewPCG(seed, h.Sum64()))
//		return ghmigratetest.ServerError(502), chance.IntN(10) == 0
//	})
//
// The server makes one call at a time. choose must not inject or clear faults, and
// must not change the request. It remains until the next call of InjectFunc, which
// may have nil, or of [Server.ClearFaults].
func (s *Server) InjectFunc(choose func(r Request, before int) (Fault, bool)) {
	s.faults.setFunc(choose)
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() { s.faults.clear() }
