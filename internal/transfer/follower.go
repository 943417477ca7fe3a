package transfer

import (
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// blockSize is large enough to make the work around each block small, and small
// enough for one of each range to stay in the processor's cache.
const blockSize = 512 << 10

// A follower hashes what is in the part, behind those who write it, while the
// system still has it in memory: the sum needs no second pass. Blocks that are
// handed over instead of read back were measured to be no faster.
type follower struct {
	part     *part
	schedule *schedule

	mu     sync.Mutex
	hash   hash.Hash
	hashed int64
}

// newFollower goes on from m.
func newFollower(p *part, s *schedule, m mark) (*follower, error) {
	h, err := m.hash()
	if err != nil {
		return nil, err
	}
	return &follower{part: p, schedule: s, hash: h, hashed: m.Offset}, nil
}

// run hashes until the schedule is finished.
func (f *follower) run() error {
	block := make([]byte, blockSize)
	for {
		end, more := f.schedule.await(f.hashed)
		if !more {
			return nil
		}
		n, err := f.part.file.ReadAt(block[:min(blockSize, end-f.hashed)], f.hashed)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("%s was cut off by somebody else", f.part.name())
			}
			return err
		}
		f.add(block[:n])
	}
}

func (f *follower) add(block []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hash.Write(block)
	f.hashed += int64(len(block))
}

func (f *follower) mark() (mark, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state, ok := f.hash.(encoding.BinaryMarshaler)
	if !ok {
		return mark{}, errors.ErrUnsupported
	}
	text, err := state.MarshalBinary()
	return mark{Offset: f.hashed, State: text}, err
}

// sum is for when run has returned.
func (f *follower) sum() string { return hex.EncodeToString(f.hash.Sum(nil)) }
