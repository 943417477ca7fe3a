package gitdir

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the checksum of Git's files
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A format is the hash function that names the objects of a repository.
type format struct {
	size int
	new  func() hash.Hash
}

func sha1Format() format   { return format{sha1.Size, sha1.New} }
func sha256Format() format { return format{sha256.Size, sha256.New} }

// formatOf returns the format of a name with this many digits.
func formatOf(digits int) format {
	if digits == 2*sha256.Size {
		return sha256Format()
	}
	return sha1Format()
}

// formatByID returns the format of the number in the header of a file.
func formatByID(id byte) (format, error) {
	switch id {
	case 1:
		return sha1Format(), nil
	case 2:
		return sha256Format(), nil
	default:
		return format{}, fmt.Errorf("unknown hash function %d", id)
	}
}

// A source keeps the error of its reader apart from faults of the content.
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

// A sealed file ends with the checksum of all bytes before. The body is read in
// pieces and hashed on the way.
type sealed struct {
	src    *source
	format format
	hash   hash.Hash

	buf    []byte
	rd, wr int // buf[rd:wr] was read from src and not yet returned
	ended  bool
	pos    int64 // the position of buf[rd] in the file
}

// checkSealed checks the checksum of a file and returns it, or nil if the file has a
// fault. parse reads as much of the body as it needs. A fault from parse is reported
// only if the checksum is right: otherwise the damage is the cause.
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

// setFormat reads the format from the byte at this position of the header. It must be
// the first read.
func (s *sealed) setFormat(at int) error {
	if !s.fill(at + 1) {
		return errShort
	}
	f, err := formatByID(s.buf[s.rd+at])
	if err != nil {
		return err
	}
	s.format, s.hash = f, f.new()
	return nil
}

// next returns the next n bytes of the body, at most half of the buffer. They are
// valid until the next call.
func (s *sealed) next(n int) ([]byte, error) {
	if !s.fill(n + s.format.size) {
		return nil, errShort
	}
	return s.take(n), nil
}

// skipAllBut reads the body up to its last n bytes, and returns how many bytes it
// read.
func (s *sealed) skipAllBut(n int) int64 {
	from := s.pos
	for n += s.format.size; s.fill(n + 1); {
		s.take(s.wr - s.rd - n)
	}
	return s.pos - from
}

func (s *sealed) take(n int) []byte {
	p := s.buf[s.rd : s.rd+n]
	s.hash.Write(p)
	s.rd += n
	s.pos += int64(n)
	return p
}

// fill reads until buf has n unread bytes. It returns false if the file ends before.
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
