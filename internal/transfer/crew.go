package transfer

import (
	"context"
	"math"
	"sync"
)

// maxLeftOver is how many bytes are hashed after a transfer has failed, for the
// next call's sake: it hashes the rest itself.
const maxLeftOver = 64 << 20

// A crew is everybody who works on one part at the same time: workers fetch,
// a follower hashes, a recorder logs.
type crew struct {
	part     *part
	session  *session
	schedule *schedule
	follower *follower
	recorder *recorder

	mu  sync.Mutex
	err error // of the first one that failed
}

func newCrew(p *part, s *session, todo *schedule, f *follower) *crew {
	r := &recorder{part: p, schedule: todo, follower: f, written: make(chan span)}
	return &crew{part: p, session: s, schedule: todo, follower: f, recorder: r}
}

// run works until all is fetched and hashed, or one fails, and returns the sum.
// begun is a worker who has begun, or nil. moved is called in this goroutine
// when bytes have come.
func (c *crew) run(ctx context.Context, ranges int, begun *worker, moved func()) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	fail := func(err error) {
		if err != nil {
			c.fail(err)
			cancel()
		}
	}
	context.AfterFunc(ctx, c.schedule.stop)

	var workers, others sync.WaitGroup
	fetched, recorded := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() {
		workers.Wait()
		close(recorded)
		close(c.recorder.written)
		if c.failed() == nil {
			c.schedule.finish(math.MaxInt64)
		} else {
			c.schedule.finish(maxLeftOver)
		}
		others.Wait()
	})
	defer end() // for a moved that panics
	defer cancel()

	others.Go(func() { fail(c.follower.run()) })
	others.Go(func() { fail(c.recorder.run(recorded)) })
	others.Go(c.recorder.startSyncs)
	c.hire(ctx, &workers, ranges, begun, fail)
	go func() {
		workers.Wait()
		close(fetched)
	}()
	for working := true; working; {
		select {
		case <-c.schedule.moved:
			moved()
		case <-fetched:
			working = false
		}
	}
	end()
	if err := c.failed(); err != nil {
		// If this fails too, the caller tells how far the log is.
		_ = c.recorder.record()
		return "", err
	}
	return c.follower.sum(), nil
}

func (c *crew) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

func (c *crew) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// hire lets workers begin. There are more of them than ranges: one can wait for
// its first bytes while another one's last are coming.
func (c *crew) hire(ctx context.Context, workers *sync.WaitGroup, ranges int, begun *worker, fail func(error)) {
	count := 2 * ranges
	if ranges == 1 {
		count = 1
	}
	for i := range count {
		w := begun
		if i > 0 || begun == nil {
			w = &worker{fetch: newFetcher(c.session)}
		} else {
			w.turn = c.schedule.first(begun.fetch.end)
		}
		w.part, w.schedule, w.written = c.part, c.schedule, c.recorder.written
		workers.Go(func() { fail(w.run(ctx)) })
	}
}
