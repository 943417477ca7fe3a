package ghmigrate

import (
	"context"
	"iter"
)

// OrgMigrations exports repositories of organizations. Its token is a personal
// access token (classic) of an owner of the organization, with the scopes repo
// and admin:org.
//
// https://docs.github.com/rest/migrations/orgs
type OrgMigrations struct{ c *Client }

func (s *OrgMigrations) of(org string) account {
	return account{c: s.c, at: endpoint{path: "/orgs"}.name("org", org).literal("migrations")}
}

// ListOrgMigrationsOptions say which migrations of an organization to list.
type ListOrgMigrationsOptions struct {
	ListOptions
	OmitRepositories bool // asks for no repositories; answers are much smaller
}

// Start starts the export of repositories and returns the new migration, which
// is pending. It is not retried unless rate limited: after a lost answer,
// or a 502, the migration may exist all the same; look for it with List. It
// fails with [ErrValidation] if GitHub refuses the repositories or options.
//
// https://docs.github.com/rest/migrations/orgs#start-an-organization-migration
func (s *OrgMigrations) Start(ctx context.Context, org string, req StartMigrationRequest) (*Migration, error) {
	return s.of(org).startMigration(ctx, req)
}

// List lists all migrations of an organization, newest first. Those that are long
// over are among them, and imports. Nil options list all, with their
// repositories. Unless the options say otherwise, a request asks for 100 if
// repositories are omitted and else for what GitHub gives, which is 30.
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) List(ctx context.Context, org string, opts *ListOrgMigrationsOptions) iter.Seq2[*Migration, error] {
	if opts == nil {
		opts = &ListOrgMigrationsOptions{}
	}
	return list[Migration](ctx, s.c, s.of(org).listing(opts.ListOptions, opts.OmitRepositories))
}

// Get returns a migration, with its repositories unless the options omit them.
// It fails with [ErrNotFound] if there is none, or none that the token may see.
//
// https://docs.github.com/rest/migrations/orgs#get-an-organization-migration-status
func (s *OrgMigrations) Get(ctx context.Context, org string, id int64, opts *GetOptions) (*Migration, error) {
	return call[Migration](ctx, s.c, s.of(org).get(id, opts))
}

// ListRepositories lists all repositories of a migration. Nil options list
// from the first; a request asks for 100 unless the options say otherwise.
//
// https://docs.github.com/rest/migrations/orgs#list-repositories-in-an-organization-migration
func (s *OrgMigrations) ListRepositories(ctx context.Context, org string, id int64, opts *ListOptions) iter.Seq2[*Repository, error] {
	return s.of(org).listRepositories(ctx, id, opts)
}

// Wait polls a migration until it is exported, and returns it without its
// repositories. A failed one is [ErrMigrationFailed]. Beside every error it
// returns the last migration seen, nil if there is none.
//
// Server errors and network errors do not end the wait until polls have failed
// for 15 minutes on end; rate limits are waited out; other errors end it at
// once. Only the context bounds how long an export may take. The time between
// polls is that of [WithPollInterval].
//
// https://docs.github.com/rest/migrations/orgs#get-an-organization-migration-status
func (s *OrgMigrations) Wait(ctx context.Context, org string, id int64) (*Migration, error) {
	return s.of(org).wait(ctx, id)
}

// Watch follows migrations until all are done. It yields each when it is first
// seen and whenever its State or UpdatedAt has changed, without its
// repositories, in the order of observation. A failed export is a value, not
// an error. Without IDs the sequence is empty.
//
// An error about one migration, such as [ErrNotFound], is yielded beside a
// Migration of that ID alone, and the others go on. Any other error is yielded
// beside nil and ends the sequence. What passes is waited out as in
// [OrgMigrations.Wait]. A poll costs at most one request per hundred migrations
// and one more, and one for each that is so old that those do not show it.
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) Watch(ctx context.Context, org string, ids []int64) iter.Seq2[*Migration, error] {
	return s.of(org).watch(ctx, ids)
}

// WatchAll follows the migrations of an organization that are not done, and
// from then on every new one, until the context ends; that is the last error
// it yields. The first poll reads the whole list, as what is not done may be
// anywhere in it; later ones read what is new. A migration in a state that this
// package does not know counts as done when it has not changed for seven days.
// The rest is as with [OrgMigrations.Watch].
//
// https://docs.github.com/rest/migrations/orgs#list-organization-migrations
func (s *OrgMigrations) WatchAll(ctx context.Context, org string) iter.Seq2[*Migration, error] {
	return s.of(org).watchAll(ctx)
}

// ArchiveURL returns where the archive of a migration is. It lives for about
// five minutes, on a GHES for hours, and needs no token: it is a secret. An
// error is [ErrArchiveNotReady], [ErrMigrationFailed] or [ErrArchiveGone] where
// GitHub says no more than "Not Found", and [ErrNotFound] if there is no such
// migration.
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) ArchiveURL(ctx context.Context, org string, id int64) (SignedURL, error) {
	return s.of(org).archiveURL(ctx, id)
}

// DownloadArchive fetches the archive of a migration, a gzipped tar, into a
// file at path, and returns its size and SHA-256. The file appears, or replaces
// an older one, only when it is complete and on disk. Until then there are
// path.part and path.part.log, from which the next call goes on, in this process
// or another; two at once is an error. Nil options are the defaults.
//
// Cut connections, dead URLs, server errors and rate limits are survived as
// long as there is progress: 1 MiB in five minutes. Errors are those of
// [OrgMigrations.ArchiveURL], [ErrArchiveChanged], storage's own, and those of
// the disk. See the package documentation.
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) DownloadArchive(ctx context.Context, org string, id int64, path string, opts *DownloadOptions) (*DownloadResult, error) {
	return s.of(org).download(ctx, id, path, opts)
}

// OpenArchive returns the archive of a migration as a stream, which survives
// what [OrgMigrations.DownloadArchive] survives, without a file, and fails as
// that does. The stream must be closed; the context governs it until then.
//
// https://docs.github.com/rest/migrations/orgs#download-an-organization-migration-archive
func (s *OrgMigrations) OpenArchive(ctx context.Context, org string, id int64) (*ArchiveStream, error) {
	return s.of(org).open(ctx, id)
}

// DeleteArchive deletes the archive of a migration, which GitHub does by itself
// after seven days. The migration stays. It fails with [ErrNotFound] if there
// is no archive; one that a lost first try deleted is no failure.
//
// https://docs.github.com/rest/migrations/orgs#delete-an-organization-migration-archive
func (s *OrgMigrations) DeleteArchive(ctx context.Context, org string, id int64) error {
	return run(ctx, s.c, s.of(org).deleteArchive(id))
}

// UnlockRepository unlocks a repository, named without its owner, that was
// locked by a migration. It fails with [ErrNotFound] if the migration does not
// lock it, or not yet, or the token may not unlock it; one that a lost first
// try unlocked is no failure.
//
// https://docs.github.com/rest/migrations/orgs#unlock-an-organization-repository
func (s *OrgMigrations) UnlockRepository(ctx context.Context, org string, id int64, repo string) error {
	return run(ctx, s.c, s.of(org).unlock(id, repo))
}
