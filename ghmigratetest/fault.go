package ghmigratetest

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// AfterHeader is a value of CutAfter and StallAfter of a [Fault]: the header
	// passes, and no byte of the body.
	AfterHeader = -1

	// NoBody is a value of Body of a [Fault]: the response has an empty body.
	NoBody = "\x00"
)

// A Fault says which requests fail, and how they fail. The zero value selects
// the next request and changes nothing.
//
// The server tries its faults in the order of their injection. A request
// suffers the first fault that selects it, and later faults only after a fault
// with Continue.
//
// A Fault is also JSON, with the names in the tags: see [ReadFaults].
type Fault struct {
	// Name is for people. [Request].Fault and the log of "ghmigrate fake" show it.
	Name string `json:"name,omitempty"`

	// The selection. A fault selects the requests that meet all conditions.

	Origin    Origin `json:"origin,omitempty"`     // AnyOrigin, API or Storage
	Operation string `json:"operation,omitempty"`  // GitHub's operation ID, "migrations/start-for-org", or a pattern of path.Match
	Method    string `json:"method,omitempty"`     // one method, or several separated by spaces; empty: any
	Path      string `json:"path,omitempty"`       // pattern of path.Match for Request.Path unescaped, or, ending in "/", a prefix; empty: any
	HasHeader string `json:"has_header,omitempty"` // the name of a header that the request has: "Range"

	// Migration selects the requests about one migration: its operations, the
	// requests for its archive, and the start that gets this ID.
	Migration int64 `json:"migration,omitempty"`
	// Repository, "owner/name", selects the requests that name the repository,
	// starts too, and the requests about a migration of it.
	Repository string `json:"repository,omitempty"`

	// From and Until limit the fault to a span of the server's time, counted
	// from its injection. Until 0 is no end.
	From  time.Duration `json:"from,omitempty"`
	Until time.Duration `json:"until,omitempty"`
	// Within selects a request that comes sooner than this after the previous
	// request that met the conditions above.
	Within time.Duration `json:"within,omitempty"`

	// Probability selects a request by chance; 0 means every request. Seed and
	// the earlier requests of the same method, path and range decide, so that
	// a run can be repeated whatever the order of concurrent requests.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	// After is how many of these requests pass before the first that suffers.
	After int `json:"after,omitempty"`
	// Times is how many requests suffer; a negative number means all. 0 means
	// one, or all with Until, Within or Probability.
	Times int `json:"times,omitempty"`
	// EachMigration makes After and Times count for each migration separately.
	EachMigration bool `json:"each_migration,omitempty"`
	// WholeConnections makes After, Probability and Times select connections:
	// all matching requests of a selected connection suffer.
	WholeConnections bool `json:"whole_connections,omitempty"`
	// Continue lets the request suffer later faults as well.
	Continue bool `json:"continue,omitempty"`

	// Before the response.

	// Repositories maps "owner/name" to what becomes of the repository before
	// the request is served: another "owner/name" for a rename or a transfer,
	// "removed", "private", "public", or "taken down".
	Repositories map[string]string `json:"repositories,omitempty"`

	Applied bool          `json:"applied,omitempty"` // the request takes effect, and its true response is lost: for Status, Handler, Stall, or else Reset
	Delay   time.Duration `json:"delay,omitempty"`   // the server waits for so long
	Stall   bool          `json:"stall,omitempty"`   // no response comes until the client goes or the server is closed
	Reset   bool          `json:"reset,omitempty"`   // the connection is reset instead of a response

	// Hidden keeps the migration that the request starts out of lists, and its
	// operations at 404, for so long. GitHub may create it after a 502. The
	// export begins all the same.
	Hidden time.Duration `json:"hidden,omitempty"`
	// Fate is what becomes of the migration that the request starts. It takes
	// the place of the Fate that [Server.SetFate] gives. The first Fate counts
	// if a request suffers several faults.
	Fate *Fate `json:"fate,omitempty"`

	// The response.

	// Status is the status of the response. 0 means the true response, with
	// its true status.
	Status int `json:"status,omitempty"`
	// Header is set on the response; an empty list removes a header. A value
	// may hold placeholders: {now} and {now+90s} are Unix times, {date} and
	// {date-1m} HTTP dates, and {connection} is the connection's number.
	// {elsewhere} is another URL of the requested resource, which this fault
	// spares. An ETag with {connection} is the archive's in preconditions too.
	Header http.Header `json:"header,omitempty"`
	// Body is the body of the response. Without a Body, a Status from 400 on
	// comes with the body that GitHub or S3 sends with it.
	Body string `json:"body,omitempty"`
	// Set replaces or adds values in the JSON of the true response. The keys
	// are JSON Pointers (RFC 6901), in which * is every element or property:
	// "/repositories/*/owner". "-" is a new element behind the last one, and the
	// empty pointer is the whole body.
	Set map[string]any `json:"set,omitempty"`
	// Remove lists JSON Pointers to values that the true response loses.
	Remove []string `json:"remove,omitempty"`

	// Handler, if set, gives the response; next gives the true one.
	Handler func(w http.ResponseWriter, r *http.Request, next http.Handler) `json:"-"`

	// How the body arrives.

	Rate       int64 `json:"rate,omitempty"`        // bytes a second; 0: no limit
	CutAfter   int64 `json:"cut_after,omitempty"`   // the connection ends after so many bytes of the body, or AfterHeader; 0: no cut
	StallAfter int64 `json:"stall_after,omitempty"` // nothing more comes after so many bytes of the body, or AfterHeader; 0: no stall
}

// Inject makes requests fail. It panics if a fault makes no sense: a malformed
// pattern, an unknown operation, a negative time.
//
// net/http repeats a GET by itself if a connection that it has used before
// breaks without a response: a Reset may then need Times.
func (s *Server) Inject(faults ...Fault) {
	for _, f := range faults {
		if err := f.check(); err != nil {
			panic(fmt.Sprintf("ghmigratetest: Inject: %v", err))
		}
		s.faults.add(f, s.clock.Now())
	}
}

// InjectFunc makes choose decide for each request whether and what it suffers,
// if no fault of [Server.Inject] selects it. The selection of a returned Fault
// does not matter. before counts the earlier requests of the same origin,
// method and path, so that a choice by chance can be the same in every run:
//
//	srv.InjectFunc(func(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
//		h := fnv.New64a()
//		fmt.Fprint(h, r.Method, r.Path, before)
//		chance := rand.New(rand.NewPCG(seed, h.Sum64()))
//		return ghmigratetest.ServerError(502), chance.IntN(10) == 0
//	})
//
// Calls come one at a time; choose must not inject or clear faults, nor change
// the request. Another InjectFunc, nil too, or ClearFaults takes its place.
func (s *Server) InjectFunc(choose func(r Request, before int) (Fault, bool)) {
	s.faults.setFunc(choose)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.clear() }
