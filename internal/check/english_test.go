package check_test

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxWords limits the words of a sentence.
const maxWords = 30

// avoided has phrases that comments must not have, because they have a pronoun instead
// of a noun or a negated noun instead of a verb. The values say what to write.
var avoided = map[string]string{
	`(none|neither) (is|are|was|were|of (them|it|these|those))`:                   "name the thing: no response is, no repository was",
	`(is|are|was|were) none`:                                                      "there is no response, or: the list is empty",
	`(that|those) of (a|an|the|one|another|its|their)`:                            "repeat the noun: the name of a run",
	`those (of|that|which|who|in|with)`:                                           "repeat the noun: the repositories that",
	`(it|this|that|which) (is|was) no (error|news|reason|sign|whole|gzip|object)`: "is not a, does not count as, does not mean",
	`who(ever)? (calls|wants|reads|needs|asks|waits|uses|has)`:                    "a caller that wants",
	`one hopes|as it were|of its own accord|is to be had`:                         "say it plainly",
	`puts? up with|gets? rid of`:                                                  "tolerates, removes",
}

// TestSentencesOfCommentsAreShort checks the length of every sentence in the
// comments of all modules.
func TestSentencesOfCommentsAreShort(t *testing.T) {
	eachSentence(t, func(where token.Position, sentence string) {
		if n := len(strings.Fields(sentence)); n > maxWords {
			t.Errorf("%s: %d words: %s", where, n, sentence)
		}
	})
}

// TestCommentsUsePlainWords looks for avoided phrases in the comments of all modules.
func TestCommentsUsePlainWords(t *testing.T) {
	patterns := map[*regexp.Regexp]string{}
	for pattern, instead := range avoided {
		patterns[regexp.MustCompile(`(?i)\b(`+pattern+`)\b`)] = instead
	}
	there := regexp.MustCompile(`(?i)\bthere (is|are|was|were) no(ne)?\b`) // common in the standard library
	eachSentence(t, func(where token.Position, sentence string) {
		sentence = there.ReplaceAllString(sentence, "there is")
		for pattern, instead := range patterns {
			if found := pattern.FindString(sentence); found != "" {
				t.Errorf("%s: %q (%s): %s", where, found, instead, sentence)
			}
		}
	})
}

// eachSentence calls check with every sentence in the comments of all modules, except
// for code and headings.
func eachSentence(t *testing.T, check func(where token.Position, sentence string)) {
	t.Helper()
	checkout(t)
	n := 0
	for _, name := range filesOf(t, ".go") {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, group := range file.Comments {
			if strings.HasPrefix(group.Text(), "Output:") || strings.HasPrefix(group.Text(), "Unordered output:") {
				continue // the output of an Example
			}
			for _, text := range texts(group) {
				for _, sentence := range sentences(text) {
					n++
					check(fset.Position(group.Pos()), sentence)
				}
			}
		}
	}
	require.NotZero(t, n)
}

// texts returns the paragraphs and list items of a comment.
func texts(group *ast.CommentGroup) []string {
	var p comment.Parser
	var all []string
	var add func(blocks []comment.Block)
	add = func(blocks []comment.Block) {
		for _, block := range blocks {
			switch block := block.(type) {
			case *comment.Paragraph:
				all = append(all, plain(block.Text))
			case *comment.List:
				for _, item := range block.Items {
					add(item.Content)
				}
			}
		}
	}
	add(p.Parse(group.Text()).Content)
	return all
}

// plain returns a text without its markup.
func plain(parts []comment.Text) string {
	var b strings.Builder
	for _, part := range parts {
		switch part := part.(type) {
		case comment.Plain:
			b.WriteString(string(part))
		case comment.Italic:
			b.WriteString(string(part))
		case *comment.Link:
			b.WriteString(plain(part.Text))
		case *comment.DocLink:
			b.WriteString(plain(part.Text))
		}
	}
	return b.String()
}

// sentenceEnd matches the end of a sentence and the space after it.
var sentenceEnd = regexp.MustCompile(`[.!?][)"']*(\s+|$)`)

// sentences divides a text into sentences.
func sentences(text string) []string {
	var all []string
	for text != "" {
		end := len(text)
		if at := sentenceEnd.FindStringIndex(text); at != nil {
			end = at[1]
		}
		all = append(all, strings.Join(strings.Fields(text[:end]), " "))
		text = text[end:]
	}
	return all
}
