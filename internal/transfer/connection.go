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

// read reads up to the offset end, or the end of the body. mine is nil if there
// are no others who may come to wait for these bytes.
func (c *connection) read(p []byte, offset, end int64, mine *turn) (int, error) {
	p = p[:min(int64(len(p)), end-offset)]
	c.watch.arm(stallLimit, mine)
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
	c.watch.arm(stallLimit, nil)
	n, err := io.ReadFull(c.reader, head)
	if !bytes.HasPrefix(magic, head[:n]) || c.end == 1 {
		return fmt.Errorf("storage sent %.100q and not a gzip archive", contentType)
	}
	if err != nil {
		err = c.watch.explain(err)
		if err == io.EOF && c.selfDelimiting && c.object.Size < 0 { //nolint:errorlint // one inside another is a cut
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
	c.watch.arm(excessPatience, nil)
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
	since time.Time     // when the last byte came
	limit time.Duration // from then on; zero while nothing is waited for
	turn  *turn         // that waits; may be nil

	answered bool // whether it is the body that is waited for
}

func newWatch(ctx context.Context, p *pace) *watch {
	w := &watch{pace: p}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(stallLimit, w.ring)
	w.timer.Stop()
	return w
}

func (w *watch) arm(limit time.Duration, mine *turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since, w.limit, w.turn = time.Now(), limit, mine
	w.timer.Reset(w.next(limit))
}

// next is when to look whether a request that has so much time left should end.
func (w *watch) next(left time.Duration) time.Duration {
	return max(0, min(left, slowTrial, w.pace.left()))
}

// ring looks again: other ranges may have got on since the watch was armed, or
// wait for this one.
func (w *watch) ring() {
	w.mu.Lock()
	defer w.mu.Unlock()
	silence := time.Since(w.since)
	switch {
	case w.limit == 0:
	case w.pace.left() <= 0:
		w.cancel(errNoProgress)
	case silence >= w.limit:
		w.cancel(errStalled)
	case w.turn != nil && w.turn.silent(silence, w.answered):
		w.cancel(errSlow)
	default:
		w.timer.Reset(w.next(w.limit - silence))
	}
}

func (w *watch) answer() {
	w.disarm()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
}

func (w *watch) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = 0
	w.timer.Stop()
}

func (w *watch) end() {
	w.disarm()
	w.cancel(nil)
}

// explain returns err, or what the watch made of it.
func (w *watch) explain(err error) error {
	cause := context.Cause(w.ctx)
	if errors.Is(cause, errStalled) || errors.Is(cause, errSlow) || errors.Is(cause, errNoProgress) {
		return cause
	}
	return err
}
