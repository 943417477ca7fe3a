package browse

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html/template"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A git asks git about the repositories of the archives. Extract of package archive
// has left them without configuration and hooks.
type git struct {
	lib     *Library
	store   *store
	program string          // empty if git is not installed
	address string          // of the repositories, for git clone
	ctx     context.Context //nolint:containedctx // the life of the site

	mu    sync.Mutex
	known map[string]bool // "repository commit"
}

// errNoGit means that git is not installed.
var errNoGit = errors.New("git is not installed here")

func newGit(ctx context.Context, l *Library) *git {
	program, _ := exec.LookPath("git")
	return &git{lib: l, store: l.store, program: program, ctx: ctx, known: map[string]bool{}}
}

// environment is that of git: no configuration of the user or the system, no network,
// no other repositories.
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
func (g *git) dir(ctx context.Context, name string) (string, error) {
	archives, err := queryAll(ctx, g.store, scanInt, `SELECT archive FROM git WHERE name = ?`, name)
	if err != nil {
		return "", err
	}
	if len(archives) == 0 {
		return "", errNotFound
	}
	return g.lib.files.repository(archives[0], name)
}

// run runs git in a repository, and returns at most limit bytes of what it prints.
func (g *git) run(ctx context.Context, name string, limit int, input string, args ...string) ([]byte, error) {
	if g.program == "" {
		return nil, errNoGit
	}
	dir, err := g.dir(ctx, name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.program, append([]string{"--git-dir=" + dir, "--no-pager"}, args...)...) //nolint:gosec // the program is git, and names are arguments
	cmd.Env, cmd.Dir = gitEnvironment(), dir
	cmd.Stdin = strings.NewReader(input)
	out := &limited{limit: limit, full: cancel}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &limited{limit: 4096, to: &stderr}
	if err := cmd.Run(); err != nil && !out.isFull {
		return nil, fmt.Errorf("git %s in %s: %w: %s", args[0], name, err, strings.TrimSpace(stderr.String()))
	}
	return out.Bytes(), nil
}

// limited keeps the first bytes of an output.
type limited struct {
	bytes.Buffer
	limit  int
	isFull bool
	full   func()
	to     *bytes.Buffer
}

func (l *limited) Write(p []byte) (int, error) {
	b := &l.Buffer
	if l.to != nil {
		b = l.to
	}
	if left := l.limit - b.Len(); len(p) > left {
		b.Write(p[:max(0, left)])
		l.isFull = true
		if l.full != nil {
			l.full()
		}
		return len(p), nil
	}
	return b.Write(p)
}

// gitReason says for a page why Git data cannot be shown; empty for other errors.
func gitReason(err error) string {
	switch {
	case errors.Is(err, errNotFound):
		return "The archive has no Git data of this."
	case errors.Is(err, errNoGit):
		return "Git is not installed on this computer, so that branches, commits and the README cannot be shown."
	case errors.Is(err, errUnpacking):
		return "The archive is still being unpacked. Load this page again in a moment."
	default:
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return "Git cannot read it."
		}
		return ""
	}
}

// has reports whether a repository has a commit.
func (g *git) has(ctx context.Context, name, sha string) bool {
	g.learn(ctx, name, []string{sha})
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known[name+" "+sha]
}

// maxKnown bounds the commits that are remembered.
const maxKnown = 100_000

// learn asks git which of some commits a repository has, in one process. The answers
// are remembered.
func (g *git) learn(ctx context.Context, name string, commits []string) {
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
	out, err := g.run(ctx, name, 64*len(unknown)+4096, strings.Join(unknown, "^{commit}\n")+"^{commit}\n", "cat-file", "--batch-check=%(objecttype)")
	if err != nil {
		return
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(answers) != len(unknown) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) > maxKnown {
		clear(g.known)
	}
	for i, sha := range unknown {
		g.known[name+" "+sha] = answers[i] == "commit"
	}
}

// maxRefs bounds the branches and the tags on a page.
const maxRefs = 500

// refs returns the branches and tags of a repository.
func (p *repositoryPage) refs(name, defaultBranch string) (gitView, error) {
	var v gitView
	out, err := p.git.run(p.ctx, name, 4<<20, "", "for-each-ref", "--sort=-creatordate",
		"--format=%(refname)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)%00%(contents:subject)", "refs/heads", "refs/tags")
	if err != nil {
		if v.Missing = gitReason(err); v.Missing == "" {
			return v, err
		}
		if errors.Is(err, errNoGit) {
			v.Clone = p.cloneCommand(name)
		}
		return v, nil
	}
	v.Clone = p.cloneCommand(name)
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(f) != 5 {
			continue
		}
		commit := f[1]
		if f[2] != "" {
			commit = f[2]
		}
		seconds, _ := strconv.ParseInt(f[3], 10, 64)
		r := refView{Commit: shortSHA(commit), Href: p.links.page(p.repo.slug + "/commit/" + commit), Subject: cut(f[4], 200), At: timeOf(seconds)}
		list := &v.Branches
		switch {
		case strings.HasPrefix(f[0], "refs/heads/"):
			r.Name = cut(f[0][len("refs/heads/"):], 250)
			r.Default = r.Name == defaultBranch
		default:
			r.Name, list = cut(strings.TrimPrefix(f[0], "refs/tags/"), 250), &v.Tags
		}
		if len(*list) == maxRefs {
			v.More++
			continue
		}
		*list = append(*list, r)
	}
	return v, nil
}

// readme returns the README of the default branch.
func (p *repositoryPage) readme(branch string) (string, template.HTML) {
	tree := "HEAD"
	if branch != "" {
		tree = "refs/heads/" + branch
	}
	out, err := p.git.run(p.ctx, p.repo.name, 1<<20, "", "ls-tree", "-z", "--name-only", tree)
	if err != nil {
		if out, err = p.git.run(p.ctx, p.repo.name, 1<<20, "", "ls-tree", "-z", "--name-only", "HEAD"); err != nil {
			return "", ""
		}
		tree = "HEAD"
	}
	best := ""
	for name := range strings.SplitSeq(string(out), "\x00") {
		lower := strings.ToLower(name)
		if lower == "readme.md" || best == "" && (lower == "readme" || lower == "readme.markdown" || lower == "readme.txt" || lower == "readme.rst") {
			best = name
		}
	}
	if best == "" {
		return "", ""
	}
	text, err := p.git.run(p.ctx, p.repo.name, maxShown, "", "cat-file", "blob", tree+":"+best)
	if err != nil {
		return "", ""
	}
	if lower := strings.ToLower(best); strings.HasSuffix(lower, ".md") || strings.HasSuffix(lower, ".markdown") {
		return best, p.render(string(text), p.readmePlace())
	}
	return best, plainText(string(text))
}

// A commitView is a commit for a page.
type commitView struct {
	SHA, Author, Email, Subject, Message string
	At                                   time.Time
	Parents                              []string
	Diff                                 []hunkLine
	Cut                                  bool
}

const maxDiff = 512 << 10

func (g *git) commit(ctx context.Context, name, sha string) (*commitView, error) {
	if !g.has(ctx, name, sha) {
		if _, err := g.dir(ctx, name); err != nil {
			return nil, err
		}
		if g.program == "" {
			return nil, errNoGit
		}
		return nil, errNotFound
	}
	out, err := g.run(ctx, name, 1<<20, "", "show", "--no-patch", "--no-color", "--no-show-signature", "--format=%H%x00%an%x00%ae%x00%at%x00%P%x00%s%x00%b", sha+"^{commit}", "--")
	if err != nil {
		return nil, err
	}
	f := strings.SplitN(string(out), "\x00", 7)
	if len(f) != 7 {
		return nil, errNotFound
	}
	seconds, _ := strconv.ParseInt(f[3], 10, 64)
	v := &commitView{
		SHA: f[0], Author: cut(f[1], 200), Email: cut(f[2], 200), At: timeOf(seconds), Parents: strings.Fields(f[4]),
		Subject: cut(f[5], 1000), Message: cut(strings.TrimSpace(f[6]), 64<<10),
	}
	diff, err := g.run(ctx, name, maxDiff, "", "show", "--format=", "--no-color", "--no-ext-diff", "--no-textconv", "--first-parent", "--stat=100", "--patch", sha+"^{commit}", "--")
	if err != nil {
		return v, nil //nolint:nilerr // a commit without its diff is better than none
	}
	v.Cut = len(diff) >= maxDiff
	for line := range strings.Lines(string(diff)) {
		l := diffLine(strings.TrimSuffix(line, "\n"))
		if strings.HasPrefix(l.Text, "--- a/") || strings.HasPrefix(l.Text, "--- /dev/null") || strings.HasPrefix(l.Text, "+++ b/") || strings.HasPrefix(l.Text, "+++ /dev/null") {
			l.Class = "" // the names of the file
		}
		v.Diff = append(v.Diff, l)
	}
	return v, nil
}

// gitName returns the name of the Git data, "owner/name" or "owner/name.wiki", with an
// address.
func (s *store) gitName(ctx context.Context, slug string) (string, error) {
	names, err := queryAll(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) }, `SELECT name FROM git`)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if strings.EqualFold(slugOf(name), slug) {
			return name, nil
		}
	}
	return "", errNotFound
}
