package archive

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// githubPrefix begins the names of files that come with a bare repository and are
// not for Git: config becomes github-config, and logs/HEAD becomes
// github-logs%2FHEAD.
const githubPrefix = "github-"

// maxDepth bounds the directories of an entry of an unknown kind: a directory costs far
// more on a disk than in an archive.
const maxDepth = 8

// destination returns the name under which an entry is extracted. It is empty for an
// entry that is left out. The error says why an entry is refused.
func destination(e *Entry) (string, error) {
	if err := checkPortable(e.Name); err != nil {
		return "", err
	}
	if e.Kind == KindGit {
		return bareDestination(e)
	}
	parts := strings.Split(e.Name, "/")
	dirs := len(parts) // the number of directories in the name
	if !e.Mode.IsDir() {
		dirs--
	}
	known := e.Kind == KindAttachment || e.Kind == KindReleaseAsset || e.Kind == KindRepositoryFile
	for i, part := range parts {
		switch {
		case sameName(part, "HEAD") || sameName(part, "commondir"):
			return "", fmt.Errorf("%q could make Git treat its directory as a repository", part)
		case isHidden(part) && (i < dirs || !known):
			return "", errHidden
		}
	}
	switch {
	case known && (dirs > 2 || dirs < 2 && !e.Mode.IsDir()):
		return "", fmt.Errorf("its name does not have the form %s/<id>/<file>", parts[0])
	case known, dirs == 0:
	case parts[0] == "repositories":
		if dirs > 2 || !e.Mode.IsDir() {
			return "", errNotBare
		}
	case strings.Trim(parts[0], "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "":
		return "", fmt.Errorf("%q could name another directory", parts[0])
	case dirs > maxDepth:
		return "", fmt.Errorf("below more than %d directories", maxDepth)
	}
	return e.Name, nil
}

var errHidden = errors.New("the name begins with a dot, and programs look for commands in such files")

// checkBareDir returns an error if a bare repository cannot be extracted.
func checkBareDir(e *Entry) error {
	if isHidden(e.Repository) {
		return errHidden
	}
	return checkPortable(bareDir(e.Repository))
}

// bareDestination is destination for an entry of a bare repository. It refuses harmful
// files. Files that Git does not need get a name that means nothing to Git, because
// a later version of Git may look for more files.
func bareDestination(e *Entry) (string, error) {
	if err := checkBareDir(e); err != nil {
		return "", err
	}
	name := insideBare(e)
	if name == "" {
		if !e.Mode.IsDir() {
			return "", errors.New("a file in place of a bare repository")
		}
		return e.Name, nil
	}
	if err := checkHarmless(name, e.Mode.IsDir()); err != nil {
		return "", err
	}
	switch {
	case e.Mode.IsDir() && keepsDir(name), !e.Mode.IsDir() && keepsFile(name):
		return e.Name, nil
	case e.Mode.IsDir(), isDisposable(name, e.Size):
		return "", nil
	default:
		name = path.Join(bareDir(e.Repository), githubPrefix+strings.NewReplacer("%", "%25", "/", "%2F").Replace(name))
		return name, checkPortable(name)
	}
}

// checkHarmless returns an error that says what Git would do with a harmful file or
// directory in a bare repository.
func checkHarmless(name string, dir bool) error {
	top, rest, _ := strings.Cut(strings.ToLower(name), "/")
	switch {
	case top == "config" && name != "config", top == "config.worktree":
		return errors.New("it could tell Git what to run")
	case top == "commondir", top == "gitdir", top == "worktrees", top == "modules":
		return errors.New("it would lead Git to another repository")
	case top == "hooks" && !dir && !strings.HasSuffix(rest, ".sample"):
		return errors.New("git could run it")
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

// keepsDir reports whether a directory of a bare repository is extracted.
func keepsDir(name string) bool {
	switch name {
	case "info", "objects", "objects/pack", "objects/info":
		return true
	}
	top, rest, _ := strings.Cut(name, "/")
	switch top {
	case "refs":
		return gitdir.IsRefName(name)
	case "objects":
		return gitdir.IsHex(rest, 2)
	default:
		return false
	}
}

// keepsFile reports whether a file of a bare repository is extracted under its own
// name.
func keepsFile(name string) bool {
	switch name {
	case "HEAD", "packed-refs", "shallow", "description", "info/exclude":
		return true
	}
	dir, base := path.Split(name)
	if dir == "objects/pack/" && !isTemporary(base) {
		ext := path.Ext(base)
		return ext == ".pack" || ext == ".idx"
	}
	return isRef(name) || looseObject(name) != "" || gitdir.IsLargeFile(name)
}

// isDisposable reports whether a file of a bare repository is left out. Such files are
// sample hooks, locks, unfinished and empty files, and files that Git rebuilds from
// packs, commits and refs.
func isDisposable(name string, size int64) bool {
	dir, base := path.Split(name)
	switch path.Ext(base) {
	case ".lock", ".flock":
		return true
	case ".sample":
		return dir == "hooks/"
	}
	switch {
	case size == 0, name == "info/refs", name == "objects/info/packs",
		name == "objects/info/commit-graph", strings.HasPrefix(name, "objects/info/commit-graphs/"):
		return true
	case !strings.HasPrefix(dir, "objects/"):
		return false
	}
	switch path.Ext(base) {
	case ".rev", ".bitmap", ".mtimes", ".midx", ".keep":
		return true
	}
	return isTemporary(base) || strings.HasPrefix(base, "multi-pack-index")
}

// isTemporary reports whether Git gives this name to a file before it is complete.
func isTemporary(base string) bool {
	return strings.HasPrefix(base, "tmp_") || strings.HasPrefix(base, ".")
}

// isRef reports whether a file of a bare repository is extracted only if it holds a
// ref.
func isRef(name string) bool {
	return name == "HEAD" || strings.HasPrefix(name, "refs/") && gitdir.IsRefName(name)
}

// objectDigits returns the length of the names of objects, if the name of a file of
// a bare repository implies it, or else 0.
func objectDigits(name string) int {
	base, isPack := strings.CutPrefix(name, "objects/pack/pack-")
	if digits := strings.TrimSuffix(base, path.Ext(base)); isPack && gitdir.IsObjectName(digits) {
		return len(digits)
	}
	return len(looseObject(name))
}

// looseObject returns the name of the loose object in a file of a bare repository, or
// "" if the file holds no object.
func looseObject(name string) string {
	file, ok := strings.CutPrefix(name, "objects/")
	if object, isObject := gitdir.LooseObject(file); ok && isObject {
		return object
	}
	return ""
}
