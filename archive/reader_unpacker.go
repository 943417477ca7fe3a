package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// An unpacker unpacks gzip in a goroutine of its own, a few chunks ahead of the
// reader: unpacking takes about as long as decoding records.
type unpacker struct {
	limit  int64
	full   chan []byte // unpacked chunks; closed after the last
	free   chan []byte // chunks to be filled again
	quit   chan struct{}
	wg     sync.WaitGroup
	result error // why the goroutine ended, once full is closed

	chunk  []byte // the chunk that is being read
	rest   []byte // the unread part of chunk
	offset int64  // the position of rest in the unpacked archive
	err    error  // the error of all further reads
}

const (
	unpackerChunk  = 128 << 10
	unpackerChunks = 4
	inputBuffer    = 64 << 10
)

// startUnpacker starts the goroutine. The caller must call stop.
func startUnpacker(r io.Reader, limit int64) *unpacker {
	in := &unpacker{
		limit: limit,
		full:  make(chan []byte, unpackerChunks), // sending never blocks
		free:  make(chan []byte, unpackerChunks),
		quit:  make(chan struct{}),
	}
	for range unpackerChunks {
		in.free <- nil // unpack allocates a chunk when needed: a small archive needs one
	}
	in.wg.Go(func() {
		defer close(in.full)
		in.result = in.inflate(&gzipInput{r: r, quit: in.quit})
	})
	return in
}

// stop ends the goroutine. It waits for a pending Read of the input.
func (in *unpacker) stop() {
	close(in.quit)
	in.wg.Wait()
}

// Read reads the unpacked archive.
func (in *unpacker) Read(p []byte) (int, error) {
	if in.fill(); in.err != nil {
		return 0, in.err
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	in.offset += int64(n)
	return n, nil
}

// skipZeros reads to the end, or to the first byte that is not zero.
func (in *unpacker) skipZeros() error {
	for {
		if in.fill(); isEOF(in.err) {
			return nil
		} else if in.err != nil {
			return in.err
		}
		for i, b := range in.rest {
			if b != 0 {
				return &Fault{Offset: in.offset + int64(i), Err: errors.New("data after the end of the tar")}
			}
		}
		in.offset += int64(len(in.rest))
		in.rest = nil
	}
}

// fill receives the next chunk if rest is empty. Afterwards rest has bytes, or err is
// set.
func (in *unpacker) fill() {
	for len(in.rest) == 0 && in.err == nil {
		if in.chunk != nil {
			in.free <- in.chunk[:cap(in.chunk)]
			in.chunk = nil
		}
		chunk, ok := <-in.full
		switch {
		case !ok:
			in.err = in.result
		case int64(len(chunk)) > in.limit-in.offset:
			in.err = &Fault{
				Offset: in.limit,
				Err:    fmt.Errorf("unpacks to more than %d bytes (Limits.UnpackedSize)", in.limit),
			}
		default:
			in.chunk, in.rest = chunk, chunk
		}
	}
}

// inflate unpacks the one gzip member of src. It returns io.EOF if nothing follows
// the member.
func (in *unpacker) inflate(src *gzipInput) error {
	input := bufio.NewReaderSize(src, inputBuffer)
	total, err := in.unpack(input)
	if isEOF(err) {
		if _, err = input.ReadByte(); err == nil {
			err = errors.New("data after the end of the gzip member")
		}
	}
	switch {
	case src.err != nil:
		return fmt.Errorf("read archive: %w", src.err)
	case errors.Is(err, io.ErrNoProgress): // bufio gave up on src
		return fmt.Errorf("read archive: %w", err)
	case isEOF(err), errors.Is(err, errStopped):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("truncated gzip member: %w", err)
	case errors.Is(err, gzip.ErrHeader):
		err = errors.New("not in gzip format")
	case errors.Is(err, gzip.ErrChecksum):
		err = errors.New("wrong gzip checksum")
	}
	return &Fault{Offset: total, Err: err}
}

// unpack fills chunks with the content of a gzip member, and counts the bytes. At
// the end of the member the error is io.EOF.
func (in *unpacker) unpack(input *bufio.Reader) (total int64, err error) {
	z, err := gzip.NewReader(input)
	if isEOF(err) {
		return 0, io.ErrUnexpectedEOF // an archive is not empty
	}
	if err != nil {
		return 0, err
	}
	z.Multistream(false)
	for err == nil {
		var chunk []byte
		select {
		case chunk = <-in.free:
		case <-in.quit:
			return total, errStopped
		}
		if chunk == nil {
			chunk = make([]byte, unpackerChunk)
		}
		n := 0
		for n < len(chunk) && err == nil {
			var read int
			read, err = z.Read(chunk[n:])
			n += read
		}
		total += int64(n)
		in.full <- chunk[:n]
	}
	return total, err
}

// errStopped is the error of a gzipInput after stop.
var errStopped = errors.New("stopped")

// A gzipInput reads r until quit is closed. It keeps the error of r, which gzip may
// replace.
type gzipInput struct {
	r    io.Reader
	quit chan struct{}
	err  error // the error of r, unless io.EOF
}

func (g *gzipInput) Read(p []byte) (int, error) {
	select {
	case <-g.quit:
		return 0, errStopped
	default:
	}
	n, err := g.r.Read(p)
	if err != nil && !isEOF(err) {
		g.err = err
	}
	return n, err
}
