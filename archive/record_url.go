package archive

import (
	"slices"
	"strconv"
	"strings"
)

// A URL identifies a record: it is the URL of the record itself, or a reference to
// the record. The empty URL stands for null: no record, or a deleted account.
type URL string

// Number returns the number of an issue, pull request, milestone, discussion or
// project, or the ID in the fragment: 5 of …/issues/5, 123 of
// …/pull/5#issuecomment-123 and of …/pull/5/files#r123. It returns 0 for all other
// URLs, because they end in a name: …/releases/tag/2024 is a tag.
func (u URL) Number() int64 {
	path, fragment, found := strings.Cut(string(u), "#")
	digits := strings.TrimLeft(fragment, "abcdefghijklmnopqrstuvwxyz-_")
	if !found {
		var parent string
		parent, digits = splitLast(path)
		if _, parent = splitLast(parent); !isNumbered(parent) || hasPathName(path) {
			return 0
		}
	} else if digits == fragment {
		return 0
	}
	n, err := strconv.ParseUint(digits, 10, 63) // ParseInt accepts a sign
	if err != nil {
		return 0
	}
	return int64(n)
}

// isNumbered reports whether a number follows this part of a URL. GitLab and
// Bitbucket have names of their own for pull requests.
func isNumbered(part string) bool {
	return slices.Contains([]string{"issues", "pull", "milestones", "discussions", "projects", "merge_requests", "pull-requests"}, part)
}

// hasPathName reports whether the URL ends in the name of a tag or a branch,
// which may have slashes.
func hasPathName(path string) bool {
	return strings.Contains(path, "/releases/tag/") || strings.Contains(path, "/protected_branches/")
}

// splitLast splits a path at its last slash.
func splitLast(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

// MarshalJSON returns the URL as a string, or null if it is empty.
func (u URL) MarshalJSON() ([]byte, error) {
	if u == "" {
		return []byte("null"), nil
	}
	return marshal(string(u))
}
