package simdisk

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// ErrStopped is the error of every operation after the disk has stopped. Such an
// operation has no effect.
var ErrStopped = errors.New("the machine has stopped")

// A Disk is a file system as one process sees it. It is safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	random  *rand.Rand
	decide  func(Op) error
	count   int // of operations
	stop    int // the number of operations after which the disk stops; negative if it does not
	stopped bool

	now     tree       // the names as the process sees them
	durable tree       // the names that survive a power cut for certain
	pending []renaming // the changes from durable to now, in order
}

var _ durable.FS = (*Disk)(nil)

// An Op is an operation that is about to happen.
type Op struct {
	Number int // from 1
	Kind   Kind
	Name   string
}

// A Kind is what an operation does.
type Kind string

// The kinds are the methods of [durable.FS] and [durable.File]. Close is not an
// operation and cannot fail. A Create is an OpenLocked of a missing file.
const (
	Create     Kind = "create"
	OpenLocked Kind = "open locked"
	Open       Kind = "open"
	Lstat      Kind = "lstat"
	Leads      Kind = "leads"
	Rename     Kind = "rename"
	Remove     Kind = "remove"
	SyncDir    Kind = "sync folder"
	Stat       Kind = "stat"
	Read       Kind = "read"
	Write      Kind = "write"
	Truncate   Kind = "truncate"
	Sync       Kind = "sync"
)

// A tree maps each name to its file, or to nil for a folder.
type tree map[string]*inode

// A renaming is one change of names, which may be in two folders.
type renaming struct {
	folders []string          // folders that have not been synced since the change
	names   map[string]*inode // the new file of each name, nil for a removed name
}

// New returns an empty disk with the given folders. The seed decides how much of an
// operation happens when the disk fails or stops.
func New(seed uint64, folders ...string) *Disk {
	d := &Disk{random: source(seed), stop: -1, now: tree{}, durable: tree{}}
	for _, name := range folders {
		name = filepath.Clean(name)
		d.now[name], d.durable[name] = nil, nil
	}
	return d
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) } //nolint:gosec // repeatable on purpose

// Fail makes each operation from now on call decide, and fail with the error of
// decide. decide must not use the disk. A nil decide lets operations succeed.
func (d *Disk) Fail(decide func(Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = decide
}

// StopAfter stops the disk after n more operations. All operations after these fail
// with [ErrStopped]. The first of them may still take effect, wholly or in part.
func (d *Disk) StopAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop = d.count + n
}

// Stop stops the disk at once.
func (d *Disk) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
}

// Ops returns the number of operations before the disk stopped, failed ones included.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Kill stops the disk and returns the disk that the next process finds. It has the
// same content, no locks, and the same changes that are not synced.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	seed := d.random.Uint64()
	d.mu.Unlock()
	return d.next(seed, false)
}

// PowerCut stops the disk and returns the disk after a power cut. The seed decides
// which changes that were not synced are left.
func (d *Disk) PowerCut(seed uint64) *Disk { return d.next(seed, true) }

func (d *Disk) next(seed uint64, cut bool) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	next := &Disk{random: source(seed), stop: -1, now: maps.Clone(d.now), durable: maps.Clone(d.durable), pending: slices.Clone(d.pending)}
	if cut {
		next.durable = survivingNames(next.random, d.durable, d.pending)
		next.now, next.pending = maps.Clone(next.durable), nil
	}
	// The names are sorted so that the same seed makes the same decisions.
	moved := map[*inode]*inode{nil: nil}
	for _, t := range []tree{next.now, next.durable} {
		for _, name := range slices.Sorted(maps.Keys(t)) {
			if old := t[name]; moved[old] == nil && old != nil {
				moved[old] = old.next(next.random, cut)
			}
			t[name] = moved[t[name]]
		}
	}
	for i, change := range next.pending {
		names := maps.Clone(change.names)
		for name, old := range names {
			// A file without a name is in neither tree.
			if moved[old] == nil && old != nil {
				moved[old] = old.next(next.random, cut)
			}
			names[name] = moved[old]
		}
		next.pending[i].names = names
	}
	return next
}

// survivingNames returns old with some of the changes, as a power cut may leave them.
func survivingNames(random *rand.Rand, old tree, changes []renaming) tree {
	t := maps.Clone(old)
	keep := survivors(random, len(changes))
	for i, change := range changes {
		if !keep(i) {
			continue
		}
		for name, file := range change.names {
			if file == nil {
				delete(t, name)
				continue
			}
			// If the change that removed the file's old name did not survive, remove it now.
			maps.DeleteFunc(t, func(_ string, other *inode) bool { return other == file })
			t[name] = file
		}
	}
	return t
}

// survivors chooses which of n changes survive a power cut: no change, all changes,
// the first changes, or a random subset.
func survivors(random *rand.Rand, n int) func(i int) bool {
	switch random.IntN(4) {
	case 0:
		return func(int) bool { return false }
	case 1:
		return func(int) bool { return true }
	case 2:
		first := random.IntN(n + 1)
		return func(i int) bool { return i < first }
	default:
		return func(int) bool { return random.IntN(2) == 0 }
	}
}

// ReadFile returns the content of the file name, as the process sees it. It does not
// count as an operation, and works after the disk has stopped.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	file := d.now[filepath.Clean(name)]
	if file == nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(file.data), nil
}

// WriteFile writes data to the file name and syncs it. It does not count as an
// operation.
func (d *Disk) WriteFile(name string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	file := &inode{data: slices.Clone(data), synced: slices.Clone(data)}
	d.now[name], d.durable[name] = file, file
	for _, change := range d.pending {
		delete(change.names, name)
	}
}

// Names returns the sorted names of the files in folder.
func (d *Disk) Names(folder string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name, file := range d.now {
		if file != nil && filepath.Dir(name) == filepath.Clean(folder) {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names
}

// begin counts an operation and returns its error. If the disk stops during the
// operation, happens reports whether the operation takes effect nevertheless.
func (d *Disk) begin(kind Kind, name string) (happens bool, err error) {
	if d.stopped {
		return false, ErrStopped
	}
	if d.stop >= 0 && d.count >= d.stop {
		d.stopped = true
		return d.random.IntN(2) == 0, ErrStopped
	}
	d.count++
	if d.decide != nil {
		if err := d.decide(Op{Number: d.count, Kind: kind, Name: name}); err != nil {
			return false, &fs.PathError{Op: string(kind), Path: name, Err: err}
		}
	}
	return true, nil
}

// OpenLocked implements [durable.FS].
func (d *Disk) OpenLocked(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clean := filepath.Clean(name)
	old, exists := d.now[clean]
	kind := OpenLocked
	if !exists {
		kind = Create
	}
	happens, err := d.begin(kind, name)
	if !happens {
		return nil, err
	}
	switch {
	case exists && old == nil:
		return nil, durable.Regular(name, info{name: clean, folder: true})
	case exists && old.locked:
		return nil, &fs.PathError{Op: "lock", Path: name, Err: durable.ErrLocked}
	case !exists:
		if err := d.isFolder(kind, filepath.Dir(clean)); err != nil {
			return nil, err
		}
		old = &inode{}
		d.rename(map[string]*inode{clean: old}, filepath.Dir(clean))
	}
	if err != nil {
		return nil, err
	}
	old.locked = true
	return &file{disk: d, inode: old, name: name, holds: true}, nil
}

// Open implements [durable.FS].
func (d *Disk) Open(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(Open, name); err != nil {
		return nil, err
	}
	clean := filepath.Clean(name)
	switch old, exists := d.now[clean]; {
	case !exists:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case old == nil:
		return nil, durable.Regular(name, info{name: clean, folder: true})
	default:
		return &file{disk: d, inode: old, name: name}, nil
	}
}

// Lstat implements [durable.FS].
func (d *Disk) Lstat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(Lstat, name); err != nil {
		return nil, err
	}
	clean := filepath.Clean(name)
	switch old, exists := d.now[clean]; {
	case !exists:
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	case old == nil:
		return info{name: clean, folder: true}, nil
	default:
		return info{name: clean, size: int64(len(old.data))}, nil
	}
}

// Leads implements [durable.FS].
func (d *Disk) Leads(name string, f durable.File) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(Leads, name); err != nil {
		return false, err
	}
	opened, ok := f.(*file)
	return ok && d.now[filepath.Clean(name)] == opened.inode, nil
}

// Rename implements [durable.FS].
func (d *Disk) Rename(oldname, newname string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens, err := d.begin(Rename, oldname)
	if !happens {
		return err
	}
	from, to := filepath.Clean(oldname), filepath.Clean(newname)
	moved := d.now[from]
	if moved == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	if replaced, exists := d.now[to]; exists && replaced == nil {
		return &fs.PathError{Op: "rename", Path: newname, Err: syscall.EISDIR}
	}
	if err := d.isFolder(Rename, filepath.Dir(to)); err != nil {
		return err
	}
	if from != to {
		d.rename(map[string]*inode{from: nil, to: moved}, filepath.Dir(from), filepath.Dir(to))
	}
	return err
}

// Remove implements [durable.FS].
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens, err := d.begin(Remove, name)
	if !happens {
		return err
	}
	clean := filepath.Clean(name)
	if d.now[clean] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.rename(map[string]*inode{clean: nil}, filepath.Dir(clean))
	return err
}

// SyncDir implements [durable.FS].
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(SyncDir, name); err != nil {
		return err
	}
	clean := filepath.Clean(name)
	if err := d.isFolder(SyncDir, clean); err != nil {
		return err
	}
	// A change in two folders is durable once both are synced. The changes that become
	// durable are applied in order, as a journal does.
	kept := d.pending[:0:0]
	for _, change := range d.pending {
		change.folders = slices.DeleteFunc(slices.Clone(change.folders), func(folder string) bool { return folder == clean })
		if len(change.folders) > 0 {
			kept = append(kept, change)
			continue
		}
		d.durable.change(change.names)
	}
	d.pending = kept
	return nil
}

func (d *Disk) isFolder(kind Kind, name string) error {
	if file, exists := d.now[name]; !exists || file != nil {
		return &fs.PathError{Op: string(kind), Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

func (d *Disk) rename(names map[string]*inode, folders ...string) {
	d.now.change(names)
	slices.Sort(folders)
	d.pending = append(d.pending, renaming{folders: slices.Compact(folders), names: names})
}

func (t tree) change(names map[string]*inode) {
	for name, file := range names {
		if file == nil {
			delete(t, name)
			continue
		}
		t[name] = file
	}
}
