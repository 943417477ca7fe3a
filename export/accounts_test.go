package export_test

import (
	"context"
	"iter"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// An omittingAccount leaves a repository out of the lists of some migrations.
type omittingAccount struct {
	export.Account
	name string
	from func(migration int64) bool
}

func (a omittingAccount) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return func(yield func(*ghmigrate.Repository, error) bool) {
		for repo, err := range a.Account.ListRepositories(ctx, id, opts) {
			if (err != nil || repo.FullName != a.name || !a.from(id)) && !yield(repo, err) {
				return
			}
		}
	}
}

// A startingAccount calls beforeFirst before it sends its first start.
type startingAccount struct {
	export.Account
	beforeFirst func(req ghmigrate.StartMigrationRequest)
	started     bool
}

func (a *startingAccount) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	if !a.started {
		a.started = true
		a.beforeFirst(req)
	}
	return a.Account.Start(ctx, req)
}

// A downloadingAccount calls before and after, if they are not nil, around every
// download. An error of them is the error of the download.
type downloadingAccount struct {
	export.Account
	before func(migration int64) error
	after  func(path string) error
}

func (a downloadingAccount) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	if a.before != nil {
		if err := a.before(id); err != nil {
			return nil, err
		}
	}
	result, err := a.Account.DownloadArchive(ctx, id, path, opts)
	if err == nil && a.after != nil {
		err = a.after(path)
	}
	return result, err
}
