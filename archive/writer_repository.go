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
	for _, name := range []string{"HEAD", "objects"} {
		if _, err := fs.Stat(fsys, name); err != nil {
			return fmt.Errorf("not a bare repository: %w", err)
		}
	}
	_, err := fs.Stat(fsys, githubPrefix+"config")
	files := repositoryFiles{fsys: fsys, dir: dir, extracted: err == nil}
	// All checks come first, so that nothing of a refused repository is written.
	if err := files.each(w.checkFile); err != nil {
		return err
	}
	return files.each(func(f repositoryFile) error {
		if f.entry.IsDir() {
			return w.directory(f.target)
		}
		return w.copyFile(f.target, fsys, f.name)
	})
}

// repositoryFiles are the files and directories of a bare repository.
type repositoryFiles struct {
	fsys      fs.FS
	dir       string // the directory of the repository in the archive
	extracted bool   // Extract wrote the repository
}

// A repositoryFile is a file or directory of a bare repository.
type repositoryFile struct {
	name   string // in the fs.FS
	inside string // in the repository in the archive
	target string // in the archive
	entry  fs.DirEntry
}

// each calls visit for all files and directories, until visit fails.
func (r repositoryFiles) each(visit func(repositoryFile) error) error {
	return fs.WalkDir(r.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		inside := name
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return visit(repositoryFile{name, name, path.Join(r.dir, name), d})
		case r.extracted && name == "config": // the configuration that Extract wrote
			return nil
		case r.extracted:
			inside = originalName(name)
		}
		// Join would accept a name that leads out of the repository.
		return visit(repositoryFile{name, inside, r.dir + "/" + inside, d})
	})
}

// originalName returns the name that a file of a bare repository had before Extract
// renamed it.
func originalName(name string) string {
	if encoded, ok := strings.CutPrefix(name, githubPrefix); ok && !strings.Contains(encoded, "/") {
		return strings.NewReplacer("%2F", "/", "%25", "%").Replace(encoded)
	}
	return name
}

// checkFile returns an error for a file that AddRepository refuses.
func (w *Writer) checkFile(f repositoryFile) error {
	if f.entry.IsDir() {
		return nil
	}
	if !f.entry.Type().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a directory", f.name)
	}
	err := checkName(f.target)
	if err == nil {
		err = w.checkComplete(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
}

// checkComplete returns an error for a file of an incomplete repository, or of a
// repository with reftables.
func (w *Writer) checkComplete(f repositoryFile) error {
	for _, refused := range []struct {
		pattern, why string
	}{
		{"shallow", "a shallow repository: a part of its history is missing"},
		{"objects/info/alternates", "it borrows objects from another repository"},
		{"objects/pack/*.promisor", "a partial clone: objects are in another repository"},
		{"reftable/tables.list", "its refs are in reftables, which readers of archives do not support"},
	} {
		if found, err := path.Match(refused.pattern, f.inside); err != nil || !found {
			continue
		}
		info, err := f.entry.Info()
		if err != nil {
			return err
		}
		if (info.Size() > 0 || path.Ext(f.inside) == ".promisor") && (f.inside != "shallow" || !w.shallow) {
			return errors.New(refused.why)
		}
	}
	return nil
}

// copyFile adds the file name of fsys under the name to.
func (w *Writer) copyFile(to string, fsys fs.FS, name string) error {
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
