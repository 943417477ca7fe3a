package archive

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// githubConfig is what the config that comes with a repository is named after
// extracting.
const githubConfig = "github-config"

// destination tells by what name an entry is extracted. It is empty for what is
// left out; the error tells why an entry is refused.
func destination(e *Entry) (string, error) {
	if err := checkPortable(e.Name); err != nil {
		return "", err
	}
	if e.Kind == KindGit {
		return bareDestination(e)
	}
	parts := strings.Split(e.Name, "/")
	for _, part := range parts {
		if sameName(part, "HEAD") || sameName(part, "commondir") {
			return "", fmt.Errorf("with %q its directory could be taken for a Git repository", part)
		}
	}
	dirs := len(parts) // that it has or is
	if !e.Mode.IsDir() {
		dirs--
	}
	switch e.Kind {
	case KindAttachment, KindReleaseAsset, KindRepositoryFile:
		if dirs > 2 || dirs < 2 && !e.Mode.IsDir() {
			return "", fmt.Errorf("files are at %s/<id>/<file>", parts[0])
		}
		return e.Name, nil
	default: // Nothing is known of it, but where it is.
	}
	switch {
	case dirs == 0:
	case parts[0] == "repositories":
		if dirs > 2 || !e.Mode.IsDir() {
			return "", errors.New("it is not in a bare repository, repositories/<owner>/<name>.git")
		}
	case strings.Trim(parts[0], "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "":
		return "", fmt.Errorf("%q could be taken for another directory", parts[0])
	}
	return e.Name, nil
}

// bareDir returns the directory of the bare repository that an entry is in.
func bareDir(e *Entry) string { return "repositories/" + e.Repository + ".git" }

// bareDestination is destination for an entry of a bare repository. What is not
// known to belong there is left out, and refused if it is known to do harm: Git
// looks for many things, and may look for more one day.
func bareDestination(e *Entry) (string, error) {
	dir := bareDir(e)
	if e.Name == dir {
		if !e.Mode.IsDir() {
			return "", errors.New("it is a file, where a bare repository should be")
		}
		return dir, nil
	}
	name := strings.TrimPrefix(e.Name, dir+"/")
	if err := harm(name, e.Mode.IsDir()); err != nil {
		return "", err
	}
	switch {
	case e.Mode.IsDir() && !keepsDir(name), !e.Mode.IsDir() && !keepsFile(name):
		return "", nil
	case name == "config":
		return path.Join(dir, githubConfig), nil
	default:
		return e.Name, nil
	}
}

// harm tells what Git would do with a file or directory that a bare repository
// should not have.
func harm(name string, dir bool) error {
	top, rest, _ := strings.Cut(strings.ToLower(name), "/")
	switch {
	case top == "config" && name != "config", top == "config.worktree":
		return errors.New("it could tell Git what to run")
	case top == "commondir", top == "gitdir", top == "worktrees", top == "modules":
		return errors.New("it would lead Git to another repository")
	case top == "hooks" && !dir && !strings.HasSuffix(rest, ".sample"):
		return errors.New("it could be run by Git")
	case (top == "branches" || top == "remotes") && !dir:
		return errors.New("it would tell Git where to fetch from")
	case top == "info" && rest == "grafts":
		return errors.New("it would change the history that Git shows")
	case top == "objects" && rest == "info/http-alternates":
		return errors.New("it would lead Git to other objects")
	default:
		return nil
	}
}

// keepsDir tells whether a directory of a bare repository is extracted.
func keepsDir(name string) bool {
	switch name {
	case "info", "objects", "objects/pack", "objects/pack/multi-pack-index.d", "objects/info", "objects/info/commit-graphs":
		return true
	}
	top, rest, _ := strings.Cut(name, "/")
	switch top {
	case "refs":
		return gitdir.IsRefName(name)
	case "objects":
		return len(rest) == 2 && isHex(rest)
	default:
		return false
	}
}

// keepsFile tells whether a file of a bare repository is extracted.
func keepsFile(name string) bool {
	switch name {
	case "HEAD", "config", "packed-refs", "shallow", "description",
		"info/exclude", "info/refs", "objects/info/packs", "objects/info/commit-graph",
		// What GitHub adds.
		"audit_log", "dgit-state", "language-stats.cache", "stacks-stats.cache", "info/nwo", "info/last-sync":
		return true
	}
	dir, base := path.Split(name)
	ext := path.Ext(base)
	switch dir {
	case "objects/pack/", "objects/pack/multi-pack-index.d/":
		switch {
		case strings.HasPrefix(base, "."), strings.HasPrefix(base, "tmp_"):
			return false
		case base == "multi-pack-index", base == "multi-pack-index-chain":
			return true
		}
		switch ext {
		case ".pack", ".idx", ".rev", ".mtimes", ".bitmap", ".keep", ".midx":
			return true
		}
		return false
	case "objects/info/commit-graphs/":
		return base == "commit-graph-chain" || strings.HasPrefix(base, "graph-") && ext == ".graph"
	}
	return strings.HasPrefix(name, "refs/") && gitdir.IsRefName(name) || isLooseObject(name)
}

// isRefFile tells whether an entry is extracted only if it is a ref.
func isRefFile(e *Entry) bool {
	name := strings.TrimPrefix(e.Name, bareDir(e)+"/")
	return e.Kind == KindGit && (name == "HEAD" || strings.HasPrefix(name, "refs/"))
}

// objectDigits returns how many digits the names of objects have, if the name of
// a file of a bare repository tells, or else 0.
func objectDigits(name string) int {
	base, isPack := strings.CutPrefix(name, "objects/pack/pack-")
	digits := strings.TrimSuffix(base, path.Ext(base))
	switch {
	case isLooseObject(name):
		return len(name) - len("objects//")
	case isPack && isHex(digits) && (len(digits) == 40 || len(digits) == 64):
		return len(digits)
	default:
		return 0
	}
}

func isLooseObject(name string) bool {
	dir, file, _ := strings.Cut(strings.TrimPrefix(name, "objects/"), "/")
	return strings.HasPrefix(name, "objects/") && len(dir) == 2 && (len(file) == 38 || len(file) == 62) && isHex(dir+file)
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
