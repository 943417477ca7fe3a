package ghmigratetest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// A candidate is a request that a fault may select.
type candidate struct {
	*Request
	path       string // unescaped
	migration  int64  // for a start, the next ID
	connection string
	redirected bool            // the client followed {elsewhere}
	out        *transferWriter // below the writers of all faults
	// mentions reports whether the request is about a repository.
	mentions func(fullName string) bool
}

// A faultList holds the faults of a server and selects the fault of a request.
type faultList struct {
	mu       sync.Mutex
	number   int // of the latest fault
	list     []*injectedFault
	choose   func(r Request, before int) (Fault, bool)
	requests map[requestKey]int // how many requests choose was called for
}

// A requestKey identifies the requests that InjectFunc counts together.
type requestKey struct {
	origin       Origin
	method, path string
}

// An injectedFault is a fault with the state of its selection.
type injectedFault struct {
	Fault
	number      int                 // 1 for the first that was injected
	since       time.Time           // when the fault was injected
	last        time.Time           // when the previous request met the conditions
	counters    map[int64]*counters // by migration ID; without EachMigration, under 0
	draws       map[uint64]int      // how many draws were made, by hash of the request
	connections map[string]bool     // by number: whether the connection is selected
}

// counters are what remains of After and Times.
type counters struct{ after, times int }

// add adds a fault at a time of the server.
func (l *faultList) add(f Fault, now time.Time) {
	if f.Times == 0 {
		f.Times = 1
		if f.Until > 0 || f.Within > 0 || f.Probability > 0 {
			f.Times = -1
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	if f.Name == "" {
		f.Name = fmt.Sprintf("fault %d", l.number)
	}
	l.list = append(l.list, &injectedFault{
		Fault:       f,
		number:      l.number,
		since:       now,
		counters:    make(map[int64]*counters),
		draws:       make(map[uint64]int),
		connections: make(map[string]bool),
	})
}

func (l *faultList) setFunc(choose func(Request, int) (Fault, bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.choose, l.requests = choose, make(map[requestKey]int)
}

func (l *faultList) clear() {
	l.setFunc(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

// forget removes the state of a connection that has ended.
func (l *faultList) forget(connection string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		delete(f.connections, connection)
	}
}

// next returns the first fault that selects the request, and its number. It skips
// the faults up to the number previous.
func (l *faultList) next(r candidate, previous int) (f Fault, number int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if f.number > previous && f.selects(r) {
			return f.Fault, f.number, true
		}
	}
	if l.choose == nil {
		return Fault{}, 0, false
	}
	key := requestKey{r.Origin, r.Method, r.Path}
	before := l.requests[key]
	l.requests[key]++
	if f, ok = l.choose(*r.Request, before); !ok {
		return Fault{}, 0, false
	}
	f.mustBeValid("InjectFunc")
	f.Continue = false // there is no later fault
	f.Name = cmp.Or(f.Name, "fault of InjectFunc")
	return f, l.number, true
}

// selects reports whether the fault selects a request, and updates the counters.
func (f *injectedFault) selects(r candidate) bool {
	if !f.matches(r) || !f.inSpan(r.Time) {
		return false
	}
	if f.Within > 0 {
		soon := !f.last.IsZero() && r.Time.Sub(f.last) < f.Within
		f.last = r.Time
		if !soon {
			return false
		}
	}
	if !f.WholeConnections {
		return f.selectsByCount(r)
	}
	selected, known := f.connections[r.connection]
	if !known {
		selected = f.selectsByCount(r)
		f.connections[r.connection] = selected
	}
	return selected
}

// matches reports whether the request meets the conditions that do not depend
// on earlier requests.
func (f *Fault) matches(r candidate) bool {
	switch {
	case f.Origin != AnyOrigin && f.Origin != r.Origin,
		f.Method != "" && !slices.Contains(strings.Fields(f.Method), r.Method),
		f.Operation != "" && !matchPattern(f.Operation, r.Operation),
		f.Path != "" && !matchPath(f.Path, r.path),
		f.HasHeader != "" && r.Header.Get(f.HasHeader) == "",
		f.Migration != 0 && f.Migration != r.migration,
		f.Repository != "" && !r.mentions(f.Repository),
		r.redirected && f.redirects():
		return false
	}
	return true
}

func matchPattern(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}

func matchPath(pattern, p string) bool {
	return strings.HasSuffix(pattern, "/") && strings.HasPrefix(p, pattern) || matchPattern(pattern, p)
}

// inSpan applies From and Until.
func (f *injectedFault) inSpan(now time.Time) bool {
	age := now.Sub(f.since)
	return age >= f.From && (f.Until == 0 || age < f.Until)
}

// selectsByCount applies After, Probability and Times.
func (f *injectedFault) selectsByCount(r candidate) bool {
	var key int64
	if f.EachMigration {
		key = r.migration
	}
	c := f.counters[key]
	if c == nil {
		c = &counters{after: f.After, times: f.Times}
		f.counters[key] = c
	}
	switch {
	case c.times == 0:
		return false
	case c.after > 0:
		c.after--
		return false
	case !f.draw(r):
		return false
	}
	if c.times > 0 {
		c.times--
	}
	return true
}

// draw selects a request by chance. The choice depends on the fault, on its seed,
// on the method, path and range of the request, and on the number of earlier
// draws for these.
func (f *injectedFault) draw(r candidate) bool {
	if f.Probability == 0 {
		return true
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d %d %s %s %s", f.Seed, f.number, r.Origin, r.Method, r.path, r.Header.Get("Range"))
	request := h.Sum64()
	_ = binary.Write(h, binary.BigEndian, int64(f.draws[request]))
	f.draws[request]++
	return float64(mix(h.Sum64())>>11)/(1<<53) < f.Probability
}

// mix spreads the bits of a hash, because FNV hashes of short texts differ in few
// bits.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// redirects reports whether the fault sends the client to {elsewhere}.
func (f *Fault) redirects() bool {
	return slices.ContainsFunc(f.header("Location"), func(value string) bool { return strings.Contains(value, elsewhere) })
}
