package gitdir

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
)

// A chained file is one that a chain names.
type chained struct {
	chain, name string
}

// checkMultiPackFile checks a file of objects/pack that is about many packs;
// rest is its name after "multi-pack-index".
func (c *Checker) checkMultiPackFile(rest string, src *source, report func(int64, error)) {
	var names []byte
	readNames := func(s *sealed) (err error) {
		names, err = readMultiPackIndex(s)
		return err
	}
	switch rest {
	case "":
		if c.checkSealed(src, sha1Format(), report, readNames) != nil {
			c.addMultiPacks(names)
		}
		return
	case ".d/multi-pack-index-chain":
		c.checkChain("pack/multi-pack-index"+rest, "multi-pack-index-%s.midx", src, report)
		return
	}
	ext := path.Ext(rest)
	digits, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimPrefix(rest, ".d/multi-pack-index"), ext), "-")
	if !ok || !IsObjectName(digits) {
		return
	}
	switch ext {
	case ".midx":
		if c.checkLayer("pack/multi-pack-index"+rest, digits, src, report, readNames) != nil {
			c.addMultiPacks(names)
		}
	case ".rev", ".bitmap":
		c.checkSealed(src, formatOf(len(digits)), report, func(s *sealed) error {
			of, _, err := readCompanion(s, ext)
			if err == nil && hex.EncodeToString(of) != digits {
				return fmt.Errorf("it belongs to another multi-pack-index, %s", hex.EncodeToString(of))
			}
			return err
		})
	}
}

// addMultiPacks remembers the packs that a multi-pack-index names.
func (c *Checker) addMultiPacks(names []byte) {
	for name := range bytes.SplitSeq(names, []byte{0}) {
		if len(name) > 0 && c.hold(16+len(name)) { // zeros fill the chunk up
			c.midxPacks = append(c.midxPacks, string(name))
		}
	}
}

// checkGraphFile checks a commit-graph, a part of one, or the chain of parts.
func (c *Checker) checkGraphFile(name string, src *source, report func(int64, error)) {
	digits, ok := strings.CutPrefix(path.Base(name), "graph-")
	digits, ok2 := strings.CutSuffix(digits, ".graph")
	switch {
	case name == "info/commit-graph":
		c.checkSealed(src, sha1Format(), report, readCommitGraph)
	case name == "info/commit-graphs/commit-graph-chain":
		c.checkChain(name, "graph-%s.graph", src, report)
	case ok && ok2:
		c.checkLayer(name, digits, src, report, readCommitGraph)
	}
}

// checkLayer checks a file that has its checksum in its name.
func (c *Checker) checkLayer(name, digits string, src *source, report func(int64, error), parse func(*sealed) error) (sum []byte) {
	if c.hold(64 + len(name)) {
		c.layers[name] = true
	}
	sum = c.checkSealed(src, formatOf(len(digits)), report, parse)
	if sum != nil && hex.EncodeToString(sum) != digits {
		report(-1, fmt.Errorf("it is another file, %s", hex.EncodeToString(sum)))
		return nil
	}
	return sum
}

// checkChain checks a file with the checksum of a layer on each line.
func (c *Checker) checkChain(name, format string, src *source, report func(int64, error)) {
	text, ok := c.readSmall(src)
	switch {
	case src.err != nil:
		return
	case !ok:
		report(-1, errors.New("not checked: it is too long"))
		return
	}
	var offset int64
	for line := range bytes.Lines(text) {
		digits := string(bytes.TrimSuffix(line, []byte("\n")))
		if !IsObjectName(digits) {
			report(offset, fmt.Errorf("%.80q is no checksum", digits))
			return
		}
		layer := path.Join(path.Dir(name), fmt.Sprintf(format, digits))
		if c.hold(48 + len(layer)) {
			c.chained = append(c.chained, chained{name, layer})
		}
		offset += int64(len(line))
	}
}

// closeChains looks for what chains have named.
func (c *Checker) closeChains(report func(string, error)) {
	for _, it := range c.chained {
		if !c.layers[it.name] {
			report("objects/"+it.name, fmt.Errorf("missing, though %s names it", path.Base(it.chain)))
		}
	}
}

// maxPackNames has room for the names of a hundred thousand packs.
const maxPackNames = 8 << 20

// readMultiPackIndex reads the index of many packs: "MIDX", version, hash
// function, number of chunks, of layers below and of packs. It returns the names
// of the packs' indexes, with a zero byte after each.
func readMultiPackIndex(s *sealed) (names []byte, err error) {
	header, err := readChunksHeader(s, 12, "MIDX", 2)
	if err != nil {
		return nil, err
	}
	err = readChunks(s, int(header[6]), func(id string, size int64) error {
		if id != "PNAM" {
			return s.skip(size)
		}
		if size > maxPackNames {
			return errors.New("not checked: it is of too many packs")
		}
		for int64(len(names)) < size {
			chunk, err := s.next(int(min(size-int64(len(names)), int64(len(s.buf)/2))))
			if err != nil {
				return err
			}
			names = append(names, chunk...)
		}
		return nil
	})
	return names, err
}

// readCommitGraph reads a cache of commits: "CGPH", version, hash function,
// number of chunks and of layers below.
func readCommitGraph(s *sealed) error {
	header, err := readChunksHeader(s, 8, "CGPH", 1)
	if err != nil {
		return err
	}
	return readChunks(s, int(header[6]), func(_ string, size int64) error { return s.skip(size) })
}

func readChunksHeader(s *sealed, n int, magic string, maxVersion byte) ([]byte, error) {
	if err := s.setFormat(5); err != nil {
		return nil, err
	}
	header, err := s.next(n)
	if err != nil {
		return nil, err
	}
	if string(header[:4]) != magic || header[4] < 1 || header[4] > maxVersion {
		return nil, fmt.Errorf("it does not begin with %s and a known version", magic)
	}
	return header, nil
}

// readChunks reads the table of chunks, which gives the name and the place of
// each, and then the chunks: chunk must read all size bytes.
func readChunks(s *sealed, n int, chunk func(id string, size int64) error) error {
	table, err := s.next(12 * (n + 1))
	if err != nil {
		return err
	}
	table = bytes.Clone(table)
	for ; len(table) > 12; table = table[12:] {
		begin, end := binary.BigEndian.Uint64(table[4:]), binary.BigEndian.Uint64(table[16:])
		size := end - begin
		if begin != uint64(max(0, s.pos)) || begin > end || size > math.MaxInt64 {
			return errors.New("its chunks do not follow each other")
		}
		if err := chunk(string(table[:4]), int64(size)); err != nil {
			return err
		}
	}
	if rest := s.skipAllBut(0); rest > 0 {
		return fmt.Errorf("%d bytes follow its chunks", rest)
	}
	return nil
}
