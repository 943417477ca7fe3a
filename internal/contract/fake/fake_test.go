// Package fake_test checks the fake GitHub of package ghmigratetest against GitHub's
// description. It is a package of its own because it calls methods by name: if the
// library loses a method, only this package fails to build.
package fake_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/contract"
)

// exports has the methods that UserMigrations and OrgMigrations have in common.
type exports struct {
	start   func(ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error)
	list    func(*ghmigrate.ListOptions) ([]*ghmigrate.Migration, error)
	get     func(int64, *ghmigrate.GetOptions) (*ghmigrate.Migration, error)
	repos   func(int64, *ghmigrate.ListOptions) ([]*ghmigrate.Repository, error)
	archive func(int64) (ghmigrate.SignedURL, error)
	remove  func(int64) error
	unlock  func(int64, string) error
}

func ofOrg(ctx context.Context, c *ghmigrate.Client, org string) exports {
	s := c.OrgMigrations
	return exports{
		start: func(r ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) { return s.Start(ctx, org, r) },
		list: func(o *ghmigrate.ListOptions) ([]*ghmigrate.Migration, error) {
			for _, omit := range []bool{false, true} {
				if all, err := ghmigrate.Collect(s.List(ctx, org, &ghmigrate.ListOrgMigrationsOptions{ListOptions: *o, OmitRepositories: omit})); omit || err != nil {
					return all, err
				}
			}
			return nil, nil
		},
		get: func(id int64, o *ghmigrate.GetOptions) (*ghmigrate.Migration, error) { return s.Get(ctx, org, id, o) },
		repos: func(id int64, o *ghmigrate.ListOptions) ([]*ghmigrate.Repository, error) {
			return ghmigrate.Collect(s.ListRepositories(ctx, org, id, o))
		},
		archive: func(id int64) (ghmigrate.SignedURL, error) { return s.ArchiveURL(ctx, org, id) },
		remove:  func(id int64) error { return s.DeleteArchive(ctx, org, id) },
		unlock:  func(id int64, repo string) error { return s.UnlockRepository(ctx, org, id, repo) },
	}
}

func ofUser(ctx context.Context, c *ghmigrate.Client) exports {
	s := c.UserMigrations
	return exports{
		start: func(r ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) { return s.Start(ctx, r) },
		list: func(o *ghmigrate.ListOptions) ([]*ghmigrate.Migration, error) {
			return ghmigrate.Collect(s.List(ctx, o))
		},
		get: func(id int64, o *ghmigrate.GetOptions) (*ghmigrate.Migration, error) { return s.Get(ctx, id, o) },
		repos: func(id int64, o *ghmigrate.ListOptions) ([]*ghmigrate.Repository, error) {
			return ghmigrate.Collect(s.ListRepositories(ctx, id, o))
		},
		archive: func(id int64) (ghmigrate.SignedURL, error) { return s.ArchiveURL(ctx, id) },
		remove:  func(id int64) error { return s.DeleteArchive(ctx, id) },
		unlock:  func(id int64, repo string) error { return s.UnlockRepository(ctx, id, repo) },
	}
}

func TestTheFakeMatchesTheDescription(t *testing.T) {
	all, err := contract.Load("..")
	require.NoError(t, err)
	for _, d := range all {
		t.Run(d.Name(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				isGHES := strings.HasPrefix(d.Product, "ghes")
				options := []ghmigratetest.Option{ghmigratetest.InMemory(), ghmigratetest.WithExportDuration(time.Hour)}
				if isGHES {
					options = append(options, ghmigratetest.WithGHES())
				} else {
					options = append(options, ghmigratetest.WithSourceImports())
				}
				server := ghmigratetest.NewServer(options...)
				defer server.Close()
				for _, name := range []string{"hello-world", "second", "third"} {
					server.AddRepository("octo-org/"+name, ghmigratetest.Private())
					server.AddRepository("octocat/" + name)
				}
				r := &contract.Recorder{Description: d, Next: server.Client().Transport, Base: server.URL()}
				client, err := ghmigrate.NewClient(
					ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken(server.Token()),
					ghmigrate.WithHTTPClient(&http.Client{Transport: r}), ghmigrate.WithAPIVersion(d.Version),
				)
				require.NoError(t, err)

				export(t, server, ofOrg(t.Context(), client, "octo-org"), "octo-org", false)
				export(t, server, ofUser(t.Context(), client), "octocat", isGHES)
				if !isGHES {
					_, err = client.UserMigrations.Get(t.Context(), 999, nil)
					require.ErrorIs(t, err, ghmigrate.ErrNotFound)
					importAll(t, server, client)
				}
				refuse(t, server, r, d)

				// The test calls methods that the description of GHES lacks. The fake responds with 404.
				exchanges := slices.DeleteFunc(r.Exchanges, func(x *contract.Exchange) bool {
					return isGHES && x.Operation == nil && x.Status == http.StatusNotFound
				})
				for _, problem := range contract.CheckFakeResponses(exchanges, all) {
					t.Error(problem)
				}
				var described []string
				for _, operation := range d.Operations {
					described = append(described, operation.ID)
				}
				assert.Equal(t, described, contract.Succeeded(exchanges))
				named := map[string]bool{}
				for _, request := range server.Requests() {
					named[request.Operation] = true
				}
				for _, id := range described {
					assert.True(t, named[id], "the fake has no operation %s", id)
				}
				if !t.Failed() {
					t.Logf("%d responses match the description", len(exchanges))
				}
			})
		})
	}
}

// export runs exports of an account from the start to the deletion of the archive. If
// unmanaged is set, the product lacks Get, DeleteArchive and UnlockRepository.
func export(t *testing.T, server *ghmigratetest.Server, s exports, owner string, unmanaged bool) {
	t.Helper()
	all := []string{owner + "/hello-world", owner + "/second", owner + "/third"}
	requireNotFound := func(err error) {
		t.Helper()
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
	}
	checkState := func(id int64, want ghmigrate.MigrationState) {
		t.Helper()
		found, err := s.list(&ghmigrate.ListOptions{PerPage: 2})
		require.NoError(t, err)
		i := slices.IndexFunc(found, func(m *ghmigrate.Migration) bool { return m.ID == id })
		require.GreaterOrEqual(t, i, 0)
		assert.Equal(t, want, found[i].State)
		for _, options := range []*ghmigrate.GetOptions{nil, {OmitRepositories: true}} {
			m, err := s.get(id, options)
			if unmanaged {
				requireNotFound(err)
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, want, m.State)
		}
	}

	_, err := s.start(ghmigrate.StartMigrationRequest{OrgMetadataOnly: true})
	require.NoError(t, err)
	_, err = s.start(ghmigrate.StartMigrationRequest{
		Repositories: all[2:], ExcludeMetadata: true, ExcludeGitData: true, ExcludeAttachments: true,
		ExcludeReleases: true, ExcludeOwnerProjects: true, OmitRepositories: true,
	})
	require.NoError(t, err)
	_, err = s.start(ghmigrate.StartMigrationRequest{Repositories: []string{owner + "/missing"}})
	require.ErrorIs(t, err, ghmigrate.ErrValidation)
	m, err := s.start(ghmigrate.StartMigrationRequest{Repositories: all, LockRepositories: true})
	require.NoError(t, err)
	checkState(m.ID, ghmigrate.StatePending)
	if owner == "octo-org" { // GitHub does not document a 404 for the archive of a user
		_, err = s.archive(m.ID)
		require.ErrorIs(t, err, ghmigrate.ErrArchiveNotReady)
	}
	if !unmanaged {
		requireNotFound(s.remove(m.ID))
	}
	server.Clock().Advance(30 * time.Minute)
	checkState(m.ID, ghmigrate.StateExporting)
	server.Clock().Advance(time.Hour)
	checkState(m.ID, ghmigrate.StateExported)
	for _, options := range []*ghmigrate.ListOptions{nil, {PerPage: 1}, {Page: 7}} {
		_, err = s.repos(m.ID, options)
		require.NoError(t, err)
	}
	_, err = s.repos(999, nil)
	requireNotFound(err)
	_, err = s.archive(m.ID)
	require.NoError(t, err)
	if unmanaged {
		requireNotFound(s.unlock(m.ID, "hello-world"))
		requireNotFound(s.remove(m.ID))
		return
	}
	require.NoError(t, s.unlock(m.ID, "hello-world"))
	requireNotFound(s.unlock(m.ID, "hello-world"))
	require.NoError(t, s.remove(m.ID))
	if owner == "octo-org" {
		_, err = s.archive(m.ID)
		require.ErrorIs(t, err, ghmigrate.ErrArchiveGone)
	}
	checkState(m.ID, ghmigrate.StateExported)
}

// importAll runs imports of every kind from the start to the end.
func importAll(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client) {
	t.Helper()
	s, ctx := client.SourceImports, t.Context() //nolint:staticcheck // deprecated, but checked
	success := "complete detecting importing mapping pushing"
	for i, kind := range []struct{ url, states string }{
		{"git", success},
		{"private", "auth_failed complete detecting detection_needs_auth importing mapping pushing"},
		{"multiple", "complete detecting detection_found_multiple importing mapping pushing"},
		{"nothing", "detecting detection_found_nothing"},
		{"tfvc", "choose complete detecting importing mapping pushing"},
		{"subversion", success},
		{"mercurial", success},
		{"broken", "detecting error importing"},
		{"large", success},
	} {
		repo := []string{"hello-world", "second", "third"}[i%3]
		_, err := s.Get(ctx, "octocat", repo)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		_, err = s.Start(ctx, "octocat", repo, ghmigrate.StartImportRequest{VCSURL: "https://example.com/" + kind.url})
		require.NoError(t, err)
		states := map[string]bool{}
		for step := range 60 {
			server.Clock().Advance(2 * time.Minute)
			at, err := s.Get(ctx, "octocat", repo)
			require.NoError(t, err)
			states[string(at.Status)] = true
			if at.Status.Done() {
				break
			}
			if at.Status.NeedsAction() {
				update := ghmigrate.UpdateImportRequest{VCSUsername: "octocat", VCSPassword: "wrong"}
				if step > 10 {
					update.VCSPassword = "right"
				}
				if len(at.ProjectChoices) > 0 {
					choice := at.ProjectChoices[0]
					update = ghmigrate.UpdateImportRequest{VCS: choice.VCS, TFVCProject: choice.TFVCProject, HumanName: choice.HumanName}
				}
				_, err = s.Update(ctx, "octocat", repo, update)
				require.NoError(t, err)
			}
		}
		assert.Equal(t, kind.states, strings.Join(slices.Sorted(maps.Keys(states)), " "), kind.url)
		authors, err := ghmigrate.Collect(s.ListAuthors(ctx, "octocat", repo, nil))
		require.NoError(t, err)
		for _, author := range authors {
			_, err = s.MapAuthor(ctx, "octocat", repo, author.ID, ghmigrate.MapAuthorRequest{Name: "Hubot", Email: "hubot@github.com"})
			require.NoError(t, err)
		}
		_, err = ghmigrate.Collect(s.ListLargeFiles(ctx, "octocat", repo))
		require.NoError(t, err)
		for _, preference := range []ghmigrate.LFSPreference{ghmigrate.LFSOptIn, ghmigrate.LFSOptOut} {
			_, err = s.SetLFSPreference(ctx, "octocat", repo, preference)
			require.NoError(t, err)
		}
		require.NoError(t, s.Cancel(ctx, "octocat", repo))
	}
}

// refuse sends requests with a wrong token and with a token without scopes.
func refuse(t *testing.T, server *ghmigratetest.Server, r *contract.Recorder, d *contract.Description) {
	t.Helper()
	client, err := ghmigrate.NewClient(
		ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken("ghp_wrong"),
		ghmigrate.WithHTTPClient(&http.Client{Transport: r}), ghmigrate.WithAPIVersion(d.Version),
	)
	require.NoError(t, err)
	_, err = ghmigrate.Collect(client.UserMigrations.List(t.Context(), nil))
	require.ErrorIs(t, err, ghmigrate.ErrUnauthorized)
	client, err = ghmigrate.NewClient(
		ghmigrate.WithBaseURL(server.URL()), ghmigrate.WithToken("github_pat_fine_grained"),
		ghmigrate.WithHTTPClient(&http.Client{Transport: r}), ghmigrate.WithAPIVersion(d.Version),
	)
	require.NoError(t, err)
	_, err = ghmigrate.Collect(client.UserMigrations.List(t.Context(), nil))
	require.True(t, errors.Is(err, ghmigrate.ErrForbidden) || errors.Is(err, ghmigrate.ErrUnauthorized), err)
}
