package ghmigrate

import (
	"context"
	"iter"
)

// OrgMigrations exports repositories of organizations. The token must be
// a personal access token (classic) of an organization owner, with the scopes repo
// and admin:org.
//
// https://docs.github.com/rest/migrations/orgs
type OrgMigrations struct{ c *Client }

func (s *OrgMigrations) of(org string) account {
	return account{c: s.c, at: endpoint{path: "/orgs"}.name("org", org).literal("migrations")}
}

// ListOrgMigrationsOptions are the options of [OrgMigrations.List].
type ListOrgMigrationsOptions struct {
	ListOptions
	OmitRepositories bool // omit the repositories; responses are much smaller
}

// Start starts the export of repositories and returns the new migration, which is
// pending. It fails with [ErrValidation] if GitHub rejects the repositories or
// options.
//
// Start is retried only after a rate limit and, once, after a 401. After a network
// error, a 5xx or [ErrUnexpectedAnswer], the migration may exist: look for it with
// List. After [ErrNotSent] it does not exist.
//
// https://docs.github.com/rest/migrations/orgs#start-an-organization-migration
func (s *OrgMigrations) Start(ctx context.Context, org string, req StartMigrationRequest) (*Migration, error) {
	return s.of(org).startMigration(ctx, req)
}

// List lists all migrations of an organization, newest first. The list includes
// finished migrations, and imports. Nil options list all migrations with their
// repositories. The default page size is 100 if the repositories are omitted, and
// otherwise GitHub's default of 30.
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) List(ctx context.Context, org string, opts *ListOrgMigrationsOptions) iter.Seq2[*Migration, error] {
	if opts == nil {
		opts = &ListOrgMigrationsOptions{}
	}
	return list[Migration](ctx, s.c, s.of(org).listing(opts.ListOptions, opts.OmitRepositories))
}

// Get returns a migration, with its repositories unless the options omit them.
// It fails with [ErrNotFound] if the migration does not exist or the token may
// not see it.
//
// https://docs.github.com/rest/migrations/orgs#get-an-organization-migration-status
func (s *OrgMigrations) Get(ctx context.Context, org string, id int64, opts *GetOptions) (*Migration, error) {
	return call[Migration](ctx, s.c, s.of(org).get(id, opts))
}

// ListRepositories lists all repositories of a migration. Nil options start at the
// first page. The default page size is 100.
//
// https://docs.github.com/rest/migrations/orgs#list-repositories-in-an-organization-migration
func (s *OrgMigrations) ListRepositories(ctx context.Context, org string, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	return s.of(org).listRepositories(ctx, id, opts)
}

// Wait polls a migration until it is exported, and returns the migration without
// its repositories. It fails with [ErrMigrationFailed] if the export fails. With
// every error Wait returns the migration of the last successful poll, nil if no
// poll succeeded. [WithPollInterval] sets the time between polls.
//
// Wait tolerates these failures of polls:
//
//   - Server errors, network errors and [ErrUnexpectedAnswer] end the wait after
//     polls have failed for [WithMaxOutage] without a success.
//   - A 401 or 404 ends the wait after three such polls over half a minute. It
//     ends the wait at once if no poll has succeeded and this client did not just
//     start the migration.
//   - Rate limits delay the next poll.
//
// Any other error ends the wait at once. Only the context limits how long an
// export may take. When the context ends, the error includes the last failed poll.
//
// https://docs.github.com/rest/migrations/orgs#get-an-organization-migration-status
func (s *OrgMigrations) Wait(ctx context.Context, org string, id int64) (*Migration, error) {
	return s.of(org).wait(ctx, id)
}

// Watch follows migrations until all are done. It yields each migration, without
// its repositories, when a poll first finds it and whenever its State or UpdatedAt
// has changed. A failed export is yielded as a migration, not as an error. Without
// IDs the sequence is empty.
//
// An error about one migration, such as [ErrNotFound], is yielded with
// a Migration that has only the ID. Watch then continues with the other
// migrations. Any other error is yielded with nil and ends the sequence. Watch
// tolerates the failures that [OrgMigrations.Wait] tolerates.
//
// A poll reads the list of migrations: one request per hundred followed migrations
// and one more. A followed migration that is too old for these pages costs another
// request.
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) Watch(ctx context.Context, org string, ids []int64) iter.Seq2[*Migration, error] {
	return s.of(org).watch(ctx, ids)
}

// WatchAll follows the migrations of an organization that are not done, and every
// new migration, until the context ends. It then yields the context's error and
// ends. The first poll reads the whole list, since an unfinished migration may be
// anywhere in it. Later polls read the first pages, and further pages while these
// show new migrations. A migration in an undocumented state counts as done if it
// has not changed for seven days. In all else, WatchAll is like
// [OrgMigrations.Watch].
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) WatchAll(ctx context.Context, org string) iter.Seq2[*Migration, error] {
	return s.of(org).watchAll(ctx)
}

// ArchiveURL returns the URL of the archive of a migration. The URL is valid for
// about five minutes, on a GHES for hours. It is a secret, since it works without
// a token.
//
// If there is no archive, GitHub responds 404 whatever the reason is. ArchiveURL
// finds the reason and fails with [ErrArchiveNotReady], [ErrMigrationFailed] or
// [ErrArchiveGone], or with [ErrNotFound] if the migration does not exist. A 404
// within half a minute of the end of the export is retried.
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) ArchiveURL(ctx context.Context, org string, id int64) (SignedURL, error) {
	return s.of(org).archiveURL(ctx, id)
}

// DownloadArchive downloads the archive of a migration, a gzipped tar, to a file
// at path. It returns the archive's size and SHA-256. The file appears, or
// replaces an older file, only when it is complete and synced to disk. Nil options
// mean the defaults.
//
// Until then the bytes are in path.part, and path.part.log records which of them
// are on disk. DownloadArchive owns files of these names: it resumes from them,
// empties them and removes them. After an error, the next call resumes, in this
// process or another. A second call at the same time fails with [ErrInUse]. All
// files have mode 0600, even if the replaced file had another mode.
//
// DownloadArchive retries after broken connections, expired URLs, server errors
// and rate limits, as long as 1 MiB arrives in five minutes. If storage refuses
// ranges, the archive is downloaded over one connection. DownloadArchive fails
// with the errors of [OrgMigrations.ArchiveURL] and of the disk, with
// [ErrArchiveChanged] or [ErrInUse], or with a [*StorageError].
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) DownloadArchive(ctx context.Context, org string, id int64, path string, opts *DownloadOptions) (*DownloadResult, error) {
	return s.of(org).download(ctx, id, path, opts)
}

// OpenArchive returns the archive of a migration as a stream, without a file. The
// stream has the retries and errors of [OrgMigrations.DownloadArchive]. The caller
// must close the stream. If the context ends before, the stream fails.
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) OpenArchive(ctx context.Context, org string, id int64) (*ArchiveStream, error) {
	return s.of(org).open(ctx, id)
}

// DeleteArchive deletes the archive of a migration, but not the migration. GitHub
// deletes archives by itself after seven days. DeleteArchive fails with
// [ErrNotFound] if there is no archive. It succeeds if the response to an earlier
// attempt was lost and the retry gets 404.
//
// https://docs.github.com/rest/migrations/orgs#delete-an-organization-migration-archive
func (s *OrgMigrations) DeleteArchive(ctx context.Context, org string, id int64) error {
	return run(ctx, s.c, s.of(org).deleteArchive(id))
}

// UnlockRepository unlocks a repository that a migration locked. The repository is
// named without its owner. UnlockRepository fails with [ErrNotFound] if the
// migration has not locked the repository, or if the token may not unlock it. It
// succeeds if the response to an earlier attempt was lost and the retry gets 404.
//
// https://docs.github.com/rest/migrations/orgs#unlock-an-organization-repository
func (s *OrgMigrations) UnlockRepository(ctx context.Context, org string, id int64, repo string) error {
	return run(ctx, s.c, s.of(org).unlock(id, repo))
}
