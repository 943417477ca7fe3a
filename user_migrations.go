package ghmigrate

import (
	"context"
	"iter"
)

// UserMigrations exports repositories of the token's own account. The token must
// be a personal access token (classic) with the scope repo.
//
// On a GHES, Start, List, ListRepositories, ArchiveURL, DownloadArchive and
// OpenArchive work as on GitHub.com. Wait, Watch and WatchAll poll the list of
// migrations. The other methods fail with [ErrNotFound].
//
// https://docs.github.com/rest/migrations/users
type UserMigrations struct{ c *Client }

func (s *UserMigrations) account() account {
	return account{c: s.c, at: endpoint{path: "/user/migrations"}, user: true}
}

// Start starts the export of repositories and returns the new migration, which is
// pending. It fails with [ErrValidation] if GitHub rejects the repositories or
// options.
//
// Start is retried only after a rate limit and, once, after a 401. After a network
// error, a 5xx or [ErrUnexpectedAnswer], the migration may exist: look for it with
// List. After [ErrNotSent] it does not exist.
//
// https://docs.github.com/rest/migrations/users#start-a-user-migration
func (s *UserMigrations) Start(ctx context.Context, req StartMigrationRequest) (*Migration, error) {
	return s.account().startMigration(ctx, req)
}

// List lists the user's migrations, newest first, with their repositories. Nil
// options start at the first page. The default page size is GitHub's default of
// 30.
//
// https://docs.github.com/rest/migrations/users#list-user-migrations
func (s *UserMigrations) List(ctx context.Context, opts *ListOptions) iter.Seq2[*Migration, error] {
	if opts == nil {
		opts = &ListOptions{}
	}
	return list[Migration](ctx, s.c, s.account().listing(*opts, false))
}

// Get returns a migration, with its repositories unless the options omit them.
// It fails with [ErrNotFound] if the migration does not exist or the token may
// not see it.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Get(ctx context.Context, id int64, opts *GetOptions) (*Migration, error) {
	return call[Migration](ctx, s.c, s.account().get(id, opts))
}

// ListRepositories lists all repositories of a migration. Nil options start at the
// first page. The default page size is 100.
//
// https://docs.github.com/rest/migrations/users#list-repositories-for-a-user-migration
func (s *UserMigrations) ListRepositories(ctx context.Context, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	return s.account().listRepositories(ctx, id, opts)
}

// Wait polls a migration until it is exported, and returns the migration without
// its repositories. It fails with [ErrMigrationFailed] if the export fails. With
// every error Wait returns the migration of the last successful poll, nil if no
// poll succeeded. Wait tolerates the failures that [OrgMigrations.Wait] tolerates.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Wait(ctx context.Context, id int64) (*Migration, error) {
	return s.account().wait(ctx, id)
}

// Watch follows migrations until all are done, as [OrgMigrations.Watch] does.
// A poll costs one request for each migration that is not done, since GitHub's
// list of a user's migrations cannot omit the repositories.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Watch(ctx context.Context, ids []int64) iter.Seq2[*Migration, error] {
	return s.account().watch(ctx, ids)
}

// WatchAll follows the user's migrations that are not done, and every new
// migration, until the context ends, as [OrgMigrations.WatchAll] does.
//
// https://docs.github.com/rest/migrations/users#list-user-migrations
func (s *UserMigrations) WatchAll(ctx context.Context) iter.Seq2[*Migration, error] {
	return s.account().watchAll(ctx)
}

// ArchiveURL returns the URL of the archive of a migration, as
// [OrgMigrations.ArchiveURL] does.
//
// https://docs.github.com/rest/migrations/users#download-a-user-migration-archive
func (s *UserMigrations) ArchiveURL(ctx context.Context, id int64) (SignedURL, error) {
	return s.account().archiveURL(ctx, id)
}

// DownloadArchive downloads the archive of a migration to a file at path and
// returns the archive's size and SHA-256, as [OrgMigrations.DownloadArchive] does.
//
// https://docs.github.com/rest/migrations/users#download-a-user-migration-archive
func (s *UserMigrations) DownloadArchive(ctx context.Context, id int64, path string, opts *DownloadOptions) (*DownloadResult, error) {
	return s.account().download(ctx, id, path, opts)
}

// OpenArchive returns the archive of a migration as a stream, as
// [OrgMigrations.OpenArchive] does.
//
// https://docs.github.com/rest/migrations/users#download-a-user-migration-archive
func (s *UserMigrations) OpenArchive(ctx context.Context, id int64) (*ArchiveStream, error) {
	return s.account().open(ctx, id)
}

// DeleteArchive deletes the archive of a migration, as
// [OrgMigrations.DeleteArchive] does.
//
// https://docs.github.com/rest/migrations/users#delete-a-user-migration-archive
func (s *UserMigrations) DeleteArchive(ctx context.Context, id int64) error {
	return run(ctx, s.c, s.account().deleteArchive(id))
}

// UnlockRepository unlocks a repository that a migration locked, as
// [OrgMigrations.UnlockRepository] does. The repository is named without its
// owner.
//
// https://docs.github.com/rest/migrations/users#unlock-a-user-repository
func (s *UserMigrations) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return run(ctx, s.c, s.account().unlock(id, repo))
}
