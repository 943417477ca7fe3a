package browse

import "strings"

// The time that goldmark takes grows with the square of the length of some texts: a
// hostile text of 256 KiB may take minutes. Texts that people write are far below these
// limits.
const (
	maxInlineCost = 50_000_000 // the length of a paragraph times its characters that may begin an inline element
	maxMarkers    = 50         // the quotes and list items that one line may begin
)

// isCostly reports whether goldmark would take too long for a text.
func isCostly(text string) bool {
	length, openers := 0, 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			length, openers = 0, 0
			continue
		}
		if m := markers(line); m > maxMarkers {
			return true
		} else if m > 0 && strings.TrimLeft(line, " \t")[0] != '>' { // each list item is a paragraph
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

// markers counts the quotes and list items that a line begins.
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
