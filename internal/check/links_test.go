package check_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

// TestLinksInDocumentsResolve checks the links that lead to files of this repository,
// and their anchors.
func TestLinksInDocumentsResolve(t *testing.T) {
	checkout(t)
	documents := readDocuments(t)
	anchors := make(map[string][]string)
	for _, d := range documents {
		anchors[d.name] = d.anchors()
	}
	for _, d := range documents {
		for _, link := range d.links() {
			where := fmt.Sprintf("%s:%d: %s", d.name, link.line, link.target)
			if strings.Contains(link.target, "://") || strings.HasPrefix(link.target, "mailto:") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(link.target, "#")
			target := d.name
			if file != "" {
				target = path.Join(path.Dir(d.name), file)
				if !assert.True(t, fs.ValidPath(target), "%s leads out of the repository", where) {
					continue
				}
				if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
					t.Errorf("%s: %v", where, err)
				}
			}
			if hasAnchor {
				assert.Contains(t, anchors[target], anchor, "%s: %s has no such heading", where, target)
			}
		}
	}
}

// A link is a link in a document.
type link struct {
	line   int
	target string
}

// links returns the inline links, images and link definitions outside of code.
func (d document) links() []link {
	code := regexp.MustCompile("`[^`]*`")
	target := regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s+<?([^\s>]+)|(?:href|src)="([^"]+)"`)
	var links []link
	for i, line := range d.prose {
		for _, found := range target.FindAllStringSubmatch(code.ReplaceAllString(line, "`"), -1) {
			links = append(links, link{i + 1, found[1] + found[2] + found[3]})
		}
	}
	return links
}

// anchors returns the anchors that GitHub gives to the headings.
func (d document) anchors() []string {
	heading := regexp.MustCompile(`^#{1,6}\s+(.+?)\s*#*$`)
	linked := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	var anchors []string
	times := make(map[string]int)
	for _, line := range d.prose {
		found := heading.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linked.ReplaceAllString(found[1], "$1"))
		times[anchor]++
		if n := times[anchor] - 1; n > 0 {
			anchor += "-" + strconv.Itoa(n)
		}
		anchors = append(anchors, anchor)
	}
	return anchors
}
