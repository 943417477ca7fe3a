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
	recordEvery = time.Second / 2 // a kill loses the bytes of this time and of two syncs
	flushEvery  = recordEvery / 2 // how often the disk is told to begin writing, for shorter syncs
	maxUnhashed = 64 << 20        // bytes that are hashed after a failure; the next call hashes the rest
)

// A recorder runs an attempt and records its progress. It hashes the part behind
// the workers, while the bytes are still in the page cache. About twice a second it
// syncs the part and logs the fetched ranges.
type recorder struct {
	*attempt
	part *partfile.Part

	hashing sync.Mutex
	hash    hash.Hash
	hashed  int64
}

// newRecorder returns a recorder whose hash continues from m.
func newRecorder(p *partfile.Part, a *attempt, m partfile.Mark) (*recorder, error) {
	h, err := m.Hash()
	a.complete = p.IsGzip
	return &recorder{attempt: a, part: p, hash: h, hashed: m.Offset}, err
}

// run returns the SHA-256 when the object is fetched and hashed. It fails when
// fetching, hashing or recording fails. It calls progress in this goroutine when
// bytes have arrived.
func (r *recorder) run(parent context.Context, workers int, progress func()) (string, error) {
	ctx, fail := context.WithCancelCause(parent)
	var others sync.WaitGroup
	fetched, recorded := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() {
		<-fetched
		close(recorded)
		left := int64(math.MaxInt64)
		if ctx.Err() != nil {
			left = maxUnhashed
		}
		r.schedule.finish(left)
		others.Wait()
	})
	defer end() // if progress panics
	defer fail(nil)
	others.Go(func() { failIf(r.hashAll(), fail) })
	others.Go(func() { failIf(r.recordAll(recorded), fail) })
	go func() {
		defer close(fetched)
		failIf(r.attempt.run(ctx, workers), fail)
	}()
	for working := true; working; {
		select {
		case <-r.schedule.progressed:
			progress()
		case <-fetched:
			working = false
		}
	}
	end()
	if err := firstFailure(parent, ctx); err != nil {
		// If this fails too, the error of the transfer says how far the log is.
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

// recordAll records until stop is closed. A record that reaches the log is as old as
// its sync took. After a slow sync, the next record therefore comes earlier.
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

// record logs the ranges that are in the part now. It takes the state of the hash
// first, so that the logged ranges cover the hashed bytes.
func (r *recorder) record() error {
	r.hashing.Lock()
	m, err := partfile.MarkOf(r.hash, r.hashed)
	r.hashing.Unlock()
	if err != nil {
		return err
	}
	ranges := r.schedule.fetched()
	if len(ranges) == 0 {
		return nil // the ranges in the log are kept until there are new ones
	}
	return r.part.Checkpoint(partfile.Fetched{Ranges: ranges, Mark: m})
}
