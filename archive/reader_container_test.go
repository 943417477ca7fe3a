package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

func TestReaderIsStrictAboutTheEnd(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, tarred{name: "a", content: "content"}, tarred{name: "b", content: strings.Repeat("y", 512)})
	bare := plain[:len(plain)-1024]
	zeros := make([]byte, 10240)
	longName := tarOf(t, tarred{name: strings.Repeat("long", 30)})[:1024] // the long name alone
	damaged := gzipOf(t, plain)
	damaged[len(damaged)-5] ^= 1
	for name, test := range map[string]struct {
		file   []byte
		want   string
		isEOF  bool
		before int // entries
	}{
		"two blocks of zeros":     {gzipOf(t, plain), "", false, 2},
		"many blocks of zeros":    {gzipOf(t, slices.Concat(plain, zeros)), "", false, 2},
		"nothing":                 {nil, "archive at byte 0: truncated gzip member: unexpected EOF", true, 0},
		"an empty gzip":           {gzipOf(t, nil), "archive at byte 0: truncated tar: unexpected EOF", true, 0},
		"an empty tar":            {gzipOf(t, zeros[:1024]), "", false, 0},
		"not gzip":                {plain, "archive at byte 0: not in gzip format", false, 0},
		"no blocks of zeros":      {gzipOf(t, bare), "archive at byte 2048: truncated tar: unexpected EOF", true, 2},
		"one block of zeros":      {gzipOf(t, plain[:len(plain)-512]), "archive at byte 2560: truncated tar: unexpected EOF", true, 2},
		"half a block of zeros":   {gzipOf(t, plain[:len(plain)-900]), "archive at byte 2172: truncated tar: unexpected EOF", true, 2},
		"truncated in an entry":   {gzipOf(t, plain[:1600]), "archive at byte 1600: truncated tar: unexpected EOF", true, 2},
		"truncated in padding":    {gzipOf(t, plain[:600]), "archive at byte 600: truncated tar: unexpected EOF", true, 1},
		"truncated in a header":   {gzipOf(t, plain[:1100]), "archive at byte 1100: truncated tar: unexpected EOF", true, 1},
		"data after the tar":      {gzipOf(t, slices.Concat(plain, zeros[:700], []byte("x"))), "archive at byte 3772: data after the end of the tar", false, 2},
		"a tar after the tar":     {gzipOf(t, slices.Concat(plain, plain)), "archive at byte 3072: data after the end of the tar", false, 2},
		"one block, then more":    {gzipOf(t, slices.Concat(bare, zeros[:512], bare)), "archive at byte 3072: archive/tar: invalid tar header", false, 2},
		"an invalid header":       {gzipOf(t, slices.Concat(bare, bytes.Repeat([]byte("x"), 1024))), "archive at byte 2560: archive/tar: invalid tar header", false, 2},
		"a name without an entry": {gzipOf(t, slices.Concat(bare, longName, zeros)), "archive at byte 2048: a tar header without an entry", false, 2},
		"a byte after the member": {append(gzipOf(t, plain), 0), "archive at byte 3072: data after the end of the gzip member", false, 2},
		"two members":             {slices.Concat(gzipOf(t, plain), gzipOf(t, nil)), "archive at byte 3072: data after the end of the gzip member", false, 2},
		"a wrong checksum":        {damaged, "archive at byte 3072: wrong gzip checksum", false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			var last error
			for _, err := range readerOf(t, bytes.NewReader(test.file), archive.Limits{}).Entries() {
				require.NoError(t, last, "more after the last fault")
				last = err
				if err == nil {
					n++
				}
			}
			assert.Equal(t, test.before, n)
			assert.Equal(t, test.isEOF, errors.Is(last, io.ErrUnexpectedEOF))
			if test.want == "" {
				require.NoError(t, last)
				return
			}
			require.EqualError(t, last, test.want)
			_, ok := errors.AsType[*archive.Fault](last)
			assert.True(t, ok)
		})
	}
}

func TestReaderReportsEveryTruncation(t *testing.T) {
	t.Parallel()
	file := archiveOf(t,
		tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user","url":"u2"}]`},
		tarred{name: "a", content: strings.Repeat("some text ", 300)})
	for n := range file {
		var last error
		for r, err := range readerOf(t, bytes.NewReader(file[:n]), archive.Limits{}).Records() {
			require.NoError(t, last)
			last = err
			assert.Equal(t, err != nil, r == nil)
		}
		require.ErrorIs(t, last, io.ErrUnexpectedEOF, n)
	}
}

func TestReaderReturnsTheErrorsOfItsInput(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	file := archiveOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"}]`})
	for _, n := range []int{0, 5, len(file) / 2, len(file) - 1, len(file)} {
		for _, of := range []error{broken, io.ErrUnexpectedEOF, fmt.Errorf("wrapped: %w", io.EOF)} {
			in := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(of))
			var last error
			for _, err := range readerOf(t, in, archive.Limits{}).Records() {
				last = err
			}
			require.ErrorIs(t, last, of, n)
			_, isFault := errors.AsType[*archive.Fault](last)
			assert.False(t, isFault)
		}
	}
}

func TestReaderAcceptsReadsOfAnySize(t *testing.T) {
	t.Parallel()
	file := archiveOf(t, tarred{name: "users_000001.json", content: `[{"type":"user","url":"u1"}]`}, tarred{name: "a", content: "b"})
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
		got, faults := everything(readerOf(t, wrap(bytes.NewReader(file)), archive.Limits{}).Records(), keyOf)
		assert.Empty(t, faults)
		assert.Equal(t, []string{"user u1"}, got)
	}
}

// After a loop, the reader has no goroutine: the bubble would report it. The reader does not
// read the input any more: the input would report it.
func TestReaderStopsWithTheLoop(t *testing.T) {
	t.Parallel()
	var members []tarred
	for i := range 50 {
		members = append(members,
			tarred{name: fmt.Sprintf("users_%06d.json", i), content: `[{"type":"user","url":"u1"}]`},
			tarred{name: fmt.Sprintf("attachments/%d", i), content: strings.Repeat("noise", 20_000)})
	}
	file := archiveOf(t, members...)
	for name, loop := range map[string]func(*archive.Reader){
		"a break": func(r *archive.Reader) {
			for _, err := range r.Entries() {
				require.NoError(t, err)
				break
			}
		},
		"a break in a file": func(r *archive.Reader) {
			for e, err := range r.Entries() {
				require.NoError(t, err)
				_, err = e.Read(make([]byte, 1))
				require.NoError(t, err)
				break
			}
		},
		"a later break": func(r *archive.Reader) {
			n := 0
			for _, err := range r.Records() {
				require.NoError(t, err)
				if n++; n == 20 {
					break
				}
			}
		},
		"no break": func(r *archive.Reader) {
			_, faults := everything(r.Records(), keyOf)
			assert.Empty(t, faults)
		},
		"a panic": func(r *archive.Reader) {
			defer func() { assert.NotNil(t, recover()) }()
			for _, err := range r.Records() {
				panic(err)
			}
		},
		"a pulled sequence": func(r *archive.Reader) {
			next, stop := iter.Pull2(r.Records())
			next()
			stop()
		},
		"no loop": func(r *archive.Reader) { r.Records() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := &slowInput{t: t, r: bytes.NewReader(file)}
				loop(readerOf(t, in, archive.Limits{}))
				in.over = true
				synctest.Wait()
			})
		})
	}
}

// A slowInput is a slow reader that must not be read after the loop.
type slowInput struct {
	t    *testing.T
	r    io.Reader
	over bool
}

func (in *slowInput) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	assert.False(in.t, in.over, "read after the loop")
	return in.r.Read(p[:min(len(p), 1000)])
}

// FuzzReaderTar reads any tar in valid gzip.
func FuzzReaderTar(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		last := readAll(t, gzipOf(t, data))
		// archive/tar accepts each tar that the Reader accepts, and the tar ends in zeros.
		if last == nil {
			r := tar.NewReader(bytes.NewReader(data))
			var err error
			for err == nil {
				_, err = r.Next()
			}
			require.Equal(t, io.EOF, err)
			require.True(t, len(data) >= 1024 && len(bytes.Trim(data[len(data)-1024:], "\x00")) == 0)
		}
	})
}

// FuzzReaderGzip reads any file.
func FuzzReaderGzip(f *testing.F) {
	f.Add(archiveOf(f, tarred{name: "./users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user"},3]`}))
	f.Add(archiveOf(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		if readAll(t, data) == nil {
			_, err := gzip.NewReader(bytes.NewReader(data))
			require.NoError(t, err)
		}
	})
}

// readAll reads a whole archive in every way, and returns the last error.
func readAll(t *testing.T, file []byte) (last error) {
	t.Helper()
	limits := archive.Limits{UnpackedSize: 10 << 20, Entries: 1000, RecordSize: 10 << 10}
	for e, err := range readerOf(t, bytes.NewReader(file), limits).Entries() {
		last = err
		if err != nil {
			require.Nil(t, e)
			continue
		}
		require.True(t, fs.ValidPath(strings.ToValidUTF8(e.Name, "?")), "%q", e.Name)
		if e.Kind == archive.KindRecords {
			for r, err := range e.Records() {
				require.Equal(t, err != nil, r == nil)
			}
		} else {
			n, err := io.Copy(io.Discard, e)
			require.True(t, err != nil || n == e.Size)
		}
	}
	for r, err := range readerOf(t, bytes.NewReader(file), limits).Records("user") {
		require.Equal(t, err != nil, r == nil)
	}
	return last
}

func seeds(f *testing.F) {
	f.Helper()
	long := tarred{name: strings.Repeat("long", 30), content: "x"}
	for _, members := range [][]tarred{
		nil,
		{{name: "x/"}, {name: "x/schema.json", content: `{"version":"1.0.1"}`}},
		{{name: "./users_000001.json", content: `[{"type":"user","url":"u1"},{"type":"user"},3]`}, long},
		{long, {name: "../x"}, {name: "/x"}},
		{{name: "pax", change: func(h *tar.Header) { h.Format = tar.FormatPAX; h.Name = strings.Repeat("é", 150) }}},
		{{name: "repositories/o/r.git/HEAD", content: "ref: refs/heads/main\n"}},
	} {
		f.Add(tarOf(f, members...))
	}
}
