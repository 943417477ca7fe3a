package export_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
)

// A simulatedDisk is the disk of a machine that can stop. A simdisk.Disk cannot create
// folders, so the folders of runs are slots that it has from the beginning.
type simulatedDisk struct {
	*simdisk.Disk
	runs *[]string // the names of the folders in the slots
}

const (
	simulatedDir = "/data"
	slots        = 8
)

func newSimulated(seed uint64) simulatedDisk {
	folders := []string{simulatedDir}
	for i := range slots {
		folders = append(folders, slot(i))
	}
	return simulatedDisk{simdisk.New(seed, folders...), new([]string)}
}

func slot(i int) string { return fmt.Sprintf("%s/slot%d", simulatedDir, i) }

// with returns the file system with another disk below it, such as the disk after a
// crash.
func (d simulatedDisk) with(disk *simdisk.Disk) simulatedDisk { return simulatedDisk{disk, d.runs} }

// real returns the name on the simdisk.Disk.
func (d simulatedDisk) real(name string) string {
	for i, run := range *d.runs {
		folder := filepath.Join(simulatedDir, run)
		if name == folder {
			return slot(i)
		}
		if rest, ok := strings.CutPrefix(name, folder+string(filepath.Separator)); ok {
			return filepath.Join(slot(i), rest)
		}
	}
	return name
}

func (d simulatedDisk) MkdirAll(name string) error {
	if run := filepath.Base(name); name != simulatedDir && !slices.Contains(*d.runs, run) {
		*d.runs = append(*d.runs, run)
	}
	return nil
}

func (d simulatedDisk) ReadDir(string) ([]string, error) { return slices.Clone(*d.runs), nil }

func (d simulatedDisk) OpenLocked(name string) (durable.File, error) {
	return d.Disk.OpenLocked(d.real(name))
}

func (d simulatedDisk) Open(name string) (durable.File, error) { return d.Disk.Open(d.real(name)) }

func (d simulatedDisk) Lstat(name string) (fs.FileInfo, error) { return d.Disk.Lstat(d.real(name)) }

func (d simulatedDisk) Leads(name string, f durable.File) (bool, error) {
	return d.Disk.Leads(d.real(name), f)
}

func (d simulatedDisk) Rename(oldname, newname string) error {
	return d.Disk.Rename(d.real(oldname), d.real(newname))
}

func (d simulatedDisk) Remove(name string) error { return d.Disk.Remove(d.real(name)) }

func (d simulatedDisk) SyncDir(name string) error {
	if name == filepath.Dir(simulatedDir) {
		return nil // the folder exists from the beginning
	}
	return d.Disk.SyncDir(d.real(name))
}

func (d simulatedDisk) ReadFile(name string) ([]byte, error) { return d.Disk.ReadFile(d.real(name)) }

// jobs returns the jobs in the journal of the latest run, with their latest states.
func (d simulatedDisk) jobs() []*export.Job {
	if len(*d.runs) == 0 {
		return nil
	}
	data, err := d.ReadFile(filepath.Join(simulatedDir, (*d.runs)[len(*d.runs)-1], "journal"))
	if err != nil {
		return nil
	}
	var jobs []*export.Job
	for text := range strings.Lines(string(data)) {
		var line struct {
			Plan  []*export.Job `json:"plan"`
			Job   string        `json:"job"`
			State *export.State `json:"state"`
		}
		if len(text) < 10 || json.Unmarshal([]byte(text[9:]), &line) != nil {
			continue
		}
		jobs = append(jobs, line.Plan...)
		for _, job := range jobs {
			if line.State != nil && job.ID == line.Job {
				job.State = *line.State
			}
		}
	}
	return jobs
}

// A simulatedAccount downloads to the simulated disk, and checks that no archive is
// deleted at GitHub before its copy is safe.
type simulatedAccount struct {
	export.Account
	t     *testing.T
	open  func(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error)
	disk  simulatedDisk
	store *memoryStore // nil if the archives stay on disk
	name  string       // the name of the account in the store
}

func (a simulatedAccount) DownloadArchive(ctx context.Context, id int64, name string, _ *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	stream, err := a.open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }()
	data, err := io.ReadAll(stream)
	if err != nil {
		return nil, err
	}
	f, err := a.disk.OpenLocked(name + ".part")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	_, err = f.WriteAt(data, 0)
	if err := errors.Join(err, f.Truncate(int64(len(data))), f.Sync(), a.disk.Rename(name+".part", name), a.disk.SyncDir(filepath.Dir(name))); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return &ghmigrate.DownloadResult{Path: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}, nil
}

func (a simulatedAccount) DeleteArchive(ctx context.Context, id int64) error {
	for _, job := range a.disk.jobs() {
		if s := job.State; s.Migration == id {
			assert.True(a.t, s.Verified && s.Stored && s.Archive != nil && s.Intent == export.EffectDelete, "archive %d is deleted too soon", id)
			assert.False(a.t, s.Inferred)
			assert.NoError(a.t, a.holds(s.Archive)) //nolint:testifylint // not the test's goroutine
		}
	}
	return a.Account.DeleteArchive(ctx, id)
}

// holds checks that the archive is in the store, or on disk if there is no store.
func (a simulatedAccount) holds(archive *export.Archive) error {
	folder := (*a.disk.runs)[len(*a.disk.runs)-1]
	var data []byte
	if a.store != nil {
		data = a.store.get(path.Join(a.name, folder, archive.Name))
	} else {
		var err error
		if data, err = a.disk.ReadFile(filepath.Join(simulatedDir, folder, archive.Name)); err != nil {
			return err
		}
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != archive.SHA256 {
		return fmt.Errorf("%s: the checksum of %d bytes is wrong", archive.Name, len(data))
	}
	return nil
}

func mustRead(t *testing.T, d simulatedDisk, name string) []byte {
	t.Helper()
	data, err := d.ReadFile(name)
	require.NoError(t, err)
	return data
}
