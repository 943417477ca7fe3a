package browse

import (
	"context"
	"database/sql"
	"encoding/binary"
	"slices"
)

// find returns the sorted IDs of the records that have all words of a query, in their
// titles or elsewhere. Titles are the sorted IDs of the records with all words in their
// titles.
func (s *store) find(ctx context.Context, q query) (all, titles []int64, err error) {
	for i, word := range q.words {
		prefix := q.prefix && i == len(q.words)-1
		inTitles, err := s.records(ctx, fieldTitle, word, prefix)
		if err != nil {
			return nil, nil, err
		}
		inBodies, err := s.records(ctx, fieldBody, word, prefix)
		if err != nil {
			return nil, nil, err
		}
		both := union(inTitles, inBodies)
		if i == 0 {
			all, titles = both, inTitles
			continue
		}
		all, titles = intersection(all, both), intersection(titles, inTitles)
		if len(all) == 0 {
			break
		}
	}
	return all, titles, nil
}

// maxBeginnings bounds the words that the last word of a query may be the beginning of.
const maxBeginnings = 500

// records returns the sorted IDs of the records with a word.
func (s *store) records(ctx context.Context, field int, word string, prefix bool) ([]int64, error) {
	text, args := `SELECT ids FROM word WHERE field = ? AND word = ? ORDER BY segment`, []any{field, word}
	if prefix {
		text = `SELECT ids FROM word WHERE field = ? AND word >= ? AND word < ? LIMIT ?`
		args = append(args, word+"\U0010ffff", maxBeginnings)
	}
	ids, err := queryAll(ctx, s, func(rows *sql.Rows) ([]byte, error) {
		var b []byte
		return b, rows.Scan(&b)
	}, text, args...)
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, b := range ids {
		id := int64(0)
		for len(b) > 0 {
			d, n := binary.Uvarint(b)
			if n <= 0 {
				break
			}
			id += int64(d) //nolint:gosec // as it was written
			all = append(all, id)
			b = b[n:]
		}
	}
	if prefix {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all, nil
}

// union merges sorted lists.
func union(a, b []int64) []int64 {
	if len(a) == 0 {
		return b
	}
	all := make([]int64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			all, a = append(all, a[0]), a[1:]
		case a[0] > b[0]:
			all, b = append(all, b[0]), b[1:]
		default:
			all, a, b = append(all, a[0]), a[1:], b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// intersection returns what is in both sorted lists.
func intersection(a, b []int64) []int64 {
	var both []int64
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			both, a, b = append(both, a[0]), a[1:], b[1:]
		}
	}
	return both
}
