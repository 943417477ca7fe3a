package archive

import (
	"bytes"
	"fmt"
	"io"
)

// A splitter splits a file of records, a JSON array, into its elements without
// decoding them. It holds one element at a time, because files can have any size.
//
// A splitter accepts every element whose quotes and brackets are balanced. Decoding
// the element finds other faults.
type splitter struct {
	r     io.Reader
	entry string // the name of the file, for faults
	limit int64  // bounds an element, in bytes

	buffer []byte
	start  int   // the first byte of buffer that is not yet split
	offset int64 // the position of buffer in the entry
	size   int   // the size of the last element
	begun  bool  // the first element has begun
	ended  bool
}

// splitterBuffer has room for many records of the usual size.
const splitterBuffer = 64 << 10

const (
	// valueSize is the number of bytes of Limits.RecordSize for each value that a record
	// may have. Decoding may turn a short value into a struct of hundreds of bytes.
	valueSize = 64
	// minValues is the number of values that a record may have under any limit.
	minValues = 64 << 10
)

// reset begins a new file and reuses the buffer.
func (s *splitter) reset(r io.Reader, entry string, limit int64) {
	*s = splitter{r: r, entry: entry, limit: limit, buffer: s.buffer[:0]}
}

// next returns the next element and its offset in the entry. The element is valid
// until the next call. The error is a *Fault, an error of r, or io.EOF at the end
// and after a final error.
func (s *splitter) next() (element []byte, offset int64, err error) {
	if s.ended {
		return nil, 0, io.EOF
	}
	if err := s.skipSeparator(); err != nil {
		s.ended = true
		return nil, 0, err
	}
	offset = s.offset + int64(s.start)
	var lex lexer
	var tooLarge error
	size := 0
	for done := false; !done; {
		var n int
		n, done = lex.value(s.buffer[s.start+size:])
		size += n
		if tooLarge == nil {
			tooLarge = checkRecordSize(int64(size), lex.values, s.limit)
		}
		if tooLarge != nil {
			s.start += size // drop the part of the element in the buffer
			size = 0
		}
		if !done {
			if err := s.fill(); err != nil {
				s.ended = true
				return nil, 0, s.truncated(err)
			}
		}
	}
	if tooLarge != nil {
		return nil, 0, &Fault{Entry: s.entry, Offset: offset, Err: tooLarge}
	}
	element = s.buffer[s.start : s.start+size]
	s.start += size
	s.size = size
	return element, offset, nil
}

// checkRecordSize returns an error for a record that is too large, or that would be
// too large after decoding.
func checkRecordSize(size, values, limit int64) error {
	maxValues := max(limit/valueSize, minValues)
	switch {
	case size > limit:
		return fmt.Errorf("a record is larger than %d bytes (Limits.RecordSize)", limit)
	case values > maxValues:
		return fmt.Errorf("a record has more than %d values (Limits.RecordSize)", maxValues)
	default:
		return nil
	}
}

// checkRecord calls checkRecordSize for the text of a whole record.
func checkRecord(text []byte, limit int64) error {
	var lex lexer
	size, _ := lex.value(text)
	return checkRecordSize(int64(size), lex.values, limit)
}

// skipSeparator moves to the beginning of the next element. The error is io.EOF at
// the end of the array, if the entry ends there.
func (s *splitter) skipSeparator() error {
	if !s.begun {
		s.skipMark()
	}
	c, err := s.peek()
	switch {
	case err != nil:
		return s.truncated(err)
	case !s.begun && c != '[':
		return s.unexpected(c, "where records should begin")
	case s.begun && c == ']':
		return s.finish()
	case s.begun && c != ',':
		return s.unexpected(c, "after a record")
	}
	s.start++
	c, err = s.peek()
	switch {
	case err != nil:
		return s.truncated(err)
	case !s.begun && c == ']':
		return s.finish()
	case c == ',' || c == ']' || c == '}':
		return s.unexpected(c, "where a record should be")
	}
	s.begun = true
	return nil
}

// skipMark skips the byte order mark that programs on Windows write.
func (s *splitter) skipMark() {
	mark := byteOrderMark()
	for len(s.buffer) < len(mark) && bytes.HasPrefix(mark, s.buffer) {
		if err := s.fill(); err != nil {
			return // the next read returns the error again
		}
	}
	if bytes.HasPrefix(s.buffer, mark) {
		s.start = len(mark)
	}
}

func byteOrderMark() []byte { return []byte("\xef\xbb\xbf") }

// finish checks that nothing follows the array.
func (s *splitter) finish() error {
	s.start++
	c, err := s.peek()
	if err == nil {
		return s.unexpected(c, "after all records")
	}
	return err
}

func (s *splitter) unexpected(c byte, where string) error {
	return &Fault{Entry: s.entry, Offset: s.offset + int64(s.start), Err: fmt.Errorf("unexpected %q %s", c, where)}
}

// truncated turns an io.EOF inside the array into the Fault of a truncated file.
func (s *splitter) truncated(err error) error {
	if isEOF(err) {
		err = fmt.Errorf("truncated records: %w", io.ErrUnexpectedEOF)
		return &Fault{Entry: s.entry, Offset: s.offset + int64(len(s.buffer)), Err: err}
	}
	return err
}

// peek returns the next byte that is not white space.
func (s *splitter) peek() (byte, error) {
	for {
		for ; s.start < len(s.buffer); s.start++ {
			switch c := s.buffer[s.start]; c {
			case ' ', '\n', '\r', '\t':
			default:
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// fill reads more, and drops the bytes before start.
func (s *splitter) fill() error {
	kept := s.buffer[s.start:]
	size := max(cap(s.buffer), splitterBuffer)
	switch {
	case len(kept) > size/2:
		size = int(min(2*int64(size), s.limit+splitterBuffer)) // kept is at most limit bytes
	case max(len(kept), s.size) < splitterBuffer/2: // shrinks after a large element
		size = splitterBuffer
	}
	s.offset += int64(s.start)
	s.start = 0
	if size == cap(s.buffer) {
		s.buffer = s.buffer[:copy(s.buffer, kept)]
	} else {
		s.buffer = append(make([]byte, 0, size), kept...)
	}
	n, err := s.r.Read(s.buffer[len(s.buffer):cap(s.buffer)])
	s.buffer = s.buffer[:len(s.buffer)+n]
	if n > 0 {
		return nil // the next read returns the error again
	}
	return err
}
