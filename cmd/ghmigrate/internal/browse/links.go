package browse

import (
	"net/url"
	"path"
	"strings"
)

// links makes the addresses on a page. An address of a server begins with the token. An
// address in an export is a relative file name.
type links struct {
	root    string       // the prefix that leads to the first page
	visit   func(target) // called for each link of an export
	written bool         // the page is part of an export
}

// A target is a page or a file to which an exported page links.
type target struct {
	path   string
	params string // of a list: "state=closed&page=2"
	file   int64  // the ID of a file; 0 for a page
}

// page returns the address of a page. The parameters are names and values. A parameter
// with an empty value is left out.
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

// asset returns the address of a file of the program, such as the style sheet.
func (l *links) asset(name string) string { return l.root + "-/" + name }

// address returns the path of a file in addresses. If a browser could run the file, the
// name ends in ".bin": no web server tells a browser to run such a file.
func (f *storedFile) address() string {
	name := pathPart(path.Base(f.name))
	if isTruncated(name) {
		name = "file" + pathPart(path.Ext(f.name))
	}
	if !isPassive(name, f.contentType) {
		name += ".bin"
	}
	return "-/file/" + itoa(f.id) + "/" + name
}
