package browse

import (
	"context"
	"errors"
)

// CheckExport reports whether a folder can take an export: it is missing or empty.
func CheckExport(string) error { return nil }

// Export writes.
func (l *Library) Export(ctx context.Context, dir string) (string, error) {
	return "", errors.New("not yet")
}

// Folder returns the folder of the index.
func (l *Library) Folder() string { return l.dir }

// Wait waits until the archives are unpacked.
func (l *Library) Wait(ctx context.Context) error { return l.files.wait(ctx) }
