package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

func (w *Writer) addRepository(name string, fsys fs.FS) error {
	owner, repo, _ := strings.Cut(name, "/")
	if owner == "" || repo == "" || strings.Contains(repo, "/") || strings.HasSuffix(repo, ".git") {
		return errors.New(`want "owner/name"`)
	}
	dir := bareDir(name)
	if err := checkName(dir); err != nil {
		return err
	}
	if _, there := w.entries[dir]; there {
		return errors.New("it is there already")
	}
	if err := checkRepository(fsys); err != nil {
		return err
	}
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := path.Join(dir, name)
		switch {
		case d.IsDir():
			return w.directory(to)
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a directory", name)
		}
		return w.copyFile(to, fsys, name)
	})
}

// checkRepository tells a bare repository from what it is confused with.
func checkRepository(fsys fs.FS) error {
	if _, err := fs.Stat(fsys, "HEAD"); err != nil {
		return fmt.Errorf("not a bare repository: %w", err)
	}
	if _, err := fs.Stat(fsys, "objects"); err != nil {
		return fmt.Errorf("not a bare repository: %w", err)
	}
	const alternates = "objects/info/alternates"
	switch info, err := fs.Stat(fsys, alternates); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Size() > 0:
		return fmt.Errorf("%s: it borrows objects from another repository", alternates)
	}
	partial, err := fs.Glob(fsys, "objects/pack/*.promisor")
	if len(partial) > 0 {
		return fmt.Errorf("%s: it lacks objects of another repository: it is a partial clone", partial[0])
	}
	return err
}

func (w *Writer) copyFile(to string, fsys fs.FS, name string) error {
	if err := checkName(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it is only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.create(to, info.Size()); err != nil {
		return err
	}
	defer func() { w.file = nil }()
	n, err := io.Copy(w.tar, f) // which takes no more than the size
	if err == nil && n < info.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%s, of %d bytes: %w", name, info.Size(), err)
	}
	return nil
}
