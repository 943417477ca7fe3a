package archive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// An extractedRepository holds the object format and the refs of a bare repository
// until the end of Extract.
type extractedRepository struct {
	sha1, sha256 bool        // the format of its objects
	refs         []packedRef // for packed-refs
}

// bareRepository returns the bare repository of an entry, and sets the object format
// that the name of the entry implies.
func (x *extraction) bareRepository(e *Entry) *extractedRepository {
	dir := bareDir(e.Repository)
	repo := x.repositories[dir]
	if repo == nil {
		repo = &extractedRepository{}
		x.repositories[dir] = repo
	}
	switch objectDigits(insideBare(e)) {
	case 40:
		repo.sha1 = true
	case 64:
		repo.sha256 = true
	}
	return repo
}

// finish turns the extracted files into bare repositories. The error is never a fault
// of the archive.
func (x *extraction) finish() error {
	for _, dir := range slices.Sorted(maps.Keys(x.repositories)) {
		err := x.finishBare(dir, x.repositories[dir])
		if fault, ok := errors.AsType[*Fault](err); ok {
			x.faults.add(fault)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// finishBare creates objects, refs, config and, if needed, packed-refs.
func (x *extraction) finishBare(dir string, repo *extractedRepository) error {
	for _, sub := range []string{"objects", "refs"} {
		if err := x.root.MkdirAll(path.Join(dir, sub), 0o700); err != nil {
			return x.orRefuse(dir, err)
		}
	}
	if err := x.writeConfig(dir, repo); err != nil {
		return x.orRefuse(path.Join(dir, "config"), err)
	}
	if len(repo.refs) == 0 {
		return nil
	}
	return x.orRefuse(path.Join(dir, "packed-refs"), x.packRefs(dir, repo.refs))
}

// writeConfig writes the new configuration of a bare repository.
func (x *extraction) writeConfig(dir string, repo *extractedRepository) error {
	sha256 := repo.sha256
	if !repo.sha1 && !repo.sha256 {
		text, err := x.readStart(path.Join(dir, githubPrefix+"config"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		sha256 = declaresSHA256(text)
	}
	name, config := path.Join(dir, "config"), bareConfig(sha256)
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		// On a file system that ignores case, another repository may have written the file.
		if text, readErr := x.readStart(name); readErr == nil && string(text) == config {
			return nil
		}
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(config)
	return errors.Join(err, f.Close())
}

// readStart reads the beginning of a file.
func (x *extraction) readStart(name string) ([]byte, error) {
	f, err := x.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// declaresSHA256 reports whether a config, as Git writes it, says that objects are
// named by SHA-256.
func declaresSHA256(config []byte) bool {
	for line := range bytes.Lines(bytes.ToLower(config)) {
		key, value, _ := bytes.Cut(line, []byte("="))
		if string(bytes.TrimSpace(key)) == "objectformat" && string(bytes.TrimSpace(value)) == "sha256" {
			return true
		}
	}
	return false
}

// bareConfig returns the configuration that Git needs. With it, Git runs no other program.
func bareConfig(sha256 bool) string {
	if sha256 {
		return "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
	}
	return "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
}
