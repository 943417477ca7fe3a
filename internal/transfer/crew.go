package transfer

import (
	"context"
	"io"
	"math"
	"sync"
)

// maxLeftOver is how many bytes are hashed after a transfer has failed. The next
// call hashes the rest.
const maxLeftOver = 64 << 20

// A crew fetches, hashes and records one part.
type crew struct {
	*attempt
	hasher   *hasher
	recorder *recorder
}

func newCrew(p *part, s *session, todo *schedule, m mark) (*crew, error) {
	h, err := newHasher(p, todo, m)
	if err != nil {
		return nil, err
	}
	r := &recorder{part: p, schedule: todo, hasher: h, written: make(chan span)}
	a := &attempt{session: s, schedule: todo, out: p.file, flush: r.flush}
	a.complete = func(end int64) (bool, error) { return isCompleteGzip(io.NewSectionReader(p.file, 0, end)) }
	return &crew{attempt: a, hasher: h, recorder: r}, nil
}

// run works until all is fetched and hashed, or until something fails, and
// returns the SHA-256. It calls moved in this goroutine when bytes have come.
func (c *crew) run(ctx context.Context, workers int, moved func()) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	var fetching, others sync.WaitGroup
	fetched, recorded := make(chan struct{}), make(chan struct{})
	check := func(err error) {
		if err != nil {
			c.fail(err)
			cancel()
		}
	}
	end := sync.OnceFunc(func() {
		fetching.Wait()
		close(recorded)
		close(c.recorder.written)
		if c.failure() == nil {
			c.schedule.finish(math.MaxInt64)
		} else {
			c.schedule.finish(maxLeftOver)
		}
		others.Wait()
	})
	defer end() // for a moved that panics
	defer cancel()

	others.Go(func() { check(c.hasher.run()) })
	others.Go(func() { check(c.recorder.run(recorded)) })
	others.Go(c.recorder.startSyncs)
	fetching.Go(func() {
		defer close(fetched)
		check(c.attempt.run(ctx, workers))
	})
	for working := true; working; {
		select {
		case <-c.schedule.moved:
			moved()
		case <-fetched:
			working = false
		}
	}
	end()
	if err := c.failure(); err != nil {
		// If this fails too, the error of the transfer tells how far the log is.
		_ = c.recorder.record()
		return "", err
	}
	return c.hasher.sum(), nil
}
