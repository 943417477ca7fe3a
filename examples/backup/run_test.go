package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func newFake(t *testing.T, opts ...ghmigratetest.Option) *ghmigratetest.Server {
	t.Helper()
	fake := ghmigratetest.NewServer(append(opts, ghmigratetest.InMemory())...)
	t.Cleanup(fake.Close)
	for _, name := range []string{"octo-org/a", "octo-org/b", "octocat/c"} {
		fake.AddRepository(name)
	}
	return fake
}

// inBubble runs a test by the name in virtual time.
func inBubble(t *testing.T, name string, do func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, do) })
}

func TestBackupAtGitHub(t *testing.T) {
	for name, test := range map[string]struct {
		args string
		body string   // of the start
		then []string // what follows the download
	}{
		"of an organization": {
			args: "-org octo-org -repos octo-org/b,octo-org/a",
			body: `{"repositories":["octo-org/b","octo-org/a"],"exclude":["repositories"]}`,
			then: []string{"DELETE /orgs/octo-org/migrations/79/archive 204"},
		},
		"of the user": {
			args: "-user -repos octocat/c",
			body: `{"repositories":["octocat/c"],"exclude":["repositories"]}`,
			then: []string{"DELETE /user/migrations/79/archive 204"},
		},
		"locked": {
			args: "-org octo-org -all -lock",
			body: `{"repositories":["octo-org/a","octo-org/b"],"lock_repositories":true,"exclude":["repositories"]}`,
			then: []string{
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
		inBubble(t, name, func(t *testing.T) {
			fake, out := newFake(t), filepath.Join(t.TempDir(), "new")
			res := backup(t.Context(), t, fake, append(strings.Fields(test.args), "-out", out)...)
			require.Equal(t, 0, res.status, res.stderr)
			assertReported(t, res.stdout, archivesIn(t, out)...)

			var then []string
			for _, r := range fake.Requests() {
				switch r.Method {
				case http.MethodPost:
					assert.JSONEq(t, test.body, string(r.Body))
				case http.MethodDelete:
					then = append(then, r.Method+" "+r.Path+" "+strconv.Itoa(r.Status))
				}
			}
			assert.Equal(t, test.then, then)
		})
	}
}

func TestAllRepositoriesEveryNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, out := newFake(t), t.TempDir()
		for n := range 218 {
			fake.AddRepository(fmt.Sprintf("octo-org/repository-%d", n))
		}
		args := []string{"-org", "octo-org", "-all", "-out", out}
		res := backup(t.Context(), t, fake, args...)
		require.Equal(t, 0, res.status, res.stderr)
		require.Len(t, archivesIn(t, out), 3)
		assertReported(t, res.stdout, archivesIn(t, out)...)
		assert.Contains(t, res.stderr, "\n220 of 220 repositories in 3 archives, ")
		manifests, err := filepath.Glob(filepath.Join(out, "*", "manifest.json"))
		require.NoError(t, err)
		require.Len(t, manifests, 1)
		assert.Contains(t, res.stderr, "\nManifest: "+manifests[0]+"\n")

		stdout, stderr := new(output), new(output)
		status := run(t.Context(), append(args, "-q", "-base-url", fake.URL()), fake.Token(), stdout, stderr, ghmigrate.WithHTTPClient(fake.Client()))
		assert.Equal(t, result{}, result{status, stdout.String(), stderr.String()})
		assert.Len(t, fake.Migrations(), 6, "the next night's run begins anew")
		assert.Len(t, archivesIn(t, out), 6)
	})
}

func TestAllAfterRepositoriesHaveComeAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, out := newFake(t), t.TempDir()
		fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", Status: 403, Times: -1})
		args := []string{"-org", "octo-org", "-all", "-out", out}
		res := backup(t.Context(), t, fake, args...)
		require.Equal(t, 3, res.status, res.stderr)

		fake.ClearFaults()
		fake.AddRepository("octo-org/new")
		res = backup(t.Context(), t, fake, args...)
		require.Equal(t, 0, res.status, res.stderr)
		assert.Contains(t, res.stderr, "\nAn unfinished run was finished first: 2 of 2 repositories, in "+out)
		assert.Len(t, fake.Migrations(), 2)
		assertReported(t, res.stdout, archivesIn(t, out)[1:]...)
	})
}

func TestAnOrganizationWithoutRepositories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/repos", Status: 200, Body: "[]"})
		res := backup(t.Context(), t, fake, "-org", "octo-org", "-all", "-out", t.TempDir())
		assert.Equal(t, 0, res.status)
		assert.Contains(t, res.stderr, "\n0 of 0 repositories in 0 archives, ")
	})
}

func TestFailuresSayWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		fault  ghmigratetest.Fault
		status int
		says   []string
		again  int // the status of a second run, without the fault
	}{
		"no archive is given out": {
			fault:  ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", Status: 403, Times: -1},
			status: 3,
			says: []string{
				"\n0 of 1 repository in 0 archives, 0 B, after ",
				"\nbackup: 1 repository not exported\n  octo-org/a: not finished, the next run goes on with it: ",
				"\nbackup: not finished: ",
				"\nRun it again with the same flags: it goes on where it was.\n",
				"\nTo see whether the token is the reason: backup -org octo-org -base-url BASE -preflight\n",
			},
		},
		"nothing is started": {
			fault:  ghmigratetest.Fault{Method: "POST", Status: 403, Times: -1},
			status: 3,
			says:   []string{"\nbackup: 1 repository not exported\n  octo-org/a: not started yet\nbackup: not finished: "},
		},
	} {
		inBubble(t, name, func(t *testing.T) {
			fake := newFake(t)
			fake.Inject(test.fault)
			args := []string{"-org", "octo-org", "-lock", "-repos", "octo-org/a", "-out", t.TempDir()}
			res := backup(t.Context(), t, fake, args...)
			assert.Equal(t, test.status, res.status)
			assert.Empty(t, res.stdout)
			for _, text := range test.says {
				assert.Contains(t, res.stderr, strings.Replace(text, "BASE", fake.URL(), 1))
			}
			assert.False(t, fake.Locked("octo-org/a"))

			fake.ClearFaults()
			res = backup(t.Context(), t, fake, args...)
			assert.Equal(t, test.again, res.status, res.stderr)
			assert.Len(t, fake.Migrations(), 1)
		})
	}
}

func TestRepositoriesThatCannotBeExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, out := newFake(t), t.TempDir()
		fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
		fake.AddRepository("octo-org/large", ghmigratetest.PoisonsExport("exclude_releases"))
		args := []string{"-org", "octo-org", "-all", "-out", out}
		res := backup(t.Context(), t, fake, args...)
		assert.Equal(t, 1, res.status)
		assert.Contains(t, res.stderr, "\n3 of 4 repositories in 2 archives, ")
		assert.Contains(t, res.stderr, "\nbackup: 1 repository not exported\n  octo-org/hopeless: GitHub failed to export it and gives no reason: size is the usual one\n"+
			"backup: 1 repository exported, but not all of it\n  octo-org/large: only with exclude_releases\n")
		assertReported(t, res.stdout, archivesIn(t, out)...)
	})
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, out := newFake(t), t.TempDir()
		file := filepath.Join(out, "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		res := backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/a", "-out", file)
		assert.Equal(t, 1, res.status)
		assert.Empty(t, fake.Requests())

		fake.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations/79/archive", Status: 403, Times: -1})
		require.Equal(t, 3, backup(t.Context(), t, fake, "-org", "octo-org", "-repos", "octo-org/a", "-out", out).status)
		journals, err := filepath.Glob(filepath.Join(out, "*", "journal"))
		require.NoError(t, err)
		require.Len(t, journals, 1)
		fails := func(args, says string) {
			res := backup(t.Context(), t, fake, append(strings.Fields(args), "-out", out)...)
			assert.Equal(t, 1, res.status, args)
			assert.Contains(t, res.stderr, says, args)
		}
		fails("-org octo-org -repos octo-org/b", "Finish that run with the flags that it was begun with, or give another -out.\n")
		fails("-user -repos octocat/c", "Give each account a -out of its own.\n")
		data, err := os.ReadFile(journals[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(journals[0], append([]byte("x"), data...), 0o600))
		fails("-org octo-org -repos octo-org/a", "To begin anew, move that folder away, and unlock what it has left: backup -org octo-org -base-url "+fake.URL()+" -unlock\n")
		assert.Len(t, fake.Migrations(), 1)
	})
}

func TestStoppedWhileExporting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, out := newFake(t, ghmigratetest.WithExportDuration(5*time.Minute)), t.TempDir()
		args := []string{"-org", "octo-org", "-lock", "-repos", "octo-org/a", "-out", out}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop) // when the lock has landed
		res := backup(ctx, t, fake, args...)
		assert.Equal(t, 3, res.status)
		assert.Contains(t, res.stderr, "\nbackup: 1 repository perhaps still locked\n  octo-org/a\n"+
			"The next run unlocks what GitHub lets it, and so does: backup -org octo-org -base-url "+fake.URL()+" -unlock\n")
		assert.True(t, fake.Locked("octo-org/a"))

		res = backup(t.Context(), t, fake, args...)
		assert.Equal(t, 0, res.status, res.stderr)
		assert.False(t, fake.Locked("octo-org/a"))
		assertReported(t, res.stdout, archivesIn(t, out)...)
	})
}

func TestStoppedWhileDownloading(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent Ctrl-C there")
	}
	t.Parallel()
	fake, out := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0), ghmigratetest.WithStorageRate(1<<20)), t.TempDir()
	defer fake.Close()
	fake.AddRepository("octo-org/large", ghmigratetest.Payload(4<<20))
	args := []string{"-base-url", fake.URL(), "-org", "octo-org", "-lock", "-repos", "octo-org/large", "-out", out}
	cmd, stdout, stderr := program(t.Context(), t, "backup", fake.Token(), args...)
	require.NoError(t, cmd.Start())
	untilFetched(t, out, 3<<19)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 3, cmd.ProcessState.ExitCode())
	assertNoSecret(t, fake.Token(), stdout.String()+stderr.String())
	assert.Contains(t, stderr.String(), "\nStopping: unlocking what can be unlocked first. A second Ctrl-C stops at once.\n")
	assert.Contains(t, stderr.String(), "\nRun it again with the same flags: it goes on where it was.\n")
	assert.NotContains(t, stderr.String(), "still locked")
	assert.False(t, fake.Locked("octo-org/large"))
	assert.False(t, fake.Migration(79).ArchiveDeleted)

	res := backup(t.Context(), t, fake, args[2:]...)
	require.Equal(t, 0, res.status, res.stderr)
	assertReported(t, res.stdout, archivesIn(t, out)...)
	assert.True(t, fake.Migration(79).ArchiveDeleted)
	assert.Len(t, fake.Migrations(), 1)
}

func TestKilledWhileDownloading(t *testing.T) {
	t.Parallel()
	out, checkout := t.TempDir(), t.TempDir()
	git(t, checkout, "init", "-q")
	git(t, checkout, "commit", "-q", "--allow-empty", "-m", "one")
	server, script, log := program(t.Context(), t, "fakegithub", "", "-strict",
		"-repo", "octo-org/large="+checkout, "-payload", strconv.Itoa(4<<20), "-rate", strconv.Itoa(2<<20), "-export-duration", "0s")
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) } // so that it tidies up
	server.WaitDelay = 10 * time.Second
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Wait() })
	require.Eventually(t, func() bool { return strings.Contains(script.String(), "Ctrl-C") }, 10*time.Second, 10*time.Millisecond, log)
	token := regexp.MustCompile(`(?m)^export GITHUB_TOKEN=(.*)$`).FindStringSubmatch(script.String())[1]
	url := regexp.MustCompile(`(?m)^export GITHUB_API_URL=(.*)$`).FindStringSubmatch(script.String())[1]
	args := []string{"-base-url", url, "-org", "octo-org", "-all", "-out", out, "-keep"}

	cmd, _, _ := program(t.Context(), t, "backup", token, args...)
	require.NoError(t, cmd.Start())
	untilFetched(t, out, 5<<19)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	sent := len(log.String())
	cmd, stdout, stderr := program(t.Context(), t, "backup", token, args...)
	require.NoError(t, cmd.Run(), stderr)
	assertNoSecret(t, token, stdout.String()+stderr.String()+log.String())
	assert.Contains(t, stderr.String(), "  continuing an unfinished run, 0 of 1 repository done\n")
	archives := archivesIn(t, out)
	assertReported(t, stdout.String(), archives...)
	assert.FileExists(t, filepath.Join(unpack(t, archives[0]), "repositories", "octo-org", "large.git", "packed-refs"))

	assert.NotContains(t, log.String()[sent:], " POST ", "one export is enough")

	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(url), ghmigrate.WithToken(token))
	require.NoError(t, err)
	truth, err := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "again"), nil)
	require.NoError(t, err)
	assert.Contains(t, stdout.String(), truth.SHA256)
}

// untilFetched waits until so much of the one archive has arrived.
func untilFetched(t *testing.T, out string, size int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		parts, err := filepath.Glob(filepath.Join(out, "*", "migration-79.tar.gz.part"))
		if err != nil || len(parts) != 1 {
			return false
		}
		info, err := os.Stat(parts[0])
		return err == nil && info.Size() >= size
	}, 20*time.Second, 10*time.Millisecond, "the archive never had %d bytes, or was there too briefly to be seen", size)
}
