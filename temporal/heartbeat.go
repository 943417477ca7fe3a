package temporal

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/ghmigrate/ghmigrate/export"
)

// heartbeatInterval is the time between two heartbeats of an activity.
const heartbeatInterval = 3 * time.Second

// heartbeat records heartbeats with details, until stop is called. They tell Temporal
// that the worker of the activity lives.
func heartbeat(ctx context.Context, details ...func() Transfer) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(heartbeatInterval)
		defer ticker.Stop()
		for {
			values := make([]any, len(details))
			for i, get := range details {
				values[i] = get()
			}
			activity.RecordHeartbeat(ctx, values...)
			select {
			case <-ticker.C:
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// A Transfer has the details of the heartbeats of an activity that moves an archive.
type Transfer struct {
	Migration int64 `json:"migration"`
	Bytes     int64 `json:"bytes"` // fetched so far
	Size      int64 `json:"size"`  // -1 if it is not known
}

// transferProgress is the latest progress of a transfer.
type transferProgress struct {
	mu     sync.Mutex
	latest Transfer
}

func (p *transferProgress) set(e export.Event) {
	if e.Kind != export.EventProgress {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = Transfer{e.Migration, e.Bytes, e.Size}
}

func (p *transferProgress) get() Transfer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latest
}
