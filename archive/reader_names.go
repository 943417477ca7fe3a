package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// EntryKind tells what an entry should hold, by its name.
type EntryKind int

// The kinds of entries. Only files hold records or the schema.
const (
	KindOther          EntryKind = iota // anything else: audit_log.csv, urls.json, log files
	KindSchema                          // schema.json
	KindRecords                         // a file of records, such as issues_000001.json
	KindGit                             // in repositories/<owner>/<name>.git
	KindAttachment                      // in attachments
	KindReleaseAsset                    // in releases
	KindRepositoryFile                  // in repository_files
)

// String returns the kind in plain words, such as "release asset".
func (k EntryKind) String() string {
	switch k {
	case KindSchema:
		return "schema"
	case KindRecords:
		return "records"
	case KindGit:
		return "git"
	case KindAttachment:
		return "attachment"
	case KindReleaseAsset:
		return "release asset"
	case KindRepositoryFile:
		return "repository file"
	default:
		return "other"
	}
}

// classify tells what the entry of this name holds: for Git data also whose it
// is, for records also of which type they should be.
func classify(name string, mode fs.FileMode) (kind EntryKind, repository, recordType string) {
	if mode.IsRegular() {
		if name == "schema.json" {
			return KindSchema, "", ""
		}
		if prefix, ok := recordFile(name); ok {
			return KindRecords, "", singular(prefix)
		}
	}
	top, rest, _ := strings.Cut(name, "/")
	switch top {
	case "repositories":
		owner, rest, _ := strings.Cut(rest, "/")
		dir, _, _ := strings.Cut(rest, "/")
		repo, ok := strings.CutSuffix(dir, ".git")
		if ok && repo != "" && max(len(owner), len(dir)) <= maxPart {
			return KindGit, owner + "/" + repo, ""
		}
	case "attachments":
		return KindAttachment, "", ""
	case "releases":
		return KindReleaseAsset, "", ""
	case "repository_files":
		return KindRepositoryFile, "", ""
	}
	return KindOther, "", ""
}

// bareDir returns the directory of a bare repository, "owner/name" or
// "owner/name.wiki".
func bareDir(repository string) string { return "repositories/" + repository + ".git" }

// insideBare returns the name that an entry has in its bare repository. It is
// empty for the repository itself.
func insideBare(e *Entry) string {
	return strings.TrimPrefix(strings.TrimPrefix(e.Name, bareDir(e.Repository)), "/")
}

var errNotBare = errors.New("it is not in a bare repository, " + bareDir("<owner>/<name>"))

// misplaced tells of a file that looks like one that has its place in an archive,
// but is elsewhere, so that nothing reads it; place is the file, or the directory
// that is at the wrong place with it.
func misplaced(e *Entry) (place string, err error) {
	if e.Kind != KindOther || !e.Mode.IsRegular() {
		return "", nil
	}
	parts := strings.Split(e.Name, "/")
	if parts[0] == "repositories" {
		place = strings.Join(parts[:min(3, len(parts))], "/")
		return place, errNotBare
	}
	for i, part := range parts {
		if i > 0 && isTop(part) && part != "log" {
			return strings.Join(parts[:i+1], "/"), errors.New("nothing reads it there: it belongs to the top of an archive")
		}
	}
	if looksLikeRecords(e.Name) {
		return e.Name, errors.New("nothing reads it: files of records have names such as issues_000001.json")
	}
	return "", nil
}

// looksLikeRecords tells whether a name is nearly that of a file of records.
func looksLikeRecords(name string) bool {
	base, isJSON := strings.CutSuffix(strings.ToLower(name), ".json")
	i := strings.LastIndexAny(base, "_-")
	return isJSON && i > 0 && i+1 < len(base) && strings.Trim(base[i+1:], "0123456789") == ""
}

// recordFile returns what comes before the number in the name of a file of
// records, such as "issues" in issues_000001.json.
func recordFile(name string) (prefix string, ok bool) {
	base, isJSON := strings.CutSuffix(name, ".json")
	i := strings.LastIndexByte(base, '_')
	if !isJSON || i < 1 || len(base) > maxPart {
		return "", false
	}
	prefix, digits := base[:i], base[i+1:]
	return prefix, len(digits) >= 6 && strings.Trim(digits, "0123456789") == "" &&
		strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// plural returns what the names of the files begin with that hold records of a
// type: "repositories" for "repository".
func plural(kind string) string {
	if stem, ok := strings.CutSuffix(kind, "y"); ok && strings.TrimRight(stem, "aeiou") == stem {
		return stem + "ies"
	}
	if strings.HasSuffix(kind, "ch") {
		return kind + "es"
	}
	return kind + "s"
}

// singular undoes plural.
func singular(prefix string) string {
	if stem, ok := strings.CutSuffix(prefix, "ies"); ok {
		return stem + "y"
	}
	if stem, ok := strings.CutSuffix(prefix, "ches"); ok {
		return stem + "ch"
	}
	return strings.TrimSuffix(prefix, "s")
}

// names turns the names of a tar into those of GitHub's layout: without "./",
// and without a directory that somebody put around everything. Such a directory
// is recognised by the first member in it that is known to be at the top.
type names struct {
	settled bool   // the first known member was seen
	wrapper string // the directory around everything, with a slash; may be empty
}

// maxName bounds the length of names, and with it the depth of directories: it
// is what Linux takes. In a tar they could have a mebibyte.
const maxName = 4096

// maxPart is how long a part of a name can be on any system, between slashes.
// Names that are remembered are not longer.
const maxPart = 255

// The root of the tar, or the directory around everything, is no entry.
const rootName = "."

// resolve returns the name of an entry, or the error why it cannot have any:
// then it is as clean as it can be.
func (n *names) resolve(name string) (string, error) {
	if len(name) > maxName {
		return shorten(name), fmt.Errorf("the name has %d bytes, and no system takes more than %d", len(name), maxName)
	}
	clean := path.Clean(name)
	switch {
	case name == "":
		return "", errors.New("an entry without a name")
	case strings.HasPrefix(name, "/"):
		return clean, errors.New("the name is absolute")
	case clean == ".." || strings.HasPrefix(clean, "../"), strings.Contains("/"+name+"/", "/../"):
		return clean, errors.New(`the name has ".." in it`)
	}
	if !n.settled {
		top, rest, _ := strings.Cut(clean, "/")
		if isTop(clean) || isTop(top) {
			n.settled = true
		} else if next, _, _ := strings.Cut(rest, "/"); isTop(next) {
			n.settled = true
			n.wrapper = top + "/"
		}
	}
	if clean+"/" == n.wrapper {
		return rootName, nil
	}
	return strings.TrimPrefix(clean, n.wrapper), nil
}

// mayWrap tells whether a directory may turn out to be around everything, now
// that the next entry is not known.
func (n *names) mayWrap(dir string) bool { return !n.settled && !strings.Contains(dir, "/") }

// isTop tells whether a name is one that GitHub, or another exporter, has at the
// top of an archive.
func isTop(name string) bool {
	switch name {
	case "schema.json", "urls.json", "audit_log.csv", "log",
		"repositories", "attachments", "releases", "repository_files":
		return true
	}
	_, ok := recordFile(name)
	return ok
}
