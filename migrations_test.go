package ghmigrate_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// Each option of a start sets exactly one property of the request.
func TestStartSendsItsOptions(t *testing.T) {
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
			"org_metadata_only with an empty list instead of null", ghmigrate.StartMigrationRequest{OrgMetadataOnly: true},
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
		for name, account := range map[string]struct {
			path string
			opts []ghmigratetest.Option
		}{
			"org":  {"/orgs/octo-org/migrations", nil},
			"user": {"/user/migrations", []ghmigratetest.Option{ghmigratetest.WithUser("octo-org")}}, // owns the repositories
		} {
			t.Run(test.name+" to "+account.path, func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					server.AddRepository("octo-org/hello")
					server.AddRepository("octo-org/world")
					m, err := services(testclient.New(t, server))[name].Start(t.Context(), test.req)
					require.NoError(t, err)
					assert.Equal(t, []sent{{Method: "POST", Path: account.path, Body: test.body}}, sentSince(server, 0))
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
				}, account.opts...)
			})
		}
	}
}

// The error names the argument. Names and IDs in paths are tested in
// endpoint_test.go.
func TestBadArgumentsAreRefusedBeforeAnyRequest(t *testing.T) {
	type client = ghmigrate.Client
	inEachService := func(call func(context.Context, service) error) func(context.Context, *client) []error {
		return func(ctx context.Context, c *client) (errs []error) {
			for _, s := range services(c) {
				errs = append(errs, call(ctx, s))
			}
			return errs
		}
	}
	start := func(repositories ...string) func(context.Context, *client) []error {
		return inEachService(func(ctx context.Context, s service) error {
			_, err := s.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: repositories})
			return err
		})
	}
	watch := func(ids ...int64) func(context.Context, *client) []error {
		return inEachService(func(ctx context.Context, s service) error { return drain(s.Watch(ctx, ids)) })
	}
	list := func(opts ghmigrate.ListOptions) func(context.Context, *client) []error {
		return func(ctx context.Context, c *client) []error {
			errs := inEachService(func(ctx context.Context, s service) error { return drain(s.List(ctx, &opts)) })(ctx, c)
			errs = append(errs, inEachService(func(ctx context.Context, s service) error { return drain(s.ListRepositories(ctx, 79, &opts)) })(ctx, c)...)
			return append(errs, drain(c.OrgMigrations.List(ctx, "octo-org", &ghmigrate.ListOrgMigrationsOptions{ListOptions: opts, OmitRepositories: true})))
		}
	}
	download := func(path string, opts *ghmigrate.DownloadOptions) func(context.Context, *client) []error {
		return inEachService(func(ctx context.Context, s service) error {
			_, err := s.DownloadArchive(ctx, 79, path, opts)
			return err
		})
	}
	lfs := func(pref ghmigrate.LFSPreference) func(context.Context, *client) []error {
		return func(ctx context.Context, c *client) []error {
			_, err := c.SourceImports.SetLFSPreference(ctx, "octo-org", "hello", pref)
			return []error{err}
		}
	}
	for _, test := range []struct {
		name string
		call func(context.Context, *client) []error
		want string // the argument, and its problem
	}{
		{"no repositories", start(), "Repositories is empty"},
		{"an empty name", start("octo-org/hello", ""), `Repositories[1] is ""`},
		{"a blank name", start(" "), `Repositories[0] is " "`},
		{"a blank owner and name", start(" / "), `Repositories[0] is " / "`},
		{"a bare name", start("hello"), `Repositories[0] is "hello"`},
		{"no owner", start("/hello"), `Repositories[0] is "/hello"`},
		{"no name after the owner", start("octo-org/"), `Repositories[0] is "octo-org/"`},
		{"two slashes", start("octo-org/hello/world"), `Repositories[0] is "octo-org/hello/world"`},
		{"a dot as the name", start("octo-org/."), `Repositories[0] is "octo-org/."`},
		{"two dots as the owner", start("../hello"), `Repositories[0] is "../hello"`},
		{"white space in a name", start("octo-org/hello world"), `Repositories[0] is "octo-org/hello world"`},
		{"a line feed in a name", start("octo-org/hello\n"), `Repositories[0] is "octo-org/hello\n"`},
		{"a URL", start("https://github.com/octo-org/hello"), `Repositories[0] is "https://github.com/octo-org/hello"`},
		{"repositories with OrgMetadataOnly", inEachService(func(ctx context.Context, s service) error {
			_, err := s.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}, OrgMetadataOnly: true})
			return err
		}), "Repositories has 1 names with OrgMetadataOnly"},

		{"an ID of zero to watch", watch(79, 0), "ids has 0 at index 1"},
		{"a negative ID to watch", watch(-1), "ids has -1 at index 0"},

		{"a page size too large", list(ghmigrate.ListOptions{PerPage: 101}), "PerPage is 101"},
		{"a negative page size", list(ghmigrate.ListOptions{PerPage: -1}), "PerPage is -1"},
		{"a negative page", list(ghmigrate.ListOptions{Page: -1}), "Page is -1"},

		{"no path", download("", nil), "path is empty"},
		{"negative concurrency", download("archive.tar.gz", &ghmigrate.DownloadOptions{Concurrency: -1}), "Concurrency is -1"},

		{"no URL to import", func(ctx context.Context, c *client) []error {
			_, err := c.SourceImports.Start(ctx, "octo-org", "hello", ghmigrate.StartImportRequest{VCS: "git", VCSPassword: testclient.Password})
			return []error{err}
		}, "VCSURL is empty"},
		{"negative Since", func(ctx context.Context, c *client) []error {
			return []error{drain(c.SourceImports.ListAuthors(ctx, "octo-org", "hello", &ghmigrate.ListAuthorsOptions{Since: -1}))}
		}, "Since is -1"},
		{"an unknown preference", lfs("yes"), `pref is "yes"`},
		{"no preference", lfs(""), `pref is ""`},
		{"a preference that is only in responses", lfs(ghmigrate.LFSUndecided), `pref is "undecided"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			c := clientWithHandler(t, "https://api.github.com", func(http.ResponseWriter, *http.Request) {
				t.Error("a request was sent")
			})
			for i, err := range test.call(t.Context(), c) {
				require.Error(t, err, "call %d", i)
				require.ErrorContains(t, err, "ghmigrate: ", "call %d", i)
				require.ErrorContains(t, err, test.want, "call %d", i)
				testclient.AssertNoSecret(t, err.Error())
			}
		})
	}
}

func TestNilContextIsRefusedBeforeAnyRequest(t *testing.T) {
	c := clientWithHandler(t, "https://api.github.com", func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
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

// idsOf lists the IDs of migrations.
func idsOf(migrations []*ghmigrate.Migration) []int64 {
	var ids []int64
	for _, m := range migrations {
		ids = append(ids, m.ID)
	}
	return ids
}

// A github is a kind of server with a version of the API.
type github struct {
	name    string
	version string
	opts    []ghmigratetest.Option
}

func (g github) isGHES() bool { return len(g.opts) > 0 }

// githubs returns every kind of server with every version of the API that it has.
func githubs() []github {
	return []github{
		{"GitHub.com, version 2022-11-28", "2022-11-28", nil},
		{"GitHub.com, version 2026-03-10", "2026-03-10", nil},
		{"GHES, version 2022-11-28", "2022-11-28", []ghmigratetest.Option{ghmigratetest.WithGHES()}},
	}
}

// accountOf returns an account as the server sends it.
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

// withoutRepositories returns a migration without its repositories, with its times
// in UTC, so that it can be compared. It also returns the names of the
// repositories.
func withoutRepositories(m *ghmigrate.Migration) (*ghmigrate.Migration, []string) {
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

// testMigrations calls the methods of a service in the order of a migration's
// life. It checks each request and its result.
func testMigrations(t *testing.T, server *ghmigratetest.Server, github github, s service, base, login string, owner func() *ghmigrate.User) {
	t.Helper()
	server.AddRepository(login + "/hello")
	server.AddRepository(login+"/world", ghmigratetest.Private())
	ctx, before := t.Context(), 0
	requireSent := func(want ...sent) {
		t.Helper()
		require.Equal(t, want, sentSince(server, before))
		for _, r := range server.Requests()[before:] {
			if r.Origin == ghmigratetest.API {
				require.Equal(t, []string{github.version}, r.Header["X-Github-Api-Version"])
				require.Equal(t, []string{"application/vnd.github+json"}, r.Header["Accept"])
			}
		}
		before = len(server.Requests())
	}
	began := time.Now().UTC().Round(0)
	both := []string{login + "/hello", login + "/world"}

	started, err := s.Start(ctx, ghmigrate.StartMigrationRequest{
		Repositories: both, LockRepositories: true, ExcludeMetadata: true, ExcludeReleases: true,
	})
	require.NoError(t, err)
	want := &ghmigrate.Migration{
		ID:               79,
		NodeID:           "MDk6TWlncmF0aW9uNzk=",
		GUID:             server.Migration(79).GUID,
		State:            ghmigrate.StatePending,
		Owner:            owner(),
		LockRepositories: true,
		ExcludeMetadata:  true,
		ExcludeReleases:  true,
		URL:              server.URL() + base + "/79",
		CreatedAt:        began,
		UpdatedAt:        began,
	}
	got, names := withoutRepositories(started)
	assert.Equal(t, want, got)
	assert.Equal(t, both, names)
	requireSent(sent{"POST", base, "", `{"repositories":["` + both[0] + `","` + both[1] + `"],"lock_repositories":true,"exclude_metadata":true,"exclude_releases":true}`})

	listed, err := ghmigrate.Collect(s.List(ctx, nil))
	require.NoError(t, err)
	require.Len(t, listed, 1)
	got, names = withoutRepositories(listed[0])
	assert.Equal(t, want, got)
	assert.Equal(t, both, names)
	requireSent(sent{"GET", base, "", ""})

	time.Sleep(2 * time.Second)
	want.State, want.UpdatedAt, want.ArchiveURL = ghmigrate.StateExported, began.Add(2*time.Second), server.URL()+base+"/79/archive"
	listed, err = ghmigrate.Collect(s.List(ctx, nil))
	require.NoError(t, err)
	require.Len(t, listed, 1)
	got, _ = withoutRepositories(listed[0])
	assert.Equal(t, want, got)
	requireSent(sent{"GET", base, "", ""})

	for perPage, requests := range map[int][]sent{
		0: {{"GET", base + "/79/repositories", "per_page=100", ""}},
		1: {{"GET", base + "/79/repositories", "per_page=1", ""}, {"GET", base + "/79/repositories", "page=2&per_page=1", ""}},
	} {
		repositories, err := ghmigrate.Collect(s.ListRepositories(ctx, 79, &ghmigrate.ListOptions{PerPage: perPage}))
		require.NoError(t, err)
		require.Len(t, repositories, 2)
		for i, r := range repositories {
			assert.Equal(t, both[i], r.FullName)
			assert.Equal(t, i == 1, r.Private)
			assert.Equal(t, want.Owner, r.Owner)
			assert.Equal(t, github.version == "2022-11-28", r.DefaultBranch == "main", "version 2026-03-10 does not send the branch: %q", r.DefaultBranch)
		}
		requireSent(requests...)
	}

	signedURL, err := s.ArchiveURL(ctx, 79)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(signedURL.Reveal(), server.StorageURL()+"/"), signedURL)
	requireSent(sent{"GET", base + "/79/archive", "", ""})

	path := filepath.Join(t.TempDir(), "archive.tar.gz")
	result, err := s.DownloadArchive(ctx, 79, path, nil)
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, &ghmigrate.DownloadResult{Path: path, Size: int64(len(data)), SHA256: sha256Of(data)}, result)
	requireSent(sent{"GET", base + "/79/archive", "", ""})

	if base == "/user/migrations" && github.isGHES() {
		return // a GHES has no other operations for users
	}

	found, err := s.Get(ctx, 79, nil)
	require.NoError(t, err)
	got, names = withoutRepositories(found)
	assert.Equal(t, want, got)
	assert.Equal(t, both, names)
	requireSent(sent{"GET", base + "/79", "", ""})

	found, err = s.Get(ctx, 79, &ghmigrate.GetOptions{OmitRepositories: true})
	require.NoError(t, err)
	got, names = withoutRepositories(found)
	assert.Equal(t, want, got)
	assert.Empty(t, names)
	requireSent(sent{"GET", base + "/79", "exclude=repositories", ""})

	waited, err := s.Wait(ctx, 79)
	require.NoError(t, err)
	got, _ = withoutRepositories(waited)
	assert.Equal(t, want, got)
	assert.Nil(t, waited.Repositories)
	requireSent(sent{"GET", base + "/79", "exclude=repositories", ""})

	require.NoError(t, s.UnlockRepository(ctx, 79, "hello"))
	assert.Equal(t, []string{login + "/world"}, server.Migration(79).Locked)
	assert.False(t, server.Locked(login+"/hello"))
	requireSent(sent{"DELETE", base + "/79/repos/hello/lock", "", ""})
	require.ErrorIs(t, s.UnlockRepository(ctx, 79, "hello"), ghmigrate.ErrNotFound, "already unlocked")
	requireSent(sent{"DELETE", base + "/79/repos/hello/lock", "", ""})

	require.NoError(t, s.DeleteArchive(ctx, 79))
	assert.True(t, server.Migration(79).ArchiveDeleted)
	requireSent(sent{"DELETE", base + "/79/archive", "", ""})
	require.ErrorIs(t, s.DeleteArchive(ctx, 79), ghmigrate.ErrNotFound, "already deleted")
	requireSent(sent{"DELETE", base + "/79/archive", "", ""})
}
