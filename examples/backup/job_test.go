package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func newFake(t *testing.T, opts ...ghmigratetest.Option) *ghmigratetest.Server {
	t.Helper()
	fake := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.WithExportDuration(0)}, opts...)...)
	t.Cleanup(fake.Close)
	for _, name := range []string{"octo-org/a", "octo-org/b", "octocat/c"} {
		fake.AddRepository(name)
	}
	return fake
}

func TestBackupAtGitHub(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args string
		body string   // of the start
		then []string // what follows the download
	}{
		"of an organization": {
			args: "-org octo-org -repos octo-org/b,octo-org/a",
			body: `{"repositories":["octo-org/a","octo-org/b"],"exclude":["repositories"]}`,
			then: []string{"DELETE /orgs/octo-org/migrations/79/archive 204"},
		},
		"of the user": {
			args: "-user -repos octocat/c",
			body: `{"repositories":["octocat/c"],"exclude":["repositories"]}`,
			then: []string{"DELETE /user/migrations/79/archive 204"},
		},
		"locked": {
			args: "-org octo-org -repos octo-org/b,octo-org/a -lock",
			body: `{"repositories":["octo-org/a","octo-org/b"],"lock_repositories":true,"exclude":["repositories"]}`,
			then: []string{
				"GET /orgs/octo-org/migrations/79/repositories 200",
				"DELETE /orgs/octo-org/migrations/79/repos/a/lock 204",
				"DELETE /orgs/octo-org/migrations/79/repos/b/lock 204",
				"DELETE /orgs/octo-org/migrations/79/archive 204",
			},
		},
		"kept, and not everything": {
			args: "-org octo-org -repos octo-org/a -keep -exclude-git-data -exclude-attachments -exclude-releases -exclude-owner-projects",
			body: `{"repositories":["octo-org/a"],"exclude_git_data":true,"exclude_attachments":true,` +
				`"exclude_releases":true,"exclude_owner_projects":true,"exclude":["repositories"]}`,
		},
		"only git": {
			args: "-org octo-org -repos octo-org/a -keep -exclude-metadata",
			body: `{"repositories":["octo-org/a"],"exclude_metadata":true,"exclude":["repositories"]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, out := newFake(t), filepath.Join(t.TempDir(), "new")
			res := backup(t.Context(), t, fake, append(strings.Fields(test.args), "-out", out)...)
			require.Equal(t, 0, res.status, res.stderr)
			assertReported(t, res.stdout, archiveIn(t, out))

			var then []string
			fetched := false
			for _, r := range fake.Requests() {
				switch {
				case r.Method == http.MethodPost:
					assert.JSONEq(t, test.body, string(r.Body))
				case r.Origin == ghmigratetest.Storage:
					fetched = true
				case fetched:
					then = append(then, r.Method+" "+r.Path+" "+strconv.Itoa(r.Status))
				}
			}
			assert.Equal(t, test.then, then)
		})
	}
}

func TestFailuresLeaveNothingLocked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  ghmigratetest.Fault
		poison bool
		says   string
		again  int // the status of a second run, without the fault
	}{
		"the export fails":    {poison: true, says: "migration failed; GitHub gives no reason", again: 1},
		"storage refuses":     {fault: ghmigratetest.Fault{Origin: ghmigratetest.Storage, Status: 404, Times: -1}, says: "download archive of migration 79"},
		"no look is possible": {fault: ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", Status: 403, Times: -1}, says: "403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			repo := "octo-org/a"
			if test.poison {
				repo = "octo-org/poison"
				fake.AddRepository(repo, ghmigratetest.PoisonsExport())
			} else {
				fake.Inject(test.fault)
			}
			args := []string{"-org", "octo-org", "-lock", "-repos", repo, "-out", t.TempDir()}
			res := backup(t.Context(), t, fake, args...)
			assert.Equal(t, 1, res.status)
			assert.Contains(t, res.stderr, test.says)
			assert.Regexp(t, `(?m)^unlock .* 1 repository$`, res.stdout)
			assert.False(t, fake.Locked(repo))

			fake.ClearFaults()
			res = backup(t.Context(), t, fake, args...)
			assert.Equal(t, test.again, res.status, res.stderr)
			assert.Len(t, fake.Migrations(), 1+test.again, "a failed export is begun anew, another is gone on with")
		})
	}
}

func TestAnUnlockThatFails(t *testing.T) {
	t.Parallel()
	fake, out := newFake(t), t.TempDir()
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/repos/a/lock", Status: 403, Times: -1})
	args := []string{"-org", "octo-org", "-lock", "-repos", "octo-org/a,octo-org/b", "-out", out}
	res := backup(t.Context(), t, fake, args...)
	assert.Equal(t, 1, res.status)
	assert.Contains(t, res.stderr, "octo-org/a is still locked: ")
	assert.Contains(t, res.stderr, "gh api -X DELETE /orgs/octo-org/migrations/79/repos/NAME/lock\n")
	assert.Equal(t, []string{"octo-org/a"}, fake.Migration(79).Locked)
	assert.False(t, fake.Migration(79).ArchiveDeleted)

	fake.ClearFaults()
	before := len(fake.Requests())
	res = backup(t.Context(), t, fake, args...)
	assert.Equal(t, 0, res.status, res.stderr)
	for _, r := range fake.Requests()[before:] {
		assert.NotEqual(t, ghmigratetest.Storage, r.Origin, "the archive is here already")
	}
	assertReported(t, res.stdout, archiveIn(t, out))
	assert.Empty(t, fake.Migration(79).Locked)
	assert.True(t, fake.Migration(79).ArchiveDeleted)
}

// A GHES that is not known as one by its -base-url has no call to unlock.
func TestAnUnlockThatFindsNothing(t *testing.T) {
	fake := newFake(t, ghmigratetest.WithGHES())
	fake.AddRepository("octocat/a")
	res := backup(t.Context(), t, fake, "-user", "-repos", "octocat/a", "-lock", "-keep", "-out", t.TempDir())
	assert.Equal(t, 1, res.status)
	assert.Contains(t, res.stderr, "octocat/a may still be locked: ")
	assert.True(t, fake.Locked("octocat/a"))
}

func TestAnotherJobInTheSameFolder(t *testing.T) {
	t.Parallel()
	fake, out := newFake(t), t.TempDir()
	fake.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, Status: 404, Times: -1})
	require.Equal(t, 1, backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/a", "-out", out).status)
	record := filepath.Join(out, "octo-org.migration.json")
	assert.FileExists(t, record)

	res := backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/b", "-out", out)
	assert.Equal(t, result{status: 1, stderr: "backup: " + record + " is the record of an unfinished backup, migration 79, " +
		"that was asked for with other flags (repositories: octo-org/a); finish it with those, or give another -out\n"}, res)
	assert.Len(t, fake.Migrations(), 1)

	require.NoError(t, os.WriteFile(record, []byte("{"), 0o600))
	res = backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/a", "-out", out)
	assert.Equal(t, 1, res.status)
	assert.Contains(t, res.stderr, "is damaged")
}

func TestAFolderThatCannotBeWrittenTo(t *testing.T) {
	t.Parallel()
	fake, file := newFake(t), filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	res := backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/a", "-out", file)
	assert.Equal(t, 1, res.status)
	assert.Empty(t, fake.Requests())
}

func TestAStartWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	fake, out := newFake(t), t.TempDir()
	fake.Inject(ghmigratetest.Fault{Method: "POST", Applied: true, Status: 502})
	res := backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/a", "-out", out)
	assert.Equal(t, 1, res.status)
	assert.Empty(t, res.stdout)
	assert.Contains(t, res.stderr, "a migration may have started: see gh api /orgs/octo-org/migrations\n")
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestStoppedWhileExporting(t *testing.T) {
	t.Parallel()
	fake, out := newFake(t, ghmigratetest.WithExportDuration(time.Hour)), t.TempDir()
	args := []string{"-org", "octo-org", "-lock", "-repos", "octo-org/a", "-out", out}
	ctx, stop := context.WithCancel(t.Context())
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Method: "GET", Times: -1, Handler: stopping(stop)})
	fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79", Times: -1, Handler: stopping(stop)})
	res := backup(ctx, t, fake, args...)
	assert.Equal(t, 1, res.status)
	assert.Contains(t, res.stderr, "\nbackup: wait for migration 79: ")
	assert.Contains(t, res.stderr, "\nstill locked, as only ended exports can be unlocked: octo-org/a\n"+
		"Run it again with the same flags and -out "+out+": it goes on with migration 79.\n"+
		"Or unlock each repository yourself once the export has ended:\n"+
		"  gh api -X DELETE /orgs/octo-org/migrations/79/repos/NAME/lock\n")

	data, err := os.ReadFile(filepath.Join(out, "octo-org.migration.json"))
	require.NoError(t, err)
	var kept record
	require.NoError(t, json.Unmarshal(data, &kept))
	assert.Equal(t, record{Migration: 79, Locked: true, Asked: asked{Host: fake.URL(), Org: "octo-org",
		Request: ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/a"}, LockRepositories: true, OmitRepositories: true},
	}}, kept)

	fake.ClearFaults()
	fake.Clock().Advance(time.Hour)
	res = backup(t.Context(), t, fake, args...)
	assert.Equal(t, 0, res.status, res.stderr)
	assert.False(t, fake.Locked("octo-org/a"))
	assertReported(t, res.stdout, archiveIn(t, out))
}

// stopping stops whoever asks and answers all the same.
func stopping(stop func()) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		stop()
		next.ServeHTTP(w, r)
	}
}

func TestStoppedWhileDownloading(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent Ctrl-C there")
	}
	t.Parallel()
	fake, out := newFake(t, ghmigratetest.WithStorageRate(1<<20)), t.TempDir()
	fake.AddRepository("octo-org/large", ghmigratetest.Payload(4<<20))
	args := []string{"-base-url", fake.URL(), "-org", "octo-org", "-lock", "-repos", "octo-org/large", "-out", out}
	cmd, stdout, stderr := program(t.Context(), t, "backup", fake.Token(), args...)
	require.NoError(t, cmd.Start())
	untilFetched(t, filepath.Join(out, "octo-org-79.tar.gz"), 3<<19)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assertNoSecret(t, fake.Token(), stdout.String()+stderr.String())
	assert.Contains(t, stderr.String(), "Run it again with the same flags and -out "+out+": it goes on with migration 79.\n")
	assert.NotContains(t, stderr.String(), "locked:")
	assert.False(t, fake.Locked("octo-org/large"))
	assert.False(t, fake.Migration(79).ArchiveDeleted)

	res := backup(t.Context(), t, fake, args[2:]...)
	require.Equal(t, 0, res.status, res.stderr)
	assert.Regexp(t, `resumed \d{7} bytes`, res.stdout)
	assertReported(t, res.stdout, archiveIn(t, out))
	unpack(t, archiveIn(t, out))
	assert.True(t, fake.Migration(79).ArchiveDeleted)
}

func TestKilledWhileDownloading(t *testing.T) {
	t.Parallel()
	out, checkout := t.TempDir(), t.TempDir()
	git(t, checkout, "init", "-q")
	git(t, checkout, "commit", "-q", "--allow-empty", "-m", "one")
	server, script, log := program(t.Context(), t, "fakegithub", "",
		"-repo", "octo-org/large="+checkout, "-payload", strconv.Itoa(4<<20), "-rate", strconv.Itoa(2<<20), "-export-duration", "0s")
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) } // so that it tidies up
	server.WaitDelay = 10 * time.Second
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Wait() })
	require.Eventually(t, func() bool { return strings.Contains(script.String(), "Ctrl-C") }, 10*time.Second, 10*time.Millisecond, log)
	token := regexp.MustCompile(`(?m)^export GITHUB_TOKEN=(.*)$`).FindStringSubmatch(script.String())[1]
	url := regexp.MustCompile(`(?m)^export GITHUB_API_URL=(.*)$`).FindStringSubmatch(script.String())[1]
	args := []string{"-base-url", url, "-org", "octo-org", "-repos", "octo-org/large", "-out", out, "-keep"}

	cmd, _, _ := program(t.Context(), t, "backup", token, args...)
	require.NoError(t, cmd.Start())
	untilFetched(t, filepath.Join(out, "octo-org-79.tar.gz"), 5<<19)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	sent := len(log.String())
	cmd, stdout, stderr := program(t.Context(), t, "backup", token, args...)
	require.NoError(t, cmd.Run(), stderr)
	assertNoSecret(t, token, stdout.String()+stderr.String()+log.String())
	archive := archiveIn(t, out)
	assertReported(t, stdout.String(), archive)
	assert.FileExists(t, filepath.Join(unpack(t, archive), "repositories", "octo-org", "large.git", "packed-refs"))

	found := regexp.MustCompile(`resumed (\d+) bytes`).FindStringSubmatch(stdout.String())
	require.NotNil(t, found, stdout)
	resumed, err := strconv.ParseInt(found[1], 10, 64)
	require.NoError(t, err)
	info, err := os.Stat(archive)
	require.NoError(t, err)
	var fetched int64
	for _, line := range regexp.MustCompile(`GET \S+ 206 (\d+) bytes bytes=(\d+)-`).FindAllStringSubmatch(log.String()[sent:], -1) {
		bytes, err := strconv.ParseInt(line[1], 10, 64)
		require.NoError(t, err)
		if from, err := strconv.ParseInt(line[2], 10, 64); err == nil && from >= resumed {
			fetched += bytes
		}
	}
	assert.GreaterOrEqual(t, resumed, int64(1<<20))
	assert.Equal(t, info.Size()-resumed, fetched, log)

	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(url), ghmigrate.WithToken(token))
	require.NoError(t, err)
	truth, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "again"), nil)
	require.NoError(t, err)
	assert.Contains(t, stdout.String(), truth.SHA256)
}

// untilFetched waits until so much of an archive has arrived at a path that
// matches the pattern.
func untilFetched(t *testing.T, pattern string, size int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		parts, err := filepath.Glob(pattern + ".part")
		if err != nil || len(parts) != 1 {
			return false
		}
		info, err := os.Stat(parts[0])
		return err == nil && info.Size() >= size
	}, 20*time.Second, 10*time.Millisecond, "%s.part never had %d bytes, or was there too briefly to be seen", pattern, size)
}
