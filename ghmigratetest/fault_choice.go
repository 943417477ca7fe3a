package ghmigratetest

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// A subject is a request as the selection of a fault sees it.
type subject struct {
	*Request
	path       string // unescaped
	migration  int64  // also the ID that a start is going to get
	connection string
	redirected bool // the client followed {elsewhere}
	// mentions reports whether the request is about a repository.
	mentions func(fullName string) bool
}

// A faultList holds the faults of a server.
type faultList struct {
	mu     sync.Mutex
	number int
	list   []*injected
	choose func(r Request, before int) (Fault, bool)
	asked  map[asked]int
}

// An asked identifies the requests that faultList.choose counts together.
type asked struct {
	origin       Origin
	method, path string
}

// An injected fault remembers what it has selected so far.
type injected struct {
	Fault
	number      int // 1 for the first that was injected
	since       time.Time
	last        time.Time        // when the previous request met the conditions
	counts      map[int64]*count // by migration, or all at 0
	drawn       map[uint64]int   // draws by hash of what was asked
	connections map[string]bool  // whether a connection is selected
}

// A count is what remains of After and Times.
type count struct{ after, times int }

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
	l.list = append(l.list, &injected{
		Fault:       f,
		number:      l.number,
		since:       now,
		counts:      make(map[int64]*count),
		drawn:       make(map[uint64]int),
		connections: make(map[string]bool),
	})
}

func (l *faultList) setFunc(choose func(Request, int) (Fault, bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.choose, l.asked = choose, make(map[asked]int)
}

func (l *faultList) clear() {
	l.setFunc(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

// forget drops what is known of a connection that has ended.
func (l *faultList) forget(connection string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		delete(f.connections, connection)
	}
}

// next returns the first fault beyond a number that selects the request.
func (l *faultList) next(r subject, beyond int) (f Fault, number int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if f.number > beyond && f.selects(r) {
			return f.Fault, f.number, true
		}
	}
	if l.choose == nil {
		return Fault{}, 0, false
	}
	about := asked{r.Origin, r.Method, r.Path}
	before := l.asked[about]
	l.asked[about]++
	f, ok = l.choose(*r.Request, before)
	if f.Name == "" {
		f.Name = "fault of InjectFunc"
	}
	return f, l.number, ok
}

// selects decides about a request, and counts it.
func (f *injected) selects(r subject) bool {
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
		return f.counted(r)
	}
	selected, known := f.connections[r.connection]
	if !known {
		selected = f.counted(r)
		f.connections[r.connection] = selected
	}
	return selected
}

// matches reports whether the request meets the conditions that do not depend
// on earlier requests.
func (f *Fault) matches(r subject) bool {
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

func (f *injected) inSpan(now time.Time) bool {
	age := now.Sub(f.since)
	return age >= f.From && (f.Until == 0 || age < f.Until)
}

// counted applies After, Probability and Times.
func (f *injected) counted(r subject) bool {
	var key int64
	if f.EachMigration {
		key = r.migration
	}
	c := f.counts[key]
	if c == nil {
		c = &count{f.After, f.Times}
		f.counts[key] = c
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

// draw decides by chance. The decision depends on the fault, on its seed, on
// what is asked for and on how often it was asked for before.
func (f *injected) draw(r subject) bool {
	if f.Probability == 0 {
		return true
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %d %d %s %s %s", f.Seed, f.number, r.Origin, r.Method, r.path, r.Header.Get("Range"))
	what := h.Sum64()
	_ = binary.Write(h, binary.BigEndian, int64(f.drawn[what]))
	f.drawn[what]++
	return float64(mix(h.Sum64())>>11)/(1<<53) < f.Probability
}

// mix spreads the bits of a hash: the bits of FNV differ too little for short
// texts.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// redirects reports whether the fault sends the client to {elsewhere}.
func (f *Fault) redirects() bool {
	return slices.ContainsFunc(f.header("Location"), func(value string) bool { return strings.Contains(value, elsewhere) })
}
