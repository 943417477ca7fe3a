package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// scratchAge is the age of a folder that no export needs: GitHub has deleted the
// archives after seven days.
const scratchAge = 8 * 24 * time.Hour

// runFolder matches the last part of a run's name: see [export.NameRun].
var runFolder = regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]+$`) //nolint:gochecknoglobals // compiled once

// sweep removes the folders of runs in which nothing has changed since a time.
func sweep(scratch string, before time.Time, log *slog.Logger) error {
	return filepath.WalkDir(scratch, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // another worker sweeps too
			return nil
		}
		if err != nil || !d.IsDir() || !runFolder.MatchString(d.Name()) {
			return err
		}
		changed, err := newest(path)
		if err == nil && changed.Before(before) {
			log.Info("remove an old folder", "folder", path)
			err = os.RemoveAll(path)
		}
		if err != nil {
			return err
		}
		return fs.SkipDir
	})
}

// newest returns when a folder, or anything in it, has changed.
func newest(folder string) (at time.Time, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && info.ModTime().After(at) {
			at = info.ModTime()
		}
		return err
	})
	return at, err
}
