package archive_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallArchive returns an archive that git, GNU tar and gzip made, as at GitHub.
func smallArchive(tb testing.TB) []byte {
	tb.Helper()
	return bytes.Clone(small.get(tb, makeSmallArchive))
}

// exported returns an archive of two repositories with wikis, one of each
// format, and all that repositories at GitHub are seen to have.
func exported(tb testing.TB) *layout {
	tb.Helper()
	return readLayout(tb, large.get(tb, func(tb testing.TB) []byte {
		tb.Helper()
		return makeExported(tb).file(tb)
	}))
}

// Tests share what takes many processes to make.
var small, large shared

type shared struct {
	mu   sync.Mutex
	file []byte
}

func (s *shared) get(tb testing.TB, fill func(testing.TB) []byte) []byte {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		s.file = fill(tb)
	}
	return s.file
}

func makeSmallArchive(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range map[string]string{
		"schema.json": `{"version":"1.0.1","github_sha":"0123456789abcdef0123456789abcdef01234567"}`,
		"users_000001.json": `[
  {
    "type": "user",
    "url": "https://github.com/octocat",
    "login": "octocat"
  }
]`,
		"repositories_000001.json": `[
  {
    "type": "repository",
    "url": "https://github.com/octocat/app",
    "owner": "https://github.com/octocat",
    "name": "app",
    "labels": [

    ],
    "git_url": "tarball://root/repositories/octocat/app.git"
  }
]`,
		"issues_000001.json": `[
  {
    "type": "issue",
    "url": "https://github.com/octocat/app/issues/1",
    "repository": "https://github.com/octocat/app",
    "user": "https://github.com/octocat",
    "title": "It broke",
    "created_at": "2024-07-26T14:58:43Z"
  }
]`,
		"attachments_000001.json": `[
  {
    "type": "attachment",
    "url": "https://github.com/user-attachments/assets/1",
    "issue": "https://github.com/octocat/app/issues/1",
    "user": "https://github.com/octocat",
    "asset_name": "shot.png",
    "asset_url": "tarball://root/attachments/1/shot.png"
  }
]`,
		"attachments/1/shot.png": "not really a picture",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(tb, os.WriteFile(path, []byte(text), 0o644))
	}
	bare := filepath.Join(dir, "repositories", "octocat", "app.git")
	run(tb, dir, "", "git", "init", "-q", "--bare", "--template=", "--initial-branch=main", bare)
	tree := strings.TrimSpace(run(tb, bare, "", "git", "mktree"))
	first := strings.TrimSpace(run(tb, bare, "first", "git", "commit-tree", tree))
	run(tb, bare, "", "git", "update-ref", "refs/heads/main", first)
	run(tb, bare, "", "git", "-c", "pack.writeReverseIndex=true", "repack", "-q", "-a", "-d")
	run(tb, bare, "", "git", "pack-refs", "--all")
	blob := strings.TrimSpace(run(tb, bare, "loose", "git", "hash-object", "-w", "--stdin"))
	run(tb, bare, "", "git", "update-ref", "refs/tags/loose", blob)
	return []byte(run(tb, dir, "", "sh", "-c",
		"tar --format=gnu --sort=name --mtime=2024-07-26T15:00:00Z --owner=git:500 --group=git:500 --mode=u+w -C "+dir+" -cf - . | gzip -9"))
}

func makeExported(tb testing.TB) *layout {
	tb.Helper()
	l := new(layout)
	for name, text := range map[string]string{
		"schema.json":              `{"version":"1.0.1"}`,
		"users_000001.json":        `[{"type":"user","url":"https://github.com/octocat"}]`,
		"audit_log.csv":            "action\n",
		"attachments/1/shot.png":   "a picture",
		"attachments/2/shot.png":   "another",
		"releases/3/app.tar.gz":    strings.Repeat("large ", 100_000),
		"repository_files/4/a.txt": "",
		"novelties/5/6/7":          "of the future",
	} {
		l.add(name, text)
	}
	l.members = append(l.members, &member{name: "attachments/3", mode: tar.TypeDir})
	for name, format := range map[string]string{
		"octocat/app": "sha1", "octocat/app.wiki": "sha1", "octocat/next": "sha256", "octocat/next.wiki": "sha256", "octocat/empty": "sha256",
	} {
		dir := tb.TempDir()
		git := func(args ...string) string {
			tb.Helper()
			return run(tb, dir, "", "git", append([]string{"-c", "core.fsync=none"}, args...)...)
		}
		git("init", "-q", "--bare", "--initial-branch=main", "--object-format="+format, ".")
		git("config", "remote.origin.url", "10.0.0.1:/data/repositories/1/nw/aa/bb/cc/2/3.git")
		git("config", "remote.origin.mirror", "true")
		extra := map[string]string{"logs/HEAD": "moved\n", "dgit-state": "1\n", "dgit-state.flock": "", "audit_log": "{}\n", "info/nwo": name + "\n", "objects/info/alternates": ""}
		if path.Base(name) != "empty" {
			tree := strings.TrimSpace(git("mktree"))
			git("update-ref", "refs/heads/main", strings.TrimSpace(git("commit-tree", "-m", "First", tree)))
			git("tag", "-a", "-m", "Tagged", "v1", "main")
			git("update-ref", "refs/pull/1/head", "main")
			git("-c", "pack.writeReverseIndex=true", "gc", "-q")
			git("update-ref", "refs/heads/config", strings.TrimSpace(git("commit-tree", "-m", "Second", "-p", "main", tree)))
			git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
		}
		for name, text := range extra {
			require.NoError(tb, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
			require.NoError(tb, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		l.addTree(tb, dir, "repositories/"+name+".git")
	}
	slices.SortFunc(l.members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	return l
}

func (l *layout) addTree(tb testing.TB, dir, as string) {
	tb.Helper()
	require.NoError(tb, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		m := &member{name: path.Join(as, filepath.ToSlash(rel)), mode: tar.TypeDir}
		if !d.IsDir() {
			m.mode = tar.TypeReg
			m.body, err = os.ReadFile(file)
		}
		l.members = append(l.members, m)
		return err
	}))
}

// run runs a program that the tests of archives stand on.
func run(tb testing.TB, dir, stdin, name string, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), name, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stderr = tb.Output()
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TZ=UTC",
		"GIT_AUTHOR_NAME=octocat", "GIT_AUTHOR_EMAIL=octocat@example.com", "GIT_AUTHOR_DATE=2024-07-26T14:00:00Z",
		"GIT_COMMITTER_NAME=octocat", "GIT_COMMITTER_EMAIL=octocat@example.com", "GIT_COMMITTER_DATE=2024-07-26T14:00:00Z")
	out, err := cmd.Output()
	require.NoError(tb, err, "%s %s: these tests need git, GNU tar and gzip", name, strings.Join(args, " "))
	return string(out)
}
