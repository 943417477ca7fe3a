package ghmigrate_test

import (
	"context"
	"iter"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A service has the methods that UserMigrations shares with the OrgMigrations of
// one organization.
type service interface {
	Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
	List(ctx context.Context, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Migration, error]
	Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error)
	ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error]
	Wait(ctx context.Context, id int64) (*ghmigrate.Migration, error)
	Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error]
	WatchAll(ctx context.Context) iter.Seq2[*ghmigrate.Migration, error]
	ArchiveURL(ctx context.Context, id int64) (ghmigrate.SignedURL, error)
	DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error)
	OpenArchive(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error)
	DeleteArchive(ctx context.Context, id int64) error
	UnlockRepository(ctx context.Context, id int64, repo string) error
}

var _ service = (*ghmigrate.UserMigrations)(nil)

// services returns the services of octo-org and of the user.
func services(client *ghmigrate.Client) map[string]service {
	return map[string]service{"org": orgService{client.OrgMigrations, "octo-org"}, "user": client.UserMigrations}
}

// An orgService is the OrgMigrations of one organization.
type orgService struct {
	orgs *ghmigrate.OrgMigrations
	org  string
}

func (s orgService) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	return s.orgs.Start(ctx, s.org, req)
}

func (s orgService) List(ctx context.Context, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Migration, error] {
	if opts == nil {
		return s.orgs.List(ctx, s.org, nil)
	}
	return s.orgs.List(ctx, s.org, &ghmigrate.ListOrgMigrationsOptions{ListOptions: *opts})
}

func (s orgService) Get(ctx context.Context, id int64, opts *ghmigrate.GetOptions) (*ghmigrate.Migration, error) {
	return s.orgs.Get(ctx, s.org, id, opts)
}

func (s orgService) ListRepositories(ctx context.Context, id int64, opts *ghmigrate.ListOptions) iter.Seq2[*ghmigrate.Repository, error] {
	return s.orgs.ListRepositories(ctx, s.org, id, opts)
}

func (s orgService) Wait(ctx context.Context, id int64) (*ghmigrate.Migration, error) {
	return s.orgs.Wait(ctx, s.org, id)
}

func (s orgService) Watch(ctx context.Context, ids []int64) iter.Seq2[*ghmigrate.Migration, error] {
	return s.orgs.Watch(ctx, s.org, ids)
}

func (s orgService) WatchAll(ctx context.Context) iter.Seq2[*ghmigrate.Migration, error] {
	return s.orgs.WatchAll(ctx, s.org)
}

func (s orgService) ArchiveURL(ctx context.Context, id int64) (ghmigrate.SignedURL, error) {
	return s.orgs.ArchiveURL(ctx, s.org, id)
}

func (s orgService) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	return s.orgs.DownloadArchive(ctx, s.org, id, path, opts)
}

func (s orgService) OpenArchive(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error) {
	return s.orgs.OpenArchive(ctx, s.org, id)
}

func (s orgService) DeleteArchive(ctx context.Context, id int64) error {
	return s.orgs.DeleteArchive(ctx, s.org, id)
}

func (s orgService) UnlockRepository(ctx context.Context, id int64, repo string) error {
	return s.orgs.UnlockRepository(ctx, s.org, id, repo)
}

// A serviceCall is a call of a method of a service.
type serviceCall struct {
	method string
	path   string // of the request for migration 79, below the account's migrations
	call   func(t *testing.T, s service, id int64) error
}

// callsWithID returns a call of each method with the ID of a migration.
func callsWithID() []serviceCall {
	return []serviceCall{
		{"Get", "/79", func(t *testing.T, s service, id int64) error {
			_, err := s.Get(t.Context(), id, nil)
			return err
		}},
		{"ListRepositories", "/79/repositories", func(t *testing.T, s service, id int64) error {
			return drain(s.ListRepositories(t.Context(), id, nil))
		}},
		{"Wait", "/79", func(t *testing.T, s service, id int64) error {
			_, err := s.Wait(t.Context(), id)
			return err
		}},
		{"ArchiveURL", "/79/archive", func(t *testing.T, s service, id int64) error {
			_, err := s.ArchiveURL(t.Context(), id)
			return err
		}},
		{"DownloadArchive", "/79/archive", func(t *testing.T, s service, id int64) error {
			_, err := s.DownloadArchive(t.Context(), id, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
			return err
		}},
		{"OpenArchive", "/79/archive", func(t *testing.T, s service, id int64) error {
			_, err := s.OpenArchive(t.Context(), id)
			return err
		}},
		{"DeleteArchive", "/79/archive", func(t *testing.T, s service, id int64) error {
			return s.DeleteArchive(t.Context(), id)
		}},
		{"UnlockRepository", "/79/repos/hello/lock", func(t *testing.T, s service, id int64) error {
			return s.UnlockRepository(t.Context(), id, "hello")
		}},
	}
}

// callsOfAccount returns a call of each method without the ID of one migration.
func callsOfAccount() []serviceCall {
	return []serviceCall{
		{"Start", "", func(t *testing.T, s service, _ int64) error {
			_, err := s.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
			return err
		}},
		{"List", "", func(t *testing.T, s service, _ int64) error { return drain(s.List(t.Context(), nil)) }},
		{"Watch", "", func(t *testing.T, s service, id int64) error { return drain(s.Watch(t.Context(), []int64{id})) }},
		{"WatchAll", "", func(t *testing.T, s service, _ int64) error { return drain(s.WatchAll(t.Context())) }},
	}
}

// repositoryOf names a repository for each of the services.
var repositoryOf = map[string]string{"org": "octo-org/hello", "user": "octocat/hello"}

// startExports adds octo-org/hello and exports it n times. The first export
// has the ID 79.
func startExports(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client, n int) []int64 {
	t.Helper()
	return startExportsOf(t, server, services(client)["org"], repositoryOf["org"], n)
}

// startUserExports adds octocat/hello and exports it n times for the user. The
// first export has the ID 79.
func startUserExports(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client, n int) []int64 {
	t.Helper()
	return startExportsOf(t, server, services(client)["user"], repositoryOf["user"], n)
}

func startExportsOf(t *testing.T, server *ghmigratetest.Server, s service, repository string, n int) []int64 {
	t.Helper()
	server.AddRepository(repository)
	var ids []int64
	for range n {
		m, err := s.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{repository}, OmitRepositories: true})
		require.NoError(t, err)
		ids = append(ids, m.ID)
	}
	return ids
}
