package ghmigrate

import (
	"context"
	"iter"
)

// UserMigrations exports repositories of the token's own account. The token must
// be a personal access token (classic) with the scope repo.
//
// A GHES has only Start, List, ListRepositories, ArchiveURL, DownloadArchive and
// OpenArchive. Wait, Watch and WatchAll use the list there. The other methods
// fail with [ErrNotFound].
//
// https://docs.github.com/rest/migrations/users
type UserMigrations struct{ c *Client }

func (s *UserMigrations) account() account {
	return account{c: s.c, at: endpoint{path: "/user/migrations"}, user: true}
}

// Start starts the export of repositories and returns the new migration, which
// is pending. It is retried only after a rate limit and, once, after a 401. After
// any other error, such as a lost response, a 502 or an [ErrUnexpectedAnswer],
// the migration may exist: look for it with List. [ErrNotSent] excludes that. It
// fails with [ErrValidation] if GitHub refuses the repositories or options.
//
// https://docs.github.com/rest/migrations/users#start-a-user-migration
func (s *UserMigrations) Start(ctx context.Context, req StartMigrationRequest) (*Migration, error) {
	return s.account().startMigration(ctx, req)
}

// List lists the user's migrations, newest first, with their repositories. Nil
// options list all. A request asks for GitHub's own page of 30 unless the options
// say otherwise.
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

// ListRepositories lists all repositories of a migration. Nil options start with
// the first. A request asks for 100 unless the options say otherwise.
//
// https://docs.github.com/rest/migrations/users#list-repositories-for-a-user-migration
func (s *UserMigrations) ListRepositories(ctx context.Context, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	return s.account().listRepositories(ctx, id, opts)
}

// Wait polls a migration until it is exported, and returns it without its
// repositories. A failed export is [ErrMigrationFailed]. With every error Wait
// returns the last migration seen, nil if there is none. Wait survives what
// [OrgMigrations.Wait] survives.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Wait(ctx context.Context, id int64) (*Migration, error) {
	return s.account().wait(ctx, id)
}

// Watch follows migrations until all are done, as [OrgMigrations.Watch] does.
// A poll costs one request for each migration that is not done: GitHub's list of
// a user's migrations cannot leave out their repositories.
//
// https://docs.github.com/rest/migrations/users#get-a-user-migration-status
func (s *UserMigrations) Watch(ctx context.Context, ids []int64) iter.Seq2[*Migration, error] {
	return s.account().watch(ctx, ids)
}

// WatchAll follows the user's migrations that are not done, and every new one,
// until the context ends. The rest is as with [OrgMigrations.WatchAll].
//
// https://docs.github.com/rest/migrations/users#list-user-migrations
func (s *UserMigrations) WatchAll(ctx context.Context) iter.Seq2[*Migration, error] {
	return s.account().watchAll(ctx)
}

// ArchiveURL returns the address of the archive of a migration. The URL lives for
// about five minutes, on a GHES for hours. It is a secret, since it needs no
// token.
//
// Where GitHub says no more than "Not Found", the error is [ErrArchiveNotReady],
// [ErrMigrationFailed] or [ErrArchiveGone], and [ErrNotFound] if there is no such
// migration. An archive that is missing within half a minute of the end of its
// export is asked for again.
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
// after seven days. The migration stays. It fails with [ErrNotFound] if there is
// no archive, unless the response to an earlier attempt was lost.
//
// https://docs.github.com/rest/migrations/users#delete-a-user-migration-archive
func (s *UserMigrations) DeleteArchive(ctx context.Context, id int64) error {
	return run(ctx, s.c, s.account().deleteArchive(id))
}

// UnlockRepository unlocks a repository that a migration locked. The repository
// is named without its owner. It fails with [ErrNotFound] if the migration does
// not lock the repository, or not yet, or if the token may not unlock it. It
// succeeds if the response to an earlier attempt was lost and the retry gets 404.
//
// https://docs.github.com/rest/migrations/users#unlock-a-user-repository
func (s *UserMigrations) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return run(ctx, s.c, s.account().unlock(id, repo))
}
