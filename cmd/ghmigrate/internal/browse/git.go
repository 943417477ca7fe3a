package browse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A gitRunner runs git in the repositories of the archives. archive.Extract removes the
// configuration and the hooks of these repositories.
type gitRunner struct {
	lib     *Library
	store   *store
	program string // empty if git is not installed
	address string // the address above the repositories, for git clone

	mu    sync.Mutex
	known map[string]bool // whether there is a commit, by "repository commit"
}

var (
	errNoGit    = errors.New("git is not installed on this computer")
	errNoCommit = fmt.Errorf("the commit is %w", errNotFound)
)

func newGitRunner(l *Library) *gitRunner {
	program, _ := exec.LookPath("git")
	return &gitRunner{lib: l, store: l.store, program: program, known: map[string]bool{}}
}

// gitEnvironment returns the environment of git. It keeps git away from the configuration
// of the user and the system, from the network, and from other repositories.
func gitEnvironment() []string {
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=none",
		"GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C", "HOME=" + os.DevNull,
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*", "GIT_CONFIG_KEY_1=core.fsmonitor", "GIT_CONFIG_VALUE_1=false",
	}
	for _, name := range []string{"PATH", "SystemRoot", "TMPDIR", "TEMP", "TMP"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// dir returns the folder of a repository.
func (g *gitRunner) dir(ctx context.Context, name string) (string, error) {
	archives, err := queryAll(ctx, g.store, scanColumn[int64], `SELECT archive FROM git WHERE name = ?`, name)
	if err != nil {
		return "", err
	}
	if len(archives) == 0 {
		return "", errNotFound
	}
	return g.lib.files.repository(archives[0], name)
}

// run runs git in a repository, and returns at most limit bytes of its output.
func (g *gitRunner) run(ctx context.Context, name string, limit int, input string, args ...string) ([]byte, error) {
	if g.program == "" {
		return nil, errNoGit
	}
	dir, err := g.dir(ctx, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.program, append([]string{"--git-dir=" + dir, "--no-pager"}, args...)...) //nolint:gosec // the program is git; texts of an archive are only arguments
	cmd.Env, cmd.Dir = gitEnvironment(), dir
	cmd.Stdin = strings.NewReader(input)
	out, stderr := &limitedBuffer{limit: limit, onFull: cancel}, &limitedBuffer{limit: 4096}
	cmd.Stdout, cmd.Stderr = out, stderr
	if err := cmd.Run(); err != nil && !out.isFull {
		return nil, fmt.Errorf("git %s in %s: %w: %s", args[0], name, err, strings.TrimSpace(stderr.kept.String()))
	}
	return out.kept.Bytes(), nil
}

// A limitedBuffer keeps the first bytes of an output, and drops the rest. It does not
// embed its Buffer: io.Copy would call Buffer.ReadFrom, which has no limit.
type limitedBuffer struct {
	kept   bytes.Buffer
	limit  int
	isFull bool   // some output is dropped
	onFull func() // may be nil
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	left := b.limit - b.kept.Len()
	if len(p) <= left {
		return b.kept.Write(p)
	}
	b.kept.Write(p[:left])
	b.isFull = true
	if b.onFull != nil {
		b.onFull()
	}
	return len(p), nil
}

// gitReason returns the text of a page for missing Git data. It is empty for an
// unexpected error.
func gitReason(err error) string {
	switch {
	case errors.Is(err, errNoCommit):
		return "The Git data of the archive do not have this commit."
	case errors.Is(err, errNotFound):
		return "The archive has no Git data of this repository."
	case errors.Is(err, errNoGit):
		return "Git is not installed on this computer. The pages need it to show branches, commits and the README."
	case errors.Is(err, errUnpacking):
		return "The archive is still being unpacked. Load this page again in a moment."
	default:
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return "Git cannot read the repository."
		}
		return ""
	}
}

// has reports whether a repository has a commit.
func (g *gitRunner) has(ctx context.Context, name, sha string) bool {
	g.learn(ctx, name, []string{sha})
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known[name+" "+sha]
}

// maxKnown bounds the cache of commits.
const maxKnown = 100_000

// learn finds out which commits a repository has, with one process of git, and caches
// the results. A repository that git cannot read has no commits.
func (g *gitRunner) learn(ctx context.Context, name string, commits []string) {
	g.mu.Lock()
	var unknown []string
	for _, sha := range commits {
		if _, ok := g.known[name+" "+sha]; !ok && isSHA(sha) {
			unknown = append(unknown, sha)
		}
	}
	g.mu.Unlock()
	if len(unknown) == 0 {
		return
	}
	out, err := g.run(ctx, name, 100*len(unknown)+4096, strings.Join(unknown, "^{commit}\n")+"^{commit}\n", "cat-file", "--batch-check=%(objecttype)")
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed || ctx.Err() != nil {
		return
	}
	types := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(types) != len(unknown) { // git failed
		types = make([]string, len(unknown))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) > maxKnown {
		clear(g.known)
	}
	for i, sha := range unknown {
		g.known[name+" "+sha] = types[i] == "commit"
	}
}
