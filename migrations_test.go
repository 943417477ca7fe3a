package ghmigrate_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestMigrationStateDone(t *testing.T) {
	for state, done := range map[ghmigrate.MigrationState]bool{
		ghmigrate.StatePending:   false,
		ghmigrate.StateExporting: false,
		ghmigrate.StateExported:  true,
		ghmigrate.StateFailed:    true,
		"queued":                 false,
		"":                       false,
	} {
		assert.Equal(t, done, state.Done(), "%q", state)
	}
}

// Every option of a start, alone: the field of GitHub's that it sets, and no
// other.
func TestStartSendsWhatIsAskedFor(t *testing.T) {
	one := []string{"octo-org/hello"}
	for _, test := range []struct {
		name string
		req  ghmigrate.StartMigrationRequest
		body string
	}{
		{
			"repositories alone", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello", "octo-org/world"}},
			`{"repositories":["octo-org/hello","octo-org/world"]}`,
		},
		{
			"lock_repositories", ghmigrate.StartMigrationRequest{Repositories: one, LockRepositories: true},
			`{"repositories":["octo-org/hello"],"lock_repositories":true}`,
		},
		{
			"exclude_metadata", ghmigrate.StartMigrationRequest{Repositories: one, ExcludeMetadata: true},
			`{"repositories":["octo-org/hello"],"exclude_metadata":true}`,
		},
		{
			"exclude_git_data", ghmigrate.StartMigrationRequest{Repositories: one, ExcludeGitData: true},
			`{"repositories":["octo-org/hello"],"exclude_git_data":true}`,
		},
		{
			"exclude_attachments", ghmigrate.StartMigrationRequest{Repositories: one, ExcludeAttachments: true},
			`{"repositories":["octo-org/hello"],"exclude_attachments":true}`,
		},
		{
			"exclude_releases", ghmigrate.StartMigrationRequest{Repositories: one, ExcludeReleases: true},
			`{"repositories":["octo-org/hello"],"exclude_releases":true}`,
		},
		{
			"exclude_owner_projects", ghmigrate.StartMigrationRequest{Repositories: one, ExcludeOwnerProjects: true},
			`{"repositories":["octo-org/hello"],"exclude_owner_projects":true}`,
		},
		{
			"org_metadata_only, and no null", ghmigrate.StartMigrationRequest{OrgMetadataOnly: true},
			`{"repositories":[],"org_metadata_only":true}`,
		},
		{
			"org_metadata_only with an empty list", ghmigrate.StartMigrationRequest{Repositories: []string{}, OrgMetadataOnly: true},
			`{"repositories":[],"org_metadata_only":true}`,
		},
		{
			"exclude", ghmigrate.StartMigrationRequest{Repositories: one, OmitRepositories: true},
			`{"repositories":["octo-org/hello"],"exclude":["repositories"]}`,
		},
		{
			"all at once", ghmigrate.StartMigrationRequest{
				Repositories: one, LockRepositories: true, ExcludeMetadata: true, ExcludeGitData: true, ExcludeAttachments: true,
				ExcludeReleases: true, ExcludeOwnerProjects: true, OmitRepositories: true,
			},
			`{"repositories":["octo-org/hello"],"lock_repositories":true,"exclude_metadata":true,"exclude_git_data":true,` +
				`"exclude_attachments":true,"exclude_releases":true,"exclude_owner_projects":true,"exclude":["repositories"]}`,
		},
	} {
		for path, opts := range map[string][]ghmigratetest.Option{
			"/orgs/octo-org/migrations": nil,
			"/user/migrations":          {ghmigratetest.WithUser("octo-org")}, // so that one table serves both
		} {
			t.Run(test.name+" to "+path, func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					server.AddRepository("octo-org/hello")
					server.AddRepository("octo-org/world")
					client := testclient.New(t, server)
					var m *ghmigrate.Migration
					var err error
					if path == "/user/migrations" {
						m, err = client.UserMigrations.Start(t.Context(), test.req)
					} else {
						m, err = client.OrgMigrations.Start(t.Context(), "octo-org", test.req)
					}
					require.NoError(t, err)
					assert.Equal(t, []sent{{Method: "POST", Path: path, Body: test.body}}, sentSince(server, 0))
					assert.Equal(t, "application/json", server.Requests()[0].Header.Get("Content-Type"))

					assert.Equal(t, test.req.LockRepositories, m.LockRepositories)
					assert.Equal(t, test.req.ExcludeMetadata, m.ExcludeMetadata)
					assert.Equal(t, test.req.ExcludeGitData, m.ExcludeGitData)
					assert.Equal(t, test.req.ExcludeAttachments, m.ExcludeAttachments)
					assert.Equal(t, test.req.ExcludeReleases, m.ExcludeReleases)
					assert.Equal(t, test.req.ExcludeOwnerProjects, m.ExcludeOwnerProjects)
					assert.Equal(t, test.req.OrgMetadataOnly, m.OrgMetadataOnly)
					if test.req.OmitRepositories {
						assert.Empty(t, m.Repositories)
						assert.Equal(t, []string{"repositories"}, m.Exclude)
					}
				}, opts...)
			})
		}
	}
}

// What is wrong with the arguments of a call is said before anything is sent,
// and names the argument. endpoint_test.go tests names and IDs in a path.
func TestBadArgumentsAreRefusedBeforeAnyRequest(t *testing.T) {
	type client = ghmigrate.Client
	start := func(repositories ...string) func(context.Context, *client) error {
		return func(ctx context.Context, c *client) error {
			_, orgErr := c.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: repositories})
			_, userErr := c.UserMigrations.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: repositories})
			return both(orgErr, userErr)
		}
	}
	listing := func(opts ghmigrate.ListOptions) func(context.Context, *client) error {
		return func(ctx context.Context, c *client) error {
			return both(
				drain(c.OrgMigrations.List(ctx, "octo-org", &ghmigrate.ListOrgMigrationsOptions{ListOptions: opts})),
				drain(c.OrgMigrations.List(ctx, "octo-org", &ghmigrate.ListOrgMigrationsOptions{ListOptions: opts, OmitRepositories: true})),
				drain(c.OrgMigrations.ListRepositories(ctx, "octo-org", 79, &opts)),
				drain(c.UserMigrations.List(ctx, &opts)),
				drain(c.UserMigrations.ListRepositories(ctx, 79, &opts)))
		}
	}
	download := func(path string, opts *ghmigrate.DownloadOptions) func(context.Context, *client) error {
		return func(ctx context.Context, c *client) error {
			_, org := c.OrgMigrations.DownloadArchive(ctx, "octo-org", 79, path, opts)
			_, user := c.UserMigrations.DownloadArchive(ctx, 79, path, opts)
			return both(org, user)
		}
	}
	lfs := func(pref ghmigrate.LFSPreference) func(context.Context, *client) error {
		return func(ctx context.Context, c *client) error {
			_, err := c.SourceImports.SetLFSPreference(ctx, "octo-org", "hello", pref)
			return err
		}
	}
	for _, test := range []struct {
		name string
		call func(context.Context, *client) error
		says string // the argument, and what is wrong with it
	}{
		{"no repositories", start(), "Repositories is empty"},
		{"an empty name", start("octo-org/hello", ""), `Repositories[1] is ""`},
		{"a blank name", start(" "), `Repositories[0] is " "`},
		{"a blank owner and name", start(" / "), `Repositories[0] is " / "`},
		{"a bare name", start("hello"), `Repositories[0] is "hello"`},
		{"no owner", start("/hello"), `Repositories[0] is "/hello"`},
		{"no name after the owner", start("octo-org/"), `Repositories[0] is "octo-org/"`},
		{"a slash too many", start("octo-org/hello/world"), `Repositories[0] is "octo-org/hello/world"`},
		{"a dot for a name", start("octo-org/."), `Repositories[0] is "octo-org/."`},
		{"dots for an owner", start("../hello"), `Repositories[0] is "../hello"`},
		{"white space in a name", start("octo-org/hello world"), `Repositories[0] is "octo-org/hello world"`},
		{"a line's end in a name", start("octo-org/hello\n"), `Repositories[0] is "octo-org/hello\n"`},
		{"a whole address", start("https://github.com/octo-org/hello"), `Repositories[0] is "https://github.com/octo-org/hello"`},
		{"repositories with OrgMetadataOnly", func(ctx context.Context, c *client) error {
			_, err := c.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
				Repositories: []string{"octo-org/hello"}, OrgMetadataOnly: true,
			})
			return err
		}, "Repositories has 1 names with OrgMetadataOnly"},

		{"an id of zero among those to watch", func(ctx context.Context, c *client) error {
			return both(drain(c.OrgMigrations.Watch(ctx, "octo-org", []int64{79, 0})), drain(c.UserMigrations.Watch(ctx, []int64{79, 0})))
		}, "ids has 0 at index 1"},
		{"a negative id among those to watch", func(ctx context.Context, c *client) error {
			return both(drain(c.OrgMigrations.Watch(ctx, "octo-org", []int64{-1})), drain(c.UserMigrations.Watch(ctx, []int64{-1})))
		}, "ids has -1 at index 0"},

		{"a page too large", listing(ghmigrate.ListOptions{PerPage: 101}), "PerPage is 101"},
		{"a negative size of pages", listing(ghmigrate.ListOptions{PerPage: -1}), "PerPage is -1"},
		{"a negative page", listing(ghmigrate.ListOptions{Page: -1}), "Page is -1"},

		{"no path", download("", nil), "path is empty"},
		{"negative concurrency", download("archive.tar.gz", &ghmigrate.DownloadOptions{Concurrency: -1}), "Concurrency is -1"},

		{"nothing to import", func(ctx context.Context, c *client) error {
			_, err := c.SourceImports.Start(ctx, "octo-org", "hello", ghmigrate.StartImportRequest{VCS: "git", VCSPassword: testclient.Password})
			return err
		}, "VCSURL is empty"},
		{"negative Since", func(ctx context.Context, c *client) error {
			return drain(c.SourceImports.ListAuthors(ctx, "octo-org", "hello", &ghmigrate.ListAuthorsOptions{Since: -1}))
		}, "Since is -1"},
		{"a preference of nobody's", lfs("yes"), `pref is "yes"`},
		{"no preference", lfs(""), `pref is ""`},
		{"a preference that only answers have", lfs(ghmigrate.LFSUndecided), `pref is "undecided"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			c := offline(t, "https://api.github.com", func(http.ResponseWriter, *http.Request) {
				t.Error("a request was sent")
			})
			err := test.call(t.Context(), c)
			all, ok := err.(callErrors) //nolint:errorlint // it is the list itself
			if !ok {
				all = callErrors{err}
			}
			for i, err := range all {
				require.Error(t, err, "call %d", i)
				require.ErrorContains(t, err, "ghmigrate: ", "call %d", i)
				require.ErrorContains(t, err, test.says, "call %d", i)
				testclient.AssertNoSecret(t, err.Error())
			}
		})
	}
}

// Nil is refused where there is nothing it could mean.
func TestNilContextIsRefusedBeforeAnyRequest(t *testing.T) {
	c := offline(t, "https://api.github.com", func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	var none context.Context
	_, get := c.OrgMigrations.Get(none, "octo-org", 79, nil)
	_, wait := c.OrgMigrations.Wait(none, "octo-org", 79)
	_, download := c.OrgMigrations.DownloadArchive(none, "octo-org", 79, "archive.tar.gz", nil)
	_, open := c.UserMigrations.OpenArchive(none, 79)
	for i, err := range []error{
		get, wait, download, open, drain(c.OrgMigrations.List(none, "octo-org", nil)),
		drain(c.OrgMigrations.Watch(none, "octo-org", []int64{79})), drain(c.UserMigrations.WatchAll(none)),
	} {
		assert.EqualError(t, err, "ghmigrate: ctx is nil", "call %d", i)
	}
}

// callErrors keep nil errors, which errors.Join drops.
type callErrors []error

func (l callErrors) Error() string { return fmt.Sprint([]error(l)) }

// both makes one error of the errors of several calls, all of which must fail.
func both(errs ...error) error { return callErrors(errs) }

func idsOf(migrations []*ghmigrate.Migration) []int64 {
	var ids []int64
	for _, m := range migrations {
		ids = append(ids, m.ID)
	}
	return ids
}

// A github is one of the forms in which GitHub answers.
type github struct {
	name    string
	version string
	opts    []ghmigratetest.Option
}

func (g github) isGHES() bool { return len(g.opts) > 0 }

func githubs() []github {
	ghes := []ghmigratetest.Option{ghmigratetest.WithGHES()}
	return []github{
		{"GitHub.com, version 2022-11-28", "2022-11-28", nil},
		{"GitHub.com, version 2026-03-10", "2026-03-10", nil},
		{"GHES, version 2022-11-28", "2022-11-28", ghes},
		{"GHES, version 2026-03-10", "2026-03-10", ghes},
	}
}

// accountOf is what the server tells of an account.
func accountOf(server *ghmigratetest.Server, login, kind string, id int64) *ghmigrate.User {
	api, web := server.URL()+"/users/"+login, "https://github.com/"+login
	if strings.HasPrefix(server.StorageURL(), strings.TrimSuffix(server.URL(), "/api/v3")) { // as a GHES does
		web = "https://ghes.example.com/" + login
	}
	return &ghmigrate.User{
		Login:        login,
		ID:           id,
		NodeID:       base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "0%d:%s%d", len(kind), kind, id)),
		Type:         kind,
		AvatarURL:    fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", id),
		URL:          api,
		HTMLURL:      web,
		UserViewType: "public",
		StarredAt:    "2020-07-09T00:17:55Z",
		UserURLs: ghmigrate.UserURLs{
			FollowersURL:      api + "/followers",
			FollowingURL:      api + "/following{/other_user}",
			GistsURL:          api + "/gists{/gist_id}",
			StarredURL:        api + "/starred{/owner}{/repo}",
			SubscriptionsURL:  api + "/subscriptions",
			OrganizationsURL:  api + "/orgs",
			ReposURL:          api + "/repos",
			EventsURL:         api + "/events{/privacy}",
			ReceivedEventsURL: api + "/received_events",
		},
	}
}

// plain takes from a migration what does not compare: the zone of its
// times, and its repositories, whose names it returns.
func plain(m *ghmigrate.Migration) (*ghmigrate.Migration, []string) {
	c := *m
	c.CreatedAt, c.UpdatedAt, c.Repositories = m.CreatedAt.UTC(), m.UpdatedAt.UTC(), nil
	var names []string
	for i := range m.Repositories {
		names = append(names, m.Repositories[i].FullName)
	}
	return &c, names
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
