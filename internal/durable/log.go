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

// ErrDamaged says that a log is damaged before its last line, where a crash
// cannot have done it.
var ErrDamaged = errors.New("log is damaged")

// A Log is an append-only file of lines, such as JSON objects. Each line
// carries a checksum (CRC-32C) of itself and all lines before it, so that a
// changed, a missing and a moved line are all found.
//
// A crash may lose the lines appended since the last Sync, and may tear one of
// them. If two lines are appended without a Sync between them, the second may
// survive without the first, which is damage. After a failed Append or Sync it
// cannot be known what the disk holds: every later call returns the same error,
// and only opening the log again helps.
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

// OpenLog reads the log in f, calls replay with each of its lines, in order,
// and returns the log ready for more. A line is valid only until replay
// returns; an error of replay ends OpenLog and is returned as it is.
//
// A torn last line is what a crash leaves behind: it is cut off, and not
// replayed. Any other damage is an error that matches [ErrDamaged], after the
// lines before it have been replayed.
func OpenLog(f File, replay func(line []byte) error) (*Log, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	size := info.Size()
	l := &Log{file: f}
	// One byte more than a line can have, so that a full buffer means damage.
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
	// Synced, so that no part of the torn line can come back behind a new one.
	if err := f.Truncate(l.size); err != nil {
		return nil, fmt.Errorf("cut off the log's torn last line: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("cut off the log's torn last line: %w", err)
	}
	return l, nil
}

// Size is how many bytes the log has in its file.
func (l *Log) Size() int64 { return l.size }

// Append adds line, which must not contain a newline.
// It survives a crash once [Log.Sync] has returned.
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

// A line in the file is its checksum in eight hexadecimal digits, a space, the
// line itself and a newline.
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

// checksum continues before, the checksum of all earlier lines.
func checksum(line []byte, before uint32) uint32 {
	return crc32.Update(before, crc32.MakeTable(crc32.Castagnoli), line)
}
