package browse

import (
	"context"
	"database/sql"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
)

// wordMemory bounds the estimated memory of a wordWriter, in bytes.
const wordMemory = 24 << 20

// A wordWriter builds the inverted index: the IDs of the records with a word. Each time
// that its memory is full, it writes a segment. A search reads all segments of a word.
type wordWriter struct {
	insert  *sql.Stmt
	segment int64
	size    int
	seed    maphash.Seed
	words   [fields]map[string]*posting
	hot     [fields][hotWords]*posting // a cache of words, by hash
}

// A posting has the IDs of the records with a word.
type posting struct {
	word string
	last int64  // the last ID
	ids  []byte // the differences of the IDs, as varints
}

// maxRecordID is more than the number of records that an index can have. A larger ID is a
// sign of damage, and would need too much memory in an idSet.
const maxRecordID = 1 << 31

// postingIDs yields the IDs in a posting. It ends where the posting is damaged.
func postingIDs(ids []byte) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		id := int64(0)
		for len(ids) > 0 {
			difference, n := binary.Uvarint(ids)
			if n <= 0 || difference > maxRecordID {
				return
			}
			id += int64(difference)
			ids = ids[n:]
			if id > maxRecordID || !yield(id) {
				return
			}
		}
	}
}

// hotWords is the number of words that need no lookup in the map. Few words make up most
// of a text.
const hotWords = 1 << 12

func newWordWriter(ctx context.Context, tx *sql.Tx) (*wordWriter, error) {
	w := &wordWriter{seed: maphash.MakeSeed()}
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(segment), 0) FROM segment`).Scan(&w.segment); err != nil {
		return nil, err
	}
	w.reset()
	var err error
	w.insert, err = tx.PrepareContext(ctx, `INSERT INTO word VALUES(?, ?, ?, ?)`)
	return w, err
}

func (w *wordWriter) reset() {
	w.size = 0
	for field := range w.words {
		w.words[field] = make(map[string]*posting, 1<<12)
		clear(w.hot[field][:])
	}
}

// write adds the words of a batch.
func (w *wordWriter) write(ctx context.Context, tx *sql.Tx, b batch) error {
	for _, d := range b.rows {
		if d.isSearchable() {
			w.add(d.id, fieldTitle, d.title)
			w.add(d.id, fieldBody, d.body)
		}
	}
	return w.flush(ctx, tx, false)
}

// add adds a text of a record. IDs never decrease.
func (w *wordWriter) add(id int64, field int, text string) {
	words := w.words[field]
	eachWord(text, func(word []byte) {
		hot := &w.hot[field][maphash.Bytes(w.seed, word)%hotWords]
		p := *hot
		if p == nil || p.word != string(word) {
			if p = words[string(word)]; p == nil {
				p = &posting{word: string(word)}
				words[p.word] = p
				w.size += 170 + len(word) // about what the map needs
			}
			*hot = p
		}
		if p.last == id {
			return
		}
		before := cap(p.ids)
		p.ids = binary.AppendUvarint(p.ids, uint64(id-p.last)) //nolint:gosec // the difference is positive
		p.last = id
		w.size += cap(p.ids) - before
	})
}

// flush writes a segment if the memory is full, or if last is set.
func (w *wordWriter) flush(ctx context.Context, tx *sql.Tx, last bool) error {
	if w.size == 0 || w.size < wordMemory && !last {
		return nil
	}
	w.segment++
	if _, err := tx.ExecContext(ctx, `INSERT INTO segment VALUES(?)`, w.segment); err != nil {
		return err
	}
	for field, words := range w.words {
		for _, word := range slices.Sorted(maps.Keys(words)) {
			if _, err := w.insert.ExecContext(ctx, field, word, w.segment, words[word].ids); err != nil {
				return err
			}
		}
	}
	w.reset()
	return nil
}
