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
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
)

// A simulated is a disk whose machine can stop. The simulated disk itself has
// the folders that it began with: the folders of runs are slots, in order.
type simulated struct {
	*simdisk.Disk
	runs *[]string // which folder is in which slot
}

const (
	simulatedDir = "/data"
	slots        = 8
)

func newSimulated(seed uint64) simulated {
	folders := []string{simulatedDir}
	for i := range slots {
		folders = append(folders, slot(i))
	}
	return simulated{simdisk.New(seed, folders...), new([]string)}
}

func slot(i int) string { return fmt.Sprintf("%s/slot%d", simulatedDir, i) }

// with is the same file system on another disk: what is left of it.
func (d simulated) with(disk *simdisk.Disk) simulated { return simulated{disk, d.runs} }

func (d simulated) real(name string) string {
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

func (d simulated) MkdirAll(name string) error {
	if run := filepath.Base(name); name != simulatedDir && !slices.Contains(*d.runs, run) {
		*d.runs = append(*d.runs, run)
	}
	return nil
}

func (d simulated) ReadDir(string) ([]string, error) { return slices.Clone(*d.runs), nil }

func (d simulated) OpenLocked(name string) (durable.File, error) {
	return d.Disk.OpenLocked(d.real(name))
}

func (d simulated) Open(name string) (durable.File, error) { return d.Disk.Open(d.real(name)) }

func (d simulated) Lstat(name string) (fs.FileInfo, error) { return d.Disk.Lstat(d.real(name)) }

func (d simulated) Leads(name string, f durable.File) (bool, error) {
	return d.Disk.Leads(d.real(name), f)
}

func (d simulated) Rename(oldname, newname string) error {
	return d.Disk.Rename(d.real(oldname), d.real(newname))
}

func (d simulated) Remove(name string) error { return d.Disk.Remove(d.real(name)) }

func (d simulated) SyncDir(name string) error {
	if name == filepath.Dir(simulatedDir) {
		return nil // the folder itself is there from the beginning
	}
	return d.Disk.SyncDir(d.real(name))
}

func (d simulated) ReadFile(name string) ([]byte, error) { return d.Disk.ReadFile(d.real(name)) }

// journalLine is what a test reads of the journal.
type journalLine struct {
	Plan  []*export.Job `json:"plan"`
	Job   string        `json:"job"`
	State *export.State `json:"state"`
}

// jobs reads the latest journal: all jobs with their latest state.
func (d simulated) jobs() []*export.Job {
	if len(*d.runs) == 0 {
		return nil
	}
	data, err := d.ReadFile(filepath.Join(simulatedDir, (*d.runs)[len(*d.runs)-1], "journal"))
	if err != nil {
		return nil
	}
	return jobsOf(data)
}

func jobsOf(journal []byte) []*export.Job {
	var jobs []*export.Job
	for text := range strings.Lines(string(journal)) {
		var line journalLine
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

// A simulatedAccount downloads to the simulated disk, and sees to it that no
// archive is deleted before it is safe.
type simulatedAccount struct {
	export.Account
	t     *testing.T
	open  func(ctx context.Context, id int64) (*ghmigrate.ArchiveStream, error)
	disk  simulated
	store *memoryStore // nil if the archives stay on disk
	name  string       // of the account, as names in the store have it
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

// holds tells whether an archive is where it belongs.
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
		return fmt.Errorf("%s: %d bytes, not those that were verified", archive.Name, len(data))
	}
	return nil
}

// A memoryStore is a Store in memory that fails as often as it is told to.
type memoryStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	fail    func() bool
}

func newMemoryStore() *memoryStore {
	return &memoryStore{objects: map[string][]byte{}, fail: func() bool { return false }}
}

func (s *memoryStore) get(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[name]
}

func (s *memoryStore) Put(_ context.Context, name string, r io.Reader, size int64) error {
	s.mu.Lock()
	fails := s.fail()
	s.mu.Unlock()
	if fails {
		_, _ = io.CopyN(io.Discard, r, max(size/2, 1))
		return errors.New("the bucket is on fire")
	}
	data, err := io.ReadAll(r) // without the lock: r may wait for a network
	if err != nil {
		return err
	}
	if size >= 0 && int64(len(data)) != size {
		return io.ErrUnexpectedEOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[name] = data
	return nil
}

func mustRead(t *testing.T, d simulated, name string) []byte {
	t.Helper()
	data, err := d.ReadFile(name)
	require.NoError(t, err)
	return data
}
