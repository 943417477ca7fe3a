package transfer

import (
	"context"
	"errors"
	"io"
	"time"
)

// A worker fetches one chunk after the other into the part.
type worker struct {
	fetch    *fetcher
	part     *part
	schedule *schedule
	written  chan<- span

	block  []byte
	filled int // bytes of block that are already fetched, and not yet written
}

// run fetches chunks until there are none. If first is not empty, the worker has
// begun with that one.
func (w *worker) run(ctx context.Context, first span) error {
	defer w.fetch.close()
	for chunk, ok := first, true; ok; chunk, ok = w.schedule.next() {
		if chunk == (span{}) {
			continue
		}
		if w.filled == 0 {
			w.fetch.offset, w.fetch.end = chunk[0], chunk[1]
		}
		if err := w.chunk(ctx, chunk); err != nil {
			return err
		}
	}
	if ctx.Err() != nil { // no chunk may mean that there are no more, or this
		return ContextError(ctx)
	}
	return nil
}

func (w *worker) chunk(ctx context.Context, chunk span) error {
	if w.block == nil {
		w.block = make([]byte, blockSize)
	}
	at, flushed, began, early := chunk[0], chunk[0], time.Now(), false
	for {
		n := w.filled
		w.filled = 0
		var err error
		if n == 0 {
			n, err = w.fetch.Read(ctx, w.block)
		}
		if tooMany, ok := errors.AsType[surplusError](err); ok {
			w.schedule.end(span{at, chunk[1]}, early)
			return Sleep(ctx, tooMany.wait)
		}
		if err == io.EOF { //nolint:errorlint // a connection that broke has one inside
			w.flush(span{flushed, at})
			w.schedule.end(span{}, early)
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.part.file.WriteAt(w.block[:n], at); err != nil {
			return err
		}
		w.schedule.wrote(span{at, at + int64(n)})
		at += int64(n)
		if at-flushed >= startSyncEvery && w.flush(span{flushed, at}) {
			flushed = at
		}
		if !early && w.isEnding(chunk, at, time.Since(began)) {
			early = true
			w.schedule.ending()
		}
	}
}

// isEnding reports whether the rest of the chunk will have come by the time that
// storage takes to answer another request: the next one can be made now.
func (w *worker) isEnding(chunk span, at int64, took time.Duration) bool {
	if w.schedule.chunk < 0 || took <= w.fetch.latency {
		return false
	}
	perSecond := float64(at-chunk[0]) / (took - w.fetch.latency).Seconds()
	return float64(chunk[1]-at) < perSecond*w.fetch.latency.Seconds()
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
