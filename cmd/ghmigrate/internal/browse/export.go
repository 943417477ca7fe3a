package browse

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed search.js
var searchScript []byte

// CheckExport returns an error if a folder exists and is not empty: Export would not write
// into it.
func CheckExport(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty: an export needs a new folder", dir)
	default:
		return nil
	}
}

// Export writes the pages of the library as files into a folder, and returns the path of
// the first page. It writes the pages that the first page leads to, over any number of
// links. A browser can open the pages from files or from any web server. Only the search
// has a script.
func (l *Library) Export(ctx context.Context, dir string, opts Options) (first string, err error) {
	if err := CheckExport(dir); err != nil {
		return "", err
	}
	opts = opts.withDefaults()
	if err := l.Wait(ctx); err != nil {
		return "", err
	}
	s, err := newSite(l)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	x := &exporter{site: s, root: root, seen: map[target]bool{}}
	if err := x.pages(ctx, opts); err != nil {
		return "", err
	}
	if err := x.index(ctx); err != nil {
		return "", fmt.Errorf("write the index of words: %w", err)
	}
	return filepath.Abs(filepath.Join(dir, "index.html"))
}

// An exporter writes the files of an export.
type exporter struct {
	*site
	root  *os.Root
	seen  map[target]bool
	queue []target
}

// visit adds a target to the queue, once.
func (x *exporter) visit(t target) {
	if !x.seen[t] {
		x.seen[t] = true
		x.queue = append(x.queue, t)
	}
}

// pages writes all pages and the files of the archive to which they link.
func (x *exporter) pages(ctx context.Context, opts Options) error {
	for name, content := range map[string][]byte{"-/style.css": styleSheet, "-/icon.svg": iconFile, "-/search.js": searchScript} {
		if err := x.write(name, content); err != nil {
			return err
		}
	}
	x.visit(target{})
	for n := 0; n < len(x.queue); n++ { //nolint:intrange // the queue grows
		if err := ctx.Err(); err != nil {
			return err
		}
		t := x.queue[n]
		if n > 0 && n%5000 == 0 {
			opts.Say("%d files written", n)
		}
		var err error
		if t.file != 0 {
			err = x.copyFile(ctx, t)
		} else {
			err = x.page(ctx, t)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", t.fileName(), err)
		}
	}
	opts.Say("%d files written", len(x.queue))
	return nil
}

func (x *exporter) page(ctx context.Context, t target) error {
	query, err := url.ParseQuery(t.params)
	if err != nil {
		return err
	}
	l := &links{root: strings.Repeat("../", strings.Count(t.path, "/")), written: true, visit: x.visit}
	p, err := x.pageAt(ctx, l, t.path, query)
	if errors.Is(err, errNotFound) {
		p = &page{Template: "error", Title: "Not Found", Data: errorPage{"The archive does not have this page."}}
		(&request{site: x.site, ctx: ctx, links: l}).fillLayout(p)
	} else if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := x.writePage(&b, p); err != nil {
		return err
	}
	return x.write(t.fileName(), b.Bytes())
}

// copyFile writes a file of the archive. For a file that could not be unpacked, it writes
// a note.
func (x *exporter) copyFile(ctx context.Context, t target) (err error) {
	f, err := x.store.file(ctx, `id = ?`, t.file)
	if err != nil {
		return err
	}
	content, err := x.lib.files.open(f.archive, f.name)
	if errors.Is(err, errNotFound) {
		return x.write(t.path, []byte("This file could not be unpacked from the archive.\n"))
	}
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	w, err := x.create(t.path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return errors.Join(err, w.Close())
}

// write writes a file. It keeps an existing file: see create.
func (x *exporter) write(name string, content []byte) error {
	w, err := x.create(name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Close())
}

// create creates a file. It fails if the file exists: on some systems, the pages of two
// users whose logins differ only in case have the same file.
func (x *exporter) create(name string) (*os.File, error) {
	if err := x.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o700); err != nil {
		return nil, err
	}
	return x.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
