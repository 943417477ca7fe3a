package durable_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

func TestLogReturnsItsLinesToTheNextProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f := openLocked(t, name)
	_, err := f.WriteAt([]byte("something else"), 0)
	require.NoError(t, err)
	log, err := durable.CreateLog(f)
	require.NoError(t, err)
	want := []string{`{"a":1}`, ``, `with a space`, "\xff\r\x00", strings.Repeat("x", durable.MaxLine)}
	for _, line := range want {
		require.NoError(t, log.Append([]byte(line)))
		require.NoError(t, log.Sync())
	}
	require.NoError(t, f.Close())

	f = openLocked(t, name)
	log, lines, err := open(f)
	require.NoError(t, err)
	assert.Equal(t, want, lines)
	info, err := f.Stat()
	require.NoError(t, err)
	assert.Equal(t, info.Size(), log.Size())
	require.NoError(t, log.Append([]byte("one more")))
	require.NoError(t, log.Sync())
	_, lines, err = open(f)
	require.NoError(t, err)
	assert.Equal(t, append(want, "one more"), lines)
	require.NoError(t, f.Close())
}

func TestLogIsLinesOfChecksumAndText(t *testing.T) {
	// e3069283 is the CRC-32C of 123456789, the usual test value.
	assert.Equal(t, "e3069283 123456789\n", string(logOf(t, "123456789").data))
	assert.Regexp(t, `^[0-9a-f]{8} 1234\ne3069283 56789\n$`, string(logOf(t, "1234", "56789").data))
}

func TestLogDropsATornLastLine(t *testing.T) {
	whole := logOf(t, "first", "second").data
	keep := len(logOf(t, "first").data)
	zeros := append(bytes.Clone(whole[:keep]), make([]byte, 200)...)
	flipped := bytes.Clone(whole)
	flipped[keep+10] ^= 1

	cases := map[string][]byte{"zeros in its place": zeros, "complete but changed": flipped}
	for cut := keep + 1; cut < len(whole); cut++ {
		cases["cut at "+string(rune('0'+cut-keep))] = whole[:cut]
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			file := &memFile{data: bytes.Clone(data)}
			log, lines, err := open(file)
			require.NoError(t, err)
			assert.Equal(t, []string{"first"}, lines)
			assert.Len(t, file.data, keep, "the torn line is cut off")

			require.NoError(t, log.Append([]byte("other")))
			_, lines, err = open(file)
			require.NoError(t, err)
			assert.Equal(t, []string{"first", "other"}, lines)
		})
	}
	t.Run("the only line", func(t *testing.T) {
		only := logOf(t, strings.Repeat("x", 100)).data
		file := &memFile{data: only[:len(only)-1]}
		_, lines, err := open(file)
		require.NoError(t, err)
		assert.Empty(t, lines)
		assert.Empty(t, file.data)
	})
}

func TestLogReportsOtherDamage(t *testing.T) {
	whole := string(logOf(t, "first", "second", "third").data)
	lines := strings.SplitAfter(whole, "\n")
	cases := map[string]string{
		"a changed line":                    strings.Replace(whole, "second", "sEcond", 1),
		"a changed checksum":                "0" + whole[1:],
		"a missing line":                    lines[0] + lines[2] + lines[2],
		"a repeated line":                   lines[0] + lines[0] + lines[1],
		"swapped lines":                     lines[1] + lines[0],
		"zeros before the last line":        lines[0] + "\x00\x00\x00\n" + lines[1],
		"a torn line after a damaged one":   lines[0] + "garbage\n" + "torn",
		"a line longer than any can be":     lines[0] + strings.Repeat("x", durable.MaxLine+100),
		"a checksum in capitals":            strings.ToUpper(lines[0][:8]) + lines[0][8:] + lines[1] + lines[2],
		"another file":                      "#!/bin/sh\nexit 0\n",
		"an empty line before the last one": lines[0] + "\n" + lines[1],
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			file := &memFile{data: []byte(data)}
			_, _, err := open(file)
			require.ErrorIs(t, err, durable.ErrDamaged)
			assert.Equal(t, data, string(file.data), "a damaged log is left as it is")
		})
	}
}

func TestLogRefusesLinesThatItCannotReadBack(t *testing.T) {
	log, err := durable.CreateLog(&memFile{})
	require.NoError(t, err)
	require.ErrorContains(t, log.Append([]byte("two\nlines")), "newline")
	require.ErrorContains(t, log.Append(make([]byte, durable.MaxLine+1)), "longer than")
	require.NoError(t, log.Append([]byte("fine")))
	require.NoError(t, log.Sync())
}

func TestLogRefusesLinesAfterAFailure(t *testing.T) {
	full := errors.New("no space left on device")
	t.Run("of a write", func(t *testing.T) {
		file := logOf(t, "first")
		log, _, err := open(file)
		require.NoError(t, err)
		file.writeErr = full
		require.ErrorIs(t, log.Append([]byte("second")), full)
		file.writeErr = nil
		require.ErrorIs(t, log.Append([]byte("third")), full)
		require.ErrorIs(t, log.Sync(), full)

		_, lines, err := open(file) // the file has half of "second"
		require.NoError(t, err)
		assert.Equal(t, []string{"first"}, lines)
	})
	t.Run("of a sync", func(t *testing.T) {
		file := logOf(t, "first")
		log, _, err := open(file)
		require.NoError(t, err)
		require.NoError(t, log.Append([]byte("second")))
		file.syncErr = full
		require.ErrorIs(t, log.Sync(), full)
		file.syncErr = nil
		require.ErrorIs(t, log.Sync(), full)
	})
}

func TestLogReturnsErrorsOfItsFile(t *testing.T) {
	broken := errors.New("input/output error")
	_, err := durable.CreateLog(&memFile{truncateErr: broken})
	require.ErrorIs(t, err, broken)
	_, err = durable.CreateLog(&memFile{syncErr: broken})
	require.ErrorIs(t, err, broken)
	_, _, err = open(&memFile{statErr: broken})
	require.ErrorIs(t, err, broken)
	_, _, err = open(&memFile{data: []byte("data"), readErr: broken})
	require.ErrorIs(t, err, broken)
	_, _, err = open(&memFile{data: []byte("torn"), truncateErr: broken})
	require.ErrorIs(t, err, broken)
	_, _, err = open(&memFile{data: []byte("torn"), syncErr: broken})
	require.ErrorIs(t, err, broken)
	_, err = durable.OpenLog(logOf(t, "first", "second"), func([]byte) error { return broken })
	require.ErrorIs(t, err, broken)
}

func FuzzOpenLog(f *testing.F) {
	file := &memFile{}
	log, err := durable.CreateLog(file)
	require.NoError(f, err)
	for _, line := range []string{`{"object":{}}`, ``, `x y`} {
		require.NoError(f, log.Append([]byte(line)))
		f.Add(bytes.Clone(file.data))
	}
	f.Add(file.data[:len(file.data)-2])
	f.Add([]byte("00000000 \n00000000 \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := &memFile{data: bytes.Clone(data)}
		log, lines, err := open(file)
		if err != nil {
			require.ErrorIs(t, err, durable.ErrDamaged)
			assert.Equal(t, data, file.data)
			return
		}
		assert.True(t, bytes.HasPrefix(data, file.data), "only the end is cut off")
		assert.Equal(t, len(lines), bytes.Count(file.data, []byte("\n")))

		require.NoError(t, log.Append([]byte("next")))
		_, again, err := open(file)
		require.NoError(t, err)
		assert.Equal(t, append(lines, "next"), again)
	})
}

// open opens the log in f, and returns the log and its lines.
func open(f durable.File) (*durable.Log, []string, error) {
	var lines []string
	log, err := durable.OpenLog(f, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	return log, lines, err
}

// logOf returns a file that holds a log of the lines.
func logOf(t *testing.T, lines ...string) *memFile {
	t.Helper()
	file := &memFile{}
	log, err := durable.CreateLog(file)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, log.Append([]byte(line)))
	}
	return file
}

// A memFile is a file in memory. Its methods fail with the errors that are set.
type memFile struct {
	data                                             []byte
	statErr, readErr, writeErr, syncErr, truncateErr error
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if f.readErr != nil {
		return 0, f.readErr
	}
	return bytes.NewReader(f.data).ReadAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if f.writeErr != nil {
		p = p[:len(p)/2]
	}
	if grow := int(off) + len(p) - len(f.data); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	copy(f.data[off:], p)
	return len(p), f.writeErr
}

func (f *memFile) Truncate(size int64) error {
	if f.truncateErr != nil {
		return f.truncateErr
	}
	f.data = f.data[:size]
	return nil
}

func (f *memFile) Sync() error  { return f.syncErr }
func (f *memFile) Close() error { return nil }

func (f *memFile) Stat() (fs.FileInfo, error) {
	if f.statErr != nil {
		return nil, f.statErr
	}
	return memInfo{size: int64(len(f.data))}, nil
}

type memInfo struct {
	os.FileInfo
	size int64
}

func (i memInfo) Size() int64 { return i.size }
