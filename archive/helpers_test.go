package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// when is the time of the archives in these tests.
var when = time.Date(2024, 7, 26, 14, 47, 57, 999, time.UTC)

// A tarred is a tar entry for tarOf: a file, or a directory if the name ends in a slash.
type tarred struct {
	name, content string
	change        func(*tar.Header) // may be nil
}

// archiveOf returns an archive of these entries.
func archiveOf(tb testing.TB, members ...tarred) []byte {
	tb.Helper()
	return gzipOf(tb, tarOf(tb, members...))
}

// tarOf returns a tar of these entries, without gzip.
func tarOf(tb testing.TB, members ...tarred) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644, ModTime: when, Format: tar.FormatGNU}
		if strings.HasSuffix(m.name, "/") {
			header.Typeflag, header.Mode = tar.TypeDir, 0o755
		}
		if m.change != nil {
			m.change(header)
		}
		require.NoError(tb, w.WriteHeader(header))
		_, err := io.WriteString(w, m.content)
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// gzipOf packs data into one gzip member.
func gzipOf(tb testing.TB, data []byte) []byte {
	tb.Helper()
	return pack(tb, fastGzip, data)
}

// storedOf packs data into one gzip member without compression, for tests that make
// thousands of archives.
func storedOf(tb testing.TB, data []byte) []byte {
	tb.Helper()
	return pack(tb, storingGzip, data)
}

// A gzip.Writer has a megabyte of memory, so tests reuse them.
var fastGzip, storingGzip = gzipPool(gzip.BestSpeed), gzipPool(gzip.NoCompression)

func gzipPool(level int) *sync.Pool {
	return &sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			panic(err)
		}
		return w
	}}
}

func pack(tb testing.TB, pool *sync.Pool, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := pool.Get().(*gzip.Writer)
	defer pool.Put(w)
	w.Reset(&b)
	_, err := w.Write(data)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// unpack returns the tar in exactly one gzip member.
func unpack(file []byte) ([]byte, error) {
	in := bytes.NewReader(file)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	tar, err := io.ReadAll(z)
	if err == nil && in.Len() > 0 {
		err = errors.New("data after the gzip member")
	}
	return tar, err
}

// A layout has the entries of a tar, which tests change.
type layout struct{ members []*member }

// A member is an entry of a layout.
type member struct {
	name     string
	typeflag byte
	link     string
	body     []byte
}

// readLayout returns the layout of an archive.
func readLayout(tb testing.TB, file []byte) *layout {
	tb.Helper()
	unpacked, err := unpack(file)
	require.NoError(tb, err)
	l := new(layout)
	r := tar.NewReader(bytes.NewReader(unpacked))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return l
		}
		require.NoError(tb, err)
		body, err := io.ReadAll(r)
		require.NoError(tb, err)
		l.members = append(l.members, &member{strings.TrimPrefix(h.Name, "./"), h.Typeflag, h.Linkname, body})
	}
}

// find returns the first file whose name has the prefix and the suffix.
func (l *layout) find(prefix, suffix string) *member {
	for _, m := range l.members {
		if m.typeflag == tar.TypeReg && strings.HasPrefix(m.name, prefix) && strings.HasSuffix(m.name, suffix) {
			return m
		}
	}
	panic("no " + prefix + "…" + suffix)
}

// loose returns the file of a loose object.
func (l *layout) loose() *member {
	for _, m := range l.members {
		if ok, _ := path.Match("repositories/*/*/objects/??/*", m.name); ok && m.typeflag == tar.TypeReg {
			return m
		}
	}
	panic("no loose object")
}

// remove removes the entries whose names have the prefix and the suffix.
func (l *layout) remove(prefix, suffix string) {
	l.members = slices.DeleteFunc(l.members, func(m *member) bool {
		return strings.HasPrefix(m.name, prefix) && strings.HasSuffix(m.name, suffix)
	})
}

func (l *layout) add(name, body string) {
	l.members = append(l.members, &member{name: name, typeflag: tar.TypeReg, body: []byte(body)})
}

func (l *layout) replace(name, old, text string) {
	m := l.find(name, "")
	m.body = bytes.Replace(m.body, []byte(old), []byte(text), 1)
}

// moveToEnd moves the entries whose names have the prefix to the end.
func (l *layout) moveToEnd(prefix string) {
	slices.SortStableFunc(l.members, func(a, b *member) int {
		rank := func(m *member) int { return map[bool]int{true: 1}[strings.HasPrefix(m.name, prefix)] }
		return rank(a) - rank(b)
	})
}

// file returns an archive of the layout.
func (l *layout) file(tb testing.TB) []byte {
	tb.Helper()
	return gzipOf(tb, l.tar(tb))
}

// tar returns the tar of the layout.
func (l *layout) tar(tb testing.TB) []byte {
	tb.Helper()
	var members []tarred
	for _, m := range l.members {
		name := m.name
		if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "..") {
			name = "./" + name
		}
		members = append(members, tarred{name, string(m.body), func(h *tar.Header) { h.Typeflag, h.Linkname = m.typeflag, m.link }})
	}
	return tarOf(tb, members...)
}

// readerOf returns a Reader with limits.
func readerOf(tb testing.TB, r io.Reader, limits archive.Limits) *archive.Reader {
	tb.Helper()
	reader, err := archive.NewReader(r, &archive.ReaderOptions{Limits: limits})
	require.NoError(tb, err)
	return reader
}

// everything ranges over a sequence to its end. It returns of(value) for each value, and
// the text of each error.
func everything[T any, S ~string](seq iter.Seq2[T, error], of func(T) S) (got, faults []string) {
	for value, err := range seq {
		if err != nil {
			faults = append(faults, err.Error())
		} else {
			got = append(got, string(of(value)))
		}
	}
	return got, faults
}

func nameOf(e *archive.Entry) string { return e.Name }

func keyOf(r archive.Record) string { return r.Kind() + " " + string(r.Key()) }

// collect ranges over a sequence that has no errors.
func collect[T any, S ~string](tb testing.TB, seq iter.Seq2[T, error], of func(T) S) []string {
	tb.Helper()
	got, faults := everything(seq, of)
	require.Empty(tb, faults)
	return got
}

// recordsOf returns all records of an archive.
func recordsOf(tb testing.TB, file []byte) (records []archive.Record) {
	tb.Helper()
	for record, err := range readerOf(tb, bytes.NewReader(file), archive.Limits{}).Records() {
		require.NoError(tb, err)
		records = append(records, record)
	}
	return records
}

// faultsOf requires err to be a FaultError, and returns it.
func faultsOf(tb testing.TB, err error) *archive.FaultError {
	tb.Helper()
	faults, ok := errors.AsType[*archive.FaultError](err)
	require.True(tb, ok, "%v", err)
	return faults
}

// A readerFunc is a function that implements io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
