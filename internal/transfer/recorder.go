package transfer

import (
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

const (
	// After a kill at most this much of the line is fetched again, unless the disk
	// takes longer for half of it.
	recordEvery  = time.Second
	minRecording = recordEvery / 10
)

// A recorder syncs and logs what has been fetched, about once a second.
type recorder struct {
	part     *part
	schedule *schedule
	hasher   *hasher
	written  chan span // ranges that the disk may begin with
}

// run records until stop is closed. A record is as old as the sync before it took
// when it is in the log, and again so old when the next one is.
func (r *recorder) run(stop <-chan struct{}) error {
	timer := time.NewTimer(recordEvery)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-timer.C:
		}
		began := time.Now()
		if err := r.record(); err != nil {
			return err
		}
		timer.Reset(max(recordEvery-2*time.Since(began), minRecording))
	}
}

// record logs what is in the part now. It looks at the hash first: the bytes that
// the hash has read are in the part.
func (r *recorder) record() error {
	m, err := r.hasher.mark()
	if err != nil {
		return err
	}
	ranges := r.schedule.fetched()
	if len(ranges) == 0 {
		return nil // what the log tells is of use as long as there is nothing else
	}
	return r.part.checkpoint(fetched{Ranges: ranges, mark: m})
}

// flush lets the disk begin with a range, unless the disk has enough to do.
func (r *recorder) flush(s span) {
	select {
	case r.written <- s:
	default:
	}
}

// startSyncs has the disk begin with what was written, so that a sync finds less
// to do.
func (r *recorder) startSyncs() {
	for s := range r.written {
		durable.StartSync(r.part.file, s[0], s[1]-s[0])
	}
}
