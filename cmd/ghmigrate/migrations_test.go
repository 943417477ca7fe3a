package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func TestAMigrationStepByStep(t *testing.T) {
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

func TestASignedURLIsPrintedOnlyOnRequest(t *testing.T) {
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

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/hello")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	u := newUser(t, fake)
	org := func(args ...string) []string { return append(args, "--org", "octo-org") }

	u.fails(1, org("status", "99"), "404", "Check the name or the ID", "ghmigrate preflight --org octo-org")
	u.fails(1, []string{"start", "--org", "nobody", "nobody/knows"}, "404")
	id := u.do(org("start", "hopeless")...)
	u.fails(1, org("wait", id), "migration 79: ", "Size is the usual one")
	u.fails(1, org("download", id), "failed")
	u.fails(1, org("unlock", "hello"), "no migration of", "hello")

	fake.Inject(ghmigratetest.Fault{Method: "POST", Path: "/orgs/octo-org/migrations", Status: 502, Times: -1})
	u.fails(1, org("start", "hello"), "502", "may have been started all the same", "ghmigrate list --org octo-org --limit 1")
	fake.ClearFaults()

	fake.Inject(ghmigratetest.Fault{Status: 401, Times: -1})
	u.fails(1, org("list"), "401", "Check the token: it came from GITHUB_TOKEN")
	fake.ClearFaults()

	fake.RequireSSO("octo-org")
	u.fails(1, org("list"), "Authorize the token for single sign-on: https://")
}

func TestAKindOfTokenThatCannotExport(t *testing.T) {
	fake := newFake(t, ghmigratetest.WithToken("github_pat_1"))
	fake.AddRepository("octo-org/hello")
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Status: 403, Times: -1})
	newUser(t, fake).fails(1, []string{"list", "--org", "octo-org"}, "GITHUB_TOKEN holds a fine-grained personal access token")
}

func TestWaitEndsInTime(t *testing.T) {
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithExportDuration(time.Hour))
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	id := u.do("start", "--org", "octo-org", "hello")
	u.fails(3, []string{"wait", "--org", "octo-org", id, "--timeout", "1s"}, "not all migrations have ended", "Run it again to go on waiting")
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

func TestWaitIsStopped(t *testing.T) {
	requireSignals(t)
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithExportDuration(time.Hour))
	fake.AddRepository("octo-org/hello")
	u := newUser(t, fake)
	id := u.do("start", "--org", "octo-org", "hello")
	cmd, _, stderr := u.command("wait", "--org", "octo-org", id)
	require.NoError(t, cmd.Start())
	eventually(t, "it waits", stderr, func() bool { return strings.Contains(stderr.String(), "migration 79: ") })
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait()
	assert.Equal(t, 3, cmd.ProcessState.ExitCode(), stderr)
	assert.Contains(t, stderr.String(), "Run it again to go on waiting")
}

// A download that is stopped or killed goes on where it was.
func TestDownloadGoesOn(t *testing.T) {
	t.Parallel()
	requireSignals(t)
	for name, signal := range map[string]syscall.Signal{"after Ctrl-C": syscall.SIGINT, "after kill -9": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, ghmigratetest.WithStorageRate(1<<20))
			fake.AddRepository("octo-org/large", ghmigratetest.Payload(8<<20))
			u := newUser(t, fake)
			id := u.do("start", "--org", "octo-org", "large")
			cmd, _, stderr := u.command("download", "--org", "octo-org", id)
			require.NoError(t, cmd.Start())
			eventually(t, "it has some", stderr, func() bool { return size(u.path("migration-79.tar.gz.part")) > 3<<20 })
			require.NoError(t, cmd.Process.Signal(signal))
			_ = cmd.Wait()
			assert.NoFileExists(t, u.path("migration-79.tar.gz"))
			if signal == syscall.SIGINT {
				assert.Equal(t, 3, cmd.ProcessState.ExitCode(), stderr)
				assert.Contains(t, stderr.String(), "Run it again: it goes on where it was.")
			}
			done := decode[map[string]any](t, u.do("download", "--org", "octo-org", id, "--json"))
			assert.Positive(t, done["resumed"])
			u.do("verify", "migration-79.tar.gz")
		})
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
