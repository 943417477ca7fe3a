package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
)

// A Store is where verified archives go. Names are "RUN/migration-79.tar.gz",
// with a slash on every system; in the end the manifest follows as
// "RUN/manifest.json".
//
// Put reads r to its end and returns nil only when all of size bytes are where
// nothing can take them away, under that name and no other: the copy on disk,
// and later GitHub's, are deleted on its word. An earlier Put of the name is
// replaced; after a crash the same bytes may be put twice. Several calls may
// run at the same time.
type Store interface {
	Put(ctx context.Context, name string, r io.Reader, size int64) error
}

// store puts the archive where it belongs, and then removes it from disk.
// Without a Store it is there already.
func (j *Job) store(ctx context.Context) error {
	if j.Store == nil {
		if safe, err := j.onDisk(); !safe {
			return err
		}
		return j.settle(func(s *State) { s.Stored = true })
	}
	if err := j.intend(EffectStore); err != nil {
		return err
	}
	f, err := j.disk().Open(j.path())
	if errors.Is(err, fs.ErrNotExist) {
		return j.damaged(err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	archive := j.State.Archive
	sum := sha256.New()
	section := io.NewSectionReader(f, 0, archive.Size)
	name := path.Join(filepath.Base(j.Dir), archive.Name)
	if err := j.Store.Put(ctx, name, io.TeeReader(section, sum), archive.Size); err != nil {
		if safe, diskErr := j.onDisk(); !safe {
			return diskErr
		}
		return &storeError{name, err}
	}
	// What a Store has read is what it has: it must be what was verified.
	if hex.EncodeToString(sum.Sum(nil)) != archive.SHA256 {
		if at, _ := section.Seek(0, io.SeekCurrent); at == archive.Size {
			return j.damaged(errNotFetched)
		}
		return &storeError{name, errNotRead}
	}
	if err := j.settle(func(s *State) { s.Stored, s.InStore = true, true }); err != nil {
		return err
	}
	j.emit(EventStored)
	return j.clear()
}

// A storeError is one of a Store. It is about nothing but that, whatever is in
// it: also an error of a disk, or of some GitHub.
type storeError struct {
	name string
	err  error
}

func (e *storeError) Error() string { return fmt.Sprintf("put %s: %v", e.name, e.err) }
func (e *storeError) Unwrap() error { return e.err }

func isStoreError(err error) bool {
	_, ok := errors.AsType[*storeError](err)
	return ok
}

var errNotRead = errors.New("the store did not read the whole archive")

// onDisk makes sure that the archive is in the folder still, as far as its size
// tells. If it is not, it is to be fetched again.
func (j *Job) onDisk() (bool, error) {
	info, err := j.disk().Lstat(j.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, j.damaged(err)
	case err != nil:
		return false, err
	case !info.Mode().IsRegular() || info.Size() != j.State.Archive.Size:
		return false, j.damaged(errNotFetched)
	}
	return true, nil
}

// clear removes from disk what a Store has.
func (j *Job) clear() error {
	if !j.State.InStore || j.State.Archive == nil {
		return nil
	}
	return removeFile(j.disk(), j.path())
}
