package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// An inflater unpacks gzip in a goroutine of its own, a few chunks ahead of who
// reads: unpacking takes about as long as decoding records does.
type inflater struct {
	limit  int64
	full   chan []byte // inflated; closed after the last
	free   chan []byte // to be filled again
	quit   chan struct{}
	wg     sync.WaitGroup
	result error // of the goroutine, once full is closed

	chunk  []byte // the one that is being read
	rest   []byte // of chunk
	offset int64  // of rest, in all that was inflated
	err    error  // of the last Read, and of all later ones
}

const (
	inflaterChunk  = 128 << 10
	inflaterChunks = 4
	inputBuffer    = 64 << 10
)

// startInflater starts the goroutine; whoever calls it calls stop in the end.
func startInflater(r io.Reader, limit int64) *inflater {
	in := &inflater{
		limit: limit,
		full:  make(chan []byte, inflaterChunks), // sending never waits
		free:  make(chan []byte, inflaterChunks),
		quit:  make(chan struct{}),
	}
	for range inflaterChunks {
		in.free <- nil // made when it is needed: a small archive has one
	}
	in.wg.Go(func() {
		defer close(in.full)
		in.result = in.inflate(&source{r: r, quit: in.quit})
	})
	return in
}

// stop ends the goroutine, after the Read of the input that is under way.
func (in *inflater) stop() {
	close(in.quit)
	in.wg.Wait()
}

// Read reads what was inflated.
func (in *inflater) Read(p []byte) (int, error) {
	if in.fill(); in.err != nil {
		return 0, in.err
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	in.offset += int64(n)
	return n, nil
}

// skipZeros reads to the end, or to the first byte that is not zero.
func (in *inflater) skipZeros() error {
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

// fill sees to it that there is a rest, or an error.
func (in *inflater) fill() {
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
				Err:    fmt.Errorf("it unpacks to more than %d bytes (Limits.UnpackedSize)", in.limit),
			}
		default:
			in.chunk, in.rest = chunk, chunk
		}
	}
}

// inflate unpacks the one gzip member of src, and returns io.EOF if nothing
// comes after it.
func (in *inflater) inflate(src *source) error {
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
	case errors.Is(err, io.ErrNoProgress): // bufio's word for what src does
		return fmt.Errorf("read archive: %w", err)
	case isEOF(err), errors.Is(err, errStopped):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the gzip member ends too early: %w", err)
	case errors.Is(err, gzip.ErrHeader):
		err = errors.New("not in gzip format")
	case errors.Is(err, gzip.ErrChecksum):
		err = errors.New("wrong gzip checksum")
	}
	return &Fault{Offset: total, Err: err}
}

// unpack fills chunks with what is in a gzip member, and tells how many bytes
// that is. At its end the error is io.EOF.
func (in *inflater) unpack(input *bufio.Reader) (total int64, err error) {
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
			chunk = make([]byte, inflaterChunk)
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

// errStopped ends the goroutine of an inflater that nobody reads any more.
var errStopped = errors.New("stopped")

// A source is the input of an inflater.
type source struct {
	r    io.Reader
	quit chan struct{}
	err  error // of r, but io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	select {
	case <-s.quit:
		return 0, errStopped
	default:
	}
	n, err := s.r.Read(p)
	if err != nil && !isEOF(err) {
		s.err = err
	}
	return n, err
}
