package ghmigrate

import (
	"context"
	"iter"
)

// OrgMigrations exports repositories of organizations. The token must be
// a personal access token (classic) of an owner of the organization, with the
// scopes repo and admin:org.
//
// https://docs.github.com/rest/migrations/orgs
type OrgMigrations struct{ c *Client }

func (s *OrgMigrations) of(org string) account {
	return account{c: s.c, at: endpoint{path: "/orgs"}.name("org", org).literal("migrations")}
}

// ListOrgMigrationsOptions say which migrations of an organization to list.
type ListOrgMigrationsOptions struct {
	ListOptions
	OmitRepositories bool // leave out the repositories; responses are much smaller
}

// Start starts the export of repositories and returns the new migration, which
// is pending. It is retried only after a rate limit and, once, after a 401. After
// any other error, such as a lost response, a 502 or an [ErrUnexpectedAnswer],
// the migration may exist: look for it with List. [ErrNotSent] excludes that. It
// fails with [ErrValidation] if GitHub refuses the repositories or options.
//
// https://docs.github.com/rest/migrations/orgs#start-an-organization-migration
func (s *OrgMigrations) Start(ctx context.Context, org string, req StartMigrationRequest) (*Migration, error) {
	return s.of(org).startMigration(ctx, req)
}

// List lists all migrations of an organization, newest first. The list includes
// finished migrations, and imports. Nil options list all, with their
// repositories. Unless the options say otherwise, a request asks for 100
// migrations without repositories, or for GitHub's own page of 30 with them.
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

// ListRepositories lists all repositories of a migration. Nil options start with
// the first. A request asks for 100 unless the options say otherwise.
//
// https://docs.github.com/rest/migrations/orgs#list-repositories-in-an-organization-migration
func (s *OrgMigrations) ListRepositories(ctx context.Context, org string, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	return s.of(org).listRepositories(ctx, id, opts)
}

// Wait polls a migration until it is exported, and returns it without its
// repositories. A failed export is [ErrMigrationFailed]. With every error Wait
// returns the last migration seen, nil if there is none.
//
// Server errors, network errors and [ErrUnexpectedAnswer] end the wait when
// polls have failed for [WithMaxOutage] on end. A 401 or 404 ends it when three
// polls over half a minute get it. It ends at once if the migration was never
// seen and was not just started by this client. Rate limits are waited out.
// Other errors end the wait at once. Only the context limits how long an export
// may take; the error then tells the last failed poll, too. [WithPollInterval]
// sets the time between polls.
//
// https://docs.github.com/rest/migrations/orgs#get-an-organization-migration-status
func (s *OrgMigrations) Wait(ctx context.Context, org string, id int64) (*Migration, error) {
	return s.of(org).wait(ctx, id)
}

// Watch follows migrations until all are done. It yields each migration, without
// its repositories, when it is first seen and whenever its State or UpdatedAt has
// changed, in the order of observation. A failed export is a value, not an error.
// Without IDs the sequence is empty.
//
// An error about one migration, such as [ErrNotFound], is yielded with
// a Migration that has only the ID, and the other migrations go on. Any other
// error is yielded with nil and ends the sequence. Watch survives what
// [OrgMigrations.Wait] survives. A poll costs at most one request per hundred
// migrations and one more, and one request for each migration that is so old that
// those do not show it.
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) Watch(ctx context.Context, org string, ids []int64) iter.Seq2[*Migration, error] {
	return s.of(org).watch(ctx, ids)
}

// WatchAll follows the migrations of an organization that are not done, and every
// new one, until the context ends. The end of the context is the last error that
// it yields. The first poll reads the whole list, since a live migration may be
// anywhere in it; later polls read what is new. A migration in an undocumented
// state counts as done when it has not changed for seven days. The rest is as
// with [OrgMigrations.Watch].
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) WatchAll(ctx context.Context, org string) iter.Seq2[*Migration, error] {
	return s.of(org).watchAll(ctx)
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
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) ArchiveURL(ctx context.Context, org string, id int64) (SignedURL, error) {
	return s.of(org).archiveURL(ctx, id)
}

// DownloadArchive fetches the archive of a migration, a gzipped tar, into a
// file at path, and returns its size and SHA-256. The file appears, or replaces
// an older file, only when it is complete and on disk. Nil options are the
// defaults.
//
// Until then the bytes are in path.part, and path.part.log tells how far they are.
// DownloadArchive owns files of these names: it goes on from them, empties them and
// removes them. The next call resumes, in this process or another. A second call
// at the same time fails with [ErrInUse]. All files have mode 0600, also if the
// file that is replaced had another mode.
//
// DownloadArchive retries after cut connections, dead URLs, server errors and
// rate limits for as long as 1 MiB arrives in five minutes. If storage refuses
// ranges, the archive comes over one connection. Errors are the errors of
// [OrgMigrations.ArchiveURL] and of the disk, [ErrArchiveChanged], [ErrInUse],
// and a [*StorageError].
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) DownloadArchive(ctx context.Context, org string, id int64, path string, opts *DownloadOptions) (*DownloadResult, error) {
	return s.of(org).download(ctx, id, path, opts)
}

// OpenArchive returns the archive of a migration as a stream. The stream retries
// as [OrgMigrations.DownloadArchive] does, without a file, and has the same
// errors. It must be closed. The context governs it until then.
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) OpenArchive(ctx context.Context, org string, id int64) (*ArchiveStream, error) {
	return s.of(org).open(ctx, id)
}

// DeleteArchive deletes the archive of a migration, which GitHub does by itself
// after seven days. The migration stays. It fails with [ErrNotFound] if there is
// no archive, unless the response to an earlier attempt was lost.
//
// https://docs.github.com/rest/migrations/orgs#delete-an-organization-migration-archive
func (s *OrgMigrations) DeleteArchive(ctx context.Context, org string, id int64) error {
	return run(ctx, s.c, s.of(org).deleteArchive(id))
}

// UnlockRepository unlocks a repository that a migration locked. The repository
// is named without its owner. It fails with [ErrNotFound] if the migration does
// not lock the repository, or not yet, or if the token may not unlock it. It
// succeeds if the response to an earlier attempt was lost and the retry gets 404.
//
// https://docs.github.com/rest/migrations/orgs#unlock-an-organization-repository
func (s *OrgMigrations) UnlockRepository(ctx context.Context, org string, id int64, repo string) error {
	return run(ctx, s.c, s.of(org).unlock(id, repo))
}
