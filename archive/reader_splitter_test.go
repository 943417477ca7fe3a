package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive"
)

// split returns the elements, their offsets, and the first error.
func split(r io.Reader, limit int64) (elements []string, offsets []int64, err error) {
	s := archive.NewSplitter(r, limit)
	for {
		element, offset, err := s.Next()
		if errors.Is(err, io.EOF) {
			return elements, offsets, nil
		}
		if err != nil {
			return elements, offsets, err
		}
		elements = append(elements, string(element))
		offsets = append(offsets, offset)
	}
}

func TestSplitterAcceptsEveryFormat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shard string
		want  []string
	}{
		"an empty array":          {"[]", nil},
		"GitHub's empty array":    {"[\n\n]", nil},
		"compact":                 {`[{"a":1},{"b":[{}]}]`, []string{`{"a":1}`, `{"b":[{}]}`}},
		"a record in each line":   {"[\n{\"a\":1},\n{\"b\":2}\n]\n", []string{`{"a":1}`, `{"b":2}`}},
		"a comma in its own line": {"[\n{\n  \"a\": 1\n}\n,\n{\"b\":2}\n]", []string{"{\n  \"a\": 1\n}", `{"b":2}`}},
		"line ends of Windows":    {"[\r\n\t{}\r\n\t,\r\n{}\r\n]\r\n", []string{"{}", "{}"}},
		"brackets in strings":     {`[{"a":"]}[{"},"],"]`, []string{`{"a":"]}[{"}`, `"],"`}},
		"quotes in strings":       {`[{"a\"":"\""},"\\","\\\""]`, []string{`{"a\"":"\""}`, `"\\"`, `"\\\""`}},
		"many backslashes":        {`[{"a":"\\\\\\\"}]\\"},2]`, []string{`{"a":"\\\\\\\"}]\\"}`, "2"}},
		"numbers and literals":    {`[1,-2.5e3 ,true,null]`, []string{"1", "-2.5e3", "true", "null"}},
		"empty containers":        {"[{},[],[[\n\n]]]", []string{"{}", "[]", "[[\n\n]]"}},
		"a byte order mark":       {"\xef\xbb\xbf[1]", []string{"1"}},
		"invalid JSON":            {`[{"a"],zz]`, []string{`{"a"]`, "zz"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(test.shard), iotest.OneByteReader(strings.NewReader(test.shard))} {
				got, offsets, err := split(r, 1000)
				require.NoError(t, err)
				assert.Equal(t, test.want, got)
				for i, element := range got {
					assert.True(t, strings.HasPrefix(test.shard[offsets[i]:], element), "offset of %s", element)
				}
			}
		})
	}
}

func TestSplitterRefusesFilesThatAreNotArrays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shard    string
		elements int // before the fault
		want     string
	}{
		"an empty file":                   {"", 0, "shard at byte 0: truncated records: unexpected EOF"},
		"an object":                       {` {"a":1}`, 0, "shard at byte 1: unexpected '{' where records should begin"},
		"two arrays":                      {"[{}][]", 1, "shard at byte 4: unexpected '[' after all records"},
		"no comma":                        {"[{} {}]", 1, "shard at byte 4: unexpected '{' after a record"},
		"two commas":                      {"[{},,{}]", 1, "shard at byte 4: unexpected ',' where a record should be"},
		"a comma at the end":              {"[{},]", 1, "shard at byte 4: unexpected ']' where a record should be"},
		"a comma first":                   {"[,{}]", 0, "shard at byte 1: unexpected ',' where a record should be"},
		"an extra bracket":                {"[{}}]", 1, "shard at byte 3: unexpected '}' after a record"},
		"truncated before a record":       {"[{},", 1, "shard at byte 4: truncated records: unexpected EOF"},
		"truncated in a record":           {`[{},{"a":"`, 1, "shard at byte 10: truncated records: unexpected EOF"},
		"truncated before the end":        {"[{}", 1, "shard at byte 3: truncated records: unexpected EOF"},
		"an unclosed string":              {`[{"a":"b\"}]`, 0, "shard at byte 12: truncated records: unexpected EOF"},
		"half a byte order mark":          {"\xef\xbb[]", 0, "shard at byte 0: unexpected 'ï' where records should begin"},
		"a byte order mark after a space": {" \xef\xbb\xbf[]", 0, "shard at byte 1: unexpected 'ï' where records should begin"},
		"only a byte order mark":          {"\xef\xbb\xbf", 0, "shard at byte 3: truncated records: unexpected EOF"},
		"bytes after the array":           {"[]\x00", 0, `shard at byte 2: unexpected '\x00' after all records`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := split(strings.NewReader(test.shard), 1000)
			require.EqualError(t, err, test.want)
			assert.Len(t, got, test.elements)
			assert.Equal(t, strings.Contains(test.want, "EOF"), errors.Is(err, io.ErrUnexpectedEOF))
		})
	}
}

func TestSplitterEndsWithTheErrorOfItsReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, begin := range []string{"", "[", `[{"a":`, "[{}", "[{},", "[]"} {
		s := archive.NewSplitter(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(broken)), 1000)
		var err error
		for err == nil {
			_, _, err = s.Next()
		}
		assert.Equal(t, broken, err, begin)
		_, _, err = s.Next()
		assert.Equal(t, io.EOF, err)
	}
}

// The splitter returns elements whole, at any size around its buffer's, and releases the
// memory of large elements.
func TestSplitterAcceptsElementsOfAnySize(t *testing.T) {
	t.Parallel()
	var want []string
	for _, size := range []int{1, 1000, 32 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 100_000, 1 << 20, 10, 3 << 20, 5} {
		want = append(want, `{"a":"`+strings.Repeat("\\\"", size/2)+`"}`)
	}
	shard := "[" + strings.Join(want, ",\n") + "]"
	for _, r := range []io.Reader{strings.NewReader(shard), iotest.HalfReader(strings.NewReader(shard))} {
		got, _, err := split(r, 4<<20)
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i], got[i], "element %d", i)
		}
	}
	s := archive.NewSplitter(strings.NewReader(shard+strings.Repeat(" ", 100_000)), 4<<20)
	for {
		if _, _, err := s.Next(); err != nil {
			break
		}
	}
	assert.LessOrEqual(t, s.Memory(), 64<<10)
}

// A large element is skipped without being held in memory, and the next element is found.
func TestSplitterSkipsLargeElements(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	exact := `"` + strings.Repeat("x", limit-2) + `"`
	large := `{"a":["` + strings.Repeat(`\\\"]}`, 5<<20) + `"]}`
	shard := "[" + exact + "," + large + `,{"b":1},` + exact[:9] + exact + "]"
	s := archive.NewSplitter(strings.NewReader(shard), limit)

	element, offset, err := s.Next()
	require.NoError(t, err)
	assert.Len(t, element, limit)
	assert.EqualValues(t, 1, offset)

	_, _, err = s.Next()
	require.EqualError(t, err, "shard at byte 100002: a record is larger than 100000 bytes (Limits.RecordSize)")
	assert.LessOrEqual(t, s.Memory(), limit+64<<10)

	element, _, err = s.Next()
	require.NoError(t, err)
	assert.Equal(t, `{"b":1}`, string(element))
}

// Many values in a few bytes would need much memory when they are decoded.
func TestSplitterSkipsElementsOfManyValues(t *testing.T) {
	t.Parallel()
	const values = 64 << 10
	exact := "[" + strings.Repeat("0,", values-1) + "0]"
	text := `["` + strings.Repeat("[{,}]", values) + `"]`
	for name, element := range map[string]string{
		"numbers":  "[" + strings.Repeat("0,", values) + "0]",
		"objects":  `{"a":[` + strings.Repeat("{},", values/2) + "{}]}",
		"brackets": strings.Repeat("[", values+1) + strings.Repeat("]", values+1),
		"members":  "{" + strings.Repeat(`"":0,`, values) + `"":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := archive.NewSplitter(strings.NewReader("["+exact+","+element+","+text+"]"), 4<<20)
			got, _, err := s.Next()
			require.NoError(t, err)
			assert.Len(t, got, len(exact))
			_, _, err = s.Next()
			require.EqualError(t, err, fmt.Sprintf("shard at byte %d: a record has more than 65536 values (Limits.RecordSize)", len(exact)+2))
			got, _, err = s.Next()
			require.NoError(t, err)
			assert.Len(t, got, len(text))
		})
	}
}

func FuzzSplitter(f *testing.F) {
	for _, seed := range []string{
		`[]`, "[\n\n]", `[{"a":"]\"}\\"},1,"x" , null,[{}]]`, `[{},]`, `{"a":1}`, `[1 2]`, `["\\\\\"`, `[}`, `[1}2]`, `["a"b]`,
	} {
		f.Add([]byte(seed), uint8(100))
	}
	f.Fuzz(func(t *testing.T, shard []byte, limit uint8) {
		var want []json.RawMessage
		text := bytes.TrimPrefix(shard, []byte("\xef\xbb\xbf"))
		err := json.Unmarshal(text, &want)
		got, offsets, splitErr := split(bytes.NewReader(shard), 1<<20)
		slow, _, slowErr := split(iotest.OneByteReader(bytes.NewReader(shard)), 1<<20)
		require.Equal(t, fmt.Sprint(got, splitErr), fmt.Sprint(slow, slowErr), "the result depends on the sizes of the reads")
		for i, element := range got {
			require.Equal(t, element, string(shard[offsets[i]:][:len(element)]))
		}
		if err == nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) { // not null
			require.NoError(t, splitErr)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, string(want[i]), got[i])
			}
		} else if splitErr == nil {
			// Decoding an element finds the faults that the splitter does not.
			valid := true
			for _, element := range got {
				valid = valid && json.Valid([]byte(element))
			}
			require.False(t, valid, "no error, although the file is not a JSON array")
		}
		// A limit skips only larger elements.
		s := archive.NewSplitter(bytes.NewReader(shard), int64(limit))
		var small, rest []string
		for {
			element, _, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				rest = append(rest, string(element))
			}
		}
		for _, element := range got {
			if len(element) <= int(limit) {
				small = append(small, element)
			}
		}
		require.Equal(t, small, rest)
	})
}
