package browse

import (
	"context"
	"database/sql"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The fields of a record that a search looks at. Matches in titles come first.
const (
	fieldTitle = iota
	fieldBody
	fields
)

// maxWord bounds a word, in bytes: the rest of a longer one is not looked at.
const maxWord = 64

// eachWord calls f with each word of a text: letters and digits, in lower case and
// without accents. Chinese, Japanese, Korean and Thai have no spaces between words, so
// that each of their characters is one. The slice is valid during the call.
func eachWord(text string, f func(word []byte)) {
	var buffer [maxWord + utf8.UTFMax]byte
	word := buffer[:0]
	end := func() {
		if len(word) > 0 {
			f(word)
			word = buffer[:0]
		}
	}
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			switch {
			case c >= 'A' && c <= 'Z':
				c += 'a' - 'A'
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			default:
				end()
				continue
			}
			if len(word) < maxWord {
				word = append(word, c)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case unicode.Is(unicode.Mn, r): // an accent after its letter
		case !unicode.IsLetter(r) && !unicode.IsNumber(r):
			end()
		case unspaced(r):
			end()
			word = utf8.AppendRune(word, r)
			end()
		case len(word) < maxWord:
			word = appendPlain(word, r)
		}
	}
	end()
}

// appendPlain appends a letter in lower case and without its accents.
func appendPlain(word []byte, r rune) []byte {
	r = unicode.ToLower(r)
	var decomposed [utf8.UTFMax]byte
	n := utf8.EncodeRune(decomposed[:], r)
	if d := norm.NFD.Properties(decomposed[:n]).Decomposition(); d != nil {
		r, _ = utf8.DecodeRune(d)
	}
	return utf8.AppendRune(word, r)
}

// unspaced reports whether a character belongs to a script without spaces.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// wordMemory bounds the memory of a wordWriter, in bytes.
const wordMemory = 24 << 20

// A wordWriter collects which records have which words. It writes a segment for each
// time that its memory is full. A search reads all segments of a word.
type wordWriter struct {
	insert  *sql.Stmt
	segment int64
	size    int
	seed    maphash.Seed
	words   [fields]map[string]*posting
	hot     [fields][hotWords]*posting
}

// A posting is the IDs of the records with a word: the differences, as varints.
type posting struct {
	word string
	last int64
	ids  []byte
}

// hotWords is the number of words that are found without the map. A few words are most
// of a language.
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
		if d.searched() {
			w.add(d.id, fieldTitle, d.title)
			w.add(d.id, fieldBody, d.body)
		}
	}
	return w.flush(ctx, tx, false)
}

// add adds a text of a record. IDs only grow.
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
		p.ids = binary.AppendUvarint(p.ids, uint64(id-p.last)) //nolint:gosec // IDs grow
		p.last = id
		w.size += cap(p.ids) - before
	})
}

// flush writes a segment if the memory is full, or if it is the last one.
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

// A query is what a person searches for.
type query struct {
	words  []string // all of them have to be in a record
	prefix bool     // the last word may be the beginning of one
	// phrases are words that stand side by side, as "a b" asks for.
	phrases [][]string
}

// maxTerms bounds the words of a query.
const maxTerms = 16

// parseQuery reads a query.
func parseQuery(text string) query {
	var q query
	text = cut(strings.ToValidUTF8(text, " "), 1000)
	pieces := strings.Split(text, `"`)
	for i, piece := range pieces {
		var words []string
		eachWord(piece, func(word []byte) { words = append(words, string(word)) })
		quoted := i%2 == 1
		if quoted && len(words) > 1 {
			q.phrases = append(q.phrases, words)
		}
		q.words = append(q.words, words...)
		if i == len(pieces)-1 && !quoted && len(words) > 0 {
			r, _ := utf8.DecodeLastRuneInString(piece)
			q.prefix = utf8.RuneCountInString(words[len(words)-1]) > 1 && (unicode.IsLetter(r) || unicode.IsNumber(r))
		}
	}
	if len(q.words) > maxTerms {
		q.words, q.prefix = q.words[:maxTerms], false
	}
	return q
}

func (q query) empty() bool { return len(q.words) == 0 }

// holds reports whether a text has the phrases of the query.
func (q query) holds(text string) bool {
	for _, phrase := range q.phrases {
		at, found := 0, false
		var recent []string
		eachWord(text, func(word []byte) {
			if found {
				return
			}
			recent = append(recent, string(word))
			if len(recent) > len(phrase) {
				recent = recent[1:]
			}
			at++
			found = slices.Equal(recent, phrase)
		})
		if !found {
			return false
		}
	}
	return true
}

// A snippet is a piece of a text: what is before the first match, the match, and what
// comes after it.
type snippet struct{ Before, Match, After string }

// excerpt returns the place of a text that a query is about.
func (q query) excerpt(text string) snippet {
	const around = 110
	text = strings.Join(strings.Fields(cut(text, 1<<20)), " ")
	at, end := q.match(text)
	if end == 0 {
		return snippet{Before: cut(text, 2*around)}
	}
	from := max(0, at-around)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	s := snippet{Before: text[from:at], Match: text[at:end], After: cut(text[end:], around)}
	if from > 0 {
		s.Before = "…" + s.Before
	}
	return s
}

// match returns the first word of a text that is one of the query's; end is 0 if there
// is none.
func (q query) match(text string) (from, end int) {
	wanted := func(word []byte) bool {
		for i, w := range q.words {
			if string(word) == w || q.prefix && i == len(q.words)-1 && strings.HasPrefix(string(word), w) {
				return true
			}
		}
		return false
	}
	isEnd := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Mn, r) }
	for at := 0; at < len(text); {
		n := strings.IndexFunc(text[at:], isEnd)
		if n < 0 {
			n = len(text) - at
		}
		found := false
		eachWord(text[at:at+n], func(word []byte) { found = found || wanted(word) })
		if found {
			return at, at + n
		}
		_, size := utf8.DecodeRuneInString(text[at+n:])
		at += n + size
	}
	return 0, 0
}
