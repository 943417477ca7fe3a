package simdisk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/simdisk"
)

const (
	folder = "/data"
	name   = "/data/file"
	other  = "/data/other"
	seeds  = 300
)

func TestADiskIsAFileSystem(t *testing.T) {
	disk := simdisk.New(1, folder)
	f := create(t, disk, name, "hello world")
	_, err := f.WriteAt([]byte("W"), 6)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("!"), 13)
	require.NoError(t, err)
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 100))
	require.NoError(t, err)
	assert.Equal(t, "hello World\x00\x00!", string(got))
	require.NoError(t, f.Truncate(5))
	require.NoError(t, f.Truncate(6))
	assert.Equal(t, "hello\x00", read(t, disk, name))
	info, err := f.Stat()
	require.NoError(t, err)
	assert.EqualValues(t, 6, info.Size())
	assert.Equal(t, fs.FileMode(0o600), info.Mode())

	ok, err := disk.Leads(name, f)
	require.NoError(t, err)
	assert.True(t, ok)
	require.NoError(t, disk.Rename(name, other))
	ok, err = disk.Leads(name, f)
	require.NoError(t, err)
	assert.False(t, ok)
	assert.Equal(t, []string{"other"}, disk.Names(folder))
	_, err = disk.Lstat(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = disk.Open(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, disk.Rename(name, other), fs.ErrNotExist)
	require.ErrorIs(t, disk.Remove(name), fs.ErrNotExist)
	info, err = disk.Lstat(other)
	require.NoError(t, err)
	assert.Equal(t, "other", info.Name())

	reader, err := disk.Open(other)
	require.NoError(t, err)
	_, err = reader.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, fs.ErrInvalid)
	require.NoError(t, reader.Close())
	_, err = reader.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, fs.ErrClosed)

	require.NoError(t, disk.Remove(other))
	assert.Empty(t, disk.Names(folder))
	_, err = f.WriteAt([]byte("still open"), 0)
	require.NoError(t, err)
}

func TestADiskHasFoldersAndLocks(t *testing.T) {
	disk := simdisk.New(1, folder, "/data/folder")
	_, err := disk.OpenLocked("/data/folder")
	require.ErrorIs(t, err, durable.ErrNotRegular)
	_, err = disk.Open("/data/folder")
	require.ErrorIs(t, err, durable.ErrNotRegular)
	_, err = disk.OpenLocked("/missing/file")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, disk.SyncDir("/missing"), fs.ErrNotExist)
	f := create(t, disk, name, "x")
	require.ErrorIs(t, disk.Rename(name, "/data/folder"), syscall.EISDIR)
	require.ErrorIs(t, disk.Rename(name, "/missing/file"), fs.ErrNotExist)

	_, err = disk.OpenLocked(name)
	require.ErrorIs(t, err, durable.ErrLocked)
	require.NoError(t, f.Close())
	f, err = disk.OpenLocked(name)
	require.NoError(t, err)
	for what, next := range map[string]*simdisk.Disk{"a kill": disk.Kill(), "a power cut": disk.PowerCut(1)} {
		g, err := next.OpenLocked(name)
		require.NoError(t, err, "%s ends a lock", what)
		require.NoError(t, g.Close())
	}
	require.NoError(t, f.Close())
}

func TestAKillLosesNothing(t *testing.T) {
	disk := simdisk.New(1, folder)
	f := create(t, disk, name, "synced")
	require.NoError(t, f.Sync())
	_, err := f.WriteAt([]byte("not"), 0)
	require.NoError(t, err)
	next := disk.Kill()
	assert.Equal(t, "notced", read(t, next, name))
	_, err = f.WriteAt([]byte("late"), 0)
	require.ErrorIs(t, err, simdisk.ErrStopped)
	require.ErrorIs(t, disk.Remove(name), simdisk.ErrStopped)
	assert.Equal(t, "notced", read(t, next, name))

	// The kill does not sync the write.
	lost := 0
	for seed := range uint64(seeds) {
		if got, err := next.PowerCut(seed).ReadFile(name); err != nil || string(got) != "notced" {
			lost++
		}
	}
	assert.NotZero(t, lost)
	require.NoError(t, disk.Kill().SyncDir(folder))
}

func TestAPowerCutKeepsSyncedData(t *testing.T) {
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder)
		old := create(t, disk, other, "old")
		require.NoError(t, old.Sync())
		f := create(t, disk, name, "synced")
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir(folder))
		require.NoError(t, disk.Rename(name, other))
		require.NoError(t, disk.SyncDir(folder))
		for range 2 {
			disk = disk.PowerCut(seed)
			assert.Equal(t, "synced", read(t, disk, other))
			assert.Equal(t, []string{"other"}, disk.Names(folder))
		}
	}
}

func TestAPowerCutMayLoseUnsyncedData(t *testing.T) {
	before, after := bytes.Repeat([]byte("-"), 4000), bytes.Repeat([]byte("+"), 5000)
	var kept, dropped, torn, reordered, shorter int
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder)
		f := create(t, disk, name, string(before))
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir(folder))
		for from := 0; from < len(after); from += 1000 {
			_, err := f.WriteAt(after[from:from+1000], int64(from))
			require.NoError(t, err)
		}
		got := []byte(read(t, disk.PowerCut(seed), name))
		require.GreaterOrEqual(t, len(got), len(before))
		require.LessOrEqual(t, len(got), len(after))
		require.Empty(t, bytes.Trim(got[:len(before)], "+-"), "a block is old or new")
		require.Empty(t, bytes.Trim(got[len(before):], "+\x00"), "a block after the old end is new or zeros")
		switch {
		case bytes.Equal(got, after):
			kept++
		case bytes.Equal(got, before):
			dropped++
		case bytes.Contains(got, []byte("-+")):
			reordered++
		default:
			torn++
		}
		if len(got) < len(after) {
			shorter++
		}
	}
	for what, n := range map[string]int{"kept": kept, "dropped": dropped, "torn": torn, "reordered": reordered, "shorter": shorter} {
		assert.Greater(t, n, seeds/50, what)
	}
}

func TestAPowerCutMayUndoATruncation(t *testing.T) {
	sizes := map[int]int{}
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder)
		f := create(t, disk, name, "hello")
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir(folder))
		require.NoError(t, f.Truncate(0))
		sizes[len(read(t, disk.PowerCut(seed), name))]++
	}
	assert.Greater(t, sizes[0], seeds/10)
	assert.Greater(t, sizes[5], seeds/10)
}

func TestAPowerCutMayUndoNames(t *testing.T) {
	found := map[string]int{}
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder)
		a := create(t, disk, "/data/a", "a")
		require.NoError(t, a.Sync())
		b := create(t, disk, "/data/b", "b")
		require.NoError(t, b.Sync())
		require.NoError(t, disk.SyncDir(folder))
		c := create(t, disk, "/data/c", "c")
		require.NoError(t, c.Sync())
		require.NoError(t, disk.Rename("/data/a", "/data/b"))
		require.NoError(t, disk.Remove("/data/b"))
		disk = disk.PowerCut(seed)
		state := ""
		for _, name := range disk.Names(folder) {
			state += name + "=" + read(t, disk, folder+"/"+name) + " "
		}
		found[state]++
	}
	want := []string{
		"a=a b=b ", "a=a b=b c=c ", // both changes lost
		"b=a ", "b=a c=c ", // the removal lost
		"a=a ", "a=a c=c ", // the rename lost: the removal removed the old b
		"", "c=c ", // no change lost
	}
	for state := range found {
		assert.Contains(t, want, state)
	}
	assert.Len(t, found, len(want))
}

func TestARenameIsNeverHalfDone(t *testing.T) {
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder, "/else")
		f := create(t, disk, name, "x")
		require.NoError(t, f.Sync())
		require.NoError(t, disk.SyncDir(folder))
		require.NoError(t, disk.Rename(name, "/else/file"))
		if seed%2 == 0 {
			require.NoError(t, disk.SyncDir("/else"))
		}
		if seed%3 == 0 {
			require.NoError(t, disk.SyncDir(folder))
		}
		disk = disk.PowerCut(seed)
		assert.Len(t, slices.Concat(disk.Names(folder), disk.Names("/else")), 1)
		if seed%6 == 0 {
			assert.Equal(t, []string{"file"}, disk.Names("/else"))
		}
	}
}

func TestADiskStopsAfterAnyOperation(t *testing.T) {
	work := func(disk *simdisk.Disk) error {
		f, err := disk.OpenLocked(name)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte("hello"), 0); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		return disk.Rename(name, other)
	}
	disk := simdisk.New(0, folder)
	require.NoError(t, work(disk))
	require.Equal(t, 4, disk.Ops())
	states := make([]map[string]bool, 4)
	for n := range states {
		states[n] = map[string]bool{}
		for seed := range uint64(seeds) {
			disk := simdisk.New(seed, folder)
			disk.StopAfter(n)
			require.ErrorIs(t, work(disk), simdisk.ErrStopped)
			assert.Equal(t, n, disk.Ops())
			_, err := disk.Lstat(folder)
			require.ErrorIs(t, err, simdisk.ErrStopped)
			state := fmt.Sprint(disk.Names(folder))
			if data, err := disk.Kill().ReadFile(name); err == nil {
				state += string(data)
			}
			states[n][state] = true
		}
	}
	assert.Equal(t, map[string]bool{"[]": true, "[file]": true}, states[0])
	assert.Equal(t, map[string]bool{
		"[file]": true, "[file]h": true, "[file]he": true, "[file]hel": true, "[file]hell": true, "[file]hello": true,
	}, states[1])
	assert.Equal(t, map[string]bool{"[file]hello": true}, states[2])
	assert.Equal(t, map[string]bool{"[file]hello": true, "[other]": true}, states[3])
}

func TestFailMakesOperationsFail(t *testing.T) {
	operations := map[simdisk.Kind]func(disk *simdisk.Disk, f durable.File) error{
		simdisk.Create:     func(disk *simdisk.Disk, _ durable.File) error { _, err := disk.OpenLocked(other); return err },
		simdisk.OpenLocked: func(disk *simdisk.Disk, _ durable.File) error { _, err := disk.OpenLocked("/data/free"); return err },
		simdisk.Open:       func(disk *simdisk.Disk, _ durable.File) error { _, err := disk.Open(name); return err },
		simdisk.Lstat:      func(disk *simdisk.Disk, _ durable.File) error { _, err := disk.Lstat(name); return err },
		simdisk.Leads:      func(disk *simdisk.Disk, f durable.File) error { _, err := disk.Leads(name, f); return err },
		simdisk.Rename:     func(disk *simdisk.Disk, _ durable.File) error { return disk.Rename(name, other) },
		simdisk.Remove:     func(disk *simdisk.Disk, _ durable.File) error { return disk.Remove(name) },
		simdisk.SyncDir:    func(disk *simdisk.Disk, _ durable.File) error { return disk.SyncDir(folder) },
		simdisk.Stat:       func(_ *simdisk.Disk, f durable.File) error { _, err := f.Stat(); return err },
		simdisk.Read:       func(_ *simdisk.Disk, f durable.File) error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		simdisk.Write:      func(_ *simdisk.Disk, f durable.File) error { _, err := f.WriteAt([]byte("hello"), 0); return err },
		simdisk.Truncate:   func(_ *simdisk.Disk, f durable.File) error { return f.Truncate(1) },
		simdisk.Sync:       func(_ *simdisk.Disk, f durable.File) error { return f.Sync() },
	}
	for kind, operation := range operations {
		t.Run(string(kind), func(t *testing.T) {
			disk := simdisk.New(1, folder)
			disk.WriteFile("/data/free", nil)
			f := create(t, disk, name, "there")
			var seen []simdisk.Op
			disk.Fail(func(op simdisk.Op) error {
				seen = append(seen, op)
				return syscall.EROFS
			})
			require.ErrorIs(t, operation(disk, f), syscall.EROFS)
			require.Len(t, seen, 1)
			assert.Equal(t, simdisk.Op{Number: 3, Kind: kind, Name: seen[0].Name}, seen[0])
			assert.Equal(t, []string{"file", "free"}, disk.Names(folder), "the operation has no effect")
			disk.Fail(nil)
			require.NoError(t, operation(disk, f))
		})
	}
}

func TestAFailedWriteMayWriteAPart(t *testing.T) {
	lengths := map[int]bool{}
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder)
		f := create(t, disk, name, "")
		disk.Fail(func(simdisk.Op) error { return syscall.ENOSPC })
		n, err := f.WriteAt([]byte("hello"), 0)
		require.ErrorIs(t, err, syscall.ENOSPC)
		assert.Equal(t, "hello"[:n], read(t, disk, name))
		lengths[n] = true
	}
	assert.Len(t, lengths, 6)
}

func TestDataThatAFailedSyncLostStaysLost(t *testing.T) {
	broken := errors.New("input/output error")
	lost := 0
	for seed := range uint64(seeds) {
		disk := simdisk.New(seed, folder)
		f := create(t, disk, name, "hello")
		require.NoError(t, disk.SyncDir(folder))
		disk.Fail(func(simdisk.Op) error { return broken })
		require.ErrorIs(t, f.Sync(), broken)
		disk.Fail(nil)
		require.NoError(t, f.Sync())
		assert.Equal(t, "hello", read(t, disk, name), "the data can still be read")
		if read(t, disk.PowerCut(seed), name) != "hello" {
			lost++
		}
	}
	assert.Greater(t, lost, seeds/10)
}

func TestWriteFileIsDurable(t *testing.T) {
	disk := simdisk.New(1, folder)
	disk.WriteFile(name, []byte("old"))
	assert.Zero(t, disk.Ops())
	for seed := range uint64(seeds) {
		assert.Equal(t, "old", read(t, disk.PowerCut(seed), name))
	}
}

func TestTheSameSeedLeavesTheSameDisk(t *testing.T) {
	found := func() string {
		disk := simdisk.New(7, folder)
		for i := range 10 {
			create(t, disk, fmt.Sprint("/data/", i), "some text")
		}
		disk = disk.PowerCut(3)
		return fmt.Sprint(disk.Names(folder))
	}
	want := found()
	for range 20 {
		assert.Equal(t, want, found())
	}
}

func create(t *testing.T, disk *simdisk.Disk, name, data string) durable.File {
	t.Helper()
	f, err := disk.OpenLocked(name)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	require.NoError(t, err)
	return f
}

func read(t *testing.T, disk *simdisk.Disk, name string) string {
	t.Helper()
	data, err := disk.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}
