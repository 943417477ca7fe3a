package export

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	twinsAgain = 5 * time.Minute  // between two searches for late twins
	unsureWait = 30 * time.Second // before a candidate that could not be read is read again
	maxUnsure  = 5
)

// search looks once for the migration of a start whose response was lost. The
// migration is newer than all migrations of before, has the same options, is not
// known to the job, and has no other repositories than the job.
func (p *performance) search(ctx context.Context) Result {
	r := Result{Asked: time.Now()}
	for f, err := range candidates(ctx, p, p.job.State.book.Floor, func(m *ghmigrate.Migration) bool {
		return !p.job.knows(m.ID) && sameOptions(m, p.job.Start)
	}) {
		if err != nil {
			return resultOf(err)
		}
		if len(match(p.job.Repositories, []Found{f})) > 0 {
			r.Found = append(r.Found, f)
		}
	}
	return r
}

// candidates lists the migrations above a floor that are wanted, with their
// repositories: none if the migration went away since it was listed.
func candidates(ctx context.Context, acct Account, floor int64, wanted func(*ghmigrate.Migration) bool) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		for m, err := range acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
			if err != nil {
				yield(Found{}, err)
				return
			}
			if m.ID <= floor {
				return
			}
			if !wanted(m) {
				continue
			}
			names, err := repositoryNames(ctx, acct, m.ID)
			switch {
			case isAbsent(err):
				names, err = nil, nil
			case err != nil:
				err = fmt.Errorf("compare with migration %d: %w", m.ID, err)
			}
			if !yield(Found{m.ID, names}, err) || err != nil {
				return
			}
		}
	}
}

// knows reports whether a migration belongs to the job, to a job that it replaces,
// or, as far as Run has told, to another job.
func (j *Job) knows(id int64) bool {
	if j.elsewhere[id] {
		return true
	}
	return slices.Contains(j.lineage.Known, id) || slices.Contains(j.State.Twins, id) || id == j.State.Migration
}

// sameOptions compares the seven options that GitHub echoes.
func sameOptions(m *ghmigrate.Migration, req ghmigrate.StartMigrationRequest) bool {
	return m.LockRepositories == req.LockRepositories &&
		m.ExcludeMetadata == req.ExcludeMetadata &&
		m.ExcludeGitData == req.ExcludeGitData &&
		m.ExcludeAttachments == req.ExcludeAttachments &&
		m.ExcludeReleases == req.ExcludeReleases &&
		m.ExcludeOwnerProjects == req.ExcludeOwnerProjects &&
		m.OrgMetadataOnly == req.OrgMetadataOnly
}

// searched adopts the migration of a lost start, or decides how to go on without
// it.
func (j *Job) searched(r Result, now time.Time) {
	s, b := &j.State, &j.State.book
	best := match(j.Repositories, r.Found)
	asked := now
	if !r.Asked.IsZero() { // a search that took long says nothing of its end
		asked = r.Asked
	}
	switch {
	case len(best) > 0:
		s.Migration, s.Begun, b.LostAt, s.Reason = best[0], now, time.Time{}, ""
		s.Adopted, s.Inferred, s.Twins = true, len(best) > 1, best[1:]
	case !b.LostAt.IsZero() && asked.Sub(b.LostAt) < searchFor:
		j.try(EffectSearch, func(a *attempts) { a.Due = now.Add(searchAgain) })
	case b.Lost >= maxLost:
		j.end(OutcomeLost, s.Reason, now)
	default: // the next start is sent
		b.LostAt, b.Searched = time.Time{}, asked
	}
}

// match lists the migrations that a lost start may have started, the lowest ID
// first. It lists the migrations with all repositories, or else the migrations
// with most of them, if that is at least half. GitHub leaves out repositories
// that were renamed or deleted.
func match(names []string, found []Found) []int64 {
	var best []int64
	most := 0
	asked := map[string]bool{}
	for _, name := range names {
		asked[strings.ToLower(name)] = true
	}
	for _, f := range found {
		n := len(f.Repositories)
		if n == 0 || 2*n < len(names) || slices.ContainsFunc(f.Repositories, func(name string) bool { return !asked[strings.ToLower(name)] }) {
			continue
		}
		if n > most {
			best, most = nil, n
		}
		if n == most {
			best = append(best, f.ID)
		}
	}
	slices.Sort(best)
	return slices.Compact(best)
}

// LateTwins finds migrations of lost starts that appeared after the search for
// them. It adds them to the states of their jobs, and returns the jobs that
// unlock the repositories of twins. Jobs are all jobs of the run, in the order
// in which they were made. [Run] searches every five minutes, and before it
// finishes; another driver does likewise.
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
	of     map[string][]int64 // by the ID of the job
	ruled  []int64            // migrations that are no twins
	unsure bool               // a candidate could not be read
	err    error
}

// add adds the twins to the jobs, and returns the jobs that unlock them.
func (l *lateTwins) add(jobs []*Job) []*Job {
	known := knownMigrations(jobs) // a job may have found its migration meanwhile
	for _, job := range jobs {
		for _, id := range l.of[job.ID] {
			if !known[id] {
				job.State.Twins = append(slices.Clip(job.State.Twins), id)
			}
		}
	}
	return unlockingOf(jobs, false)
}

// lostStart reports whether a start of the job may have made a migration that is
// not known, and that the job does not search any more.
func lostStart(j *Job) bool {
	return j.State.book.Lost > 0 && !j.UnlockOnly && (j.State.Migration != 0 || j.State.Outcome != OutcomeUnknown)
}

// searches reports whether the job has no migration yet and may have started
// one.
func (j *Job) searches() bool {
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

// searchTwins goes through the newest migrations of the account, once.
func searchTwins(ctx context.Context, acct Account, jobs []*Job, ruled map[int64]bool) lateTwins {
	found := lateTwins{of: map[string][]int64{}}
	known := knownMigrations(jobs)
	var lost, searching []*Job
	var floor int64
	for _, j := range jobs {
		switch {
		case lostStart(j):
			if len(lost) == 0 || j.State.book.Floor < floor {
				floor = j.State.book.Floor
			}
			lost = append(lost, j)
		case j.searches():
			searching = append(searching, j)
		}
	}
	if len(lost) == 0 {
		return found
	}
	slices.SortStableFunc(lost, func(a, b *Job) int { return len(a.Repositories) - len(b.Repositories) })
	var suspects []*Job // that may have started the next candidate
	for f, err := range candidates(ctx, acct, floor, func(m *ghmigrate.Migration) bool {
		suspects = slices.DeleteFunc(slices.Clone(lost), func(j *Job) bool {
			return m.ID <= j.State.book.Floor || !sameOptions(m, j.Start)
		})
		return len(suspects) > 0 && !known[m.ID] && !ruled[m.ID]
	}) {
		if err != nil {
			found.err = err
			return found
		}
		known[f.ID] = true // a list may shift while it is read
		fits := func(j *Job) bool { return len(match(j.Repositories, []Found{f})) > 0 }
		switch at := slices.IndexFunc(suspects, fits); {
		case f.Repositories == nil:
			found.unsure = true
		case slices.ContainsFunc(searching, fits): // which is going to find it
		case at < 0:
			found.ruled = append(found.ruled, f.ID)
		default:
			found.of[suspects[at].ID] = append(found.of[suspects[at].ID], f.ID)
		}
	}
	return found
}

// A twinSearch is the state of a run's searches for late twins.
type twinSearch struct {
	attempts      // Due is also when the next search is
	done     bool // the search after all else has found nothing
	unsure   int  // searches in a row that could not read a candidate
	ruled    map[int64]bool
}

// lookForTwins searches beside all other work, and returns when to do so.
func (r *run) lookForTwins(ctx context.Context, now time.Time) time.Time {
	t := &r.twins
	switch {
	case r.starting:
		return time.Time{}
	case t.Due.IsZero():
		t.Due = now.Add(twinsAgain)
	case !t.Due.After(now) && !slices.ContainsFunc(r.journal.jobs, lostStart):
		t.Due = now.Add(twinsAgain)
	case !t.Due.After(now):
		r.searchTwins(ctx)
		return time.Time{}
	}
	return t.Due
}

// lastTwins searches when all else is over. It reports whether the run must wait
// for the result.
func (r *run) lastTwins(ctx context.Context) (bool, error) {
	t := &r.twins
	if t.done || !slices.ContainsFunc(r.journal.jobs, lostStart) {
		return false, nil
	}
	if t.unsure == 0 && t.Count == 0 || sleepUntil(ctx, t.Due) == nil { // else the context has ended: see drive
		r.searchTwins(ctx)
	}
	return true, nil
}

func (r *run) searchTwins(ctx context.Context) {
	t := &r.twins
	last := len(r.live)+len(r.pending) == 0
	copies := make([]*Job, len(r.journal.jobs))
	for i, job := range r.journal.jobs {
		snapshot := *job
		copies[i] = &snapshot
	}
	ruled := t.ruled // it does not change while a search is under way
	var found lateTwins
	r.ask("search for late migrations", &t.attempts, func() error {
		found = searchTwins(ctx, r.acct, copies, ruled)
		return found.err
	}, func() error {
		if t.ruled == nil {
			t.ruled = map[int64]bool{}
		}
		for _, id := range found.ruled {
			t.ruled[id] = true
		}
		t.Due = time.Now().Add(twinsAgain)
		if t.unsure++; !found.unsure {
			t.unsure = 0
		}
		if t.done = last && (t.unsure == 0 || t.unsure >= maxUnsure); !t.done && found.unsure {
			t.Due = time.Now().Add(unsureWait)
		}
		return r.addTwins(&found)
	})
}

// addTwins saves the twins that were found, and plans the jobs that unlock them.
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
