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

// A hasher hashes the gapless beginning of the part, behind the workers, while
// the system still has it in memory: the SHA-256 needs no second pass.
type hasher struct {
	part     *part
	schedule *schedule

	mu     sync.Mutex
	hash   hash.Hash
	hashed int64
}

// newHasher goes on from m.
func newHasher(p *part, s *schedule, m mark) (*hasher, error) {
	h, err := m.hash()
	if err != nil {
		return nil, err
	}
	return &hasher{part: p, schedule: s, hash: h, hashed: m.Offset}, nil
}

// run hashes until the schedule is finished.
func (h *hasher) run() error {
	block := make([]byte, blockSize)
	for {
		end, more := h.schedule.await(h.hashed)
		if !more {
			return nil
		}
		n, err := h.part.file.ReadAt(block[:min(blockSize, end-h.hashed)], h.hashed)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("%s was truncated by another program", h.part.name())
			}
			return err
		}
		h.add(block[:n])
	}
}

func (h *hasher) add(block []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hash.Write(block)
	h.hashed += int64(len(block))
}

// mark returns how far the hash is, and its state there.
func (h *hasher) mark() (mark, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	state, ok := h.hash.(encoding.BinaryMarshaler)
	if !ok {
		return mark{}, errors.ErrUnsupported
	}
	text, err := state.MarshalBinary()
	return mark{Offset: h.hashed, State: text}, err
}

// sum returns the SHA-256 in hex after run has returned.
func (h *hasher) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }
