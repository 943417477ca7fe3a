package export_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestBadOptionsAreRefusedBeforeAnyRequest(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	good := []string{"octo/hello"}
	for name, test := range map[string]struct {
		opts export.Options
		want string
	}{
		"no Dir":                   {export.Options{Repositories: good}, "Dir is empty"},
		"a file at Dir":            {export.Options{Repositories: good, Dir: file}, "not a directory"},
		"a file above Dir":         {export.Options{Repositories: good, Dir: filepath.Join(file, "runs")}, "not a directory"},
		"twice":                    {export.Options{Repositories: []string{"octo/a", "octo/b", "octo/a"}, Dir: dir}, `Repositories[2] is "octo/a", which is a repetition of "octo/a"`},
		"twice, in another case":   {export.Options{Repositories: []string{"octo/a", "Octo/A"}, Dir: dir}, `Repositories[1] is "Octo/A", which is a repetition of "octo/a"`},
		"without owner":            {export.Options{Repositories: []string{"hello"}, Dir: dir}, `Repositories[0] is "hello": want "owner/name"`},
		"without name":             {export.Options{Repositories: []string{"octo/"}, Dir: dir}, `want "owner/name"`},
		"two slashes":              {export.Options{Repositories: []string{"octo/a/b"}, Dir: dir}, `want "owner/name"`},
		"a dot":                    {export.Options{Repositories: []string{"octo/.."}, Dir: dir}, `want "owner/name"`},
		"a newline":                {export.Options{Repositories: []string{"octo/a\n"}, Dir: dir}, `want "owner/name"`},
		"somebody else's":          {export.Options{Repositories: []string{"octo/a", "mona/b"}, Dir: dir}, `Repositories[1] is "mona/b", which does not belong to octo`},
		"a negative size":          {export.Options{Repositories: good, Dir: dir, BatchSize: -1}, "BatchSize is -1"},
		"too large a size":         {export.Options{Repositories: good, Dir: dir, BatchSize: 1001}, "BatchSize is 1001"},
		"negative concurrency":     {export.Options{Repositories: good, Dir: dir, Concurrency: -1}, "Concurrency is -1"},
		"negative transfers":       {export.Options{Repositories: good, Dir: dir, Transfers: -1}, "Transfers is -1"},
		"repositories in Start":    {export.Options{Repositories: good, Dir: dir, Start: ghmigrate.StartMigrationRequest{Repositories: good}}, "Start has Repositories"},
		"metadata of the org only": {export.Options{Repositories: good, Dir: dir, Start: ghmigrate.StartMigrationRequest{OrgMetadataOnly: true}}, "OrgMetadataOnly"},
		"nothing to export":        {export.Options{Repositories: good, Dir: dir, Start: ghmigrate.StartMigrationRequest{ExcludeMetadata: true, ExcludeGitData: true}}, "nothing would be left"},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				m, err := export.Run(t.Context(), octo(t, server), test.opts)
				require.ErrorContains(t, err, test.want)
				assert.Nil(t, m)
				assert.Empty(t, server.Requests())
			})
		})
	}
}

func TestPlanDividesInOrder(t *testing.T) {
	names := make([]string, 250)
	for i := range names {
		names[i] = "octo/r" + strings.Repeat("x", i%50) + string(rune('a'+i/50))
	}
	_, jobs, err := export.Plan(export.Options{Repositories: names})
	require.NoError(t, err)
	var all []string
	for i, job := range jobs {
		assert.Equal(t, strconv.Itoa(i+1), job.ID)
		assert.LessOrEqual(t, len(job.Repositories), 100)
		all = append(all, job.Repositories...)
	}
	assert.Equal(t, names, all)
	assert.Len(t, jobs, 3)
}

// unfinished leaves a run behind that was cut short.
func unfinished(t *testing.T, server *ghmigratetest.Server, opts export.Options) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	m, err := export.Run(ctx, octo(t, server), opts)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotNil(t, m)
	require.Zero(t, m.Ended)
}

func TestAnUnfinishedRunIsNotContinuedWithOtherOptions(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*export.Options)
		want   string
	}{
		"fewer repositories": {func(o *export.Options) { o.Repositories = o.Repositories[:2] }, "its number of repositories is 3, not 2"},
		"another repository": {func(o *export.Options) { o.Repositories = []string{"octo/r000", "octo/r001", "octo/other"} }, "octo/other is not among"},
		"other flags":        {func(o *export.Options) { o.Start.ExcludeReleases = true }, `its Start is [], not [exclude_releases]`},
		"DeleteArchives":     {func(o *export.Options) { o.DeleteArchives = true }, "DeleteArchives is false"},
		"BatchSize":          {func(o *export.Options) { o.BatchSize = 0 }, "BatchSize is 1"},
		"KeepLocked":         {func(o *export.Options) { o.KeepLocked = true }, "KeepLocked is false"},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
				unfinished(t, server, opts)
				server.ClearRequests()
				other := opts
				test.change(&other)
				_, err := export.Run(t.Context(), octo(t, server), other)
				require.ErrorIs(t, err, export.ErrUnfinished)
				require.ErrorContains(t, err, test.want)
				assert.Empty(t, server.Requests(), "nothing is touched")

				_, err = run(t, t.Context(), server, octo(t, server), export.Options{Dir: opts.Dir})
				require.NoError(t, err, "without repositories it is continued as it was asked for")
				assert.Len(t, server.Migrations(), 3)
			})
		})
	}
}

func TestAnUnfinishedRunMayBeContinuedFasterAndInAnotherOrder(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
		unfinished(t, server, opts)
		m, err := export.Run(t.Context(), octo(t, server), export.Options{
			Repositories: []string{"Octo/R002", "octo/r000", "octo/r001"}, Dir: opts.Dir, BatchSize: 1, Concurrency: 50, Transfers: 7,
			Start: ghmigrate.StartMigrationRequest{Repositories: []string{}, OmitRepositories: true}, // which say nothing
		})
		require.NoError(t, err)
		assert.Equal(t, opts.Repositories, namesOf(m.Repositories))
		assert.Len(t, server.Migrations(), 3)
	})
}

func TestEachRunHasAFolderNamedByItsTime(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		require.NoError(t, os.MkdirAll(filepath.Join(opts.Dir, "not-a-run"), 0o700))
		require.NoError(t, os.MkdirAll(filepath.Join(opts.Dir, "20000101T000000Z-b"), 0o700))
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.Regexp(t, `/20000101T000000Z-[0-9a-f]{6}$`, filepath.ToSlash(m.Dir))
		time.Sleep(24 * time.Hour)
		m, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "the next night's run begins anew")
		assert.Regexp(t, `/20000102T00\d{4}Z-[0-9a-f]{6}$`, filepath.ToSlash(m.Dir))
		assert.Len(t, server.Migrations(), 2)
	})
}

// A clock that was set back must not hide the newest run behind an older one.
func TestARunIsNewerThanTheOthersWhateverTheClockSays(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		future := filepath.Join(opts.Dir, "20991231T235959Z")
		require.NoError(t, os.Rename(m.Dir, future))
		for _, want := range []string{"21000101T000000Z", "21000101T000001Z"} {
			m, err = run(t, t.Context(), server, octo(t, server), opts)
			require.NoError(t, err)
			assert.Regexp(t, want+`-[0-9a-f]{6}$`, m.Dir)
		}
	})
}

func TestOneRunAtATimeHoldsDir(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		second := make(chan error, 1)
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarted {
				_, err := export.Run(t.Context(), octo(t, server), opts)
				second <- err
			}
		}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		require.ErrorIs(t, <-second, export.ErrInUse)
		opts.Progress = nil
		_, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "nothing to clean up")
	})
}

func TestAForeignDirIsRefused(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		server.AddRepository("other/hello")
		_, err = export.Run(t.Context(), export.OrgAccount(testclient.New(t, server), "other"), export.Options{Repositories: []string{"other/hello"}, Dir: opts.Dir})
		require.ErrorIs(t, err, export.ErrForeign)
		require.ErrorContains(t, err, "is for 127.0.0.1:8000/orgs/octo, not 127.0.0.1:8000/orgs/other")
	})
}

func TestAnUnwritableDirIsAnError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("needs a user who can be refused")
	}
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o500))
		_, err := export.Run(t.Context(), octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: dir})
		require.ErrorIs(t, err, os.ErrPermission)
		assert.Empty(t, server.Requests())
	})
}

func TestADamagedJournalIsRefusedUnlessItsLastLineIsCut(t *testing.T) {
	for name, test := range map[string]struct {
		damage func([]byte) []byte
		ok     bool
	}{
		"the last line cut":      {func(b []byte) []byte { return b[:len(b)-5] }, true},
		"the last line changed":  {func(b []byte) []byte { b[len(b)-5] ^= 1; return b }, true},
		"an earlier one changed": {func(b []byte) []byte { b[50] ^= 1; return b }, false},
		"one missing": {func(b []byte) []byte {
			lines := strings.SplitAfter(string(b), "\n")
			return []byte(lines[0] + strings.Join(lines[2:], ""))
		}, false},
		"something else": {func([]byte) []byte { return []byte(strings.Repeat("not a journal\n", 3)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				opts := export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1}
				unfinished(t, server, opts)
				journal := journalOf(t, opts.Dir)
				data, err := os.ReadFile(journal)
				require.NoError(t, err)
				data = test.damage(data)
				require.NoError(t, os.WriteFile(journal, data, 0o600))
				server.ClearRequests()
				_, err = export.Run(t.Context(), octo(t, server), opts)
				if test.ok {
					require.NoError(t, err)
					assert.Len(t, server.Migrations(), 3)
					return
				}
				require.ErrorIs(t, err, export.ErrDamaged)
				require.ErrorContains(t, err, journal)
				assert.Empty(t, server.Requests())
				left, err := os.ReadFile(journal)
				require.NoError(t, err)
				assert.Equal(t, data, left, "nothing is lost")
			})
		})
	}
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
				m, err := run(t, t.Context(), server, acct, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1})
				require.NoError(t, err)
				assert.Equal(t, "127.0.0.1:8000/user/octocat", m.Account)
				assert.Len(t, server.Migrations(), 2)
				assert.Equal(t, 1, m.Adopted)
			}, opts...)
		})
	}
}

func TestTwoUsersDoNotShareADir(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		opts := export.Options{Repositories: []string{"octocat/a"}, Dir: t.TempDir()}
		acct := export.UserAccount(testclient.New(t, server))
		_, err := run(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		server.Inject(ghmigratetest.Fault{Path: "/user", Status: 200, Body: `{"login": "Mona"}`})
		_, err = run(t, t.Context(), server, acct, opts)
		require.ErrorIs(t, err, export.ErrForeign)
		require.ErrorContains(t, err, "is for 127.0.0.1:8000/user/octocat, not 127.0.0.1:8000/user/mona")
		server.Inject(ghmigratetest.Fault{Path: "/user", Status: 200, Body: `{}`, Times: -1})
		_, err = run(t, t.Context(), server, acct, opts)
		require.ErrorContains(t, err, "get the owner of the token: the response has no login")
	})
}

func TestWhatTheHostHasNoCallForIsRefused(t *testing.T) {
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
				_, err := run(t, t.Context(), server, export.UserAccount(testclient.New(t, server)), opts)
				require.NoError(t, err)
				assert.False(t, server.Locked("octocat/a"))
				assert.Equal(t, opts.DeleteArchives, server.Migrations()[0].ArchiveDeleted)
			})
		})
	}
}

// Nothing is asked of GitHub, and nothing is written, for who is nobody.
func TestAnAccountThatIsNoneIsRefused(t *testing.T) {
	client, err := ghmigrate.NewClient(ghmigrate.WithHTTPClient(&http.Client{Transport: noTransport{}}))
	require.NoError(t, err)
	var none context.Context
	for name, test := range map[string]struct {
		ctx  context.Context
		acct export.Account
		want string
	}{
		"no name":    {t.Context(), export.OrgAccount(client, ""), `export: the account is ""`},
		"a URL":      {t.Context(), export.OrgAccount(client, "https://github.com/octo"), `export: the account is "https://github.com/octo"`},
		"a path":     {t.Context(), export.OrgAccount(client, ".."), `export: the account is ".."`},
		"no account": {t.Context(), nil, "export: the Account is nil"},
		"no context": {none, export.OrgAccount(client, "octo"), "export: ctx is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "backups")
			opts := export.Options{Repositories: []string{"octo/a"}, Dir: dir}
			_, jobs, err := export.Plan(opts)
			require.NoError(t, err)
			_, err = export.Run(test.ctx, test.acct, opts)
			require.ErrorContains(t, err, test.want)
			require.NoDirExists(t, dir)
			require.ErrorContains(t, export.Step(test.ctx, test.acct, jobs[0]), test.want)
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

// noTransport fails whatever is asked.
type noTransport struct{}

func (noTransport) RoundTrip(*http.Request) (*http.Response, error) { panic("no request is made") }

// A clock that stands still must not run out of names.
func TestThousandsOfRunsOfOneSecondAreInOrder(t *testing.T) {
	now := time.Now()
	newest := ""
	for range 3000 {
		name := export.RunName(now, newest)
		require.True(t, export.IsRunName(name), name)
		require.Greater(t, name, newest)
		newest = name
	}
	assert.True(t, export.IsRunName("20000101T000000Z"), "of a version that had no suffix")
	for _, name := range []string{"", "runs", "20000101T000000Z-b", "20000101T000000Z-002-003", "20001301T000000Z"} {
		assert.False(t, export.IsRunName(name), name)
	}
}
