package archive

// appendPretty appends a JSON value to dst in the format of GitHub's exporter, at
// this depth: two spaces for each level, an empty list over three lines. It does not
// change strings and numbers. If the result would have more than limit bytes, it
// appends the value unchanged: a value nested 10,000 deep has lines of 20,000 spaces.
func appendPretty(dst, value []byte, depth int, limit int64) []byte {
	begin := len(dst)
	line := func() {
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, "  "...)
		}
	}
	opened := false // the latest token opened an object or a list
	for i := 0; i < len(value); i++ {
		if int64(len(dst)-begin) > limit {
			return append(dst[:begin], value...)
		}
		c := value[i]
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case ']', '}':
			depth--
			if opened && c == ']' {
				dst = append(dst, '\n')
			}
			if !opened || c == ']' {
				line()
			}
			dst = append(dst, c)
			opened = false
			continue
		}
		if opened {
			line()
			opened = false
		}
		switch c {
		case '[', '{':
			dst = append(dst, c)
			depth++
			opened = true
		case ',':
			dst = append(dst, c)
			line()
		case ':':
			dst = append(dst, ": "...)
		case '"':
			end := skipValue(value, i)
			dst = append(dst, value[i:end]...)
			i = end - 1
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
