package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A connection is one answer while its body is read.
type connection struct {
	answer
	signed signed
	body   io.Closer
	reader io.Reader
	watch  *watch
	began  time.Time
	got    int64
}

// good reports whether the connection did enough for the next one to be tried
// at once.
func (c *connection) good() bool {
	return c.got > 0 && (c.got >= goodBytes || time.Since(c.began) >= goodAge)
}

// read reads up to the offset end, or the end of the body.
func (c *connection) read(p []byte, offset, end int64) (int, error) {
	if end >= 0 {
		p = p[:min(int64(len(p)), end-offset)]
	}
	c.watch.arm(stallLimit)
	defer c.watch.disarm()
	n, err := c.reader.Read(p)
	if err != nil {
		err = c.watch.explain(err)
	}
	return n, err
}

// expectGzip looks at the first two bytes: a page that a proxy sent in place
// of the archive must not get into a file.
func (c *connection) expectGzip(contentType string) error {
	magic := []byte{0x1f, 0x8b}
	head := make([]byte, len(magic))
	c.watch.arm(stallLimit)
	n, err := io.ReadFull(c.reader, head)
	if !bytes.HasPrefix(magic, head[:n]) || c.end == 1 {
		return fmt.Errorf("storage sent %.100q and not a gzip archive", contentType)
	}
	if err != nil {
		err = c.watch.explain(err)
		if err == io.EOF && c.selfDelimiting && c.end < 0 { //nolint:errorlint // one inside another is a cut
			return errEmpty
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &setback{kind: cut, err: c.signed.clean(err)}
	}
	c.reader = io.MultiReader(bytes.NewReader(head), c.reader)
	return nil
}

// excess looks behind the announced end. Only a body without a length of its
// own, in chunks, can have more there, and nobody knows then which of its bytes
// are right.
func (c *connection) excess() error {
	if c.bodyLength >= 0 {
		return nil
	}
	c.watch.arm(excessPatience)
	if n, _ := c.reader.Read(make([]byte, 1)); n > 0 {
		return changed("storage sent more than it had announced")
	}
	return nil
}

// excessPatience is short: all that is wanted has come.
const excessPatience = 5 * time.Second

func (c *connection) close() {
	_ = c.body.Close()
	c.watch.end()
}

// A watch ends a request when nothing comes for too long, or when the whole
// transfer gets nowhere.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	pace   *pace

	mu    sync.Mutex
	timer *time.Timer
	until time.Time // zero while nothing is waited for
}

func newWatch(ctx context.Context, p *pace) *watch {
	w := &watch{pace: p}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(stallLimit, w.ring)
	w.timer.Stop()
	return w
}

func (w *watch) arm(patience time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Now().Add(patience)
	w.timer.Reset(max(0, min(patience, w.pace.left())))
}

// ring looks again: other ranges may have got on since the watch was armed.
func (w *watch) ring() {
	w.mu.Lock()
	defer w.mu.Unlock()
	silence, left := time.Until(w.until), w.pace.left()
	switch {
	case w.until.IsZero():
	case left <= 0:
		w.cancel(errNoProgress)
	case silence <= 0:
		w.cancel(errStalled)
	default:
		w.timer.Reset(min(silence, left))
	}
}

func (w *watch) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Time{}
	w.timer.Stop()
}

func (w *watch) end() {
	w.disarm()
	w.cancel(nil)
}

// explain returns err, or what the watch made of it.
func (w *watch) explain(err error) error {
	cause := context.Cause(w.ctx)
	if errors.Is(cause, errStalled) || errors.Is(cause, errNoProgress) {
		return cause
	}
	return err
}
