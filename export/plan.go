package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// maxIsolated is how many jobs isolate repositories that failed before.
const maxIsolated = 20

// Plan divides the repositories into batches, in their order, and returns the
// tally of the run and a job for each batch. Repositories that failed in
// Options.Previous come last, each in a job of its own. Plan asks nobody. [Run]
// calls it; a driver of its own begins with it.
//
// It fails if the name of a repository is malformed or there twice, and if
// options contradict each other.
func Plan(opts Options) (*Tally, []*Job, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	var jobs []*Job
	add := func(names []string) *Job {
		j := &Job{
			ID: strconv.Itoa(len(jobs) + 1), Run: opts.Run, Repositories: slices.Clone(names), Start: opts.Start, Dir: opts.Dir,
			DeleteArchive: opts.DeleteArchives, KeepLocked: opts.KeepLocked, Stream: opts.Stream,
			Store: opts.Store, disk: opts.disk, lineage: lineage{Try: 1},
		}
		jobs = append(jobs, j)
		return j
	}
	failed := opts.Previous.failed()
	var good, bad []string
	var at []int // of the bad ones
	for i, name := range opts.Repositories {
		if failed[strings.ToLower(name)] {
			bad, at = append(bad, name), append(at, i)
		} else {
			good = append(good, name)
		}
	}
	for batch := range slices.Chunk(good, opts.BatchSize) {
		add(batch)
	}
	size := min((len(bad)+maxIsolated-1)/maxIsolated, opts.BatchSize)
	for i := 0; i < len(bad); i += size {
		end := min(i+size, len(bad))
		j := add(bad[i:end])
		j.lineage = lineage{Try: maxTries, Alone: true, At: slices.Clone(at[i:end])}
	}
	return new(Tally), jobs, nil
}

// failed are the repositories, in lower case, that the manifest has no whole
// export of.
func (m *Manifest) failed() map[string]bool {
	failed := map[string]bool{}
	if m == nil {
		return failed
	}
	for _, row := range m.Repositories {
		if !row.OK() || len(row.Dropped) > 0 {
			failed[strings.ToLower(row.Repository)] = true
		}
	}
	return failed
}

// debts are the jobs that release the locks that an earlier run has left
// behind, one for each of its migrations.
func debts(before []*Job, run string) []*Job {
	at := map[int64]*Job{}
	var jobs []*Job
	for _, j := range slices.Concat(before, unlockingOf(before, true)) {
		id := j.State.Migration
		locked := j.mayLock()
		if id == 0 || len(locked) == 0 || j.State.Forgotten {
			continue
		}
		d := at[id]
		if d == nil {
			d = &Job{ID: "d" + strconv.FormatInt(id, 10), Run: run, Start: j.Start, UnlockOnly: true, lineage: lineage{Try: 1}}
			d.State.Migration = id
			at[id] = d
			jobs = append(jobs, d)
		}
		d.Repositories = append(d.Repositories, without(locked, d.Repositories)...)
		d.lineage.Family = append(d.lineage.Family, without(slices.Concat(j.Repositories, j.lineage.Family), d.Repositories)...)
	}
	return jobs
}

// isPlanned reports whether a job was made by [Plan].
func (j *Job) isPlanned() bool { return !j.UnlockOnly && !strings.Contains(j.ID, ".") }

// optionNames are the options of a start that are set, by GitHub's names.
func optionNames(req ghmigrate.StartMigrationRequest) []string {
	var names []string
	for _, option := range []struct {
		set  bool
		name string
	}{
		{req.LockRepositories, "lock_repositories"},
		{req.ExcludeMetadata, "exclude_metadata"},
		{req.ExcludeGitData, "exclude_git_data"},
		{req.ExcludeAttachments, "exclude_attachments"},
		{req.ExcludeReleases, "exclude_releases"},
		{req.ExcludeOwnerProjects, "exclude_owner_projects"},
	} {
		if option.set {
			names = append(names, option.name)
		}
	}
	return names
}
