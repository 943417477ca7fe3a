package browse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// pathPart returns a name as one part of an address, and as the name of a file on
// every system. Letters, digits and a few marks stay. Every other byte becomes ~ and
// two hexadecimal digits.
func pathPart(name string) string {
	var b strings.Builder
	onlyDots := strings.Trim(name, ".") == ""
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_',
			c == '-' && i > 0,
			c == '.' && !onlyDots && i < len(name)-1:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02x", c)
		}
		if b.Len() > 150 { // the rest is told apart by a checksum
			fmt.Fprintf(&b, "~~%016x", keyOf(archive.URL(name)))
			break
		}
	}
	part := b.String()
	if part == "" {
		return "~"
	}
	stem, _, _ := strings.Cut(strings.ToLower(part), ".")
	if devices[stem] {
		return "~" + part
	}
	return part
}

// devices are names that Windows keeps for devices, with any extension.
var devices = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
}

// fromPart returns the name that a part of an address stands for. A name that was cut
// cannot be found again.
func fromPart(part string) string {
	if plain := strings.TrimPrefix(part, "~"); plain != part && devices[strings.ToLower(strings.SplitN(plain, ".", 2)[0])] {
		return plain
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] == '~' && i+2 < len(part) {
			if c, err := strconv.ParseUint(part[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(part[i])
	}
	return b.String()
}

// isCut reports whether pathPart has cut a name.
func isCut(part string) bool { return strings.Contains(part, "~~") }
