package archive

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// linkRoot is what every link into the archive begins with.
const linkRoot = "tarball://root/"

// EntryName returns the name of the entry that a link names, such as
// "attachments/<guid>/shot.png" for "tarball://root/attachments/<guid>/shot.png".
// Some exporters percent-encode names in links, so that the entry may have the
// decoded name. The error is about a link that leads out of the archive.
func EntryName(link string) (string, error) {
	name, ok := strings.CutPrefix(link, linkRoot)
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if !ok || !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("link that leads out of the archive: %q", shorten(link))
	}
	return name, nil
}

// links calls yield for each link in the text of a record, also in fields and
// types that this package does not know. A link is a whole string. Text that
// people write is not searched: a comment must not make an archive faulty.
func links(text []byte, yield func(link string)) {
	if !bytes.Contains(text, []byte(`"tarball:`)) { // a quote is rare, and quickly found
		return
	}
	linksIn(text, yield)
}

func linksIn(value []byte, yield func(link string)) {
	switch at(value, skipSpace(value, 0)) {
	case '"':
		if s := string(unquote(value)); strings.HasPrefix(s, "tarball://") {
			yield(s)
		}
	case '[':
		for element := range elements(value) {
			linksIn(element, yield)
		}
	case '{':
		for name, member := range named(value) {
			if !isProse(name) {
				linksIn(member, yield)
			}
		}
	}
}

// isProse reports whether people choose the text of the field of this name.
func isProse(name string) bool {
	return slices.Contains([]string{
		"body", "title", "title_was", "title_is", "description", "name", "bio", "company", "location", "website",
		"label_name", "milestone_title", "milestone", "tag_name", "diff_hunk", "message",
	}, name)
}
