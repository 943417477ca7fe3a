package ghmigrate

import (
	"context"
	"iter"
)

// UserMigrations exports repositories of the account that the token belongs
// to. Its token is a personal access token (classic) with the scope repo.
//
// A GHES has only Start, List, ListRepositories and what fetches an archive:
// ArchiveURL, DownloadArchive and OpenArchive. Wait, Watch and WatchAll work
// there all the same; the rest fails with [ErrNotFound].
//
// https://docs.github.com/rest/migrations/users
type UserMigrations struct{ c *Client }

func (s *UserMigrations) account() account {
	return account{c: s.c, at: endpoint{path: "/user/migrations"}, user: true}
}

// Start starts the export of repositories and returns the new migration, which
// is pending. It is not retried unless rate limited: after a lost answer,
// or a 502, the migration may exist all the same; look for it with List. It
// fails with [ErrValidation] if GitHub refuses the repositories or options.
//
// https://docs.github.com/rest/migrations/users#start-a-user-migration
func (s *UserMigrations) Start(ctx context.Context, req StartMigrationRequest) (*Migration, error) {
	return s.account().startMigration(ctx, req)
}

// List lists the user's migrations, newest first, with their repositories. Nil
// options list all; a request asks for what GitHub gives, which is 30, unless
// the options say otherwise.
//
// https://docs.github.com/rest/migrations/users#list-user-migrations
func (s *UserMigrations) List(ctx context.Context, opts *ListOptions) iter.Seq2[*Migration, error] {
	if opts == nil {
		opts = &ListOptions{}
	}
	return list[Migration](ctx, s.c, s.account().listing(*opts, false))
}

// Get returns a migration, with its repositories unless the options omit them.
// It fails with [ErrNotFound] if there is none, or none that the token may see.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Get(ctx context.Context, id int64, opts *GetOptions) (*Migration, error) {
	return call[Migration](ctx, s.c, s.account().get(id, opts))
}

// ListRepositories lists all repositories of a migration. Nil options list
// from the first; a request asks for 100 unless the options say otherwise.
//
// https://docs.github.com/rest/migrations/users#list-repositories-for-a-user-migration
func (s *UserMigrations) ListRepositories(ctx context.Context, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	return s.account().listRepositories(ctx, id, opts)
}

// Wait polls a migration until it is exported, and returns it without its
// repositories. A failed one is [ErrMigrationFailed]. Beside every error it
// returns the last migration seen, nil if there is none. What passes is waited
// out as in [OrgMigrations.Wait].
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Wait(ctx context.Context, id int64) (*Migration, error) {
	return s.account().wait(ctx, id)
}

// Watch follows migrations until all are done, as [OrgMigrations.Watch] does.
// A poll costs one request for each migration that is not done: GitHub's list
// of a user's migrations cannot leave their repositories out.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Watch(ctx context.Context, ids []int64) iter.Seq2[*Migration, error] {
	return s.account().watch(ctx, ids)
}

// WatchAll follows the user's migrations that are not done, and from then on
// every new one, until the context ends; that is the last error it yields.
// The rest is as with [OrgMigrations.Watch].
//
// https://docs.github.com/rest/migrations/users#list-user-migrations
func (s *UserMigrations) WatchAll(ctx context.Context) iter.Seq2[*Migration, error] {
	return s.account().watchAll(ctx)
}

// ArchiveURL returns where the archive of a migration is. It lives for about
// five minutes, on a GHES for hours, and needs no token: it is a secret. An
// error is [ErrArchiveNotReady], [ErrMigrationFailed] or [ErrArchiveGone] where
// GitHub says no more than "Not Found", and [ErrNotFound] if there is no such
// migration.
//
// https://docs.github.com/rest/migrations/users#download-a-user-migration-archive
func (s *UserMigrations) ArchiveURL(ctx context.Context, id int64) (SignedURL, error) {
	return s.account().archiveURL(ctx, id)
}

// DownloadArchive fetches the archive of a migration into a file at path and
// returns its size and SHA-256, as [OrgMigrations.DownloadArchive] does.
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

// DeleteArchive deletes the archive of a migration, which GitHub does by itself
// after seven days. The migration stays. It fails with [ErrNotFound] if there
// is no archive; one that a lost first try deleted is no failure.
//
// https://docs.github.com/rest/migrations/users#delete-a-user-migration-archive
func (s *UserMigrations) DeleteArchive(ctx context.Context, id int64) error {
	return run(ctx, s.c, s.account().deleteArchive(id))
}

// UnlockRepository unlocks a repository, named without its owner, that was
// locked by a migration. It fails with [ErrNotFound] if the migration does not
// lock it, or not yet, or the token may not unlock it; one that a lost first
// try unlocked is no failure.
//
// https://docs.github.com/rest/migrations/users#unlock-a-user-repository
func (s *UserMigrations) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return run(ctx, s.c, s.account().unlock(id, repo))
}
