// Package gunzip unpacks exactly one gzip member, fast.
//
// It exists for its speed: most of the time of reading an archive of records
// goes into unpacking it. It takes what compress/gzip takes, but for a second
// member, and refuses what that refuses. What makes it faster is that it hands
// out whole buffers, in which what comes next can look back, and that it looks
// at eight bytes of input at a time. The latter is simple because eight bytes
// of checksum and size come after the last bit that is decoded: decoding never
// has to go nearer to the end of the input than that.
package gunzip

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// The errors of [Reader.Fill], beside those of its input, io.ErrUnexpectedEOF
// and io.EOF.
var (
	ErrHeader   = errors.New("not in gzip format")
	ErrCorrupt  = errors.New("corrupt deflate data")
	ErrChecksum = errors.New("wrong gzip checksum")
	ErrTrailing = errors.New("data after the end of the gzip member")
)

const (
	// Window is how far deflate looks back.
	Window = 32 << 10
	// Slack is what a buffer must have for a match that begins before it is
	// full, and for copying eight bytes at a time.
	Slack = 258 + 8

	inputSize   = 64 << 10
	inputSlack  = 8 // the trailer
	inputExcess = 8 // where eight bytes may be loaded of which none is used
)

// A Reader unpacks a gzip member.
type Reader struct {
	r   io.Reader
	err error // the last one of r

	in   []byte // in[pos:end] was read and not yet used
	pos  int
	end  int
	bits uint64 // the lowest n bits were taken from in and not yet used
	n    uint   // those above may be there too, or not

	begun  bool // the header was read
	last   bool // the block is the last one
	state  state
	stored int // bytes that are left in a stored block

	lits      litTable
	dists     distTable
	fixed     bool // the tables are those of fixed blocks
	symbols   symbols
	checksum  uint32
	size      uint32
	lengths   [maxLits + maxDists]uint8
	codeTable [1 << codeBits]uint32
}

type state int

const (
	atBlock   state = iota // before the header of a block
	inStored               // in a stored block
	inHuffman              // in a compressed block
	atEnd                  // after the last block
)

// NewReader returns a Reader of the gzip member in r, which must be all that is
// in r. Nothing is read before the first call of Fill.
func NewReader(r io.Reader) *Reader {
	z := &Reader{r: r, in: make([]byte, inputSize+inputExcess)}
	z.symbols.init()
	return z
}

// Fill unpacks into buf, from start on, until at most Slack bytes are left or
// there is an error, and returns the end of what it wrote. The bytes before
// start must be those that came before, at least [Window] of them as soon as
// there were so many. io.EOF says that the checksum is right and that the input
// has ended.
func (z *Reader) Fill(buf []byte, start int) (end int, err error) {
	end = start
	if !z.begun {
		z.begun = true
		err = z.header()
	}
	limit := len(buf) - Slack
	for err == nil && end < limit {
		switch z.state {
		case atBlock:
			err = z.block()
		case inStored:
			end, err = z.copyStored(buf, end, limit)
		case inHuffman:
			end, err = z.decode(buf, end, limit)
		case atEnd:
			err = io.EOF
		}
	}
	z.checksum = crc32.Update(z.checksum, crc32.IEEETable, buf[start:end])
	z.size += uint32(end - start) //nolint:gosec // modulo 2³², as gzip counts
	if err == io.EOF {            //nolint:errorlint // our own
		err = z.trailer()
	}
	return end, err
}

// header reads what comes before the blocks.
func (z *Reader) header() error {
	const (
		headerCRC = 1 << 1
		extra     = 1 << 2
		name      = 1 << 3
		comment   = 1 << 4
		unknown   = 7 << 5
	)
	crc := uint32(0)
	read := func(n int) ([]byte, error) {
		if err := z.need(n); err != nil {
			return nil, err
		}
		b := z.in[z.pos : z.pos+n]
		z.pos += n
		crc = crc32.Update(crc, crc32.IEEETable, b)
		return b, nil
	}
	b, err := read(10)
	if err != nil {
		return err
	}
	flags := b[3]
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 || flags&unknown != 0 {
		return ErrHeader
	}
	if flags&extra != 0 {
		if b, err = read(2); err != nil {
			return err
		}
		for left := int(binary.LittleEndian.Uint16(b)); left > 0; left-- {
			if _, err = read(1); err != nil {
				return err
			}
		}
	}
	for _, flag := range []byte{name, comment} {
		const most = 512 // as compress/gzip
		for i := 0; flags&flag != 0; i++ {
			if b, err = read(1); err != nil {
				return err
			}
			if b[0] == 0 {
				break
			}
			if i+1 == most {
				return ErrHeader
			}
		}
	}
	if flags&headerCRC != 0 {
		want := uint16(crc)
		if b, err = read(2); err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(b) != want {
			return ErrHeader
		}
	}
	return nil
}

// trailer reads what comes after the blocks, and returns io.EOF if all is well.
func (z *Reader) trailer() error {
	z.unread()
	if err := z.need(8); err != nil {
		return err
	}
	b := z.in[z.pos:]
	if binary.LittleEndian.Uint32(b) != z.checksum || binary.LittleEndian.Uint32(b[4:]) != z.size {
		return ErrChecksum
	}
	z.pos += 8
	if z.pos < z.end || z.more() == nil {
		return ErrTrailing
	}
	return z.err
}

// need sees to it that in has n bytes that were not used.
func (z *Reader) need(n int) error {
	for z.end-z.pos < n {
		if err := z.more(); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// ready sees to it that a symbol can be decoded, and what belongs to it, so
// that the trailer comes after it at the earliest. It takes back all bits that
// make a byte.
func (z *Reader) ready() error {
	z.unread()
	return z.need(inputSlack)
}

// unread gives bytes back that were taken as bits.
func (z *Reader) unread() {
	z.pos -= int(z.n >> 3)
	z.n &= 7
	z.bits &= 1<<z.n - 1
}

// more reads more input; there must be no bytes in bits.
func (z *Reader) more() error {
	if z.err != nil {
		return z.err
	}
	z.end = copy(z.in, z.in[z.pos:z.end])
	z.pos = 0
	const patience = 100 // as that of bufio
	for range patience {
		n, err := z.r.Read(z.in[z.end:inputSize])
		z.end += n
		z.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	z.err = io.ErrNoProgress
	return z.err
}

func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // an error that wraps it is no end
		return io.ErrUnexpectedEOF
	}
	return err
}
