package archive

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkPortable returns an error if a supported system cannot have a file of this name,
// or if Git gives the name a special meaning.
func checkPortable(name string) error {
	const maxPath = 1024 // the limit of macOS for a whole path
	if len(name) > maxPath {
		return fmt.Errorf("its name has more than %d bytes", maxPath)
	}
	if !utf8.ValidString(name) {
		return errors.New("its name is not in UTF-8")
	}
	for part := range strings.SplitSeq(name, "/") {
		if err := checkPortablePart(part); err != nil {
			return err
		}
	}
	return nil
}

// checkPortablePart is checkPortable for a part of a name between slashes.
func checkPortablePart(part string) error {
	switch {
	case len(part) > maxPart:
		return fmt.Errorf("a part of its name has more than %d bytes", maxPart)
	case part == "" || part == "." || part == "..":
		return fmt.Errorf("%q cannot be a part of its name", part)
	case strings.ContainsAny(part, `<>:"|?*\`):
		return fmt.Errorf(`%q is not a name on Windows: it has one of <>:"|?*\`, part)
	case strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%q has a control character", part)
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
		return fmt.Errorf("%q is not a name on Windows: it ends in a dot or a space", part)
	case isDevice(part):
		return fmt.Errorf("%q is a device on Windows", part)
	case isDotGit(part):
		return fmt.Errorf("%q could be treated as .git", part)
	default:
		return nil
	}
}

// isDevice reports whether a name is a device on Windows. The part after a dot
// does not count.
func isDevice(part string) bool {
	base, _, _ := strings.Cut(part, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	number, ok := strings.CutPrefix(base, "COM")
	if !ok {
		number, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && utf8.RuneCountInString(number) == 1 && strings.Trim(number, "0123456789¹²³") == ""
}

// isDotGit reports whether a file system may treat a name as ".git", or as its short
// name on Windows.
func isDotGit(part string) bool {
	number, short := strings.CutPrefix(strings.ToLower(part), "git~")
	return sameName(part, ".git") || short && number != "" && strings.Trim(number, "0123456789") == ""
}

// isHidden reports whether a file system may treat the first character of a name as
// a dot.
func isHidden(name string) bool { return strings.HasPrefix(visible(name), ".") }

// sameName reports whether a file system may treat two names as the same.
func sameName(part, name string) bool { return strings.EqualFold(name, visible(part)) }

// visible returns a name without invisible characters, which Apple's file systems
// ignore.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		default:
			return r
		}
	}, name)
}
