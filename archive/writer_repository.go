package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// addRepository adds the files of a bare repository.
func (w *Writer) addRepository(name string, fsys fs.FS) error {
	owner, repo, _ := strings.Cut(name, "/")
	switch {
	case owner == "" || repo == "" || strings.Contains(repo, "/") || strings.HasSuffix(repo, ".git"):
		return errors.New(`want "owner/name"`)
	case fsys == nil:
		return errors.New("the fs.FS is nil")
	}
	dir := bareDir(name)
	if err := checkName(path.Join(dir, "HEAD")); err != nil {
		return err
	}
	if w.lower[strings.ToLower(dir)] {
		return errors.New("already added")
	}
	w.lower[strings.ToLower(dir)] = true
	if err := w.checkRepository(fsys); err != nil {
		return err
	}
	_, err := fs.Stat(fsys, githubPrefix+"config")
	extracted := err == nil
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return w.directory(path.Join(dir, name))
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a directory", name)
		case extracted && name == "config": // the configuration that Extract wrote
			return nil
		}
		return w.copyFile(path.Join(dir, originalName(name)), fsys, name)
	})
}

// originalName returns the name that a file of a bare repository had before Extract
// renamed it.
func originalName(name string) string {
	if encoded, ok := strings.CutPrefix(name, githubPrefix); ok {
		return strings.NewReplacer("%2F", "/", "%25", "%").Replace(encoded)
	}
	return name
}

// checkRepository returns an error unless fsys is a complete bare repository.
func (w *Writer) checkRepository(fsys fs.FS) error {
	for _, name := range []string{"HEAD", "objects"} {
		if _, err := fs.Stat(fsys, name); err != nil {
			return fmt.Errorf("not a bare repository: %w", err)
		}
	}
	for _, refused := range []struct {
		pattern, why string
	}{
		{"shallow", "a shallow repository: a part of its history is missing"},
		{"objects/info/alternates", "it borrows objects from another repository"},
		{"objects/pack/*.promisor", "a partial clone: objects are in another repository"},
		{"reftable/tables.list", "its refs are in reftables, which readers of archives do not support"},
	} {
		found, err := fs.Glob(fsys, refused.pattern)
		if err != nil {
			return err
		}
		for _, name := range found {
			info, err := fs.Stat(fsys, name)
			if err != nil {
				return err
			}
			if (info.Size() > 0 || path.Ext(name) == ".promisor") && (name != "shallow" || !w.shallow) {
				return fmt.Errorf("%s: %s", name, refused.why)
			}
		}
	}
	return nil
}

// copyFile adds the file name of fsys under the name to.
func (w *Writer) copyFile(to string, fsys fs.FS, name string) error {
	if err := checkName(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // the file is only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.create(to, info.Size()); err != nil {
		return err
	}
	defer func() { w.file = nil }()
	n, err := io.Copy(w.tar, f) // fails if the file is larger than its size
	if err == nil && n < info.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%s, of %d bytes: %w", name, info.Size(), err)
	}
	return nil
}
