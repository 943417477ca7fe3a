package durable

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// MaxLine is the longest line that a [Log] takes.
const MaxLine = 1 << 20

// ErrDamaged reports that a log is damaged before its last line. A crash damages only
// the last line.
var ErrDamaged = errors.New("log is damaged")

// A Log is an append-only file of lines, such as JSON objects. Each line has a
// checksum (CRC-32C) of itself and all lines before it, so that changed, missing and
// moved lines are detected.
//
// A crash may lose the lines appended since the last Sync, and may tear one of
// them. If two lines are appended without a Sync between them, the second may
// survive without the first, which counts as damage. After a failed Append or Sync,
// the content of the disk is unknown: every later call returns the same error, until
// the log is opened again.
//
// A Log does not close its file. It is not safe for concurrent use.
type Log struct {
	file File
	size int64
	sum  uint32
	err  error
}

// CreateLog empties f, durably, and returns the log in it.
func CreateLog(f File) (*Log, error) {
	if err := f.Truncate(0); err != nil {
		return nil, fmt.Errorf("empty log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("empty log: %w", err)
	}
	return &Log{file: f}, nil
}

// OpenLog opens the log in f, and calls replay with each of its lines, in order. A
// line is valid only until replay returns. OpenLog returns an error of replay as it
// is.
//
// A crash can leave a torn last line. OpenLog cuts it off and does not replay it. For
// any other damage it replays the lines before the damage, and returns an error that
// matches [ErrDamaged].
func OpenLog(f File, replay func(line []byte) error) (*Log, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	size := info.Size()
	l := &Log{file: f}
	// The buffer is longer than any line, so that a full buffer means damage.
	lines := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), int(min(size, maxEncoded))+1)
	for number := 1; l.size < size; number++ {
		encoded, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break // no newline: torn
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("read log: %w", err)
		}
		line, sum, ok := decode(encoded, l.sum)
		if !ok {
			if err == nil && l.size+int64(len(encoded)) == size {
				break // the last line, and damaged: torn
			}
			return nil, fmt.Errorf("line %d, at byte %d: %w", number, l.size, ErrDamaged)
		}
		if err := replay(line); err != nil {
			return nil, err
		}
		l.size += int64(len(encoded))
		l.sum = sum
	}
	if l.size == size {
		return l, nil
	}
	// Without a sync, parts of the torn line could reappear after a new line when the
	// machine crashes again.
	if err := f.Truncate(l.size); err != nil {
		return nil, fmt.Errorf("cut off the log's torn last line: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("cut off the log's torn last line: %w", err)
	}
	return l, nil
}

// Size returns the size of the log in bytes.
func (l *Log) Size() int64 { return l.size }

// Append appends line, which must not contain a newline.
// The line survives a crash once [Log.Sync] has returned.
func (l *Log) Append(line []byte) error {
	if l.err != nil {
		return l.err
	}
	if len(line) > MaxLine {
		return fmt.Errorf("append to log: line of %d bytes is longer than %d", len(line), MaxLine)
	}
	if bytes.IndexByte(line, '\n') >= 0 {
		return errors.New("append to log: line contains a newline")
	}
	encoded, sum := encode(line, l.sum)
	if _, err := l.file.WriteAt(encoded, l.size); err != nil {
		l.err = fmt.Errorf("append to log: %w", err)
		return l.err
	}
	l.size += int64(len(encoded))
	l.sum = sum
	return nil
}

// Sync makes all appended lines survive a crash.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	if err := l.file.Sync(); err != nil {
		l.err = fmt.Errorf("sync log: %w", err)
	}
	return l.err
}

// A line in the file consists of its checksum in eight hexadecimal digits, a space,
// the line itself and a newline.
const maxEncoded = 8 + 1 + MaxLine + 1

func encode(line []byte, before uint32) (encoded []byte, sum uint32) {
	sum = checksum(line, before)
	return fmt.Appendf(nil, "%08x %s\n", sum, line), sum
}

func decode(encoded []byte, before uint32) (line []byte, sum uint32, ok bool) {
	digits, line, _ := bytes.Cut(encoded, []byte{' '})
	line, ended := bytes.CutSuffix(line, []byte{'\n'})
	sum = checksum(line, before)
	return line, sum, ended && string(digits) == fmt.Sprintf("%08x", sum)
}

// checksum returns the checksum of line and all earlier lines. before is the checksum
// of the earlier lines.
func checksum(line []byte, before uint32) uint32 {
	return crc32.Update(before, crc32.MakeTable(crc32.Castagnoli), line)
}
