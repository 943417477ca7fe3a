package archive_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive/internal/gittest"
)

// smallArchive returns an archive that git, GNU tar and gzip make, as GitHub's exporter
// does. The repository has a commit in a pack and a loose blob.
func smallArchive(tb testing.TB) []byte {
	tb.Helper()
	return bytes.Clone(small.get(tb, makeSmallArchive))
}

// exported returns an archive of two repositories with wikis and an empty repository.
// The formats are SHA-1 and SHA-256. The repositories have every kind of file that
// GitHub's archives have.
func exported(tb testing.TB) *layout {
	tb.Helper()
	return readLayout(tb, large.get(tb, func(tb testing.TB) []byte {
		tb.Helper()
		return makeExported(tb).file(tb)
	}))
}

// Making these archives takes many processes, so all tests share them.
var small, large sharedArchive

// A sharedArchive is made by the first test that needs it.
type sharedArchive struct {
	mu   sync.Mutex
	file []byte
}

func (s *sharedArchive) get(tb testing.TB, fill func(testing.TB) []byte) []byte {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		s.file = fill(tb)
	}
	return s.file
}

// makeSmallArchive makes the archive that smallArchive returns.
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
	git := gittest.New(tb, "sha1", "--template=")
	git.Commit(1, "")
	git.Git("-c", "pack.writeReverseIndex=true", "repack", "-q", "-a", "-d")
	git.Git("pack-refs", "--all")
	git.Git("update-ref", "refs/tags/loose", strings.TrimSpace(gittest.Run(tb, git.Dir, "loose", "git", "hash-object", "-w", "--stdin")))
	require.NoError(tb, os.MkdirAll(filepath.Join(dir, "repositories", "octocat"), 0o755))
	require.NoError(tb, os.Rename(git.Dir, filepath.Join(dir, "repositories", "octocat", "app.git")))
	return []byte(gittest.Run(tb, dir, "", "sh", "-c",
		"tar --format=gnu --sort=name --mtime=2024-07-26T15:00:00Z --owner=git:500 --group=git:500 --mode=u+w -C "+dir+" -cf - . | gzip -9"))
}

// makeExported makes the archive that exported returns.
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
	l.members = append(l.members, &member{name: "attachments/3", typeflag: tar.TypeDir})
	for format, names := range map[string][]string{"sha1": {"octocat/app", "octocat/app.wiki"}, "sha256": {"octocat/next", "octocat/next.wiki"}} {
		r := gittest.New(tb, format)
		r.Commit(1, "")
		r.Git("tag", "-a", "-m", "Tagged", "v1", "main")
		r.Git("update-ref", "refs/pull/1/head", "main")
		r.Git("-c", "pack.writeReverseIndex=true", "gc", "-q")
		r.Git("update-ref", "refs/heads/config", r.Git("commit-tree", "-m", "Second", "-p", "main", "main^{tree}"))
		r.Git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
		addServerFiles(tb, r.Dir)
		for _, name := range names {
			l.addTree(tb, r.Dir, "repositories/"+name+".git")
		}
	}
	empty := gittest.New(tb, "sha256")
	addServerFiles(tb, empty.Dir)
	l.addTree(tb, empty.Dir, "repositories/octocat/empty.git")
	slices.SortFunc(l.members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	return l
}

// addServerFiles adds the files that GitHub's servers write to a repository.
func addServerFiles(tb testing.TB, dir string) {
	tb.Helper()
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	require.NoError(tb, err)
	for name, text := range map[string]string{
		"config":    string(config) + "[remote \"origin\"]\n\turl = 10.0.0.1:/data/repositories/1/nw/aa/bb/cc/2/3.git\n\tmirror = true\n",
		"logs/HEAD": "moved\n", "dgit-state": "1\n", "dgit-state.flock": "", "audit_log": "{}\n", "info/nwo": "octocat/app\n", "objects/info/alternates": "",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(tb, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(tb, os.WriteFile(file, []byte(text), 0o600))
	}
}

// addTree adds the directories and files in dir.
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
		m := &member{name: path.Join(as, filepath.ToSlash(rel)), typeflag: tar.TypeDir}
		if !d.IsDir() {
			m.typeflag = tar.TypeReg
			m.body, err = os.ReadFile(file)
		}
		l.members = append(l.members, m)
		return err
	}))
}
