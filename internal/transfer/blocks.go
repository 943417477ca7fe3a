package transfer

import "sync"

// keptBlocks is how far the hash may be behind before it has to read from
// the part, where the system has what was written a moment ago, too.
const keptBlocks = 4

// A blocks lends the blocks of a transfer to who reads into them, and keeps
// those that were written last for the hash. That is a shortcut: what is not
// kept is in the part.
type blocks struct {
	mu     sync.Mutex
	hashed int64            // what the hash has asked for last
	kept   map[int64][]byte // by their offsets
	free   [][]byte
}

func newBlocks(hashed int64) *blocks { return &blocks{hashed: hashed, kept: map[int64][]byte{}} }

func (b *blocks) lend() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.any()
}

func (b *blocks) any() []byte {
	last := len(b.free) - 1
	if last < 0 {
		return make([]byte, blockSize)
	}
	block := b.free[last]
	b.free = b.free[:last]
	return block
}

// back is for a block that is not needed any more, or some of its bytes.
func (b *blocks) back(block []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, block[:cap(block)])
}

// keep takes a block whose first n bytes were written at that offset, if it is
// one that the hash comes to soon. It returns the block to read into next.
func (b *blocks) keep(block []byte, n int, offset int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) == keptBlocks || offset-b.hashed >= keptBlocks*blockSize {
		return block
	}
	b.kept[offset] = block[:n]
	return b.any()
}

// take returns the bytes from that offset on, if they are kept, and otherwise
// how far to read from the part, which is end at most.
func (b *blocks) take(offset, end int64) ([]byte, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hashed = offset
	if block, ok := b.kept[offset]; ok {
		delete(b.kept, offset)
		return block, offset
	}
	for at := range b.kept {
		end = min(end, at)
	}
	return nil, end
}
