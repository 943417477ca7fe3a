package transfer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
)

const (
	recordEvery = time.Second / 2 // a kill costs as much of the line, and what two syncs take
	flushEvery  = recordEvery / 2 // the disk begins with new bytes, so that a sync finds less to do
	maxLeftOver = 64 << 20        // bytes are hashed after a failure; the next call hashes the rest
)

// A recorder hashes the part behind the workers, while the system still has it in
// memory, and syncs and logs about twice a second what has been fetched.
type recorder struct {
	*attempt
	part *partfile.Part

	hashing sync.Mutex
	hash    hash.Hash
	hashed  int64
}

// newRecorder goes on from m.
func newRecorder(p *partfile.Part, a *attempt, m partfile.Mark) (*recorder, error) {
	h, err := m.Hash()
	a.complete = p.IsGzip
	return &recorder{attempt: a, part: p, hash: h, hashed: m.Offset}, err
}

// run works until all is fetched and hashed, or until something fails, and
// returns the SHA-256. It calls progress in this goroutine when bytes have come.
func (r *recorder) run(parent context.Context, workers int, progress func()) (string, error) {
	ctx, fail := context.WithCancelCause(parent)
	var others sync.WaitGroup
	fetched, recorded := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() {
		<-fetched
		close(recorded)
		left := int64(math.MaxInt64)
		if ctx.Err() != nil {
			left = maxLeftOver
		}
		r.schedule.finish(left)
		others.Wait()
	})
	defer end() // for a progress that panics
	defer fail(nil)
	others.Go(func() { endIf(r.hashAll(), fail) })
	others.Go(func() { endIf(r.recordAll(recorded), fail) })
	go func() {
		defer close(fetched)
		endIf(r.attempt.run(ctx, workers), fail)
	}()
	for working := true; working; {
		select {
		case <-r.schedule.moved:
			progress()
		case <-fetched:
			working = false
		}
	}
	end()
	if err := failure(parent, ctx); err != nil {
		// If this fails too, the error of the transfer tells how far the log is.
		_ = r.record()
		return "", err
	}
	return hex.EncodeToString(r.hash.Sum(nil)), nil
}

// hashAll hashes until the schedule is finished.
func (r *recorder) hashAll() error {
	block := make([]byte, blockSize)
	for {
		end, more := r.schedule.await(r.hashed)
		if !more {
			return nil
		}
		n, err := r.part.File.ReadAt(block[:min(blockSize, end-r.hashed)], r.hashed)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("%s was truncated by another program", r.part.Name())
			}
			return err
		}
		r.hashing.Lock()
		r.hash.Write(block[:n])
		r.hashed += int64(n)
		r.hashing.Unlock()
	}
}

// recordAll records until stop is closed. A record is as old as its sync took
// when it is in the log, and again so old when the next one is.
func (r *recorder) recordAll(stop <-chan struct{}) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for due := time.Now().Add(recordEvery); ; {
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
		began := time.Now()
		if began.Before(due) {
			durable.StartSync(r.part.File)
			continue
		}
		if err := r.record(); err != nil {
			return err
		}
		due = time.Now().Add(recordEvery - 2*time.Since(began))
	}
}

// record logs what is in the part now. It looks at the hash first: the bytes that
// the hash has read are in the part.
func (r *recorder) record() error {
	r.hashing.Lock()
	m, err := partfile.MarkOf(r.hash, r.hashed)
	r.hashing.Unlock()
	if err != nil {
		return err
	}
	ranges := r.schedule.fetched()
	if len(ranges) == 0 {
		return nil // what the log tells is of use as long as there is nothing else
	}
	return r.part.Checkpoint(partfile.Fetched{Ranges: ranges, Mark: m})
}
