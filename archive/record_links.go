package archive

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// linkRoot is the beginning of every link into an archive.
const linkRoot = "tarball://root/"

// EntryName returns the name of the entry that a link names, such as
// "attachments/<guid>/shot.png" for "tarball://root/attachments/<guid>/shot.png".
// Some exporters percent-encode names in links, so that the entry may have the
// decoded name. EntryName fails if the link leads out of the archive.
func EntryName(link string) (string, error) {
	name, ok := strings.CutPrefix(link, linkRoot)
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if !ok || !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("link that leads out of the archive: %q", shorten(link))
	}
	return name, nil
}

// links calls yield for each link in the text of a record, also in unknown fields and
// in records of unknown types. A link is a whole string. Fields of text that people
// write are not searched: a comment must not make an archive faulty.
func links(text []byte, yield func(link string)) {
	if !bytes.Contains(text, []byte(`"tarball:`)) { // as in most records
		return
	}
	linksAt(text, skipSpace(text, 0), yield)
}

// linksAt calls yield for each link in the value that begins at i, and returns its
// end. It reads each byte once: values may be nested 10,000 deep. The text is valid
// JSON.
func linksAt(text []byte, i int, yield func(link string)) int {
	switch at(text, i) {
	case '"':
		end := skipValue(text, i)
		if s := unquote(text[i:end]); bytes.HasPrefix(s, []byte("tarball://")) {
			yield(string(s))
		}
		return end
	case '[':
		for i = skipSpace(text, i+1); i < len(text) && text[i] != ']'; i = skipComma(text, i) {
			i = linksAt(text, i, yield)
		}
		return i + 1
	case '{':
		for i = skipSpace(text, i+1); at(text, i) == '"'; i = skipComma(text, i) {
			end := skipValue(text, i)
			value := skipSpace(text, skipSpace(text, end)+len(":"))
			if isProse(string(unquote(text[i:end]))) {
				i = skipValue(text, value)
			} else {
				i = linksAt(text, value, yield)
			}
		}
		return i + 1
	default:
		return skipValue(text, i)
	}
}

// isProse reports whether people choose the text of the field of this name.
func isProse(name string) bool {
	return slices.Contains([]string{
		"body", "title", "title_was", "title_is", "description", "name", "bio", "company", "location", "website",
		"label_name", "milestone_title", "milestone", "tag_name", "diff_hunk", "message",
	}, name)
}
