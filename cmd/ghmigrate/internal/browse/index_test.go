package browse_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/browse"
)

// TestIndexIsKept opens an archive twice: the second time, the index and the token are
// the same. A changed archive gets a new index.
func TestIndexIsKept(t *testing.T) {
	t.Parallel()
	path, cache := sampleArchive(t), t.TempDir()
	open := func() (address string, said int) {
		l, err := browse.Open(t.Context(), browse.Options{Archives: []string{path}, Cache: cache, Say: func(string, ...any) { said++ }})
		require.NoError(t, err)
		require.NoError(t, l.Wait(t.Context()))
		server, err := l.Listen(t.Context(), 0, nil)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(server.URL(), "127.0.0.1:")
		_, address, _ = strings.Cut(rest, "/")
		require.NoError(t, server.Close())
		require.NoError(t, l.Close())
		return address, said
	}
	first, said := open()
	assert.NotZero(t, said)
	second, said := open()
	assert.Equal(t, first, second)
	assert.Zero(t, said, "the second Open reads nothing")
	require.NoError(t, os.Chtimes(path, at(1).Time, at(1).Time))
	third, said := open()
	assert.NotEqual(t, first, third)
	assert.NotZero(t, said)
}

// TestBuildContinues interrupts the building of an index. The next Open reads only the
// archives that the index does not have.
func TestBuildContinues(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	one := writeArchive(t, func(a archiveWriter) {
		a.records(&archive.Repository{URL: app, Name: "app"}, &archive.Issue{URL: app + "/issues/1", Repository: app, Title: "In the first"})
	})
	two := sampleArchive(t)
	ctx, cancel := context.WithCancel(t.Context())
	var indexed []string
	opts := browse.Options{Archives: []string{one, two}, Cache: cache, Say: func(format string, args ...any) {
		if strings.HasPrefix(format, "indexing") {
			indexed = append(indexed, args[0].(string))
			if len(indexed) == 2 {
				cancel()
			}
		}
	}}
	_, err := browse.Open(ctx, opts)
	require.ErrorIs(t, err, context.Canceled)
	l, err := browse.Open(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, l.Wait(t.Context()))
	assert.Len(t, indexed, 3, "the first archive is read only once")
	v := serve(t, l)
	body := v.page("octo-org/app/issues")
	assert.Contains(t, body, "データが消える")
	assert.Contains(t, body, "In the first", "the first of two records with a URL is kept")
	assert.NotContains(t, body, "Crash on the first start")
	require.NoError(t, l.Close())

	// Open replaces a damaged index.
	damaged, err := filepath.Glob(filepath.Join(cache, "*", "index.db"))
	require.NoError(t, err)
	require.Len(t, damaged, 1)
	require.NoError(t, os.WriteFile(damaged[0], []byte("not a database, but long enough to be one"), 0o600))
	l, err = browse.Open(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	assert.Len(t, indexed, 5)
}

// TestDamagedArchive opens a truncated archive. The pages show its faults, and the records
// before the fault.
func TestDamagedArchive(t *testing.T) {
	t.Parallel()
	path := sampleArchive(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)-40], 0o600))
	v := visit(t, path)
	body := v.page("")
	assert.Contains(t, body, "The archive is incomplete")
	assert.Contains(t, body, "unexpected EOF")
	assert.Contains(t, v.page("octo-org/app/issues/1"), "Crash on the first start")
}

// TestOpenFails opens paths that are not archives.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, archives := range [][]string{nil, {filepath.Join(dir, "nowhere.tar.gz")}, {dir}} {
		_, err := browse.Open(t.Context(), browse.Options{Archives: archives, Cache: dir})
		require.Error(t, err)
	}
}
