package durable_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

func TestRenameRetriesWhileAnotherProgramHasTheFileOpen(t *testing.T) {
	dir := t.TempDir()
	oldname, newname := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	require.NoError(t, os.WriteFile(oldname, []byte("old"), 0o600))
	require.NoError(t, os.WriteFile(newname, []byte("new"), 0o600))
	scanner, err := os.Open(newname) // not shared for deletion
	require.NoError(t, err)
	time.AfterFunc(300*time.Millisecond, func() { _ = scanner.Close() })

	require.NoError(t, durable.OS{}.Rename(oldname, newname))
	got, err := os.ReadFile(newname)
	require.NoError(t, err)
	assert.Equal(t, "old", string(got))
}

func TestALockedFileCanBeRenamedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	oldname, newname := filepath.Join(dir, "old"), filepath.Join(dir, "new")
	f := openLocked(t, oldname)
	require.NoError(t, durable.OS{}.Rename(oldname, newname))
	require.NoFileExists(t, oldname)
	require.NoError(t, durable.OS{}.Remove(newname))
	require.NoError(t, f.Close())
	require.NoFileExists(t, newname)
}
