package export

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	firstPoll   = 5 * time.Second // then growing by half
	longestPoll = time.Minute
)

// A poller looks at all migrations that are waited for at once: that costs one
// request for a hundred of them.
type poller struct {
	acct    Account
	arrived chan struct{} // there is something new to wait for

	mu      sync.Mutex
	waiting map[int64][]chan sight
}

// A sight is a migration that is done, or why it cannot be seen.
type sight struct {
	migration *ghmigrate.Migration
	err       error
}

func newPoller(acct Account) *poller {
	return &poller{acct: acct, arrived: make(chan struct{}, 1), waiting: map[int64][]chan sight{}}
}

// await returns the migration when it is done. An error that comes beside a
// migration is about this one alone.
func (p *poller) await(ctx context.Context, id int64) (*ghmigrate.Migration, error) {
	seen := make(chan sight, 1)
	p.mu.Lock()
	p.waiting[id] = append(p.waiting[id], seen)
	p.mu.Unlock()
	select {
	case p.arrived <- struct{}{}:
	default:
	}
	select {
	case s := <-seen:
		return s.migration, s.err
	case <-ctx.Done():
		p.forget(id, seen)
		return nil, contextError(ctx)
	}
}

func (p *poller) forget(id int64, seen chan sight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[id] = slices.DeleteFunc(p.waiting[id], func(c chan sight) bool { return c == seen })
	if len(p.waiting[id]) == 0 {
		delete(p.waiting, id)
	}
}

// run polls until the context ends.
func (p *poller) run(ctx context.Context) {
	interval, last := firstPoll, time.Time{}
	for {
		ids := p.ids()
		timer := time.NewTimer(time.Until(last.Add(interval)))
		if len(ids) == 0 {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.arrived:
			timer.Stop()
			if len(p.ids()) == 1 { // beside others it waits as they do
				interval = firstPoll
			}
			continue
		case <-timer.C:
		}
		p.poll(ctx, ids)
		last, interval = time.Now(), min(interval+interval/2, longestPoll)
	}
}

func (p *poller) ids() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.waiting))
}

// poll looks at each migration once. Watch waits out what passes.
func (p *poller) poll(ctx context.Context, ids []int64) {
	unseen := map[int64]bool{}
	for _, id := range ids {
		unseen[id] = true
	}
	for m, err := range p.acct.Watch(ctx, ids) {
		switch {
		case ctx.Err() != nil:
			return
		case m == nil:
			for id := range unseen {
				p.deliver(id, sight{err: err})
			}
			return
		case err != nil || m.State.Done():
			p.deliver(m.ID, sight{m, err})
		}
		delete(unseen, m.ID)
		if len(unseen) == 0 {
			return
		}
	}
}

func (p *poller) deliver(id int64, s sight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, seen := range p.waiting[id] {
		seen <- s
	}
	delete(p.waiting, id)
}
