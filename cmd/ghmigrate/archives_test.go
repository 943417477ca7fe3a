package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// exportedArchive exports two repositories, and returns the path of the archive.
func exportedArchive(t *testing.T) (*user, string) {
	t.Helper()
	fake := newFake(t)
	fake.AddRepository("octo-org/app", ghmigratetest.WithIssues(30), ghmigratetest.WithAttachment("a&b.png", bytes.Repeat([]byte("x"), 5000)))
	fake.AddRepository("octo-org/other", ghmigratetest.WithIssues(1))
	u := newUser(t, fake)
	id := u.do("start", "--org", "octo-org", "app", "other")
	return u, u.do("download", "--org", "octo-org", id)
}

func TestInspectArchive(t *testing.T) {
	u, path := exportedArchive(t)
	text := u.do("inspect", path)
	assert.Contains(t, text, "octo-org/app    yes     yes")
	assert.Contains(t, text, "No faults.")
	found := decode[map[string]any](t, u.do("inspect", path, "--json"))
	assert.Equal(t, path, found["file"])
	assert.Len(t, found["people"], 1)

	assert.Equal(t, "page.html", u.do("inspect", path, "--html", "page.html"))
	page := u.read("page.html")
	assertSelfContained(t, page)
	for _, part := range []string{"octo-org/app", "a&amp;b.png", "octocat", "issue comment", "no faults", "width:100%"} {
		assert.Contains(t, page, part)
	}
}

// assertSelfContained fails the test if a page has scripts, or loads other resources.
func assertSelfContained(t *testing.T, page string) {
	t.Helper()
	assert.NotRegexp(t, `(?i)<(script|link|img|iframe|object|embed|base|form)\b`, page)
	assert.NotRegexp(t, `(?i)(src|srcset|action)=|url\(|@import|\bon\w+=`, page)
	assert.NotContains(t, page, "ZgotmplZ", "html/template has replaced an unsafe value")
}

func TestTruncatedArchive(t *testing.T) {
	t.Parallel()
	u, path := exportedArchive(t)
	data := u.read(path)
	require.NoError(t, os.WriteFile(u.path("cut.tar.gz"), []byte(data[:len(data)-100]), 0o600))

	res := u.fails(1, []string{"verify", path, "cut.tar.gz"}, "cut.tar.gz has faults\n", "unexpected EOF")
	assert.Equal(t, path+"\n", res.stdout, "only the archive without faults")
	line := u.run("verify", "cut.tar.gz", "--json").stdout
	assert.Equal(t, false, decode[map[string]any](t, line)["ok"])

	res = u.run("inspect", "cut.tar.gz")
	assert.Equal(t, 1, res.status)
	assert.Contains(t, res.stdout, "FAULTS (")
	u.fails(1, []string{"inspect", "cut.tar.gz", "--html", "page.html"}, "cut.tar.gz has faults")
	page := u.read("page.html")
	assert.Contains(t, page, "The archive has ")
	assertSelfContained(t, page)

	u.fails(1, []string{"extract", "cut.tar.gz", "unpacked"}, "cut.tar.gz has faults")
	u.fails(1, []string{"verify", path, "--sha256", strings.Repeat("0", 64)}, "SHA-256")
	u.fails(1, []string{"verify", path, "--repos", "octo-org/absent"}, "octo-org/absent")
	u.fails(1, []string{"verify", "nowhere.tar.gz"}, "nowhere.tar.gz")
	u.fails(1, []string{"extract", path, path}, path)
}

func TestExtract(t *testing.T) {
	u, path := exportedArchive(t)
	repositories := strings.Split(u.do("extract", path, "unpacked"), "\n")
	assert.Equal(t, []string{u.path("unpacked", "repositories", "octo-org", "app.git"), u.path("unpacked", "repositories", "octo-org", "other.git")}, repositories)
	clone, err := exec.CommandContext(t.Context(), "git", "clone", "-q", repositories[0], u.path("clone")).CombinedOutput()
	require.NoError(t, err, string(clone))

	cmd, stdout, stderr := u.command("extract", "-", "from-pipe")
	file, err := os.Open(u.path(path))
	require.NoError(t, err)
	defer file.Close()
	cmd.Stdin = file
	require.NoError(t, cmd.Run(), stderr)
	assert.Contains(t, stdout.String(), filepath.Join("from-pipe", "repositories"))
}

// TestExtractOntoAFullDisk extracts an archive with a fault. A limit on the size of files
// stands for the full disk.
func TestExtractOntoAFullDisk(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no ulimit")
	}
	u := newUser(t, newFake(t))
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "attachments/1/link", Linkname: "/etc"}))
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "attachments/2/large", Size: 1 << 20, Mode: 0o644}))
	_, err := w.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, errors.Join(w.Close(), z.Close()))
	require.NoError(t, os.WriteFile(u.path("archive.tar.gz"), b.Bytes(), 0o600))

	cmd, _, stderr := u.command("extract", "archive.tar.gz", "unpacked")
	shell := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -f 100 && exec "$@"`, "sh"}, cmd.Args...)...)
	shell.Dir, shell.Env, shell.Stderr = cmd.Dir, cmd.Env, stderr
	require.Error(t, shell.Run())
	assert.Contains(t, stderr.String(), "extract attachments/2/large")
	assert.Contains(t, stderr.String(), syscall.EFBIG.Error())
}

// addEntries writes a copy of an archive with more entries.
func addEntries(t *testing.T, from, to string, entries map[string]string) {
	t.Helper()
	unzip, err := gzip.NewReader(strings.NewReader(readFile(t, from)))
	require.NoError(t, err)
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	r := tar.NewReader(unzip)
	for header, err := r.Next(); !errors.Is(err, io.EOF); header, err = r.Next() {
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(header))
		_, err := io.Copy(w, r)
		require.NoError(t, err)
	}
	for name, text := range entries {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o600}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, zip.Close())
	require.NoError(t, os.WriteFile(to, b.Bytes(), 0o600))
}

func TestExtractPrintsWikis(t *testing.T) {
	u, path := exportedArchive(t)
	head := "ref: refs/heads/master\n"
	addEntries(t, u.path(path), u.path("wiki.tar.gz"), map[string]string{"repositories/octo-org/app.wiki.git/HEAD": head})
	bare := func(name string) string { return u.path("unpacked", "repositories", "octo-org", name) }
	paths := []string{bare("app.git"), bare("app.wiki.git"), bare("other.git")}
	found := decode[struct{ Paths []string }](t, u.do("extract", "wiki.tar.gz", "unpacked", "--json"))
	assert.Equal(t, paths, found.Paths)
	require.NoError(t, os.RemoveAll(u.path("unpacked")))
	assert.Equal(t, strings.Join(paths, "\n"), u.do("extract", "wiki.tar.gz", "unpacked"))
}

// TestNamesInAnArchiveDoNotForgeLines checks that a name in an archive does not add a
// line to the output, and does not control a terminal.
func TestNamesInAnArchiveDoNotForgeLines(t *testing.T) {
	t.Parallel()
	u, path := exportedArchive(t)
	entries := map[string]string{}
	for _, name := range []string{"nul", "a\nforged", "b\x1b[2Jx", "c\u009b2Jx", "d\x7fx", "e\rx"} {
		entries["repositories/octo-org/"+name+".git/HEAD"] = "ref: refs/heads/main\n"
		entries["repositories/octo-org/"+name+".git/shallow"] = strings.Repeat("1", 40) + "\n"
	}
	addEntries(t, u.path(path), u.path("hostile.tar.gz"), entries)

	res := u.fails(1, []string{"extract", "hostile.tar.gz", "unpacked"}, "hostile.tar.gz has faults")
	bare := func(name string) string { return u.path("unpacked", "repositories", "octo-org", name) }
	assert.Equal(t, bare("app.git")+"\n"+bare("other.git")+"\n", res.stdout)
	for _, args := range []string{
		"extract hostile.tar.gz again", "extract hostile.tar.gz json --json",
		"verify hostile.tar.gz", "verify hostile.tar.gz --json", "inspect hostile.tar.gz", "inspect hostile.tar.gz --json",
	} {
		res := u.run(strings.Fields(args)...)
		printed := res.stdout + res.stderr
		assert.NotRegexp(t, `[^\PC\n]`, printed, args)
		assert.NotRegexp(t, `(?m)^\s*forged`, printed, args)
		if strings.HasSuffix(args, "--json") {
			assert.Equal(t, 1, strings.Count(res.stdout, "\n"), args)
		}
	}
	found := decode[struct{ Paths []string }](t, u.run("extract", "hostile.tar.gz", "paths", "--json").stdout)
	assert.Len(t, found.Paths, 2)
}

func TestInspectRuns(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/hopeless", ghmigratetest.PoisonsExport())
	fake.AddRepository("octocat/mine")
	u := newUser(t, fake)
	u.do("export", "--org", "octo-org", "--repos", "a", "--out", "backups")
	u.fails(1, []string{"export", "--org", "octo-org", "--all", "--out", "backups"})
	u.do("export", "--repos", "octocat/mine", "--out", "backups")

	text := u.do("inspect", "backups")
	assert.Contains(t, text, "octo-org/hopeless  GitHub failed to export it")
	assert.Contains(t, text, "octocat/mine")
	assert.Regexp(t, `(?s)LAST RUNS .*1 of 1\n.*1 of 2\n`, text)
	assert.NotContains(t, u.do("inspect", "backups", "--org", "octo-org"), "octocat/mine")

	reports := strings.Split(u.do("inspect", "backups", "--json"), "\n")
	require.Len(t, reports, 2)
	found := decode[struct {
		Location string
		Last     []struct{ Run string }
		Manifest struct{ Covered int }
	}](t, reports[0])
	assert.Equal(t, 1, found.Manifest.Covered)
	require.Len(t, found.Last, 2)

	assert.Contains(t, u.do("inspect", found.Location), "octo-org/hopeless", "the folder of a run")
	manifest := filepath.Join(found.Location, "manifest.json")
	assert.Contains(t, u.do("inspect", manifest), "octo-org/hopeless")
	first := u.do("inspect", "backups", "--org", "octo-org", "--run", found.Last[0].Run)
	assert.NotContains(t, first, "octo-org/hopeless")
	u.fails(2, []string{"inspect", manifest, "--run", "x"}, "--run is for a folder")
	u.fails(1, []string{"inspect", "backups", "--run", "x"}, "no runs")
	u.fails(1, []string{"inspect", "backups", "--org", "nobody"}, "no runs")

	u.do("inspect", "backups", "--html", "page.html")
	page := u.read("page.html")
	assertSelfContained(t, page)
	assert.Contains(t, page, "octo-org/hopeless")
	assert.Contains(t, page, "1 of 2")

	pruned := func(flags ...string) (remove, removed []bool) {
		lines := u.do(append([]string{"prune", "--out", "backups", "--keep-last", "1", "--json"}, flags...)...)
		for line := range strings.Lines(lines) {
			run := decode[struct{ Remove, Removed *bool }](t, line)
			require.NotNil(t, run.Remove, line)
			remove, removed = append(remove, *run.Remove), append(removed, *run.Removed)
		}
		return remove, removed
	}
	remove, removed := pruned("--dry-run")
	assert.Equal(t, []bool{true, false, false}, remove, "the oldest run of octo-org")
	assert.Equal(t, []bool{false, false, false}, removed)
	run := filepath.Join(filepath.Dir(found.Location), found.Last[0].Run)
	assert.Equal(t, run, u.do("prune", "--out", "backups", "--keep-last", "1", "--dry-run"))
	assert.Equal(t, text, u.do("inspect", "backups"), "a dry run removes nothing")
	remove, removed = pruned()
	assert.Equal(t, []bool{true, false, false}, remove)
	assert.Equal(t, remove, removed)
	assert.NoDirExists(t, run)
	remove, removed = pruned()
	assert.Equal(t, []bool{false, false}, remove)
	assert.Equal(t, remove, removed)
	u.fails(1, []string{"prune", "--out", "nowhere", "--keep-last", "1"}, "nowhere")
}

// TestFileURL checks that each command treats the URL of a folder as the folder.
func TestFileURL(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	url := "file:///" + strings.TrimPrefix(filepath.ToSlash(u.path("backups")), "/")
	sum := u.do("export", "--org", "octo-org", "--all", "--out", url)
	path := sum[strings.LastIndex(sum, "  ")+2:]
	run := filepath.Dir(path)
	assert.Equal(t, u.path("backups"), filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(run)))))
	assert.NoDirExists(t, u.path("state"), "the journal is in the folder of the run")

	local := func(path string) string {
		return url + strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(u.path("backups")))
	}
	manifest := local(filepath.Join(run, "manifest.json"))
	for _, name := range []string{url, local(run), manifest} {
		assert.Contains(t, u.do("inspect", name), run)
	}
	assert.Equal(t, local(path), u.do("verify", manifest))
	require.NoError(t, os.Rename(path, filepath.Join(run, "renamed")))
	assert.Contains(t, u.do("inspect", local(filepath.Join(run, "renamed"))), "No faults.")
	require.NoError(t, os.Rename(filepath.Join(run, "renamed"), path))
	for i, name := range []string{url, local(run), manifest, local(path)} {
		u.do("browse", name, "--cache", u.path("cache"), "--export", fmt.Sprint("pages-", i))
	}
	assert.Equal(t, u.path("backups", "migration-80.tar.gz"), u.do("download", "--org", "octo-org", u.do("start", "--org", "octo-org", "a"), "--out", url))
	assert.NotEmpty(t, decode[map[string]any](t, u.do("prune", "--out", url, "--keep-last", "1", "--json"))["run"])
	assert.Contains(t, u.do("preflight", "--org", "octo-org", "--out", url), "octo-org")
}

func TestDemo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ path, output string }{
		"with git":    {os.Getenv("PATH"), "Restoring octo-org/checkout"},
		"without git": {t.TempDir(), "git is not installed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, nil)
			u.env = append(u.env, "PATH="+test.path)
			cmd, stdout, stderr := u.command("demo", "--progress", "lines")
			begun := time.Now()
			require.NoError(t, cmd.Start())
			eventually(t, "demo prints a line", stderr, func() bool { return stderr.String() != "" })
			t.Logf("first line after %v", time.Since(begun))
			require.NoError(t, cmd.Wait(), stderr)
			for _, text := range []string{"This is a demonstration", "batch 1: verified", test.output, "was removed."} {
				assert.Contains(t, stderr.String(), text)
			}
			assert.Regexp(t, `^[0-9a-f]{64}  \S+migration-79\.tar\.gz\n\narchive   migration-79\.tar\.gz\n`, stdout.String())
			assert.Contains(t, stdout.String(), "No faults.")
			u.assertNoTemporaryFiles()
		})
	}
}

func (u *user) assertNoTemporaryFiles() {
	u.t.Helper()
	found, err := filepath.Glob(u.path("ghmigrate-*"))
	require.NoError(u.t, err)
	assert.Empty(u.t, found)
}

func TestInterruptedDemo(t *testing.T) {
	requireSignals(t)
	t.Parallel()
	u := newUser(t, nil)
	res := u.stop(os.Interrupt, []string{"demo", "--progress", "lines"}, func(stderr string) bool { return strings.Contains(stderr, "downloaded ") })
	assert.Equal(t, 3, res.status, res.stderr)
	u.assertNoTemporaryFiles()
}

func TestFakeRunsACommand(t *testing.T) {
	u := newUser(t, nil)
	res := u.run("fake", "--repo", "octo-org/a", "--token", "ghp_given", binary, "repositories", "--org", "octo-org")
	assert.Equal(t, 0, res.status, res.stderr)
	assert.Equal(t, "octo-org/a\n", res.stdout)
	assert.Contains(t, res.stderr, "GET /orgs/octo-org/repos 200")
	assert.Equal(t, 2, u.run("fake", binary, "nope").status, "the status of the command")
	assert.Contains(t, fmt.Sprint(u.run("fake", u.path("nowhere"))), "nowhere")
}

func TestFakeHidesTheUsersHostAndTokens(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"GH_HOST", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"} {
		u := newUser(t, nil, name+"=mine")
		assert.Equal(t, "octo-org/hello-world", u.do("fake", binary, "repositories", "--org", "octo-org"), name)
	}
}

// TestListsInJSON checks that a list without elements is [] and not null.
func TestListsInJSON(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/app")
	u := newUser(t, fake)
	metadata := u.do("download", "--org", "octo-org", u.do("start", "--org", "octo-org", "--org-metadata-only"))
	require.NoError(t, os.WriteFile(u.path("damaged.tar.gz"), []byte("nothing"), 0o600))
	for _, path := range []string{metadata, "damaged.tar.gz"} {
		for _, command := range []string{"verify", "inspect", "extract"} {
			args := []string{command, path, "--json"}
			if command == "extract" {
				args = append(args, "from-"+path)
			}
			found := decode[map[string]any](t, u.run(args...).stdout)
			assert.NotNil(t, found["faults"], args)
			if command == "inspect" {
				assert.NotNil(t, found["people"], args)
				assert.NotNil(t, found["attachments"], args)
			}
			if summary, ok := found["summary"].(map[string]any); ok || path == metadata {
				assert.Equal(t, []any{}, summary["repositories"], args)
			}
		}
	}

	preflight := func() map[string]any {
		return decode[map[string]any](t, u.run("preflight", "--org", "octo-org", "--json").stdout)
	}
	assert.Equal(t, []any{}, preflight()["locked"])
	fake.Inject(ghmigratetest.Fault{Path: "/user", Status: 200, Body: `{"login": "octocat"}`, Times: -1}) // no header with scopes
	found := preflight()
	assert.Equal(t, []any{}, found["scopes"])
	assert.Nil(t, found["locked"], "preflight has not asked for the locks")
}

func TestVerifyContinuesAfterAMissingArchive(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	fake.AddRepository("octo-org/b")
	u := newUser(t, fake)
	r := decode[exportResult](t, u.do("export", "--org", "octo-org", "--all", "--batch", "1", "--out", "backups", "--json"))
	first, second := filepath.Join(r.Location, r.Manifest.Repositories[0].Archive), filepath.Join(r.Location, r.Manifest.Repositories[1].Archive)
	require.NoError(t, os.Remove(first))
	manifest := filepath.Join(r.Location, "manifest.json")
	require.NoError(t, os.WriteFile(u.path("manifest.json"), []byte("{}"), 0o600))

	res := u.fails(1, []string{"verify", "manifest.json", "nowhere.tar.gz", manifest, second}, "not a manifest", "nowhere.tar.gz", first)
	assert.Equal(t, second+"\n"+second+"\n", res.stdout)
	res = u.fails(1, []string{"verify", "--json", manifest}, first)
	assert.Equal(t, second, decode[map[string]any](t, res.stdout)["file"])
	res = u.fails(2, []string{"verify", manifest, second, "--repos", "octo-org/b"}, "a manifest has both")
	assert.Empty(t, res.stdout)
}
