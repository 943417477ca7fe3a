package export

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// lateTwins finds migrations that came into being long after the answer to
// their start was lost, and returns the jobs that release their locks.
func (r *run) lateTwins(ctx context.Context) ([]*Job, error) {
	lost := map[string]*Job{}
	var floor int64
	for _, job := range r.journal.jobs {
		if job.State.Lost == 0 || job.UnlockOnly {
			continue
		}
		if len(lost) == 0 || job.State.Floor < floor {
			floor = job.State.Floor
		}
		if key := twinKey(job.Start, job.Repositories); lost[key] == nil {
			lost[key] = job
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	found := map[*Job][]int64{}
	err := r.persist(ctx, func() error {
		clear(found)
		for m, err := range r.acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
			if err != nil {
				return err
			}
			if m.ID <= floor {
				break
			}
			if r.known(m.ID) {
				continue
			}
			job, err := r.twinOf(ctx, m, lost)
			if err != nil {
				return err
			}
			if job != nil {
				found[job] = append(found[job], m.ID)
			}
		}
		return nil
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("look for late migrations: %w", err)
	}
	var jobs []*Job
	for _, job := range r.journal.jobs {
		ids := found[job]
		slices.Sort(ids)
		ids = slices.Compact(ids) // one that moves to the next page while the list is read is there twice
		if len(ids) == 0 {
			continue
		}
		before := len(job.twins())
		job.State.Twins = append(job.State.Twins, ids...)
		if err := r.save(job); err != nil {
			return nil, err
		}
		jobs = append(jobs, job.twins()[min(before, len(job.twins())):]...)
	}
	return jobs, r.plan(jobs)
}

// twinOf finds the job that a migration was started for.
func (r *run) twinOf(ctx context.Context, m *ghmigrate.Migration, lost map[string]*Job) (*Job, error) {
	options := false
	for _, job := range lost {
		options = options || sameOptions(m, job.Start)
	}
	if !options {
		return nil, nil
	}
	names, err := repositoryNames(ctx, r.acct, m.ID)
	for again := 1; isAbsent(err) && again < maxAbsences; again++ {
		if err := sleepUntil(ctx, time.Now().Add(absenceAgain)); err != nil {
			return nil, err
		}
		names, err = repositoryNames(ctx, r.acct, m.ID)
	}
	switch {
	case isAbsent(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	for _, job := range lost {
		if m.ID > job.State.Floor && sameOptions(m, job.Start) && twinKey(job.Start, names) == twinKey(job.Start, job.Repositories) {
			return job, nil
		}
	}
	return nil, nil
}

// repositoryNames lists what is in a migration.
func repositoryNames(ctx context.Context, acct Account, id int64) ([]string, error) {
	var names []string
	for repo, err := range acct.ListRepositories(ctx, id, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, repo.FullName)
	}
	return names, nil
}

// twinKey is the same for the same options and set of repositories.
func twinKey(start ghmigrate.StartMigrationRequest, names []string) string {
	key := optionNames(start)
	for _, name := range names {
		key = append(key, strings.ToLower(name))
	}
	slices.Sort(key)
	return strings.Join(key, "\n")
}
