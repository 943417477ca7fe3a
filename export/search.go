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

// search searches once for the migration of a start whose response was lost. The
// migration is newer than the floor of the job, has the same options, is unknown to
// the job, and has no repositories that the job does not have.
func (p *performer) search(ctx context.Context) Result {
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

// candidates lists the wanted migrations above a floor, with their repositories. The
// list of repositories is nil if the migration was removed meanwhile.
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
// or to another job in j.elsewhere.
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

// searched applies the result of a search. It adopts the migration of the lost start
// if there is a match. Otherwise the job searches again, starts again, or ends.
func (j *Job) searched(r Result, now time.Time) {
	s, b := &j.State, &j.State.book
	best := match(j.Repositories, r.Found)
	begun := now
	if !r.Asked.IsZero() { // a search may miss migrations that appear after it has begun
		begun = r.Asked
	}
	switch {
	case len(best) > 0:
		s.Migration, s.Begun, b.LostAt, s.Reason = best[0], now, time.Time{}, ""
		s.Adopted, s.Inferred, s.Twins = true, len(best) > 1, best[1:]
	case !b.LostAt.IsZero() && begun.Sub(b.LostAt) < maxSearchTime:
		j.try(EffectSearch, func(a *attempts) { a.Due = now.Add(searchPause) })
	case b.Lost >= maxLostStarts:
		j.end(OutcomeLost, s.Reason, now)
	default: // the start is sent again
		b.LostAt, b.Searched = time.Time{}, begun
	}
}

// match lists the migrations that a lost start may have created, the lowest ID
// first. A match has only repositories in names, and at least half of them: GitHub
// leaves out repositories that were renamed or deleted. If matches differ in their
// number of repositories, match lists only the largest.
func match(names []string, found []Found) []int64 {
	var best []int64
	most := 0
	requested := map[string]bool{}
	for _, name := range names {
		requested[strings.ToLower(name)] = true
	}
	for _, f := range found {
		n := len(f.Repositories)
		if n == 0 || 2*n < len(names) || slices.ContainsFunc(f.Repositories, func(name string) bool { return !requested[strings.ToLower(name)] }) {
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
