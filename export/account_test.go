package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestRepositoriesListsEachOnce(t *testing.T) {
	for name, owner := range map[string]string{"organization": "octo", "user": "octocat"} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				acct := export.OrgAccount(testclient.New(t, server), "octo")
				if owner == "octocat" {
					acct = export.UserAccount(testclient.New(t, server))
					listUserRepositories(server)
				}
				var want []string
				for i := range 230 {
					want = append(want, fmt.Sprintf("%s/r%03d", owner, i))
					server.AddRepository(want[i])
				}
				server.AddRepository("another/one")
				var got []string
				for repo, err := range export.Repositories(t.Context(), acct) {
					require.NoError(t, err)
					got = append(got, repo.FullName)
				}
				assert.Equal(t, want, got)
				for repo, err := range export.Repositories(t.Context(), acct) {
					require.NoError(t, err)
					assert.Equal(t, want[0], repo.FullName)
					break
				}
				server.ClearFaults()
				server.Inject(ghmigratetest.Fault{Status: http.StatusForbidden, Body: `{"message":"no"}`})
				for _, err := range export.Repositories(t.Context(), acct) {
					require.ErrorIs(t, err, ghmigrate.ErrForbidden)
				}
			})
		})
	}
}

// listUserRepositories makes the fake respond to GET /user/repos, which it does not
// have.
func listUserRepositories(server *ghmigratetest.Server) {
	server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
		var page, from int
		_, _ = fmt.Sscan(r.Query.Get("page"), &page)
		var repos []ghmigrate.Repository
		for from = 100*page - 100; from < min(100*page, 230); from++ {
			repos = append(repos, ghmigrate.Repository{ID: int64(from + 1), FullName: fmt.Sprintf("octocat/r%03d", from)})
		}
		data, _ := json.Marshal(repos)
		return ghmigratetest.Fault{Status: http.StatusOK, Body: string(data)}, r.Path == "/user/repos" && r.Query.Get("affiliation") == "owner"
	})
}

func TestUserAccounts(t *testing.T) {
	for name, opts := range map[string][]ghmigratetest.Option{
		"GitHub.com": nil,
		"GHES":       {ghmigratetest.WithGHES()},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := []string{"octocat/a", "octocat/b"}
				for _, name := range names {
					server.AddRepository(name)
				}
				acct := export.UserAccount(testclient.New(t, server))
				server.Inject(ghmigratetest.Fault{Method: "POST", Status: 502, Applied: true})
				m, err := runAs(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1})
				require.NoError(t, err)
				assert.Equal(t, "127.0.0.1:8000/user/octocat", m.Account)
				assert.Len(t, server.Migrations(), 2)
				assert.Equal(t, 1, m.Adopted)
			}, opts...)
		})
	}
}

func TestOptionsThatAGHESCannotServeAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		opts export.Options
		want string
	}{
		"locks":     {export.Options{Start: ghmigrate.StartMigrationRequest{LockRepositories: true}}, "GitHub Enterprise Server 3.19.0 has no call to unlock"},
		"deletions": {export.Options{DeleteArchives: true}, "GitHub Enterprise Server 3.19.0 has no call to delete"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := test.opts
			opts.Repositories = []string{"octocat/a"}
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("octocat/a")
				opts.Dir = t.TempDir()
				_, err := export.Run(t.Context(), export.UserAccount(testclient.New(t, server)), opts)
				require.ErrorContains(t, err, test.want)
				assert.Zero(t, posts(server))
			}, ghmigratetest.WithGHES())
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("octocat/a")
				opts.Dir = t.TempDir()
				_, err := runAs(t, t.Context(), server, export.UserAccount(testclient.New(t, server)), opts)
				require.NoError(t, err)
				assert.False(t, server.Locked("octocat/a"))
				assert.Equal(t, opts.DeleteArchives, server.Migrations()[0].ArchiveDeleted)
			})
		})
	}
}

// Without an account or a context, no function sends a request or creates a folder.
func TestMissingArgumentsAreRefused(t *testing.T) {
	client, err := ghmigrate.NewClient(ghmigrate.WithHTTPClient(&http.Client{Transport: noTransport{}}))
	require.NoError(t, err)
	var noContext context.Context
	for name, test := range map[string]struct {
		ctx  context.Context
		acct export.Account
		want string
	}{
		"no name":    {t.Context(), export.OrgAccount(client, ""), `export: the account is ""`},
		"a URL":      {t.Context(), export.OrgAccount(client, "https://github.com/octo"), `export: the account is "https://github.com/octo"`},
		"a path":     {t.Context(), export.OrgAccount(client, ".."), `export: the account is ".."`},
		"no account": {t.Context(), nil, "export: the Account is nil"},
		"no context": {noContext, export.OrgAccount(client, "octo"), "export: ctx is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "backups")
			opts := export.Options{Repositories: []string{"octo/a"}, Dir: dir}
			job := planJob(t, opts)
			_, err := export.Run(test.ctx, test.acct, opts)
			require.ErrorContains(t, err, test.want)
			require.NoDirExists(t, dir)
			require.ErrorContains(t, export.Step(test.ctx, test.acct, job), test.want)
			require.ErrorContains(t, export.Unlock(test.ctx, test.acct, "octo/a"), test.want)
			require.ErrorContains(t, export.UnlockAll(test.ctx, test.acct), test.want)
			report, err := export.Preflight(test.ctx, test.acct, nil)
			require.NotNil(t, report)
			require.ErrorContains(t, err, test.want)
			for _, err := range export.LockCandidates(test.ctx, test.acct) {
				require.ErrorContains(t, err, test.want)
			}
		})
	}
	require.EqualError(t, export.Step(t.Context(), export.OrgAccount(client, "octo"), nil), "export: the Job is nil")
}

// A noTransport panics on every request.
type noTransport struct{}

func (noTransport) RoundTrip(*http.Request) (*http.Response, error) { panic("a request was sent") }
