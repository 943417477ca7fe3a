package export

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// list reads what is in the migration: the second of the three proofs of
// coverage, and what has to be unlocked.
func (j *Job) list(ctx context.Context, acct Account) error {
	var names []string
	missing := map[string]string{}
	for _, name := range j.Repositories {
		missing[strings.ToLower(name)] = name
	}
	for repo, err := range acct.ListRepositories(ctx, j.State.Migration, nil) {
		if isAbsent(err) {
			return j.absent(ctx, acct, err)
		}
		if err != nil {
			return err
		}
		names = append(names, repo.FullName)
		delete(missing, strings.ToLower(repo.FullName))
	}
	j.names = names
	return j.settle(func(s *State) {
		s.Listed, s.Absent, s.Absences = true, nil, 0
		for _, name := range j.Repositories {
			if missing[strings.ToLower(name)] != "" {
				s.Absent = append(s.Absent, name)
			}
		}
	})
}

func (j *Job) download(ctx context.Context, acct Account) error {
	name := fmt.Sprintf("migration-%d.tar.gz", j.State.Migration)
	path := filepath.Join(j.Dir, name)
	if err := j.disk().MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	if err := j.intend(EffectDownload); err != nil {
		return err
	}
	j.emit(EventDownloading)
	result, err := acct.DownloadArchive(ctx, j.State.Migration, path, &ghmigrate.DownloadOptions{
		Progress: func(written, total int64) {
			j.emit(EventProgress, func(e *Event) { e.Bytes, e.Size = written, total })
		},
	})
	switch {
	case err == nil:
		err := j.settle(func(s *State) {
			s.Archive = &Archive{Name: name, Size: result.Size, SHA256: result.SHA256}
			s.Absences = 0
		})
		j.emit(EventDownloaded, func(e *Event) { e.Bytes, e.Size = result.Size, result.Size })
		return err
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		return j.vanish(ctx, acct, err)
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		j.emit(EventFailed)
		return j.ends(OutcomeFailed, ghmigrate.ErrMigrationFailed.Error())
	case errors.Is(err, ghmigrate.ErrNotFound) && !errors.Is(err, ghmigrate.ErrArchiveNotReady) && !errors.Is(err, ghmigrate.ErrMissingScope):
		return j.absent(ctx, acct, err)
	}
	return err
}

// path is where the archive is on disk.
func (j *Job) path() string { return filepath.Join(j.Dir, j.State.Archive.Name) }

// delete deletes the archive at GitHub. One that is gone already was deleted
// by an earlier process, or is past its time.
func (j *Job) delete(ctx context.Context, acct Account) error {
	if !j.mayDelete() {
		return errors.New("the archive is not safe yet")
	}
	if !j.State.InStore {
		if safe, err := j.onDisk(); !safe {
			return err
		}
	}
	if err := j.intend(EffectDelete); err != nil {
		return err
	}
	watched, passage := j.around().wire.watch(ctx)
	err := j.change(ctx, func() error { return acct.DeleteArchive(watched, j.State.Migration) })
	deleted := err == nil && passage.once()
	switch {
	case deleted:
	case err == nil, isAbsent(err):
		if deleted, err = meansNone(ctx, acct, j.State.Migration); err != nil {
			return err
		}
	case !errors.Is(err, ghmigrate.ErrForbidden) && !errors.Is(err, ghmigrate.ErrMissingScope):
		return err
	}
	if !deleted { // it does no harm where it is, for seven days
		j.NotBefore = time.Now().Add(absenceAgain)
		return j.settle(func(s *State) { s.Deletions++ })
	}
	err = j.settle(func(s *State) { s.Deleted = true })
	j.emit(EventDeleted)
	return err
}
