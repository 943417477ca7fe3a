package durable_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// openLocked opens and locks a file that no other file holds.
func openLocked(t *testing.T, name string) durable.File {
	t.Helper()
	f, err := durable.OS{}.OpenLocked(name)
	require.NoError(t, err)
	return f
}

func requirePrivate(t *testing.T, info fs.FileInfo) {
	t.Helper()
	if runtime.GOOS != "windows" {
		assert.Equal(t, fs.FileMode(0o600), info.Mode())
	}
}

func requireContent(t *testing.T, f durable.File, want string) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 100))
	require.NoError(t, err)
	assert.Equal(t, want, string(got))
}

func TestOpenLockedCreatesAPrivateFileAndKeepsItsContent(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	f := openLocked(t, name)
	_, err := f.WriteAt([]byte("hello"), 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())

	info, err := durable.OS{}.Lstat(name)
	require.NoError(t, err)
	requirePrivate(t, info)

	require.NoError(t, os.Chmod(name, 0o644))
	f = openLocked(t, name)
	info, err = f.Stat()
	require.NoError(t, err)
	requirePrivate(t, info)
	requireContent(t, f, "hello")
	require.NoError(t, f.Close())
}

func TestStartSyncChangesNothing(t *testing.T) {
	f := openLocked(t, filepath.Join(t.TempDir(), "file"))
	_, err := f.WriteAt([]byte("hello"), 0)
	require.NoError(t, err)
	durable.StartSync(f)
	durable.StartSync(&memFile{})
	requireContent(t, f, "hello")
	require.NoError(t, f.Close())
}

func TestOpenLockedRefusesASecondHolderUntilTheFirstCloses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	first := openLocked(t, name)
	_, err := durable.OS{}.OpenLocked(name)
	require.ErrorIs(t, err, durable.ErrLocked)
	require.ErrorContains(t, err, name)

	// Reading needs no lock.
	reader, err := durable.OS{}.Open(name)
	require.NoError(t, err)
	require.NoError(t, reader.Close())

	require.NoError(t, first.Close())
	require.NoError(t, openLocked(t, name).Close())
}

func TestOpenLockedNeverReturnsARenamedFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "part")
	holder := openLocked(t, name)
	require.NoError(t, durable.OS{}.Rename(name, filepath.Join(dir, "finished")))

	// The name is free although the renamed file is still locked.
	next := openLocked(t, name)
	_, err := next.WriteAt([]byte("new"), 0)
	require.NoError(t, err)
	require.NoError(t, next.Close())
	require.NoError(t, holder.Close())

	finished, err := os.ReadFile(filepath.Join(dir, "finished"))
	require.NoError(t, err)
	assert.Empty(t, finished)
}

// TestOpenLockedSurvivesARaceForTheName has several holders rename the file while
// others open the name. No holder may write to a file that another holder has renamed.
func TestOpenLockedSurvivesARaceForTheName(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "part")
	const workers, turns = 4, 50
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for turn := range turns {
				finished := filepath.Join(dir, fmt.Sprintf("finished-%d-%d", worker, turn))
				f, err := durable.OS{}.OpenLocked(name)
				if err != nil {
					continue
				}
				info, err := f.Stat()
				if assert.NoError(t, err) {
					assert.Zero(t, info.Size(), "the file of another holder")
				}
				_, err = f.WriteAt([]byte(finished), 0)
				assert.NoError(t, err)
				assert.NoError(t, durable.OS{}.Rename(name, finished))
				assert.NoError(t, f.Close())
			}
		})
	}
	wg.Wait()
}

func TestOpenRefusesLinksFoldersAndDevices(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege on Windows")
	}
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
	folder, link, dangling := filepath.Join(dir, "folder"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), dangling))

	for name, what := range map[string]string{folder: "a folder", link: "a symbolic link", dangling: "a symbolic link", os.DevNull: "a device"} {
		_, err := durable.OS{}.OpenLocked(name)
		require.ErrorIs(t, err, durable.ErrNotRegular, name)
		require.ErrorContains(t, err, what)
		_, err = durable.OS{}.Open(name)
		require.ErrorIs(t, err, durable.ErrNotRegular, name)
	}
	assert.NoFileExists(t, filepath.Join(dir, "nowhere"))
}

func TestOpenOfAMissingFileOrFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := durable.OS{}.Open(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = durable.OS{}.OpenLocked(filepath.Join(missing, "file"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, missing)
}

func TestOpenOfAFileWithoutPermission(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("root may open every file")
	}
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, nil, 0o400))
	_, err := durable.OS{}.OpenLocked(name)
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestOpenLockedRefusesAnotherUsersFile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can change the owner of a file")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(name, []byte("theirs"), 0o666))
	require.NoError(t, os.Chown(name, 12345, 12345))
	_, err := durable.OS{}.OpenLocked(name)
	require.ErrorIs(t, err, durable.ErrForeign)
	require.ErrorContains(t, err, name)
	kept, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "theirs", string(kept))

	// A folder of the same user may hold the file.
	require.NoError(t, os.Chown(dir, 12345, 12345))
	require.NoError(t, openLocked(t, name).Close())
}

func TestNamesCanBeRenamedRemovedAndSynced(t *testing.T) {
	dir := t.TempDir()
	oldname, newname := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	require.NoError(t, os.WriteFile(oldname, []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(newname, []byte("new"), 0o600))

	require.NoError(t, durable.OS{}.Rename(oldname, newname))
	require.NoError(t, durable.OS{}.SyncDir(dir))
	got, err := os.ReadFile(newname)
	require.NoError(t, err)
	assert.Equal(t, "old", string(got))

	require.NoError(t, durable.OS{}.Remove(newname))
	require.ErrorIs(t, durable.OS{}.Remove(newname), fs.ErrNotExist)
	if runtime.GOOS != "windows" {
		require.ErrorIs(t, durable.OS{}.SyncDir(filepath.Join(dir, "missing")), fs.ErrNotExist)
	}
}

func TestFoldersAreMadePrivateAndListed(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	require.NoError(t, durable.OS{}.MkdirAll(deep))
	require.NoError(t, durable.OS{}.MkdirAll(deep), "the folder exists")
	info, err := os.Stat(deep)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
		require.NoError(t, os.Symlink(deep, filepath.Join(dir, "link")))
	} else {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "link"), 0o700))
	}
	require.NoError(t, durable.WriteFile(durable.OS{}, filepath.Join(dir, "file"), []byte("x")))
	names, err := durable.OS{}.ReadDir(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "link"}, names)
	require.Error(t, durable.OS{}.MkdirAll(filepath.Join(dir, "file")))
	require.Error(t, durable.OS{}.MkdirAll(filepath.Join(dir, "file", "below")))
}

func TestWriteFileReplacesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, want := range []string{"a longer text", "short"} {
		require.NoError(t, durable.WriteFile(durable.OS{}, path, []byte(want)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	names, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, names, 1, "no temporary file is left")
}
