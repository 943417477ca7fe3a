package browse

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A query is a parsed search.
type query struct {
	words  []string // a record must have all words
	prefix bool     // the last word may be the beginning of a word
	// phrases are the quoted words. A record must have the words of a phrase side by side.
	phrases [][]string
}

// maxTerms bounds the words of a query.
const maxTerms = 16

// parseQuery parses a query.
func parseQuery(text string) query {
	var q query
	text = truncate(strings.ToValidUTF8(text, " "), 1000)
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

// hasPhrases reports whether a text has the phrases of the query.
// The index has no positions of words, so that the text itself is searched.
func (q query) hasPhrases(text string) bool {
	for _, phrase := range q.phrases {
		found := false
		var recent []string
		eachWord(text, func(word []byte) {
			if found {
				return
			}
			recent = append(recent, string(word))
			if len(recent) > len(phrase) {
				recent = recent[1:]
			}
			found = slices.Equal(recent, phrase)
		})
		if !found {
			return false
		}
	}
	return true
}

// A snippet is a part of a text: the first match of a query, and some text before and
// after it.
type snippet struct{ Before, Match, After string }

// excerpt returns the part of a text around the first match.
func (q query) excerpt(text string) snippet {
	const around = 110
	text = strings.Join(strings.Fields(truncate(text, 1<<20)), " ")
	at, end := q.match(text)
	if end == 0 {
		return snippet{Before: truncate(text, 2*around)}
	}
	from := max(0, at-around)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	s := snippet{Before: text[from:at], Match: text[at:end], After: truncate(text[end:], around)}
	if from > 0 {
		s.Before = "…" + s.Before
	}
	return s
}

// match returns the position of the first word in a text that the query has. End is 0
// without a match.
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
