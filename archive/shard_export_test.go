package archive

import "io"

// A ShardSplitter is a splitter for tests that care about splitting alone.
type ShardSplitter struct{ s splitter }

func NewShardSplitter(r io.Reader, limit int64) *ShardSplitter {
	var s ShardSplitter
	s.s.reset(r, "shard", limit)
	return &s
}

func (s *ShardSplitter) Next() ([]byte, int64, error) { return s.s.next() }

func (s *ShardSplitter) Memory() int { return cap(s.s.buffer) }

func Plural(kind string) string { return plural(kind) }

func Singular(prefix string) string { return singular(prefix) }
