package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A worker fetches one chunk after the other into the part.
type worker struct {
	fetch    *fetcher
	part     *part
	schedule *schedule
	written  chan<- span

	turn *turn // to take next, nil if the schedule is to be asked
}

// run fetches chunks until there are none, from the worker's turn on if it has
// one.
func (w *worker) run(ctx context.Context) error {
	defer w.fetch.close()
	for {
		if w.turn == nil {
			var err error
			if w.turn, err = w.schedule.next(); err != nil {
				return err
			}
		}
		if w.turn == nil {
			break
		}
		mine := w.turn
		w.turn = nil
		w.fetch.turn, w.fetch.offset, w.fetch.end = mine, mine.chunk[0], mine.chunk[1]
		err := w.take(ctx, mine)
		if tooMany, ok := errors.AsType[surplusError](err); ok {
			w.schedule.end(mine, span{w.fetch.offset, mine.chunk[1]})
			err = w.rest(ctx, tooMany.wait)
			w.schedule.rested(mine)
		}
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil { // no chunk may mean that there are no more, or this
		return netx.ContextError(ctx)
	}
	return nil
}

// rest waits while others do the work, and no longer than there is some.
func (w *worker) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return netx.ContextError(ctx)
	case <-timer.C:
	case <-w.schedule.idle:
	}
	return nil
}

// take fetches the worker's chunk when the answer is there and it is its turn.
func (w *worker) take(ctx context.Context, mine *turn) error {
	// io.EOF means that what an earlier call got was all, and Read returns it too.
	if err := w.fetch.connect(ctx); err != nil && err != io.EOF { //nolint:errorlint // a connection that broke has one inside
		return err
	}
	w.schedule.receive(mine)
	block := make([]byte, blockSize)
	at, flushed := mine.chunk[0], mine.chunk[0]
	var speed speed
	for {
		asked := time.Now()
		n, err := w.fetch.Read(ctx, block)
		waited := time.Since(asked)
		if err == io.EOF { //nolint:errorlint // a connection that broke has one inside
			w.flush(span{flushed, at})
			w.schedule.end(mine, span{})
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.part.file.WriteAt(block[:n], at); err != nil {
			return err
		}
		if slow := w.schedule.wrote(mine, span{at, at + int64(n)}, waited, w.fetch.took); slow {
			w.fetch.renew()
		}
		w.fetch.end = mine.chunk[1] // the rest may be others' by now
		at += int64(n)
		if at-flushed >= startSyncEvery && w.flush(span{flushed, at}) {
			flushed = at
		}
		if !mine.ending && w.isEnding(mine.chunk, at, &speed) {
			w.schedule.ending(mine)
		}
	}
}

// A speed is that of one chunk since its first bytes: those may have waited for
// somebody to read them.
type speed struct {
	from  int64
	since time.Time
}

// isEnding reports whether the rest of the chunk will have come by the time that
// storage takes to answer another request: the next one can be made now. What
// the first half has shown is enough to tell.
func (w *worker) isEnding(chunk span, at int64, s *speed) bool {
	if s.since.IsZero() {
		s.from, s.since = at, time.Now()
		return false
	}
	left := chunk[1] - at
	if w.schedule.chunk < 0 || left > at-chunk[0] {
		return false
	}
	perSecond := float64(at-s.from) / time.Since(s.since).Seconds()
	return float64(left) < perSecond*w.fetch.latency().Seconds()
}

// flush lets the disk begin with s, unless it has enough to do.
func (w *worker) flush(s span) bool {
	select {
	case w.written <- s:
		return true
	default:
		return false
	}
}
