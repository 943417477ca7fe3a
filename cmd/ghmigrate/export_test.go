package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// glob returns the only file that matches the path.
func (u *user) glob(elements ...string) string {
	u.t.Helper()
	found, err := filepath.Glob(u.path(elements...))
	require.NoError(u.t, err)
	require.Len(u.t, found, 1, elements)
	return found[0]
}

type exportResult struct {
	Location string
	Finished bool
	Skipped  []struct{ Repository, Reason string }
	Manifest struct {
		Account            string
		Covered, Requested int
		Repositories       []struct{ Repository, Archive, SHA256, Error string }
	}
	Earlier *struct{ Covered int }
}

func TestExportIntoAFolder(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	for _, name := range []string{"octo-org/a", "octo-org/b", "octocat/mine"} {
		fake.AddRepository(name)
	}
	u := newUser(t, fake)
	line := u.do("export", "--org", "octo-org", "--all", "--lock", "--out", "backups")
	sum, path, ok := strings.Cut(line, "  ")
	require.True(t, ok, line)
	assert.Equal(t, u.glob("backups", "*", "orgs", "octo-org", "*", "migration-79.tar.gz"), path)
	assert.Equal(t, path, u.do("verify", path, "--sha256", sum, "--repos", "octo-org/a,octo-org/b"))
	assert.False(t, fake.Locked("octo-org/a"))
	assert.True(t, fake.Migration(79).ArchiveDeleted)

	mine := u.do("export", "--repos", "octocat/mine", "--keep", "--out", "backups")
	assert.Contains(t, mine, u.glob("backups", "*", "users", "octocat", "*", "migration-80.tar.gz"))
	assert.False(t, fake.Migration(80).ArchiveDeleted)

	res := u.run("export", "-q", "--org", "octo-org", "--repos", "a", "--out", "backups", "--json")
	assert.Equal(t, 0, res.status)
	assert.Empty(t, res.stderr, "quiet")
	r := decode[exportResult](t, res.stdout)
	assert.True(t, r.Finished)
	assert.Equal(t, 1, r.Manifest.Covered)
	assert.FileExists(t, filepath.Join(r.Location, r.Manifest.Repositories[0].Archive))
	assert.FileExists(t, filepath.Join(r.Location, "manifest.json"))
	assert.Equal(t, filepath.Join(r.Location, "migration-81.tar.gz"), u.do("verify", filepath.Join(r.Location, "manifest.json")))
}

func TestSelection(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	list := []map[string]any{
		{"id": 1, "full_name": "octo-org/app", "name": "app", "visibility": "public", "pushed_at": "2026-11-20T00:00:00Z"},
		{"id": 2, "full_name": "octo-org/tmp-1", "name": "tmp-1", "private": true, "pushed_at": "2026-11-20T00:00:00Z"},
		{"id": 3, "full_name": "octo-org/old", "name": "old", "archived": true, "visibility": "internal", "pushed_at": "2020-01-01T00:00:00Z"},
		{"id": 4, "full_name": "octo-org/fork", "name": "fork", "fork": true, "visibility": "public", "pushed_at": "2026-11-20T00:00:00Z"},
		{"id": 5, "full_name": "octo-org/empty", "name": "empty", "private": true},
	}
	for _, repo := range list {
		fake.AddRepository(repo["full_name"].(string))
	}
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/repos", Status: 200, Body: encode(t, list), Times: -1})
	u := newUser(t, fake)
	require.NoError(t, os.WriteFile(u.path("skip"), []byte("# not these\nTMP-*\n\nocto-org/f*\n"), 0o600))
	for flags, want := range map[string]string{
		"--skip tmp-*":                       "app old fork empty",
		"--skip octo-org/*p* --skip old":     "fork",
		"--skip @skip":                       "app old empty",
		"--skip-archived --skip-forks":       "app tmp-1 empty",
		"--visibility public":                "app fork",
		"--visibility private,internal":      "tmp-1 old empty",
		"--changed-since 2026-11-01":         "app tmp-1 fork",
		"--changed-since 2000-01-01":         "app tmp-1 old fork",
		"--visibility public --skip @skip":   "app",
		"--skip *":                           "",
		"--changed-since 1d --skip-archived": "",
	} {
		args := append([]string{"export", "--org", "octo-org", "--all", "--json", "--out", "backups"}, strings.Fields(flags)...)
		r := decode[exportResult](t, u.do(args...))
		var names []string
		for _, row := range r.Manifest.Repositories {
			names = append(names, strings.TrimPrefix(row.Repository, "octo-org/"))
		}
		assert.Equal(t, want, strings.Join(names, " "), flags)
		assert.Len(t, r.Skipped, len(list)-len(names), flags)
	}
	assert.Contains(t, u.do("export", "--help"), "New issues and comments do not count as a change")
}

func TestListsOfNames(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	fake.AddRepository("octo-org/c")
	u := newUser(t, fake)
	export := []string{"export", "--org", "octo-org", "--out", "backups", "--json"}
	for _, names := range []string{"a,b,c", "a\nb\nc", "a\r\n\r\nb, c\r\n", "\na\nb,octo-org/c\n"} {
		r := decode[exportResult](t, u.do(append(export, "--repos", names)...))
		assert.Equal(t, 3, r.Manifest.Covered, names)
	}
	r := decode[exportResult](t, u.do(append(export, "--repos", "a\nb", "--repos", "c")...))
	assert.Equal(t, 3, r.Manifest.Covered)
	archive := filepath.Join(r.Location, r.Manifest.Repositories[0].Archive)
	u.fails(1, []string{"verify", archive, "--repos", "octo-org/a\nocto-org/absent"}, "octo-org/absent")

	for _, names := range []string{"", "\n", "a,", "a,,b"} {
		u.fails(2, append(export, "--repos", names), "empty")
	}
	u.fails(2, append(export, "--all", "--visibility", "public\nsecret"), `--visibility is "secret"`)
	u.fails(2, append(export, "--all", "--former-name", "old\n,"), "empty")
}

func TestCallsThatGHESLacks(t *testing.T) {
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithGHES())
	fake.AddRepository("octocat/mine")
	u := newUser(t, fake)
	export := []string{"export", "--repos", "octocat/mine", "--out", "backups"}
	u.fails(1, export, "no call to delete", "Add --keep: ")
	u.fails(1, append(export, "--keep", "--lock"), "no call to unlock", "Leave out --lock.")
	u.do(append(export, "--keep")...)
}

func TestFailingRepositories(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	fake.AddRepository("octo-org/large", ghmigratetest.PoisonsExport("exclude_releases"))
	u := newUser(t, fake)
	res := u.fails(1, []string{"export", "--org", "octo-org", "--all", "--out", "backups"},
		"1 repository not exported\n  octo-org/hopeless: GitHub failed to export it",
		"1 repository exported, but not all of it\n  octo-org/large: without releases",
		"3 of 4 repositories in ", "octo-org/hopeless  not exported")
	assert.NotEmpty(t, res.stdout)
	assert.Contains(t, u.do("inspect", "backups"), "octo-org/hopeless  GitHub failed to export it")
}

func TestAccountWithoutRepositories(t *testing.T) {
	fake := newFake(t)
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/repos", Status: 200, Body: "[]"})
	newUser(t, fake).fails(1, []string{"export", "--org", "octo-org", "--all", "--out", "backups"}, "has no repositories that the token can see")
}

func TestUnfinishedRunIsFinishedFirst(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", Status: 401, Times: -1})
	u := newUser(t, fake)
	args := []string{"export", "--org", "octo-org", "--all", "--out", "backups"}
	u.stop(os.Kill, args, func(stderr string) bool { return strings.Contains(stderr, "trying again in") })

	fake.ClearFaults()
	fake.AddRepository("octo-org/new")
	r := decode[exportResult](t, u.do(append(args, "--json")...))
	assert.Equal(t, 2, r.Manifest.Covered)
	require.NotNil(t, r.Earlier)
	assert.Equal(t, 1, r.Earlier.Covered)
	assert.Len(t, fake.Migrations(), 2)
}

// TestUnfinishedRunMissesARepository finishes a run that misses a repository. The new
// run exports everything that it has to.
func TestUnfinishedRunMissesARepository(t *testing.T) {
	t.Parallel()
	requireSignals(t) // a kill could lose the response to a start
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/*/archive", Status: 401, Times: -1})
	u := newUser(t, fake)
	export := []string{"export", "--org", "octo-org", "--out", "backups"}
	res := u.stop(os.Interrupt, append(export, "--all"), func(stderr string) bool { return strings.Contains(stderr, "trying again in") })
	require.Equal(t, 3, res.status, res.stderr)

	fake.ClearFaults()
	fake.AddRepository("octo-org/new")
	res = u.fails(1, append(export, "-q", "--repos", "new"), "1 repository not exported\n  octo-org/hopeless: GitHub failed to export it")
	lines := strings.Split(strings.TrimSpace(res.stdout), "\n")
	require.Len(t, lines, 2, "the archives of both runs")
	for _, line := range lines {
		sum, path, _ := strings.Cut(line, "  ")
		assert.Equal(t, path, u.do("verify", path, "--sha256", sum))
	}
}

func TestTwoExportsAtTheSameTime(t *testing.T) {
	fake := newFake(t, ghmigratetest.WithExportDuration(time.Hour))
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	args := []string{"export", "--org", "octo-org", "--all", "--out", "backups"}
	cmd, _, stderr := u.command(args...)
	require.NoError(t, cmd.Start())
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	eventually(t, "the first export has started a migration", stderr, func() bool { return strings.Contains(stderr.String(), "migration 79") })
	u.fails(1, args, "in use", "Another process is using it")
}

// TestInterruptedExport stops an export in each phase by kill -9 and by Ctrl-C. The next
// call finishes it, without a second migration.
func TestInterruptedExport(t *testing.T) {
	t.Parallel()
	requireSignals(t)
	for phase, test := range map[string]struct {
		ready  string // when standard error has this text, the test stops the export
		flags  []string
		faults string
	}{
		"while GitHub exports":   {"migration 79", []string{"--export-duration", "4s"}, `[]`},
		"during the download":    {"of 8.0 MiB", []string{"--export-duration", "0s", "--rate", fmt.Sprint(2 << 20)}, `[]`},
		"after the verification": {"batch 1: verified", []string{"--export-duration", "0s"}, `[]`},
		"during the start":       {"starting the export", []string{"--export-duration", "1s"}, `[{"operation": "migrations/start-for-org", "applied": true, "delay": "1m"}]`},
		"before the start":       {"exporting 1 repository\n", []string{"--export-duration", "1s"}, `[{"operation": "migrations/list-for-org", "delay": "2s"}]`},
	} {
		for _, signal := range []os.Signal{os.Kill, os.Interrupt} {
			t.Run(phase+", "+signal.String(), func(t *testing.T) {
				t.Parallel()
				faults := filepath.Join(t.TempDir(), "faults.json")
				require.NoError(t, os.WriteFile(faults, []byte(test.faults), 0o600))
				github := startFake(t, append(test.flags, "--faults", faults, "--repo", "octo-org/large", "--payload", fmt.Sprint(8<<20))...)
				u := github.user(t)
				args := []string{"export", "--org", "octo-org", "--all", "--lock", "--out", "backups", "--poll-interval", "200ms", "--progress", "lines"}
				res := u.stop(signal, args, func(stderr string) bool {
					// During the start, GitHub has the request, and the program has no response.
					return strings.Contains(stderr, test.ready) && (phase != "during the start" || u.do("list", "--org", "octo-org") == "79")
				})
				if signal == os.Interrupt && res.status != 0 {
					assert.Equal(t, 3, res.status, res.stderr)
					assert.Contains(t, res.stderr, "Run it again with the same flags to continue.")
				}

				u.do(args...)
				path := u.glob("backups", "*", "orgs", "octo-org", "*", "migration-79.tar.gz")
				if res.status != 0 {
					assert.Equal(t, path, u.do("verify", filepath.Join(filepath.Dir(path), "manifest.json")))
					assert.Equal(t, "79", u.do("list", "--org", "octo-org"), "no second migration")
				}
				assert.Empty(t, u.do("locks", "--org", "octo-org"))
			})
		}
	}
}

func TestPreflight(t *testing.T) {
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	assert.Contains(t, u.do("preflight", "--org", "octo-org"), "token from: GITHUB_TOKEN\n")
	fake.SetRole("octo-org", "member")
	res := u.fails(1, []string{"preflight", "--org", "octo-org"}, "an export would fail")
	assert.Contains(t, res.stdout, "only its owners can export it")
	line := u.run("preflight", "--org", "octo-org", "--json").stdout
	assert.Equal(t, false, decode[map[string]any](t, line)["ok"])
}

// TestPreflightOfAFolder checks that preflight finds a folder that export cannot use, and
// that it leaves nothing behind.
func TestPreflightOfAFolder(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	require.NoError(t, os.WriteFile(u.path("file"), nil, 0o600))
	for _, out := range []string{"file", "file/backups"} {
		res := u.fails(1, []string{"preflight", "--org", "octo-org", "--out", out}, "an export would fail")
		assert.Contains(t, res.stdout, "the archives cannot be written into "+u.path(out))
	}
	u.do("preflight", "--org", "octo-org", "--out", ".")
	u.do("preflight", "--org", "octo-org", "--out", "new/backups")
	entries, err := os.ReadDir(u.home)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "only the file")
}

func TestTimeoutBeforeTheExport(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/repos", Status: 502, Times: -1})
	newUser(t, fake).fails(3, []string{"export", "--org", "octo-org", "--all", "--out", "backups", "--timeout", "1s"},
		"list the repositories", "--timeout of 1s has passed", "Run it again with the same flags to continue.")
}
