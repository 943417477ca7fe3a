package browse

import "context"

// find returns the records that have all words of a query, and the records that have all
// of them in their titles.
func (s *store) find(ctx context.Context, q query) (all, titles idSet, err error) {
	for i, word := range q.words {
		prefix := q.prefix && i == len(q.words)-1
		inTitles, err := s.recordsWith(ctx, fieldTitle, word, prefix)
		if err != nil {
			return nil, nil, err
		}
		inBodies, err := s.recordsWith(ctx, fieldBody, word, prefix)
		if err != nil {
			return nil, nil, err
		}
		anywhere := inTitles.union(inBodies)
		if i == 0 {
			all, titles = anywhere, inTitles
			continue
		}
		all, titles = all.intersection(anywhere), titles.intersection(inTitles)
	}
	return all, titles, nil
}

// maxCompletions bounds the words with which the last word of a query may begin.
const maxCompletions = 500

// recordsWith returns the records with a word in a field. Prefix means the words that
// begin with the word.
func (s *store) recordsWith(ctx context.Context, field int, word string, prefix bool) (idSet, error) {
	text, args := `SELECT ids FROM word WHERE field = ? AND word = ?`, []any{field, word}
	if prefix {
		text = `SELECT ids FROM word WHERE field = ? AND word >= ? AND word < ? LIMIT ?`
		args = append(args, word+"\U0010ffff", maxCompletions)
	}
	postings, err := queryAll(ctx, s, scanColumn[[]byte], text, args...)
	if err != nil {
		return nil, err
	}
	var found idSet
	for _, ids := range postings {
		for id := range postingIDs(ids) {
			found = found.add(id)
		}
	}
	return found, nil
}
