package gitdir

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // it is what Git's files say of themselves
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A format is how a repository names its objects and checks its files.
type format struct {
	name string
	size int
	new  func() hash.Hash
}

func sha1Format() format   { return format{"SHA-1", sha1.Size, sha1.New} }
func sha256Format() format { return format{"SHA-256", sha256.Size, sha256.New} }

// formatOf tells the format by the number of digits that a name has of it.
func formatOf(digits int) format {
	if digits == 2*sha256.Size {
		return sha256Format()
	}
	return sha1Format()
}

// formatByID tells it by the number that stands in headers of files.
func formatByID(id uint32) (format, error) {
	switch id {
	case 1:
		return sha1Format(), nil
	case 2:
		return sha256Format(), nil
	default:
		return format{}, fmt.Errorf("unknown hash function %d", id)
	}
}

// A source keeps the error of a reader apart from errors about what was read.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	for range 100 {
		n, err := s.r.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			s.err = err
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err //nolint:wrapcheck // a reader passes on what it got
		}
	}
	s.err = io.ErrNoProgress
	return 0, s.err
}

var (
	errShort    = errors.New("too short")
	errChecksum = errors.New("its checksum does not match")
)

// A sealed file ends with the checksum of all that is before. The body is read
// in pieces, and hashed as it is read.
type sealed struct {
	src    *source
	format format
	hash   hash.Hash

	buf    []byte
	rd, wr int // buf[rd:wr] was read from src, not yet from here
	ended  bool
	pos    int64 // of buf[rd]
}

// checkSealed checks the checksum of a file, whose body parse reads as far as
// it likes. What parse finds is reported if the checksum is right: else it is
// but a consequence. The sum is nil for a file in which anything is wrong.
func (c *Checker) checkSealed(src *source, f format, report func(int64, error), parse func(*sealed) error) (sum []byte) {
	s := &sealed{src: src, format: f, hash: f.new(), buf: c.buf}
	fault := parse(s)
	at := s.pos
	s.skipAllBut(0)
	trailer := s.buf[s.rd:s.wr]
	switch {
	case src.err != nil:
	case len(trailer) < s.format.size:
		report(-1, errShort)
	case !bytes.Equal(trailer, s.hash.Sum(nil)):
		report(-1, errChecksum)
	case fault != nil:
		report(at, fault)
	default:
		return bytes.Clone(trailer)
	}
	return nil
}

// setFormat takes the format from the byte of a header that tells it. Nothing
// may have been read before.
func (s *sealed) setFormat(at int) error {
	if !s.fill(at + 1) {
		return errShort
	}
	f, err := formatByID(uint32(s.buf[s.rd+at]))
	if err != nil {
		return err
	}
	s.format, s.hash = f, f.new()
	return nil
}

// next returns the next n bytes of the body, until the call after. At most
// half of the buffer can be asked for.
func (s *sealed) next(n int) ([]byte, error) {
	if !s.fill(n + s.format.size) {
		return nil, errShort
	}
	return s.take(n), nil
}

// skipAllBut reads the rest of the body, but for its last n bytes, and returns
// how much it read.
func (s *sealed) skipAllBut(n int) int64 {
	from := s.pos
	for n += s.format.size; s.fill(n + 1); {
		s.take(s.wr - s.rd - n)
	}
	return s.pos - from
}

// skip reads the next n bytes of the body.
func (s *sealed) skip(n int64) error {
	for n > 0 {
		p, err := s.next(int(min(n, int64(len(s.buf)/2))))
		if err != nil {
			return err
		}
		n -= int64(len(p))
	}
	return nil
}

func (s *sealed) take(n int) []byte {
	p := s.buf[s.rd : s.rd+n]
	s.hash.Write(p)
	s.rd += n
	s.pos += int64(n)
	return p
}

// fill reports whether n more bytes of the file are there.
func (s *sealed) fill(n int) bool {
	for s.wr-s.rd < n && !s.ended {
		if s.rd > 0 {
			s.wr = copy(s.buf, s.buf[s.rd:s.wr])
			s.rd = 0
		}
		m, err := s.src.Read(s.buf[s.wr:])
		s.wr += m
		s.ended = err != nil
	}
	return s.wr-s.rd >= n
}
