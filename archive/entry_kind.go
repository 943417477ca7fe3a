package archive

import (
	"io/fs"
	"strings"
)

// An EntryKind is the kind of content that the name of an entry implies.
type EntryKind int

// The kinds of entries. Only files are of KindSchema and KindRecords.
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

// classify returns the kind of the entry of this name, the repository of Git data, and
// the type of records.
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
	isName := repo != "" && repo != "." && repo != ".." // callers may use it in a path
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

// insideBare returns the path of an entry in its bare repository. It is empty for the
// directory of the repository itself.
func insideBare(e *Entry) string {
	return strings.TrimPrefix(strings.TrimPrefix(e.Name, bareDir(e.Repository)), "/")
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

// isEvidence reports whether a file of this name belongs at the top of an archive, and
// nowhere else.
func isEvidence(name string) bool {
	_, ok := recordFile(name)
	return ok || name == "schema.json"
}

// isTop reports whether GitHub or another exporter writes this name at the top of an
// archive.
func isTop(name string) bool {
	switch name {
	case "urls.json", "audit_log.csv", "log",
		"repositories", "attachments", "releases", "repository_files":
		return true
	}
	return isEvidence(name)
}
