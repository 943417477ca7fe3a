package archive

import (
	"errors"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

var errNotBare = errors.New("not in a bare repository, " + bareDir("<owner>/<name>"))

// misplaced returns an error for a file of records or of a bare repository in a place
// where readers ignore it. The place is the name of the file or misplaced directory.
func misplaced(e *Entry) (place string, err error) {
	if e.Kind == KindGit || !e.Mode.IsRegular() {
		return "", nil
	}
	parts := strings.Split(e.Name, "/")
	if parts[0] == "repositories" {
		return strings.Join(parts[:min(3, len(parts))], "/"), errNotBare
	}
	for i, part := range parts {
		if i > 0 && isTop(part) && part != "log" && e.Kind == KindOther {
			return strings.Join(parts[:i+1], "/"), errors.New("readers ignore it here: it belongs at the top of an archive")
		}
	}
	if n, ok := bareRoot(parts, e.Kind); ok {
		return strings.Join(parts[:n], "/"), errNotBare
	}
	if e.Kind == KindOther && looksLikeRecords(e.Name) {
		return e.Name, errors.New("readers ignore it: files of records have names such as issues_000001.json")
	}
	return "", nil
}

// bareRoot reports whether a file seems to be in a bare repository, and how many parts
// of its name are the directory of the repository. An attachment may be named HEAD.
func bareRoot(parts []string, kind EntryKind) (n int, ok bool) {
	last := len(parts) - 1
	for i, part := range parts[:last] {
		isLast := i == last-2
		switch {
		case strings.HasSuffix(part, ".git"):
			return i + 1, true
		case part == "objects" && isLast && (parts[i+1] == "pack" || len(parts[i+1]) == 2 && gitdir.IsObjectName(parts[i+1]+parts[last])):
			return max(i, 1), true
		}
	}
	return max(last, 1), kind == KindOther && parts[last] == "HEAD"
}

// looksLikeRecords reports whether a name resembles the name of a file of records.
func looksLikeRecords(name string) bool {
	base, isJSON := strings.CutSuffix(strings.ToLower(name), ".json")
	i := strings.LastIndexAny(base, "_-")
	return isJSON && i > 0 && i+1 < len(base) && strings.Trim(base[i+1:], "0123456789") == ""
}
