package main

import (
	"context"
	"iter"

	"github.com/ghmigrate/ghmigrate"
)

// An account is whose repositories are exported. [ghmigrate.UserMigrations] is
// the one that the token belongs to.
type account interface {
	Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
	Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error]
	ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error]
	DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error)
	UnlockRepository(ctx context.Context, id int64, repo string) error
	DeleteArchive(ctx context.Context, id int64) error
}

// An organization is an account that the token's owner owns.
type organization struct {
	*ghmigrate.OrgMigrations
	name string
}

func (o organization) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return o.OrgMigrations.Start(ctx, o.name, req)
}

func (o organization) Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error] {
	return o.OrgMigrations.Watch(ctx, o.name, ids)
}

func (o organization) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return o.OrgMigrations.ListRepositories(ctx, o.name, id, opts)
}

func (o organization) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	return o.OrgMigrations.DownloadArchive(ctx, o.name, id, path, opts)
}

func (o organization) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return o.OrgMigrations.UnlockRepository(ctx, o.name, id, repo)
}

func (o organization) DeleteArchive(ctx context.Context, id int64) error {
	return o.OrgMigrations.DeleteArchive(ctx, o.name, id)
}
