package browse

import (
	"net/url"
	"path"
	"strings"
)

// links makes the addresses in a page. An address of the server begins with the token.
// An address of an export is the relative name of a file.
type links struct {
	root    string // what leads to the first page
	visit   func(target)
	written bool // for an export
}

// A target is a page or a file that an exported page links to.
type target struct {
	path   string
	params string // of a list: "state=closed&page=2"
	file   int64  // the number of a file, if it is one
}

// page returns the address of a page. The parameters are pairs.
func (l *links) page(name string, params ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		if params[i+1] != "" {
			query.Set(params[i], params[i+1])
		}
	}
	if !l.written {
		address := l.root + name
		if len(query) > 0 {
			address += "?" + query.Encode()
		}
		return address
	}
	t := target{path: name, params: query.Encode()}
	l.visit(t)
	return l.root + t.fileName()
}

// fileName returns the name of the file that an export writes for a page.
func (t target) fileName() string {
	name := t.path
	if name == "" {
		name = "index"
	}
	if t.params != "" {
		name += "~" + strings.NewReplacer("=", "~", "&", "~").Replace(t.params)
	}
	return name + ".html"
}

// file returns the address of a file of the archive.
func (l *links) file(f *storedFile) string {
	name := f.address()
	if l.written {
		l.visit(target{path: name, file: f.id})
	}
	return l.root + name
}

// asset returns the address of a style sheet or the like.
func (l *links) asset(name string) string { return l.root + "-/" + name }

// address returns the place of a file in the addresses. A file that a browser must not
// run has an extension that no browser runs, whatever server has the export later.
func (f *storedFile) address() string {
	name := pathPart(path.Base(f.name))
	if isCut(name) {
		name = "file" + pathPart(path.Ext(f.name))
	}
	if !isPassive(name, f.contentType) {
		name += ".bin"
	}
	return "-/file/" + itoa(f.id) + "/" + name
}
