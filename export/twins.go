package export

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	twinSearchPause   = 5 * time.Minute  // between two searches for late twins
	unsurePause       = 30 * time.Second // before the next search, if a candidate could not be read
	maxUnsureSearches = 5
)

// LateTwins searches for twins that appeared after the search for a lost start. It
// adds them to the states of their jobs, and returns jobs that unlock their
// repositories. Jobs are all jobs of the run, in the order of their creation. [Run]
// searches for late twins every five minutes, and before it finishes; another driver
// should do the same.
func LateTwins(ctx context.Context, acct Account, jobs []*Job) ([]*Job, error) {
	if err := check(ctx, acct); err != nil {
		return nil, err
	}
	found := searchTwins(ctx, acct, jobs, map[int64]bool{})
	if found.err != nil {
		return nil, fmt.Errorf("export: search for late migrations: %w", found.err)
	}
	return found.add(jobs), nil
}

// lateTwins is the result of a search for late twins.
type lateTwins struct {
	of       map[string][]int64 // by the ID of the job
	ruledOut []int64            // migrations that are not twins
	unsure   bool               // a candidate could not be read
	err      error
}

// add adds the twins to the jobs, and returns the jobs that unlock them.
func (l *lateTwins) add(jobs []*Job) []*Job {
	known := knownMigrations(jobs) // a job may have adopted one of them meanwhile
	for _, job := range jobs {
		for _, id := range l.of[job.ID] {
			if !known[id] {
				job.State.Twins = append(slices.Clip(job.State.Twins), id)
			}
		}
	}
	return allTwinUnlocks(jobs, false)
}

// hasLostStart reports whether a start of the job may have created a migration that
// is unknown, and for which the job no longer searches.
func hasLostStart(j *Job) bool {
	return j.State.book.Lost > 0 && !j.UnlockOnly && (j.State.Migration != 0 || j.State.Outcome != OutcomeUnknown)
}

// isSearching reports whether the job may have started a migration and has not found
// it yet.
func (j *Job) isSearching() bool {
	s := &j.State
	return s.Migration == 0 && s.Outcome == OutcomeUnknown && (s.book.Lost > 0 || s.Intent == EffectStart)
}

// knownMigrations returns the migrations of all jobs.
func knownMigrations(jobs []*Job) map[int64]bool {
	known := map[int64]bool{}
	for _, j := range jobs {
		known[j.State.Migration] = true
		for _, id := range j.State.Twins {
			known[id] = true
		}
	}
	return known
}

// searchTwins searches the migrations of the account for late twins, once. It skips
// the migrations in ruledOut.
func searchTwins(ctx context.Context, acct Account, jobs []*Job, ruledOut map[int64]bool) lateTwins {
	found := lateTwins{of: map[string][]int64{}}
	known := knownMigrations(jobs)
	var lost, searching []*Job
	var floor int64
	for _, j := range jobs {
		switch {
		case hasLostStart(j):
			if len(lost) == 0 || j.State.book.Floor < floor {
				floor = j.State.book.Floor
			}
			lost = append(lost, j)
		case j.isSearching():
			searching = append(searching, j)
		}
	}
	if len(lost) == 0 {
		return found
	}
	slices.SortStableFunc(lost, func(a, b *Job) int { return len(a.Repositories) - len(b.Repositories) })
	var suspects []*Job // jobs whose lost start may have created the next candidate
	for f, err := range candidates(ctx, acct, floor, func(m *ghmigrate.Migration) bool {
		suspects = slices.DeleteFunc(slices.Clone(lost), func(j *Job) bool {
			return m.ID <= j.State.book.Floor || !sameOptions(m, j.Start)
		})
		return len(suspects) > 0 && !known[m.ID] && !ruledOut[m.ID]
	}) {
		if err != nil {
			found.err = err
			return found
		}
		known[f.ID] = true // the list may repeat a migration, because its pages shift
		fits := func(j *Job) bool { return len(match(j.Repositories, []Found{f})) > 0 }
		switch at := slices.IndexFunc(suspects, fits); {
		case f.Repositories == nil:
			found.unsure = true
		case slices.ContainsFunc(searching, fits): // the search of that job finds it
		case at < 0:
			found.ruledOut = append(found.ruledOut, f.ID)
		default:
			found.of[suspects[at].ID] = append(found.of[suspects[at].ID], f.ID)
		}
	}
	return found
}

// A twinSearch is the state of a run's searches for late twins.
type twinSearch struct {
	attempts      // Due is also the time of the next regular search
	done     bool // the last search has found no twins
	unsure   int  // searches in a row that could not read a candidate
	ruledOut map[int64]bool
}

// findTwins begins a search if a search is due, beside all other work. It returns the
// time of the next search.
func (r *run) findTwins(ctx context.Context, now time.Time) time.Time {
	t := &r.twins
	switch {
	case r.starting:
		return time.Time{}
	case t.Due.IsZero():
		t.Due = now.Add(twinSearchPause)
	case !t.Due.After(now) && !slices.ContainsFunc(r.journal.jobs, hasLostStart):
		t.Due = now.Add(twinSearchPause)
	case !t.Due.After(now):
		r.searchTwins(ctx)
		return time.Time{}
	}
	return t.Due
}

// lastTwins begins the last search, after all jobs are over. It reports whether the
// run must wait for a result.
func (r *run) lastTwins(ctx context.Context) (bool, error) {
	t := &r.twins
	if t.done || !slices.ContainsFunc(r.journal.jobs, hasLostStart) {
		return false, nil
	}
	if t.unsure == 0 && t.Count == 0 || sleepUntil(ctx, t.Due) == nil { // otherwise drive ends the run, as the context has ended
		r.searchTwins(ctx)
	}
	return true, nil
}

// searchTwins begins a search for late twins.
func (r *run) searchTwins(ctx context.Context) {
	t := &r.twins
	last := len(r.live)+len(r.pending) == 0
	copies := make([]*Job, len(r.journal.jobs))
	for i, job := range r.journal.jobs {
		snapshot := *job
		copies[i] = &snapshot
	}
	ruledOut := t.ruledOut // does not change while a search is under way
	var found lateTwins
	r.request("search for late migrations", &t.attempts, func() error {
		found = searchTwins(ctx, r.acct, copies, ruledOut)
		return found.err
	}, func() error {
		if t.ruledOut == nil {
			t.ruledOut = map[int64]bool{}
		}
		for _, id := range found.ruledOut {
			t.ruledOut[id] = true
		}
		t.Due = time.Now().Add(twinSearchPause)
		if t.unsure++; !found.unsure {
			t.unsure = 0
		}
		if t.done = last && (t.unsure == 0 || t.unsure >= maxUnsureSearches); !t.done && found.unsure {
			t.Due = time.Now().Add(unsurePause)
		}
		return r.addTwins(&found)
	})
}

// addTwins saves the twins that a search has found, and plans the jobs that unlock
// their repositories.
func (r *run) addTwins(found *lateTwins) error {
	if len(found.of) == 0 {
		return nil
	}
	next := found.add(r.journal.jobs)
	for id := range found.of {
		if err := r.journal.save(r.journal.known[id]); err != nil {
			return err
		}
	}
	r.twins.done = false
	r.enlist(true, next...)
	return r.plan(next)
}
