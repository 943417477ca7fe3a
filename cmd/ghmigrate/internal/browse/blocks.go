package browse

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
)

// blockSize is the size of the JSON in a full block, in bytes. A block may be larger by
// one record.
const blockSize = 64 << 10

// A blockWriter writes the JSON of records to the table text, in compressed blocks of
// consecutive records. Compression works well because records of a type are alike. A
// block has the number of records, the length of the JSON of each record, and then the JSON.
type blockWriter struct {
	insert *sql.Stmt
	first  int64 // the ID of the first record of the block
	n      int   // the number of records in the block
	sizes  []byte
	texts  []byte
	packed []byte
}

// add adds the JSON of a record. IDs are consecutive.
func (w *blockWriter) add(ctx context.Context, id int64, text []byte) error {
	if w.n == 0 {
		w.first = id
	}
	w.n++
	w.sizes = binary.AppendUvarint(w.sizes, uint64(len(text)))
	w.texts = append(w.texts, text...)
	if len(w.texts) < blockSize {
		return nil
	}
	return w.flush(ctx)
}

// flush writes the block.
func (w *blockWriter) flush(ctx context.Context) error {
	if w.n == 0 {
		return nil
	}
	block := append(binary.AppendUvarint(nil, uint64(w.n)), w.sizes...) //nolint:gosec // not negative
	block = append(block, w.texts...)
	w.packed = s2.Encode(w.packed[:0:cap(w.packed)], block)
	_, err := w.insert.ExecContext(ctx, w.first, w.packed)
	if cap(w.texts) > 16*blockSize { // a record was huge
		w.texts, w.packed = nil, nil
	}
	w.n, w.sizes, w.texts = 0, w.sizes[:0], w.texts[:0]
	return err
}

// A blockReader reads the JSON of records. It caches the blocks that it read last,
// because a page often shows neighboring records.
type blockReader struct {
	mu   sync.Mutex
	kept [16]unpackedBlock
	next int // the element of kept that the next block replaces
}

// An unpackedBlock has the JSON of consecutive records.
type unpackedBlock struct {
	first int64 // the ID of the first record
	texts [][]byte
}

// read returns the JSON of a record.
func (b *blockReader) read(ctx context.Context, db *sql.DB, id int64) ([]byte, error) {
	b.mu.Lock()
	for _, k := range &b.kept {
		if i := id - k.first; i >= 0 && i < int64(len(k.texts)) {
			b.mu.Unlock()
			return k.texts[i], nil
		}
	}
	b.mu.Unlock()
	var k unpackedBlock
	var packed []byte
	err := db.QueryRowContext(ctx, `SELECT first, block FROM text WHERE first <= ? ORDER BY first DESC LIMIT 1`, id).Scan(&k.first, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	if k.texts, err = unpackBlock(packed); err != nil {
		return nil, err
	}
	size := 0
	for _, text := range k.texts {
		size += len(text)
	}
	i := id - k.first
	if i >= int64(len(k.texts)) {
		return nil, errNotFound
	}
	if size < 4*blockSize { // a huge block stays out of the cache
		b.mu.Lock()
		b.kept[b.next] = k
		b.next = (b.next + 1) % len(b.kept)
		b.mu.Unlock()
	}
	return k.texts[i], nil
}

func unpackBlock(packed []byte) ([][]byte, error) {
	block, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("read a block of the index: %w", err)
	}
	var sizes []uint64
	number := func() uint64 {
		v, size := binary.Uvarint(block)
		block = block[max(size, 0):]
		return v
	}
	for range min(number(), uint64(len(block))) {
		sizes = append(sizes, number())
	}
	texts := make([][]byte, 0, len(sizes))
	for _, size := range sizes {
		if size > uint64(len(block)) {
			return nil, errors.New("read a block of the index: the block is too short")
		}
		texts, block = append(texts, block[:size:size]), block[size:]
	}
	return texts, nil
}
