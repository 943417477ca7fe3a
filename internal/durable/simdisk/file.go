package simdisk

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"
)

// blockSize is the number of bytes that a disk writes at once: a block is never torn.
const blockSize = 512

// An inode is a file without its names.
type inode struct {
	data    []byte   // the content as the process sees it
	synced  []byte   // the content that survives a power cut for certain
	pending []change // the changes from synced to data, in order
	locked  bool
}

// A change is a write, or a truncation to offset if data is nil.
type change struct {
	offset int64
	data   []byte
}

// next returns the file as the next process finds it.
func (n *inode) next(random *rand.Rand, cut bool) *inode {
	if !cut {
		// The bytes of a change are never modified, so the copies may share them.
		return &inode{data: slices.Clone(n.data), synced: slices.Clone(n.synced), pending: slices.Clone(n.pending)}
	}
	left := n.surviving(random)
	return &inode{data: left, synced: slices.Clone(left)}
}

// surviving returns a content that a power cut may leave of the file.
func (n *inode) surviving(random *rand.Rand) []byte {
	data := slices.Clone(n.synced)
	keep, tears := survivors(random, len(n.pending)), random.IntN(2) == 0
	for i, c := range n.pending {
		switch {
		case keep(i):
			data = c.apply(data)
		case tears && c.data != nil:
			data = c.tear(data, random)
		}
	}
	return data
}

func (c change) apply(data []byte) []byte {
	if c.data == nil {
		return resize(data, c.offset)
	}
	data = resize(data, max(int64(len(data)), c.offset+int64(len(c.data))))
	copy(data[c.offset:], c.data)
	return data
}

// tear applies some blocks of a write.
func (c change) tear(data []byte, random *rand.Rand) []byte {
	if random.IntN(2) == 0 { // the new size was written before the bytes
		data = resize(data, max(int64(len(data)), c.offset+int64(len(c.data))))
	}
	for from := int64(0); from < int64(len(c.data)); {
		to := min(int64(len(c.data)), (c.offset+from)/blockSize*blockSize+blockSize-c.offset)
		if random.IntN(2) == 0 {
			data = change{offset: c.offset + from, data: c.data[from:to]}.apply(data)
		}
		from = to
	}
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

func (n *inode) change(c change) {
	n.data = c.apply(n.data)
	n.pending = append(n.pending, c)
}

// A file is an open inode.
type file struct {
	disk   *Disk
	inode  *inode
	name   string
	holds  bool // the lock
	closed bool
}

func (f *file) begin(kind Kind) (happens bool, err error) {
	if f.closed {
		return false, &fs.PathError{Op: string(kind), Path: f.name, Err: fs.ErrClosed}
	}
	return f.disk.begin(kind, f.name)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if _, err := f.begin(Read); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrInvalid}
	}
	n := copy(p, f.inode.data[min(off, int64(len(f.inode.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	happens, err := f.begin(Write)
	if err == nil && (off < 0 || !f.holds) {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrInvalid}
	}
	if f.closed || f.disk.stopped && !happens {
		return 0, err
	}
	if err != nil { // a part of the bytes is written
		p = p[:f.disk.random.IntN(len(p)+1)]
	}
	if len(p) > 0 {
		f.inode.change(change{offset: off, data: slices.Clone(p)})
	}
	return len(p), err
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	happens, err := f.begin(Truncate)
	if !happens {
		return err
	}
	if size < 0 || !f.holds {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: fs.ErrInvalid}
	}
	f.inode.change(change{offset: size})
	return err
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	_, err := f.begin(Sync)
	switch {
	case f.closed || f.disk.stopped:
		return err
	case err != nil:
		f.inode.synced = f.inode.surviving(f.disk.random)
	default:
		for _, c := range f.inode.pending {
			f.inode.synced = c.apply(f.inode.synced)
		}
	}
	f.inode.pending = nil
	return err
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if _, err := f.begin(Stat); err != nil {
		return nil, err
	}
	return info{name: f.name, size: int64(len(f.inode.data))}, nil
}

func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	if f.holds {
		f.inode.locked = false
	}
	return nil
}

type info struct {
	name   string
	size   int64
	folder bool
}

func (i info) Name() string       { return filepath.Base(i.name) }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.folder }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
