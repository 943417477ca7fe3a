package browse

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHugeBlocks checks that a reader keeps no huge block, however small its compressed
// form is.
func TestHugeBlocks(t *testing.T) {
	t.Parallel()
	db, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "index.db"), false)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), createTables)
	require.NoError(t, err)
	insert, err := db.PrepareContext(t.Context(), `INSERT INTO text (first, block) VALUES (?, ?)`)
	require.NoError(t, err)
	defer insert.Close()
	w := blockWriter{insert: insert}
	sizes := []int{10, 1 << 20, 20, 30, 1 << 20}
	for i, size := range sizes {
		require.NoError(t, w.add(t.Context(), int64(i+1), []byte(strings.Repeat(" ", size))))
	}
	require.NoError(t, w.flush(t.Context()))
	var r blockReader
	for i, size := range sizes {
		text, err := r.read(t.Context(), db, int64(i+1))
		require.NoError(t, err)
		assert.Len(t, text, size)
	}
	kept := 0
	for _, k := range r.kept {
		for _, text := range k.texts {
			kept += len(text)
		}
	}
	assert.Less(t, kept, 1<<20)
}
