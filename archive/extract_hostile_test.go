package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/archive/internal/gittest"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// TestGitRunsNothingOfAnArchive plants configurations and hooks that make Git run a
// program: in the repository of an archive, and wherever else Git could find them. Then
// it runs git in every extracted directory.
func TestGitRunsNothingOfAnArchive(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the program that must not run is a script of a Unix shell")
	}
	trap := newTrap(t)
	l := readLayout(t, smallArchive(t))
	l.remove("repositories/octocat/app.git/config", "")
	trap.plant(l, "repositories/octocat/app.git", nil)
	for _, dir := range []string{
		"", ".git", "repositories", "repositories/octocat", "repositories/octocat/.git", "Repositories/octocat/app.git",
		"repositories/octocat/app.GIT", "repositories/octocat/app.git/logs", "repositories/octocat/app.git/refs",
		"repositories/octocat/app.git/refs/heads", "repositories/octocat/app.git/objects", "repositories/octocat/app.git/objects/pack",
		"repositories/octocat/app.git/hooks", "repositories/octocat/app.git/info", "repositories/octocat/app.git/worktrees/x",
		"repositories/octocat/app.git/.git", "attachments", "attachments/1", "attachments/1/.git", "attachments/1/x.git", "releases/1",
		"repository_files/1", "novelties", "novelties/x", "repositories/octocat/new.git", "repositories/octocat/new.git/refs",
	} {
		trap.plant(l, dir, []string{"HEAD", "objects", "refs"})
	}
	for _, dir := range []string{"", "attachments", "attachments/1", "repositories", "repositories/octocat", "repositories/octocat/app.git", "novelties"} {
		trap.plantMore(l, dir)
	}
	// Repositories whose HEAD and config are in different directories.
	for name, text := range map[string]string{
		"attachments/2/HEAD": "ref: refs/heads/main\n", "attachments/2/commondir": "../../novelties/y\n",
		"novelties/y/config": trap.config, "novelties/y/objects/x": "", "novelties/y/refs/x": "",
		"attachments/3/.git":                     "gitdir: ../../novelties/z\n",
		"novelties/z/HEAD":                       "ref: refs/heads/main\n",
		"novelties/z/config":                     trap.config,
		"repositories/octocat/app.git/commondir": "../../../novelties/y\n",
	} {
		l.add(name, text)
	}

	if !race.Enabled { // many git processes, which the race detector does not watch
		plain := t.TempDir() // without the protection of Extract
		l.unpack(plain)
		limit := 30 // enough to show that the trap works
		if *exhaustive {
			limit = 1000
		}
		assert.Greater(t, len(trap.visit(t, plain, limit, trap.aliases())), min(limit-1, 100), "git does not run the program without Extract either")
	}

	dir := t.TempDir()
	_, err := archive.Extract(t.Context(), bytes.NewReader(l.file(t)), dir, nil)
	require.Error(t, err)
	for name := range tree(t, dir) {
		assert.NotRegexp(t, `(^|/)\.`, name)
	}
	assert.Empty(t, trap.visit(t, dir, 1, append(trap.aliases(), trap.commands()...)))
	config, err := os.ReadFile(filepath.Join(dir, "repositories", "octocat", "app.git", "github-config"))
	require.NoError(t, err)
	assert.Equal(t, trap.config, string(config))
	assert.Contains(t, gittest.Run(t, filepath.Join(dir, "repositories", "octocat", "app.git"), "", "git", "log", "main"), "Commit 0")
}

// A trap is a program that leaves a mark, and configurations that make Git run the
// program.
type trap struct {
	program, mark, config, worktree string
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	dir := t.TempDir()
	p := &trap{program: filepath.Join(dir, "program"), mark: filepath.Join(dir, "mark")}
	require.NoError(t, os.WriteFile(p.program, []byte("#!/bin/sh\necho ran >> "+p.mark+"\n"), 0o700))
	included := filepath.Join(dir, "included")
	require.NoError(t, os.WriteFile(included, []byte("[alias]\n\tincluded = !"+p.program+"\n"), 0o600))
	p.config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n" +
		"\tfsmonitor = " + p.program + "\n\tsshCommand = " + p.program + "\n\thooksPath = hooks\n\tpager = " + p.program + "\n" +
		"\teditor = " + p.program + "\n[alias]\n\tplanted = !" + p.program + "\n[include]\n\tpath = " + included + "\n" +
		"[remote \"origin\"]\n\turl = ssh://localhost/x\n\tfetch = +refs/*:refs/*\n[extensions]\n\tworktreeConfig = true\n"
	p.worktree = "[alias]\n\tworktree = !" + p.program + "\n"
	return p
}

// plant adds to dir the files that Git could take for a repository.
func (p *trap) plant(l *layout, dir string, of []string) {
	for _, name := range of {
		switch name {
		case "HEAD":
			l.add(path.Join(dir, name), "ref: refs/heads/main\n")
		default:
			l.members = append(l.members, &member{name: path.Join(dir, name), typeflag: tar.TypeDir})
			l.add(path.Join(dir, name, "x"), "")
		}
	}
	l.add(path.Join(dir, "config"), p.config)
	l.add(path.Join(dir, "config.worktree"), p.worktree)
	l.add(path.Join(dir, "hooks", "reference-transaction"), "#!/bin/sh\nexec "+p.program+"\n")
}

// plantMore adds to dir the files in which other programs look for commands.
func (p *trap) plantMore(l *layout, dir string) {
	for name, text := range map[string]string{
		".hg/hgrc": "[hooks]\npre-status = " + p.program + "\n", ".hg/requires": "store\n",
		".svn/wc.db": "", ".bzr/branch/format": "", ".jj/repo/config.toml": "",
		".vscode/tasks.json": "{}", ".idea/workspace.xml": "", ".envrc/x": p.program,
	} {
		l.add(path.Join(dir, name), text)
	}
}

// unpack writes the files of a layout without any check, as far as possible.
func (l *layout) unpack(dir string) {
	for _, m := range l.members {
		file := filepath.Join(dir, filepath.FromSlash(m.name))
		if m.typeflag == tar.TypeDir {
			_ = os.MkdirAll(file, 0o700)
			continue
		}
		_ = os.MkdirAll(filepath.Dir(file), 0o700)
		if _, err := os.Lstat(file); err != nil {
			_ = os.WriteFile(file, m.body, 0o700)
		}
	}
}

// aliases are the aliases of the planted configurations.
func (*trap) aliases() []string { return []string{"planted", "included", "worktree"} }

// commands are other commands of git that could run the program, in a repository.
func (*trap) commands() []string {
	return []string{"status", "fetch", "log -p main", "branch -a", "gc --auto", "tag made HEAD", "update-ref refs/heads/made main"}
}

// visit runs git in every directory below dir, until the program has run in limit
// directories. It describes each run. All commands run once for each repository
// that git finds, and the first command in every directory.
func (p *trap) visit(t *testing.T, dir string, limit int, commands []string) (ran []string) {
	t.Helper()
	visited := map[string]bool{} // repositories
	require.NoError(t, filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		git := func(args ...string) ([]byte, error) {
			cmd := exec.CommandContext(t.Context(), "git", args...)
			cmd.Dir = at
			cmd.Env = append(gittest.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_TERMINAL_PROMPT=0")
			return cmd.CombinedOutput()
		}
		here := commands
		repository, err := git("rev-parse", "--absolute-git-dir")
		if (err != nil || visited[string(repository)]) && !*exhaustive {
			here = here[:1] // the other commands find the same configuration, or none
		}
		visited[string(repository)] = true
		for _, command := range here {
			out, _ := git(strings.Fields(command)...)
			if _, err := os.Stat(p.mark); err == nil {
				ran = append(ran, fmt.Sprintf("git %s in %s: %s", command, strings.TrimPrefix(at, dir), out))
				if len(ran) == limit {
					require.NoError(t, os.Remove(p.mark))
					return fs.SkipAll
				}
				return os.Remove(p.mark)
			}
		}
		return nil
	}))
	return ran
}

// FuzzExtract extracts entries of any names. Each line of the input is an entry: a letter
// for the type, then the name.
func FuzzExtract(f *testing.F) {
	const git = "0repositories/o/r.git/"
	for _, seed := range []string{
		"0attachments/1/x\n0attachments/1/X\n5attachments/1\n0schema.json\n0/x\n0../x\n0a/../../x\n",
		git + "HEAD\n" + git + "config\n" + git + "refs/heads/config\n" + git + "logs/HEAD\n" + git + "hooks/x\n5repositories/o/r.git/objects\n",
		git + "objects/pack/pack-x.idx\n" + git + "objects/ab/0123456789012345678901234567890123456789\n" + git + "objects/info/alternates\n",
		"2attachments/1/link\n1x\n3x\n4x\n6x\n7x\nSx\nLx\nKx\nxx\ngx\n",
		"0.git/HEAD\n0.GIT\n0git~1\n0.g\u200cit\n0nul.txt\n0a:b\n0a\\b\n0x.\n0 \n0commondir\n0HEAD\n5HEAD\n",
		"0a\n0a/b\n5a/b/c\n0repositories\n0repositories/o\n0repositories/o/r.git\n" + git + "HEAD\n",
	} {
		f.Add(seed, "ref: refs/heads/main\n")
		f.Add(seed, "[alias]\n\tx = !x\n")
		f.Add(seed+git+"refs/heads/aux\n"+git+"refs/heads/a|b\n5"+git[1:]+"refs/x\n"+git+"refs/x\n", strings.Repeat("1", 40)+"\n")
	}
	f.Fuzz(func(t *testing.T, entries, content string) {
		if len(entries) > 10_000 || len(content) > 10_000 {
			return
		}
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for line := range strings.Lines(entries) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" {
				continue
			}
			h := &tar.Header{Typeflag: line[0], Name: line[1:], Linkname: "../../outside", Mode: 0o7777}
			if h.Typeflag == tar.TypeReg {
				h.Size, h.Linkname = int64(len(content)), ""
			}
			if w.WriteHeader(h) == nil && h.Size > 0 {
				_, err := w.Write([]byte(content))
				require.NoError(t, err)
			}
		}
		if w.Close() != nil {
			return
		}
		parent := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(parent, "outside"), []byte("mine"), 0o600))
		dir := filepath.Join(parent, "dir")
		_, err := archive.Extract(t.Context(), bytes.NewReader(gzipOf(t, b.Bytes())), dir, nil)
		require.NotErrorIs(t, err, fs.ErrNotExist)

		files := tree(t, parent)
		require.Equal(t, "mine", files["outside"])
		delete(files, "outside")
		for name, text := range files {
			name, inside := strings.CutPrefix(name, "dir/")
			require.True(t, inside, name)
			parts := strings.Split(name, "/")
			bare := len(parts) > 3 && parts[0] == "repositories" && strings.HasSuffix(parts[2], ".git")
			base := strings.ToLower(parts[len(parts)-1])
			switch {
			case base == ".git", base == "commondir" && len(parts) == 4, base == "head" && !bare, strings.Contains("/"+strings.TrimSuffix(name, parts[len(parts)-1]), "/."):
				t.Errorf("%s was extracted", name)
			case bare && name == path.Join(path.Join(parts[:3]...), "config"):
				require.True(t, strings.HasPrefix(text, "[core]\n\trepositoryformatversion = ") && strings.Count(text, "\n") <= 6, text)
			case bare && name == path.Join(path.Join(parts[:3]...), "packed-refs") && text != content:
				id, _, _ := strings.Cut(content, "\n")
				for line := range strings.Lines(strings.TrimPrefix(text, "# pack-refs with: \n")) {
					require.True(t, strings.HasPrefix(line, strings.TrimSpace(id)+" refs/") || strings.Contains(content, line), text)
				}
			case bare && len(parts) > 3 && (parts[3] == "refs" || parts[3] == "HEAD" && len(parts) == 4):
				require.Equal(t, content, text)
				require.NotContains(t, text, "[")
			case text != "": // entries of other types have no content
				require.Equal(t, content, text)
			}
		}
	})
}
