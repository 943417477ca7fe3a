package export_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestPreflightWithoutProblems(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo/a")
		report, err := export.Preflight(t.Context(), octo(t, server), nil)
		require.NoError(t, err)
		assert.True(t, report.OK())
		assert.Equal(t, &export.Report{
			Account:    "127.0.0.1:8000/orgs/octo",
			Login:      "octocat",
			Classic:    true,
			Scopes:     []string{"admin:org", "repo"},
			Role:       "admin",
			APIVersion: "2022-11-28",
		}, report)
		assert.Equal(t, `account: 127.0.0.1:8000/orgs/octo
token of: octocat
token: personal access token (classic)
scopes: admin:org, repo
role: admin
API version: 2022-11-28
`, report.String())
		for _, r := range server.Requests() {
			assert.Equal(t, "GET", r.Method)
		}
	})
}

func TestPreflightReportsProblems(t *testing.T) {
	with := func(opts ...ghmigratetest.Option) []ghmigratetest.Option { return opts }
	for name, test := range map[string]struct {
		server  []ghmigratetest.Option
		client  []ghmigrate.Option
		prepare func(*ghmigratetest.Server)
		org     string
		want    []string
	}{
		"a wrong token": {
			server: with(ghmigratetest.WithTokenExpiry(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))),
			want:   []string{"GitHub does not accept the token (Bad credentials): make a new personal access token (classic) with the scopes repo and admin:org, and check that it is for this host"},
		},
		"a fine-grained token": {
			server: with(ghmigratetest.WithToken("github_pat_0123456789")),
			want:   []string{"the token is fine-grained or of a GitHub App, and these cannot start migrations: make a personal access token (classic) with the scopes repo and admin:org"},
		},
		"a token of an app": {
			server: with(ghmigratetest.WithToken("ghs_0123456789")),
			want:   []string{"the token is fine-grained or of a GitHub App, and these cannot start migrations: make a personal access token (classic) with the scopes repo and admin:org"},
		},
		"a missing scope": {
			server: with(ghmigratetest.WithScopes("repo", "read:org")),
			want:   []string{"the token lacks the scope admin:org: add it to the token in GitHub's settings"},
		},
		"no scope at all": {
			server: with(ghmigratetest.WithScopes()),
			want: []string{
				"the token lacks the scope repo: add it to the token in GitHub's settings",
				"the token lacks the scope admin:org: add it to the token in GitHub's settings",
			},
		},
		"single sign-on": {
			prepare: func(s *ghmigratetest.Server) { s.RequireSSO("octo") },
			want:    []string{"the organization octo uses single sign-on: authorize the token for it at "},
		},
		"a member": {
			prepare: func(s *ghmigratetest.Server) { s.SetRole("octo", "member") },
			want:    []string{"octocat is a member of the organization octo: only its owners can export it"},
		},
		"a stranger": {
			prepare: func(s *ghmigratetest.Server) { s.SetRole("octo", "") },
			want:    []string{"octocat is not a member of the organization octo, or there is no organization of this name: only its owners can export it"},
		},
		"no such organization": {
			org:  "none",
			want: []string{"octocat is not a member of the organization none, or there is no organization of this name: only its owners can export it"},
		},
		"an address that the organization does not allow": {
			prepare: func(s *ghmigratetest.Server) {
				s.Inject(ghmigratetest.Fault{Path: "/user/memberships/orgs/octo", Status: 403, Body: `{"message":"the organization has an IP allow list enabled"}`})
			},
			want: []string{"GitHub does not show whether octocat owns the organization octo: the organization has an IP allow list enabled"},
		},
		"a suspended account": {
			prepare: func(s *ghmigratetest.Server) {
				s.Inject(ghmigratetest.Fault{Path: "/user", Status: 403, Header: map[string][]string{"X-Oauth-Scopes": {"repo, admin:org"}}, Body: `{"message":"Your account was suspended"}`})
			},
			want: []string{"GitHub refuses the token (Your account was suspended)"},
		},
		"another API version": {
			client: []ghmigrate.Option{ghmigrate.WithAPIVersion("1999-01-01")},
			want:   []string{"GitHub does not know the API version that the client asks for ("},
		},
		"not the API": {
			prepare: func(s *ghmigratetest.Server) {
				s.Inject(ghmigratetest.Fault{Status: 404, Body: "<title>Not here</title>", Times: -1})
			},
			want: []string{"there is no GitHub API at this address (127.0.0.1:8000/orgs/octo): check the host, or WithBaseURL"},
		},
		"migrations that are not shown": {
			prepare: func(s *ghmigratetest.Server) {
				s.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations", Status: 403, Body: `{"message":"Not today"}`, Times: -1})
			},
			want: []string{"GitHub does not show the migrations of 127.0.0.1:8000/orgs/octo: GET /orgs/octo/migrations: 403 Not today"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("octo/a")
				if test.prepare != nil {
					test.prepare(server)
				}
				org := "octo"
				if test.org != "" {
					org = test.org
				}
				report, err := export.Preflight(t.Context(), export.OrgAccount(testclient.New(t, server, test.client...), org), nil)
				require.NoError(t, err)
				assert.False(t, report.OK())
				if assert.Len(t, report.Problems, len(test.want)) {
					for i, want := range test.want {
						assert.Contains(t, report.Problems[i], want)
					}
				}
			}, test.server...)
		})
	}
}

func TestPreflightWarns(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo/a")
		acct := octo(t, server)
		_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octo/a"}, LockRepositories: true})
		require.NoError(t, err)
		report, err := export.Preflight(t.Context(), acct, nil)
		require.NoError(t, err)
		assert.Empty(t, report.Problems)
		assert.Equal(t, []string{
			"the token expires on 2000-01-04 00:00:00 UTC: an export that is not finished by then stops, and can be continued with a new token",
			"lock_repositories was set for 1 of the newest migrations: if a repository is still locked, Unlock releases it",
		}, report.Warnings)
	}, ghmigratetest.WithTokenExpiry(time.Date(2000, 1, 4, 0, 0, 0, 0, time.UTC)))
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		report, err := export.Preflight(t.Context(), export.UserAccount(testclient.New(t, server)), nil)
		require.NoError(t, err)
		assert.Equal(t, "3.19.0", report.EnterpriseServer)
		assert.Equal(t, []string{"GitHub Enterprise Server has no calls to unlock the repositories of a user and to delete the archives: LockRepositories and DeleteArchives are refused"}, report.Warnings)
	}, ghmigratetest.WithGHES())
}

func TestPreflightFailsIfGitHubCannotBeReached(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.Fault{Status: 503, Times: -1})
		_, err := export.Preflight(t.Context(), octo(t, server), nil)
		require.ErrorContains(t, err, "export: preflight: GET /user: 503")
	})
}
