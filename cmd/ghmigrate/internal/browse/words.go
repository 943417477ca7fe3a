package browse

import (
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

// maxWord bounds a word, in bytes. The rest of a longer word is ignored.
const maxWord = 64

// eachWord calls f with each word of a text: letters and digits, in lower case and
// without accents. Each character of Chinese, Japanese, Korean and Thai is a word,
// because these scripts have no spaces. The slice is valid during the call only.
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
		case unicode.Is(unicode.Mn, r): // skip an accent that follows its letter
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
