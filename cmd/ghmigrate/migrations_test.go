package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestMigrationStepByStep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		owner   string
		account []string
	}{
		"of an organization": {"octo-org", []string{"--org", "octo-org"}},
		"of the user":        {"octocat", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			full := test.owner + "/hello"
			fake.AddRepository(full)
			u := newUser(t, fake)
			with := func(args ...string) []string { return append(args, test.account...) }

			id := u.do(with("start", "--lock", full)...)
			assert.Equal(t, "79", id)
			assert.Equal(t, "79", u.do(with("wait", id)...))
			assert.Equal(t, "exported", u.do(with("status", id)...))
			assert.Equal(t, "79", u.do(with("list", "--state", "exported", "--limit", "1")...))
			assert.Equal(t, full, u.do(with("repositories", id)...))
			assert.Equal(t, full, u.do(with("locks")...))

			path := u.do(with("download", id)...)
			assert.Equal(t, "migration-79.tar.gz", filepath.Base(path))
			assert.Equal(t, path, u.do("verify", path))
			again := decode[map[string]any](t, u.do(with("download", id, "--file", "again.tar.gz", "--json")...))
			assert.Equal(t, path, u.do("verify", path, "--sha256", again["sha256"].(string), "--repos", full))

			assert.Equal(t, full, u.do(with("unlock", full)...))
			assert.False(t, fake.Locked(full))
			assert.Empty(t, u.do(with("locks")...))
			assert.Equal(t, "79", u.do(with("delete", id)...))
			u.fails(1, with("download", id), "archive", "GitHub deletes archives after seven days")
		})
	}
}

func TestJSONOfEveryOperation(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	started := decode[map[string]any](t, u.do("start", "--org", "octo-org", "hello", "--lock", "--json"))
	assert.InDelta(t, 79, started["id"], 0)
	for args, key := range map[string]string{
		"status 79": "state", "wait 79": "archive_url", "list": "state", "repositories": "full_name", "repositories 79": "full_name",
		"download 79": "sha256", "locks": "migration", "preflight": "scopes",
	} {
		line := u.do(append(strings.Fields(args), "--org", "octo-org", "--json")...)
		assert.NotEmpty(t, decode[map[string]any](t, line)[key], args)
	}
	assert.Equal(t, true, decode[map[string]any](t, u.do("unlock", "hello", "--org", "octo-org", "--json"))["unlocked"])
	assert.Equal(t, true, decode[map[string]any](t, u.do("delete", "79", "--org", "octo-org", "--json"))["deleted"])
}

func TestPrintURL(t *testing.T) {
	fake := newFake(t)
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	u.do("start", "--org", "octo-org", "hello")
	cmd, stdout, _ := u.command("download", "--org", "octo-org", "79", "--print-url")
	require.NoError(t, cmd.Run())
	assert.True(t, strings.HasPrefix(stdout.String(), fake.StorageURL()), stdout)
	assert.Contains(t, stdout.String(), "Signature=")
	assert.NoFileExists(t, u.path("migration-79.tar.gz"))
}

func TestErrorsHaveAdvice(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/hello")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	u := newUser(t, fake)
	org := func(args ...string) []string { return append(args, "--org", "octo-org") }

	u.fails(1, org("status", "99"), "404", "Check the name or the ID", "ghmigrate preflight --org octo-org")
	u.fails(1, []string{"start", "--org", "nobody", "nobody/knows"}, "404")
	id := u.do(org("start", "hopeless")...)
	u.fails(1, org("wait", id), "migration 79: ", "The usual one is size")
	u.fails(1, org("download", id), "failed")
	u.fails(1, org("unlock", "hello"), "no migration of", "hello")

	fake.Inject(ghmigratetest.Fault{Method: "POST", Path: "/orgs/octo-org/migrations", Status: 502, Times: -1})
	u.fails(1, org("start", "hello"), "502", "GitHub may have started the migration", "ghmigrate list --org octo-org --limit 1")
	fake.ClearFaults()

	fake.Inject(ghmigratetest.Fault{Status: 401, Times: -1})
	u.fails(1, org("list"), "401", "Check the token: it came from GITHUB_TOKEN")
	fake.ClearFaults()

	fake.RequireSSO("octo-org")
	u.fails(1, org("list"), "Authorize the token for single sign-on: https://")
}

func TestUnsupportedToken(t *testing.T) {
	fake := newFake(t, ghmigratetest.WithToken("github_pat_1"))
	fake.AddRepository("octo-org/hello")
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Status: 403, Times: -1})
	newUser(t, fake).fails(1, []string{"list", "--org", "octo-org"}, "GITHUB_TOKEN holds a fine-grained personal access token")
}

func TestWaitTimesOut(t *testing.T) {
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithExportDuration(time.Hour))
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	id := u.do("start", "--org", "octo-org", "hello")
	u.fails(3, []string{"wait", "--org", "octo-org", id, "--timeout", "1s"}, "not all migrations have ended", "--timeout of 1s has passed", "Run it again to continue")
	u.fails(1, []string{"download", "--org", "octo-org", id}, "ghmigrate wait --org octo-org ID")
}

func TestWaitForSeveral(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	u := newUser(t, fake)
	for _, name := range []string{"a", "hopeless", "b"} {
		u.do("start", "--org", "octo-org", name)
	}
	res := u.fails(1, []string{"wait", "--org", "octo-org", "79", "80", "81", "99"}, "migration 80: ", "migration 99: ")
	assert.ElementsMatch(t, []string{"79", "81"}, strings.Fields(res.stdout))
}

func TestInterruptedWait(t *testing.T) {
	requireSignals(t)
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, ghmigratetest.WithExportDuration(time.Hour))
			fake.AddRepository("octo-org/hello")
			u := newUser(t, fake)
			id := u.do("start", "--org", "octo-org", "hello")
			res := u.stop(signal, []string{"wait", "--org", "octo-org", id}, func(stderr string) bool { return strings.Contains(stderr, "migration 79: ") })
			assert.Equal(t, 3, res.status, res.stderr)
			assert.Contains(t, res.stderr, "Run it again to continue")
		})
	}
}

// TestHangup checks that an export whose terminal closes unlocks the repositories that
// are exported, although the shell and the system both send SIGHUP.
func TestHangup(t *testing.T) {
	requireSignals(t)
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithStorageRate(1<<20))
	fake.AddRepository("octo-org/large", ghmigratetest.Payload(8<<20))
	fake.Inject(ghmigratetest.Fault{Method: "DELETE", Delay: time.Second, Times: -1})
	u := newUser(t, fake)
	cmd, _, stderr := u.command("export", "--org", "octo-org", "--all", "--lock", "--out", "backups", "--progress", "lines")
	require.NoError(t, cmd.Start())
	eventually(t, "the migration has started", stderr, func() bool { return strings.Contains(stderr.String(), "migration 79") })
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, "the program stops", stderr, func() bool { return strings.Contains(stderr.String(), "Stopping: ") })
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	_ = cmd.Wait()
	assert.Equal(t, 3, cmd.ProcessState.ExitCode(), stderr)
	assert.False(t, fake.Locked("octo-org/large"), stderr)
}

// TestIgnoredHangup checks that a program below nohup continues after SIGHUP.
func TestIgnoredHangup(t *testing.T) {
	requireSignals(t)
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithExportDuration(2*time.Second))
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	wait, stdout, stderr := u.command("wait", "--org", "octo-org", "--poll-interval", "100ms", u.do("start", "--org", "octo-org", "hello"))
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	wait.Path, wait.Args = shell, append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, wait.Args...)
	require.NoError(t, wait.Start())
	eventually(t, "the program waits", stderr, func() bool { return strings.Contains(stderr.String(), "migration 79: ") })
	require.NoError(t, wait.Process.Signal(syscall.SIGHUP))
	require.NoError(t, wait.Wait(), stderr)
	assert.Equal(t, "79\n", stdout.String())
}

// TestDownloadResumes stops a download by Ctrl-C and by kill -9, and runs it again.
func TestDownloadResumes(t *testing.T) {
	t.Parallel()
	requireSignals(t)
	for name, signal := range map[string]os.Signal{"after Ctrl-C": os.Interrupt, "after kill -9": os.Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, ghmigratetest.WithStorageRate(1<<20))
			fake.AddRepository("octo-org/large", ghmigratetest.Payload(8<<20))
			u := newUser(t, fake)
			id := u.do("start", "--org", "octo-org", "large")
			res := u.stop(signal, []string{"download", "--org", "octo-org", id}, func(string) bool {
				return size(u.path("migration-79.tar.gz.part")) > 3<<20
			})
			assert.NoFileExists(t, u.path("migration-79.tar.gz"))
			if signal == os.Interrupt {
				assert.Equal(t, 3, res.status, res.stderr)
				assert.Contains(t, res.stderr, "Run it again to continue.")
			}
			done := decode[map[string]any](t, u.do("download", "--org", "octo-org", id, "--json"))
			assert.Positive(t, done["resumed"])
			u.do("verify", "migration-79.tar.gz")
		})
	}
}

// size returns the size of a file, or 0 if there is no file.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func TestListStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	var page []map[string]any
	for id := 200; id > 100; id-- {
		page = append(page, map[string]any{"id": id, "state": map[bool]string{true: "exported", false: "failed"}[id == 150]})
	}
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Status: 200, Body: encode(t, page), Times: -1})
	assert.Equal(t, "150", newUser(t, fake).do("list", "--org", "octo-org", "--state", "exported", "--limit", "1"))
	assert.Len(t, fake.Requests(), 1, "the match is on the first page")
}

func TestLocksWithoutGraphQL(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	u.do("start", "--org", "octo-org", "--lock", "hello")
	res := u.fails(1, []string{"locks", "--org", "octo-orgg"}, "404", "Check the name")
	assert.NotContains(t, res.stderr, "GraphQL", "the organization does not exist")

	fake.Inject(ghmigratetest.Fault{Path: "/graphql", Status: 404, Times: -1})
	res = u.run("locks", "-q", "--org", "octo-org")
	assert.Equal(t, result{0, "octo-org/hello\n", res.stderr}, res)
	assert.Contains(t, res.stderr, "no GraphQL API")
	text := u.do("preflight", "--org", "octo-org")
	assert.Contains(t, text, "warning: this address has no GraphQL API, so the locked repositories are not known\n")
	assert.Contains(t, text, "locked: not known, see the warning")
	u.do("unlock", "--org", "octo-org", "--all")
	assert.False(t, fake.Locked("octo-org/hello"))
}

// TestPreflightWarnsIfGraphQLRefuses checks that preflight keeps its findings if the locks
// are not known.
func TestPreflightWarnsIfGraphQLRefuses(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]ghmigratetest.Fault{
		"single sign-on":   {Status: 200, Body: `{"errors": [{"type": "FORBIDDEN", "message": "Resource protected by organization SAML enforcement."}]}`},
		"a rate limit":     {Status: 200, Body: `{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}`},
		"the status 403":   {Status: 403, Body: `{"message": "Forbidden"}`},
		"an HTML response": {Status: 200, Body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			fake.AddRepository("octo-org/hello")
			u := newUser(t, fake)
			u.do("start", "--org", "octo-org", "--lock", "hello")
			refusal.Path, refusal.Times = "/graphql", -1
			fake.Inject(refusal)
			text := u.do("preflight", "--org", "octo-org")
			assert.Contains(t, text, "scopes: ")
			assert.Contains(t, text, "warning: the locked repositories are not known: check the lock of octo-org/hello: ")
			assert.Contains(t, text, "\nlocked: not known, see the warning")
			found := decode[map[string]any](t, u.do("preflight", "--org", "octo-org", "--json"))
			assert.Equal(t, true, found["ok"])
			assert.Nil(t, found["locked"])
			assert.Len(t, found["warnings"], 2, "the first one is about lock_repositories")
		})
	}
}

// TestLocksOfGHES checks the commands that use GraphQL, which a GHES has beside the
// REST API.
func TestLocksOfGHES(t *testing.T) {
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithGHES())
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	u.do("wait", "--org", "octo-org", u.do("start", "--org", "octo-org", "--lock", "hello"))
	assert.Contains(t, u.do("preflight", "--org", "octo-org"), "\nlocked: octo-org/hello\n")
	res := u.run("locks", "--org", "octo-org")
	assert.Equal(t, result{0, "octo-org/hello\n", ""}, res)
	assert.Equal(t, "octo-org/hello", u.do("unlock", "--org", "octo-org", "--all"))
	assert.Equal(t, []any{}, decode[map[string]any](t, u.do("preflight", "--org", "octo-org", "--json"))["locked"])
	assert.Empty(t, u.do("locks", "--org", "octo-org"))
}

// TestUnlockFailsForOne checks that unlock prints the names of the other repositories.
func TestUnlockFailsForOne(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	u := newUser(t, fake)
	u.do("wait", "--org", "octo-org", u.do("start", "--org", "octo-org", "--lock", "a", "b"))
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/repos/a/lock", Status: 422, Times: -1})
	for args, unlocked := range map[string]string{"a b typo": "octo-org/b\n", "a typo": ""} {
		res := u.fails(1, append([]string{"unlock", "--org", "octo-org"}, strings.Fields(args)...), "octo-org/a may still be locked by migration 79")
		assert.Equal(t, unlocked, res.stdout, args)
	}
}
