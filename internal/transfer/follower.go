package transfer

import (
	"encoding"
	"encoding/hex"
	"errors"
	"hash"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

const (
	// Blocks are large enough to make the work around each of them small, and
	// few enough to stay in the processor's cache: 4 MiB in all.
	blockSize  = 512 << 10
	blockCount = 8

	checkpointEvery = time.Second
	startSyncEvery  = 16 << 20 // bytes
)

// A follower works behind the one who writes a part: it hashes what was
// written, and about once a second has it synced and logged, so that neither
// holds up the transfer.
type follower struct {
	part *part

	free   chan []byte // blocks to be filled
	blocks chan []byte // blocks that are in the part, in its order
	failed chan error  // of a checkpoint, at most one
	work   sync.WaitGroup

	stop func() error // end, once

	hash   hash.Hash
	hashed int64
}

// follow starts at the part's mark.
func follow(p *part) (*follower, error) {
	h, err := p.mark.hash()
	if err != nil {
		return nil, err
	}
	f := &follower{
		part:   p,
		free:   make(chan []byte, blockCount),
		blocks: make(chan []byte, blockCount),
		failed: make(chan error, 1),
		hash:   h,
		hashed: p.mark.Offset,
	}
	for range blockCount {
		f.free <- make([]byte, blockSize)
	}
	f.stop = sync.OnceValue(f.end)
	f.work.Go(f.run)
	return f, nil
}

func (f *follower) run() {
	marks, spans := make(chan mark), make(chan [2]int64)
	f.work.Go(func() {
		for m := range marks {
			if err := f.part.checkpoint(m); err != nil {
				f.failed <- err
				return
			}
		}
	})
	f.work.Go(func() {
		for s := range spans {
			durable.StartSync(f.part.file, s[0], s[1]-s[0])
		}
	})
	defer close(marks)
	defer close(spans)

	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	marked, started := f.hashed, f.hashed
	for {
		select {
		case block, ok := <-f.blocks:
			if !ok {
				return
			}
			f.hash.Write(block)
			f.hashed += int64(len(block))
			f.free <- block[:cap(block)]
			if f.hashed-started >= startSyncEvery {
				select {
				case spans <- [2]int64{started, f.hashed}:
					started = f.hashed
				default: // the disk has enough to do
				}
			}
		case <-tick.C:
			// Until the first block the part belongs to the writer.
			if f.hashed == marked {
				continue
			}
			m, err := f.mark()
			if err != nil {
				continue
			}
			select {
			case marks <- m:
				marked = m.Offset
			default: // the last one is still on its way to the disk
			}
		}
	}
}

// end waits until everything written is hashed and the last checkpoint has
// ended. It returns that one's error.
func (f *follower) end() error {
	close(f.blocks)
	f.work.Wait()
	select {
	case err := <-f.failed:
		return err
	default:
		return nil
	}
}

// mark is for the follower itself, and for others after stop.
func (f *follower) mark() (mark, error) {
	state, ok := f.hash.(encoding.BinaryMarshaler)
	if !ok {
		return mark{}, errors.ErrUnsupported
	}
	text, err := state.MarshalBinary()
	return mark{Offset: f.hashed, State: text}, err
}

func (f *follower) sum() string { return hex.EncodeToString(f.hash.Sum(nil)) }
