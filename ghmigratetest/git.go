package ghmigratetest

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Git names objects by it
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
)

// CheckGit returns an error if [FromGit] cannot clone dir: there is no git on this
// machine, or dir is not in a Git repository.
func CheckGit(dir string) error {
	_, err := git{}.run("-c", "safe.directory=*", "-C", dir, "rev-parse", "--git-dir")
	return err
}

// A git runs git. If config is set, git reads this file and not the configuration
// of the machine and the user.
type git struct{ config string }

func (g git) run(args ...string) (string, error) {
	cmd := exec.Command("git", args...) //nolint:gosec,noctx // the caller trusts dir; git ends by itself
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") { // Git sets GIT_DIR for hooks
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
	if g.config != "" {
		cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+g.config)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// cloneBare clones the branches and tags of the repository at dir into the bare
// repository bare, in the form that GitHub keeps. It returns the name of the
// default branch.
//
// A CI checkout is often shallow, belongs to another user, and has no branch. The
// clone is as shallow, ignores the owner, and has a branch for the checked-out
// commit.
func cloneBare(dir, bare string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	g := git{config: bare + ".config"}
	if err := os.WriteFile(g.config, []byte("[safe]\n\tdirectory = *\n"), 0o600); err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(g.config) }()
	source := func(args ...string) (string, error) { return g.run(append([]string{"-C", dir}, args...)...) }
	target := func(args ...string) (string, error) { return g.run(append([]string{"-C", bare}, args...)...) }

	gitDir, err := source("rev-parse", "--absolute-git-dir") // dir may be a subdirectory of a checkout
	if err != nil {
		return "", err
	}
	format, err := source("rev-parse", "--show-object-format")
	if err != nil {
		return "", err
	}
	if _, err := g.run("init", "--quiet", "--bare", "--template=", "--object-format="+format, bare); err != nil {
		return "", err
	}
	branch, refspec, err := defaultBranch(source)
	if err != nil {
		return "", err
	}
	fetch := []string{"-c", "fetch.unpackLimit=1", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"fetch", "--quiet", "--update-shallow", "--no-tags", "--no-write-fetch-head",
		gitDir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}
	if refspec != "" {
		fetch = append(fetch, refspec)
	}
	for _, args := range [][]string{
		fetch,
		{"symbolic-ref", "HEAD", "refs/heads/" + branch},
		{"pack-refs", "--all"},
		{"config", "remote.origin.url", internalURL},
		{"config", "remote.origin.mirror", "true"},
	} {
		if _, err := target(args...); err != nil {
			return "", err
		}
	}
	return branch, nil
}

// internalURL is the remote URL in the configuration of a repository at GitHub.
const internalURL = "10.0.0.1:/data/repositories/0/nw/00/00/00/1296269/1296269.git"

// defaultBranch returns the name of the branch for HEAD. If no branch has the
// checked-out commit, it returns a new name and a refspec that creates the branch.
func defaultBranch(source func(args ...string) (string, error)) (branch, refspec string, err error) {
	heads, err := source("for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/heads")
	if err != nil {
		return "", "", err
	}
	current, symbolicErr := source("symbolic-ref", "--quiet", "HEAD")
	commit, commitErr := source("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if symbolicErr == nil && commitErr == nil {
		return strings.TrimPrefix(current, "refs/heads/"), "", nil
	}
	var names []string
	for line := range strings.Lines(heads) {
		oid, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if oid == commit {
			return name, "", nil
		}
		names = append(names, name)
	}
	if commitErr != nil { // HEAD names a branch that has no commit yet
		if len(names) > 0 {
			return names[0], "", nil
		}
		return "main", "", nil
	}
	for _, name := range []string{"main", "master", "head-of-checkout"} {
		if !slices.Contains(names, name) {
			return name, "+HEAD:refs/heads/" + name, nil
		}
	}
	return "", "", errors.New("no branch has the checked-out commit, and main, master and head-of-checkout are taken")
}

// madeUpRepository returns the files of a bare repository with one commit.
func madeUpRepository(r *repository) fstest.MapFS {
	files := make(fstest.MapFS)
	for _, name := range []string{"branches", "hooks", "objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		files[name] = &fstest.MapFile{Mode: fs.ModeDir}
	}
	add := func(name string, data []byte) { files[name] = &fstest.MapFile{Data: data} }
	store := func(kind string, content []byte) string {
		raw := append(fmt.Appendf(nil, "%s %d\x00", kind, len(content)), content...)
		sum := sha1.Sum(raw) //nolint:gosec // as above
		id := hex.EncodeToString(sum[:])
		var b bytes.Buffer
		z := zlibWriter{&b}
		_, _ = z.Write(raw)
		_ = z.Close()
		add("objects/"+id[:2]+"/"+id[2:], b.Bytes())
		return id
	}
	blob := store("blob", []byte("# "+r.name+"\n"))
	rawBlob, _ := hex.DecodeString(blob)
	tree := store("tree", append([]byte("100644 README.md\x00"), rawBlob...))
	author := fmt.Sprintf("Monalisa Octocat <octocat@users.noreply.github.com> %d +0000", creationTime().Unix())
	commit := store("commit", fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\nBegin %s\n", tree, author, author, r.name))

	add("HEAD", []byte("ref: refs/heads/"+r.branch+"\n"))
	add("config", []byte("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"+
		"[remote \"origin\"]\n\turl = "+internalURL+"\n\tmirror = true\n"))
	add("description", []byte("Unnamed repository; edit this file 'description' to name the repository.\n"))
	add("info/exclude", nil)
	add("packed-refs", []byte("# pack-refs with: peeled fully-peeled sorted \n"+commit+" refs/heads/"+r.branch+"\n"))
	return files
}
