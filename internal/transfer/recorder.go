package transfer

import (
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

const (
	checkpointEvery = time.Second
	startSyncEvery  = 16 << 20 // bytes
)

// A recorder has what was fetched synced and logged about once a second, behind
// those who fetch it.
type recorder struct {
	part     *part
	schedule *schedule
	follower *follower
	written  chan span // what the disk may begin with
}

// run records until stop is closed.
func (r *recorder) run(stop <-chan struct{}) error {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
			if err := r.record(); err != nil {
				return err
			}
		}
	}
}

// record logs what is in the part at this moment. The hash is looked at first:
// what it has seen is there.
func (r *recorder) record() error {
	m, err := r.follower.mark()
	if err != nil {
		return err
	}
	return r.part.checkpoint(fetched{Ranges: r.schedule.fetched(), mark: m})
}

// startSyncs has the disk begin with what was written, so that a Sync finds
// less to do.
func (r *recorder) startSyncs() {
	for s := range r.written {
		durable.StartSync(r.part.file, s[0], s[1]-s[0])
	}
}
