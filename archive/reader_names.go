package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive/internal/gitdir"
)

// An EntryKind tells what an entry holds, according to its name.
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
	if name, ok := entryKinds[k]; ok {
		return name
	}
	return "other"
}

var entryKinds = map[EntryKind]string{
	KindSchema: "schema", KindRecords: "records", KindGit: "git", KindAttachment: "attachment",
	KindReleaseAsset: "release asset", KindRepositoryFile: "repository file",
}

// classify returns what the entry of this name holds, the repository of Git data,
// and the type of records.
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
	if top != "repositories" {
		return topKinds[top], "", ""
	}
	owner, rest, _ := strings.Cut(rest, "/")
	dir, _, _ := strings.Cut(rest, "/")
	repo, ok := strings.CutSuffix(dir, ".git")
	isName := repo != "" && repo != "." && repo != ".." // callers may make a path of it
	if ok && isName && max(len(owner), len(dir)) <= maxPart {
		return KindGit, owner + "/" + repo, ""
	}
	return KindOther, "", ""
}

var topKinds = map[string]EntryKind{
	"attachments": KindAttachment, "releases": KindReleaseAsset, "repository_files": KindRepositoryFile,
}

// bareDir returns the directory of a bare repository, "owner/name" or
// "owner/name.wiki".
func bareDir(repository string) string { return "repositories/" + repository + ".git" }

// insideBare returns the path of an entry in its bare repository, which is empty
// for the repository itself.
func insideBare(e *Entry) string {
	return strings.TrimPrefix(strings.TrimPrefix(e.Name, bareDir(e.Repository)), "/")
}

var errNotBare = errors.New("it is not in a bare repository, " + bareDir("<owner>/<name>"))

// misplaced reports a file of records or of a bare repository in a place where
// nothing reads it. The place is the file, or the directory that is misplaced.
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
			return strings.Join(parts[:i+1], "/"), errors.New("nothing reads it there: it belongs to the top of an archive")
		}
	}
	if n, ok := bareRoot(parts, e.Kind); ok {
		return strings.Join(parts[:n], "/"), errNotBare
	}
	if e.Kind == KindOther && looksLikeRecords(e.Name) {
		return e.Name, errors.New("nothing reads it: files of records have names such as issues_000001.json")
	}
	return "", nil
}

// bareRoot reports whether a file is part of a bare repository, and how many parts
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

// looksLikeRecords reports whether a name is nearly the name of a file of
// records.
func looksLikeRecords(name string) bool {
	base, isJSON := strings.CutSuffix(strings.ToLower(name), ".json")
	i := strings.LastIndexAny(base, "_-")
	return isJSON && i > 0 && i+1 < len(base) && strings.Trim(base[i+1:], "0123456789") == ""
}

// recordFile returns the part before the number in the name of a file of records:
// "issues" for issues_000001.json.
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

// plural returns the beginning of the names of files with records of a type:
// "repositories" for "repository".
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

// names turns the names of a tar into the names of GitHub's layout: without
// "./", and without a directory around everything.
//
// The first schema.json or file of records is the evidence: it lies at the top, or
// in the directory around everything. Large repositories may come before it. So
// until then, a directory counts if a name of GitHub's top level is below it.
type names struct {
	wrapper string   // the directory around everything, with a slash; may be empty
	sure    bool     // there is evidence for wrapper
	flat    bool     // there is evidence that nothing is around everything
	tops    []string // what was at the top before there was evidence
	wrong   []*Fault // entries whose names the evidence proved wrong
}

const (
	// maxName bounds names in bytes: Linux takes no longer ones, and a tar could
	// have a mebibyte.
	maxName = 4096
	// maxParts bounds the parts of a name, between slashes: each may cost a
	// directory. GitHub bounds the names of refs to 255 bytes.
	maxParts = 255
	// maxPart bounds a part in bytes: no system takes longer ones.
	maxPart = 255
	// maxTops bounds what is remembered until there is evidence.
	maxTops = 100
)

// The root of the tar, or the directory around everything, is not an entry.
const rootName = "."

// resolve returns the name of an entry. The error tells why the entry cannot have
// any name; then the name is as clean as it can be.
func (n *names) resolve(name string, regular bool) (string, error) {
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
	case strings.Count(clean, "/") >= maxParts:
		return shorten(clean), fmt.Errorf("the name has more than %d parts", maxParts)
	}
	n.learn(clean, regular)
	switch {
	case clean == rootName, clean+"/" == n.wrapper:
		return rootName, nil
	case n.sure && !strings.HasPrefix(clean, n.wrapper):
		return clean, errBeside
	default:
		return strings.TrimPrefix(clean, n.wrapper), nil
	}
}

var errBeside = errors.New("it is beside the directory around everything")

// learn looks for evidence in a name.
func (n *names) learn(clean string, regular bool) {
	if n.flat {
		return
	}
	top, rest, _ := strings.Cut(clean, "/")
	next, _, _ := strings.Cut(rest, "/")
	switch {
	case regular && isEvidence(clean):
		if n.wrapper != "" {
			err := fmt.Errorf("it was taken for the directory around everything, and %s is beside it", clean)
			n.wrong = append(n.wrong, &Fault{Entry: strings.TrimSuffix(n.wrapper, "/"), Offset: -1, Err: err})
		}
		*n = names{flat: true, wrong: n.wrong}
		return
	case n.sure:
		return
	case regular && !isTop(top) && isEvidence(rest):
		n.sure, n.wrapper = true, top+"/"
		for _, name := range n.tops {
			if name != top {
				n.wrong = append(n.wrong, &Fault{Entry: name, Offset: -1, Err: errBeside})
			}
		}
		n.tops = nil
		return
	case n.wrapper == "" && !isTop(top) && isTop(next):
		n.wrapper = top + "/"
	}
	if top != rootName && !slices.Contains(n.tops, top) && len(n.tops) < maxTops {
		n.tops = append(n.tops, strings.Clone(top))
	}
}

// mayWrap reports whether a directory may turn out to be around everything.
func (n *names) mayWrap(dir string) bool {
	return n.wrapper == "" && !n.flat && !strings.Contains(dir, "/") && !isTop(dir)
}

// isEvidence reports whether a file of this name lies at the top of every archive.
func isEvidence(name string) bool {
	_, ok := recordFile(name)
	return ok || name == "schema.json"
}

// isTop reports whether GitHub or another exporter has this name at the top of an
// archive.
func isTop(name string) bool {
	switch name {
	case "urls.json", "audit_log.csv", "log",
		"repositories", "attachments", "releases", "repository_files":
		return true
	}
	return isEvidence(name)
}
