package export_test

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// TestMain makes garbage collections rarer. The tests allocate much and keep little, so
// collections would take a third of their time.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(m.Run())
}

// An unsyncedDisk is the disk of the operating system without syncs. The tests of
// crashes have a simulated disk; for all others syncs only cost time.
type unsyncedDisk struct{ durable.OS }

func (d unsyncedDisk) OpenLocked(name string) (durable.File, error) {
	f, err := d.OS.OpenLocked(name)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (unsyncedDisk) SyncDir(string) error { return nil }

type unsyncedFile struct{ durable.File }

func (unsyncedFile) Sync() error { return nil }

// unsynced returns options for a run in opts.Dir without syncs.
func unsynced(opts export.Options) export.Options {
	return export.OnDisk(opts, unsyncedDisk{})
}
