package temporal

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate/export"
)

// memory is the state that the workflow Export carries from one history to the next.
// It is plain JSON, and small: Batches has only the jobs that were loaded from the
// plan and are not over. The keys of the JSON are in recorded histories.
type memory struct {
	head
	Batches []*batch `json:"batches"`
}

// head is the part of the memory that every decision has in full.
type head struct {
	Account string        `json:"account"`
	Run     string        `json:"run"`
	Begun   time.Time     `json:"begun"`
	Tally   *export.Tally `json:"tally"`

	Pages  int `json:"pages"`  // of the plan, in the bucket
	Loaded int `json:"loaded"` // pages that were loaded
	Made   int `json:"made"`   // jobs that were made

	All   int   `json:"all"`  // repositories of the run
	Done  int   `json:"done"` // repositories whose jobs are over
	Bytes int64 `json:"bytes,omitzero"`

	Highest        int64     `json:"highest,omitzero"`   // the newest migration of the account that is known
	NewestAt       time.Time `json:"looked_at,omitzero"` // when GitHub was last asked for the newest migration
	Gate           time.Time `json:"gate,omitzero"`      // the end of a rate limit
	StartLost      bool      `json:"searched,omitzero"`  // the response to a start was lost: search for late twins
	NextTwinSearch time.Time `json:"twins_at,omitzero"`

	PausedUntil    time.Time `json:"until,omitzero"`
	LastFailure    string    `json:"doubt,omitempty"`    // why the latest export failed
	Problem        string    `json:"problem,omitempty"`  // the reason of the pause, or of the end
	Pauses         int       `json:"calls,omitzero"`     // since the latest success
	Complete       bool      `json:"complete,omitzero"`  // nothing remains to be planned
	ReleasingSince time.Time `json:"releasing,omitzero"` // since then, Export only releases locks
	Canceled       bool      `json:"canceled,omitzero"`  // a run that continues as new does not inherit the cancel
	Continued      int       `json:"continued,omitzero"` // how often the workflow continued as new
}

// releasing reports whether Export only releases locks, because it was canceled or has
// given up.
func (m *memory) releasing() bool { return !m.ReleasingSince.IsZero() }

// batch returns the batch with a number, or nil.
func (m *memory) batch(n int) *batch {
	for _, b := range m.Batches {
		if b.N == n {
			return b
		}
	}
	return nil
}

// size estimates the size of the JSON of the batches. It includes the names of locked
// repositories a second time: a job lists them again when they are unlocked.
func (m *memory) size() (size int) {
	length := func(names []string) (n int) {
		for _, name := range names {
			n += len(name) + len(`"",`)
		}
		return n
	}
	for _, b := range m.Batches {
		data, err := json.Marshal(b)
		if err != nil {
			panic(err) // the decision could not be encoded either
		}
		size += len(data)
		if b.Job.Start.LockRepositories {
			size += max(0, length(b.Job.Repositories)-length(b.Job.State.Released))
		}
	}
	return size
}

// sort puts the batches in the order in which they are started.
func (m *memory) sort() {
	slices.SortFunc(m.Batches, func(a, b *batch) int { return cmp.Compare(a.rank(), b.rank()) })
}

// A batch is a job with its place in the run.
type batch struct {
	N         int         `json:"n"` // numbers count the jobs of the run as they are made
	Job       *export.Job `json:"job"`
	Successor bool        `json:"first,omitzero"`   // made during the run, such as half of a failed batch
	Unpolled  bool        `json:"unseen,omitzero"`  // EffectWait reads its migration, because the poll does not find it
	Settled   bool        `json:"settled,omitzero"` // the job is over, and its successors are made
}

// rank orders the batches that wait for their start. Successors come first, the newest
// successor before all others, to find soon the repository that fails its batch.
func (b *batch) rank() int {
	if b.Successor {
		return -b.N
	}
	return b.N
}
