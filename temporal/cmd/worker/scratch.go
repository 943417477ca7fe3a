package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"time"
)

// scratchAge is the age at which sweep removes the folder of a run. GitHub deletes
// archives after seven days, so no export still needs the folder.
const scratchAge = 8 * 24 * time.Hour

// runFolder matches the last part of a run's name: see [export.NameRun].
var runFolder = regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]+$`)

// sweep removes the folders of runs that have not changed since a time. Other workers
// may sweep the same scratch folder.
func sweep(scratch string, before time.Time, log *slog.Logger) error {
	root, err := os.OpenRoot(scratch)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() || !runFolder.MatchString(d.Name()) {
			return err
		}
		changed, err := lastChange(root.FS(), path)
		if err == nil && changed.Before(before) {
			log.Info("removing an old folder", "folder", path)
			err = root.RemoveAll(path)
		}
		if err != nil {
			return err
		}
		return fs.SkipDir
	})
}

// lastChange returns when a folder or a file in it has last changed.
func lastChange(fsys fs.FS, folder string) (at time.Time, err error) {
	err = fs.WalkDir(fsys, folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil && info.ModTime().After(at) {
				at = info.ModTime()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return at, err
}
