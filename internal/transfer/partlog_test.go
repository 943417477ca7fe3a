package transfer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFileContinuesTheHashOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 600)
		disk := &disk{}
		got := requireFetched(t, s, path, transfer.Options{FS: disk})
		assert.EqualValues(t, 600, got.Resumed)
		assert.Equal(t, []int64{0, 600}, disk.reads, "only the tail before the mark and the new bytes are read")
	})
}

func TestFormatOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 600)
		lines := readLog(t, path)
		require.Len(t, lines, 2)
		assert.JSONEq(t, `{"object": {"version": 1, "identity": "org octo 79", "path": "/migration/25320/24575", "size": 1000,
			"etag": "\"0123456789abcdef\"", "last_modified": "Thu, 13 Sep 2018 17:46:16 GMT"}}`, lines[0])
		state, err := json.Marshal(hashState(t, s.object[:600]))
		require.NoError(t, err)
		assert.JSONEq(t, `{"fetched": {"ranges": [[0, 600]], "hashed": 600, "sha256_state": `+string(state)+`,
			"tail_sha256": "`+sumOf(s.object[:600])+`"}}`, lines[1])
	})
}

func TestFileResumesByTheLog(t *testing.T) {
	object := archive(1000)
	header := `{"object":{"version":1,"identity":"org octo 79","path":"/migration/25320/24575","size":1000,"etag":"\"0123456789abcdef\""}}`
	fetched := func(ranges string, hashed int) string {
		state, err := json.Marshal(hashState(t, object[:hashed]))
		require.NoError(t, err)
		return fmt.Sprintf(`{"fetched":{"ranges":%s,"hashed":%d,"sha256_state":%s,"tail_sha256":"sum of %d"}}`, ranges, hashed, state, hashed)
	}
	whole := sumOf(object)
	cases := []struct {
		name    string
		lines   []string
		part    int // bytes of the object in the part
		resumed int64
		refused bool // whether storage refuses the request for the rest
	}{
		{"one range", []string{header, fetched("[[0,600]]", 600)}, 600, 600, false},
		{"the last of two lines", []string{header, fetched("[[0,300]]", 300), fetched("[[0,600]]", 600)}, 600, 600, false},
		{"bytes after the range", []string{header, fetched("[[0,600]]", 600)}, 900, 600, false},
		{"a gap", []string{header, fetched("[[0,600],[700,1000]]", 600)}, 1000, 900, false},
		{"a range that is not all hashed", []string{header, fetched("[[0,600]]", 400)}, 600, 600, false},
		{"a range that is not hashed", []string{header, `{"fetched":{"ranges":[[0,600]],"hashed":0}}`}, 600, 600, false},
		{"the whole object", []string{header, fetched("[[0,1000]]", 1000)}, 1000, 1000, false},
		{"an unknown size", []string{strings.Replace(header, `"size":1000`, `"size":-1`, 1), fetched("[[0,600]]", 600)}, 600, 600, false},

		{"ranges beyond the size", []string{header, fetched("[[0,600],[700,1001]]", 600)}, 1001, 0, false},
		{"several ranges of an unknown size", []string{
			strings.Replace(header, `"size":1000`, `"size":-1`, 1), fetched("[[0,600],[700,900]]", 600),
		}, 900, 0, false},
		{"another part", []string{header, strings.Replace(fetched("[[0,600]]", 600), "sum of 600", sumOf(object[:600]), 1)}, 600, 0, false},
		{"no checksum of the tail", []string{header, strings.Replace(fetched("[[0,600]]", 600), "sum of 600", "", 1)}, 600, 0, false},
		{"no log", nil, 600, 0, false},
		{"only a header", []string{header}, 600, 0, false},
		{"a part that is too short", []string{header, fetched("[[0,600]]", 600)}, 599, 0, false},
		{"no part", []string{header, fetched("[[0,600]]", 600)}, -1, 0, false},
		{"another identity", []string{strings.Replace(header, "79", "80", 1), fetched("[[0,600]]", 600)}, 600, 0, false},
		{"another version", []string{strings.Replace(header, `n":1`, `n":2`, 1), fetched("[[0,600]]", 600)}, 600, 0, false},
		{"another path", []string{strings.Replace(header, "24575", "24576", 1), fetched("[[0,600]]", 600)}, 600, 600, false},
		{"another path and no ETag", []string{
			strings.NewReplacer("24575", "24576", `etag":"\"0123456789abcdef\"`, `last_modified":"Thu, 13 Sep 2018 17:46:16 GMT`).Replace(header),
			fetched("[[0,600]]", 600),
		}, 600, 0, false},
		{"another ETag", []string{strings.Replace(header, "0123", "abcd", 1), fetched("[[0,600]]", 600)}, 600, 0, true},
		{"another size", []string{strings.Replace(header, "1000", "1001", 1), fetched("[[0,600]]", 600)}, 600, 0, true},
		{"no validator", []string{strings.Replace(header, "etag", "tag", 1), fetched("[[0,600]]", 600)}, 600, 0, false},
		{"no header", []string{fetched("[[0,600]]", 600)}, 600, 0, false},
		{"two headers", []string{header, header, fetched("[[0,600]]", 600)}, 600, 0, false},
		{"another kind of line", []string{header, `{"moved":true}`, fetched("[[0,600]]", 600)}, 600, 0, false},
		{"not JSON", []string{header, `{`, fetched("[[0,600]]", 600)}, 600, 0, false},
		{"a range that begins later", []string{header, fetched("[[1,600]]", 600)}, 600, 0, false},
		{"a range that ends earlier", []string{header, fetched("[[0,599]]", 600)}, 600, 0, false},
		{"ranges out of order", []string{header, fetched("[[0,600],[500,700]]", 600)}, 700, 0, false},
		{"ranges that touch", []string{header, fetched("[[0,600],[600,700]]", 600)}, 700, 0, false},
		{"an empty range", []string{header, fetched("[[0,600],[700,700]]", 600)}, 700, 0, false},
		{"no range", []string{header, fetched("[]", 600)}, 600, 0, false},
		{"no state", []string{header, `{"fetched":{"ranges":[[0,600]],"hashed":600}}`}, 600, 0, false},
		{"complete, without a part", []string{header, `{"complete":{"size":1000,"sha256":"` + whole + `"}}`}, -1, 0, false},
		{"complete, with half a part", []string{header, `{"complete":{"size":1000,"sha256":"` + whole + `"}}`}, 500, 0, false},
		{"complete, of another identity", []string{strings.Replace(header, "79", "80", 1), `{"complete":{"size":1000,"sha256":"` + whole + `"}}`}, 1000, 0, false},
	}
	for _, tt := range cases {
		run(t, tt.name, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			trusted, missing := [][2]int64{{0, tt.resumed}}, fmt.Sprintf("bytes=%d-", tt.resumed)
			switch tt.resumed {
			case 0:
				missing = firstRange
			case 900:
				trusted, missing = [][2]int64{{0, 600}, {700, 1000}}, "bytes=600-699"
			}
			// Bytes that must not be trusted are wrong.
			data := make([]byte, max(tt.part, 0))
			if tt.part >= 0 {
				for _, r := range trusted {
					copy(data[r[0]:r[1]], object[r[0]:r[1]])
				}
				require.NoError(t, os.WriteFile(path+".part", data, 0o600))
			}
			var lines []string
			for _, line := range tt.lines {
				for _, hashed := range []int{300, 400, 600, 1000} {
					line = strings.ReplaceAll(line, fmt.Sprintf("sum of %d", hashed), sumOf(data[:min(hashed, len(data))]))
				}
				lines = append(lines, line)
			}
			writeLog(t, path, lines)
			got := requireFetched(t, s, path, transfer.Options{})
			assert.Equal(t, tt.resumed, got.Resumed)
			var want []string
			if tt.refused {
				want = append(want, "bytes=600-")
			}
			if tt.resumed < 1000 {
				want = append(want, missing)
			}
			assert.Equal(t, want, s.ranges())
		})
	}
}

func TestFileIgnoresDamagedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		interrupt(t, s, path, 300)
		part, err := os.ReadFile(path + ".part")
		require.NoError(t, err)
		require.Len(t, part, 600)
		log, err := os.ReadFile(path + ".part.log")
		require.NoError(t, err)
		var ends []int // of the lines
		for i, b := range log {
			if b == '\n' {
				ends = append(ends, i)
			}
		}
		require.Len(t, ends, 3)

		damaged := map[string]struct {
			log     []byte
			resumed int64
		}{
			"torn last line":      {log[:ends[2]-5], 300},
			"changed last line":   {slices.Concat(log[:ends[2]-5], []byte("?"), log[ends[2]-4:]), 300},
			"changed middle line": {slices.Concat(log[:ends[1]-5], []byte("?"), log[ends[1]-4:]), 0},
			"missing middle line": {slices.Concat(log[:ends[0]+1], log[ends[1]+1:]), 0},
			"torn header":         {log[:ends[0]], 0},
			"another file":        {[]byte("dear diary\nnothing happened\n"), 0},
		}
		for name, tt := range damaged {
			again := target(t)
			require.NoError(t, os.WriteFile(again+".part", part, 0o600))
			require.NoError(t, os.WriteFile(again+".part.log", tt.log, 0o600))
			got := requireFetched(t, s, again, transfer.Options{})
			assert.Equal(t, tt.resumed, got.Resumed, name)
		}
	})
}

func TestALongLogIsRewritten(t *testing.T) {
	run(t, "to stay small", func(t *testing.T) {
		s := newStorage(t, 2<<20)
		path := target(t)
		s.respond = always(s.trickling(1<<10, time.Second))
		var longest int64
		_ = interruptAfter(t, s, path, 4*time.Minute, transfer.Options{
			Concurrency: 8, MinChunk: 64 << 10,
			Progress: func(int64, int64) {
				if info, err := os.Stat(path + ".part.log"); err == nil {
					longest = max(longest, info.Size())
				}
			},
		})
		assert.Less(t, longest, int64(5<<10))
		assert.Greater(t, longest, int64(2<<10))
		assert.Equal(t, []string{"backup.tar.gz.part", "backup.tar.gz.part.log"}, names(t, filepath.Dir(path)))

		got := requireFetched(t, s, path, inParallel(8))
		assert.Greater(t, got.Resumed, int64(3<<19))
	})
	run(t, "and a new log that was not renamed is removed", func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 300)
		require.NoError(t, os.WriteFile(path+".part.log.new", []byte("half"), 0o600))
		got := requireFetched(t, s, path, transfer.Options{})
		assert.EqualValues(t, 300, got.Resumed)
	})
	run(t, "unless the new log cannot be renamed", func(t *testing.T) {
		s := newStorage(t, 1<<20)
		s.respond = always(s.trickling(1<<10, 100*time.Millisecond))
		disk := failAt("rename .part.log.new", os.ErrPermission)
		requireFetched(t, s, target(t), transfer.Options{Concurrency: 4, MinChunk: minChunk, FS: disk})
		tried := len(slices.DeleteFunc(disk.ops, func(op string) bool { return op != "rename .part.log.new" }))
		assert.Positive(t, tried)
		assert.Less(t, tried, 10)
	})
}
