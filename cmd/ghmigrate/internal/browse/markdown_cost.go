package browse

import "strings"

// Limits of what is read as Markdown: goldmark takes time that grows with the square of
// some texts, and a hostile text of 256 KiB may take minutes.
const (
	maxInlineCost = 50_000_000 // of a paragraph: its length times its characters that may begin something
	maxMarkers    = 50         // the quotes and lists that a line may begin
)

// isCostly reports whether a text would take too long as Markdown. No text of a person
// does.
func isCostly(text string) bool {
	length, openers := 0, 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			length, openers = 0, 0
			continue
		}
		if m := markers(line); m > maxMarkers {
			return true
		} else if m > 0 && strings.TrimLeft(line, " \t")[0] != '>' { // a list: each of its items is a paragraph
			length, openers = 0, 0
		}
		length += len(line)
		for i := range len(line) {
			switch line[i] {
			case '[', '(', '<', '`', '*', '_', '~', '!', '&', '\\':
				openers++
			}
		}
		if length*openers > maxInlineCost {
			return true
		}
	}
	return false
}

// markers counts the quotes and lists that a line begins.
func markers(line string) int {
	n := 0
	for {
		line = strings.TrimLeft(line, " \t")
		digits := len(line) - len(strings.TrimLeft(line, "0123456789"))
		switch {
		case line == "":
			return n
		case strings.ContainsRune(">-+*", rune(line[0])):
			line = line[1:]
		case digits > 0 && digits < len(line) && (line[digits] == '.' || line[digits] == ')'):
			line = line[digits+1:]
		default:
			return n
		}
		n++
	}
}
