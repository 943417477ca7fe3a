package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// add adds a whole file.
func (w *Writer) add(name string, data []byte) error {
	err := w.create(name, int64(len(data)))
	if err == nil {
		_, err = w.tar.Write(data)
	}
	w.file = nil
	return err
}

// create begins a file, which becomes w.file.
func (w *Writer) create(name string, size int64) error {
	if size < 0 {
		return fmt.Errorf("negative size %d", size)
	}
	if _, taken := w.entries[name]; taken {
		return errors.New("the name is taken")
	}
	if err := w.directory(path.Dir(name)); err != nil {
		return err
	}
	w.entries[name] = 0
	w.file = &fileWriter{w: w, name: name, size: size}
	return w.header(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Size: size, Mode: 0o644})
}

// directory adds a directory and its parents, unless they exist.
func (w *Writer) directory(name string) error {
	mode, exists := w.entries[name]
	switch {
	case exists && mode.IsDir():
		return nil
	case exists:
		return fmt.Errorf("%s is a file", name)
	case name == ".":
		w.entries[name] = fs.ModeDir
		return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755})
	}
	if err := w.directory(path.Dir(name)); err != nil {
		return err
	}
	w.entries[name] = fs.ModeDir
	return w.header(&tar.Header{Typeflag: tar.TypeDir, Name: "./" + name + "/", Mode: 0o755})
}

// header begins an entry. The owner is root, as in archives of other exporters. So
// files that root unpacks belong to root, and git accepts the repositories. GitHub.com's
// entries belong to git (500).
func (w *Writer) header(h *tar.Header) error {
	switch {
	case int64(len(w.entries)) > w.limits.Entries:
		return fmt.Errorf("the archive would have more than %d entries, the limit of a Reader", w.limits.Entries)
	case h.Size > w.limits.UnpackedSize-w.size.n-2*tarRecord:
		return fmt.Errorf("the archive would unpack to more than %d bytes, the limit of a Reader", w.limits.UnpackedSize)
	}
	h.Uname, h.Gname = "root", "root"
	h.ModTime = w.modTime
	h.Format = tar.FormatGNU
	return w.tar.WriteHeader(h)
}

// checkFileName returns an error for a name that a caller cannot give to a file.
func checkFileName(name string) error {
	if name == "schema.json" {
		return errors.New("Close writes it")
	}
	if _, ok := recordFile(name); ok {
		return errors.New("Write writes files of records")
	}
	return checkName(name)
}

// checkName returns an error for a name that Verify or Extract would refuse, or that a
// Reader would change.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return errors.New("want a relative name, clean and separated by slashes")
	}
	e := &Entry{Name: name}
	e.Kind, e.Repository, _ = classify(name, 0)
	if _, err := misplaced(e); err != nil {
		return err
	}
	var n names
	if _, err := n.resolve(name, true); err != nil {
		return err
	}
	if n.wrapper != "" {
		return fmt.Errorf("%s would be treated as a wrapping directory", n.wrapper)
	}
	_, err := destination(e)
	return err
}

// A fileWriter writes a file until the next call of a method of the Writer.
type fileWriter struct {
	w       *Writer
	name    string
	size    int64
	written int64
}

func (f *fileWriter) Write(p []byte) (int, error) {
	switch {
	case f.w.err != nil:
		return 0, f.w.err
	case f.w.file != f:
		return 0, fmt.Errorf("write %s: the Writer has moved on", f.name)
	case int64(len(p)) > f.size-f.written:
		return 0, f.w.result("write "+f.name, fmt.Errorf("got more than %d bytes", f.size))
	}
	n, err := f.w.tar.Write(p)
	f.written += int64(n)
	return n, f.w.result("write "+f.name, err)
}
