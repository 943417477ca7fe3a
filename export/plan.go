package export

import (
	"errors"
	"slices"

	"github.com/ghmigrate/ghmigrate"
)

// Plan divides the repositories into batches, in their order, and returns a
// job for each. It asks nobody. [Run] calls it; whoever drives jobs himself
// begins with it, and gives [Step] the jobs.
//
// It fails if a repository's name is malformed or there twice, if there are
// none, and if options contradict each other.
func Plan(opts Options) ([]*Job, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(opts.Repositories) == 0 {
		return nil, errors.New("export: Repositories is empty")
	}
	var jobs []*Job
	for batch := range slices.Chunk(opts.Repositories, opts.BatchSize) {
		jobs = append(jobs, &Job{
			Number:        len(jobs) + 1,
			Repositories:  slices.Clone(batch),
			Start:         opts.Start,
			Dir:           opts.Dir,
			DeleteArchive: opts.DeleteArchives,
			KeepLocked:    opts.KeepLocked,
			Try:           1,
			Store:         opts.Store,
		})
	}
	return jobs, nil
}

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
