package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// run runs a subtest in a synctest bubble, where time is virtual.
func run(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// minChunk is the smallest chunk in most tests. Sizes that are measured in chunks
// shrink with it: the size of a small object, and how far a range may be ahead.
const minChunk = 4 << 10

// inParallel returns options for small objects, which are fetched as if they were
// large. 0 ranges are the default number.
func inParallel(ranges int) transfer.Options {
	return transfer.Options{Concurrency: ranges, MinChunk: minChunk, FS: unsynced{}}
}

// target returns a path in an empty folder.
func target(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "backup.tar.gz")
}

// unsynced is the file system of the operating system without syncs. A transfer of a
// virtual hour has thousands of syncs, and a real sync takes real time.
type unsynced struct{ durable.OS }

func (d unsynced) OpenLocked(name string) (durable.File, error) {
	f, err := d.OS.OpenLocked(name)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (unsynced) SyncDir(string) error { return nil }

type unsyncedFile struct{ durable.File }

func (unsyncedFile) Sync() error { return nil }

// requireFetched fetches the object to path, and checks the file and the result. The
// file is unsynced, unless opts has a file system.
func requireFetched(t *testing.T, s *storage, path string, opts transfer.Options) transfer.Result {
	t.Helper()
	return requireFile(t, s, s.source(t), path, opts)
}

// requireLogged is requireFetched and returns the log of the transfer.
func requireLogged(t *testing.T, s *storage, path string, opts transfer.Options) (log string) {
	t.Helper()
	source, text := logged(s.source(t), slog.LevelInfo)
	requireFile(t, s, source, path, opts)
	return text.String()
}

func requireFile(t *testing.T, s *storage, source transfer.Source, path string, opts transfer.Options) transfer.Result {
	t.Helper()
	if opts.FS == nil {
		opts.FS = unsynced{}
	}
	got, err := transfer.File(t.Context(), source, path, opts)
	require.NoError(t, err)
	object, _, _ := s.current()
	assert.Equal(t, transfer.Result{Size: int64(len(object)), SHA256: sumOf(object), Resumed: got.Resumed}, got)
	requireComplete(t, path, object)
	return got
}

// logged returns a source that logs to text.
func logged(source transfer.Source, level slog.Level) (_ transfer.Source, text *bytes.Buffer) {
	text = new(bytes.Buffer)
	source.Logger = slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{Level: level}))
	return source, text
}

// requireStreamed reads the object as a stream, and returns the closed stream.
func requireStreamed(t *testing.T, source transfer.Source, object []byte) *transfer.Stream {
	t.Helper()
	stream, err := transfer.Open(t.Context(), source)
	require.NoError(t, err)
	defer func() { require.NoError(t, stream.Close()) }()
	got, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.True(t, bytes.Equal(object, got))
	assert.Equal(t, sumOf(object), stream.SHA256())
	return stream
}

// requireBoth fetches the object as a file with several ranges, and as a stream. It
// returns the log of the first.
func requireBoth(t *testing.T, object []byte, respond storageHandler) (log string) {
	t.Helper()
	start := func(t *testing.T) *storage {
		t.Helper()
		s := newStorage(t, 0)
		s.object = object
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool { return respond(s, n, w, r) }
		return s
	}
	synctest.Test(t, func(t *testing.T) { log = requireLogged(t, start(t), target(t), inParallel(8)) })
	synctest.Test(t, func(t *testing.T) { requireStreamed(t, start(t).source(t), object) })
	return log
}

// requireComplete checks that path holds the object, and that there is no other file
// in its folder.
func requireComplete(t *testing.T, path string, object []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(object, got), "%d bytes of %d", len(got), len(object))
	require.Equal(t, []string{filepath.Base(path)}, names(t, filepath.Dir(path)))
}

// names returns the names in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// requireNoSecret fails if text has any of the query of a signed URL.
func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	require.NotContains(t, text, "X-Amz")
	require.NotContains(t, text, "deadbeef")
}

// interrupt fetches n more bytes in one call.
func interrupt(t *testing.T, s *storage, path string, n int) {
	t.Helper()
	s.respond = always(s.stallAfter(n))
	_ = interruptAfter(t, s, path, time.Millisecond, transfer.Options{})
}

// interruptAfter ends a call after some time, and returns its error.
func interruptAfter(t *testing.T, s *storage, path string, timeout time.Duration, opts transfer.Options) error {
	t.Helper()
	if opts.FS == nil {
		opts.FS = unsynced{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	_, err := transfer.File(ctx, s.source(t), path, opts)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	synctest.Wait()
	s.reset()
	return err
}

// readLog returns the lines of the log of a part.
func readLog(t *testing.T, path string) []string {
	t.Helper()
	f, err := durable.OS{}.OpenLocked(path + ".part.log")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var lines []string
	_, err = durable.OpenLog(f, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	require.NoError(t, err)
	return lines
}

// writeLog writes the log of a part, unless lines is nil.
func writeLog(t *testing.T, path string, lines []string) {
	t.Helper()
	if lines == nil {
		return
	}
	f, err := durable.OS{}.OpenLocked(path + ".part.log")
	require.NoError(t, err)
	log, err := durable.CreateLog(f)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, log.Append([]byte(line)))
	}
	require.NoError(t, f.Close())
}

// hashState returns the state of a SHA-256 after data.
func hashState(t *testing.T, data []byte) []byte {
	t.Helper()
	h := sha256.New()
	h.Write(data)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	require.NoError(t, err)
	return state
}
