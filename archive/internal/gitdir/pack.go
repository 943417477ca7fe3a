package gitdir

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
)

// A pack collects the facts about a pack and its index, which come in any order.
type pack struct {
	hasPack, hasIndex bool

	// From the pack.
	sum   []byte // the checksum of the pack; nil if the pack is damaged
	count int64  // of objects
	size  int64

	// From the index.
	indexSum   []byte // the checksum of the pack; nil if the index is damaged
	indexCount int64  // of objects
	lastOffset int64  // the highest offset of an object in the pack
}

// checkPackFile checks a file of objects/pack.
func (c *Checker) checkPackFile(name string, src *source, report func(int64, error)) {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "tmp_") {
		return // A repack that was interrupted left it behind.
	}
	switch ext := path.Ext(name); {
	case ext == ".promisor":
		c.stats.Partial = true
		report(-1, errors.New("a partial clone: objects of its pack are in another repository"))
	case ext == ".pack", ext == ".idx":
		c.checkPack(strings.TrimSuffix(name, ext), ext, src, report)
	case ext == ".rev", ext == ".mtimes", ext == ".bitmap", ext == ".midx", name == "multi-pack-index":
		c.checkCache(name, src, report)
	}
}

// checkCache checks the checksum of a file that Git can rebuild, and nothing else:
// Extract leaves the file out. The format of a file without a checksum in its name is
// the sixth byte of its header.
func (c *Checker) checkCache(name string, src *source, report func(int64, error)) {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	digits := base[strings.LastIndexByte(base, '-')+1:]
	c.checkSealed(src, formatOf(len(digits)), report, func(s *sealed) error {
		if IsObjectName(digits) {
			return nil
		}
		return s.setFormat(5)
	})
}

func (c *Checker) checkPack(base, ext string, src *source, report func(int64, error)) {
	p := c.packs[base]
	if p == nil {
		p = new(pack)
		if c.reserve(512 + len(base)) {
			c.packs[base] = p
		}
	}
	f := formatOf(len(strings.TrimPrefix(base, "pack-")))
	if ext == ".pack" {
		p.hasPack = true
		c.sawFormat(f)
		p.sum = c.checkSealed(src, f, report, p.readPack)
		return
	}
	p.hasIndex = true
	var packSum []byte
	sum := c.checkSealed(src, f, report, func(s *sealed) (err error) {
		packSum, err = c.readIndex(s, p)
		return err
	})
	if sum == nil {
		c.uncertain = true
		return
	}
	p.indexSum = packSum
}

// readPack reads the header of a pack: "PACK", the version, and the count of objects.
// It skips the objects.
func (p *pack) readPack(s *sealed) error {
	header, err := s.next(12)
	if err != nil {
		return err
	}
	version := binary.BigEndian.Uint32(header[4:])
	if string(header[:4]) != "PACK" || version != 2 && version != 3 {
		return errors.New("not a pack of version 2 or 3")
	}
	p.count = int64(binary.BigEndian.Uint32(header[8:]))
	p.size = 12 + s.skipAllBut(0)
	return nil
}

// readIndex reads the index of a pack, and returns the checksum of the pack that is
// in the index. After the fan-out table, version 1 has offsets and names of the
// objects; version 2 has a table each for names, checksums and offsets.
func (c *Checker) readIndex(s *sealed, p *pack) (packSum []byte, err error) {
	fanout, v1, err := readFanout(s)
	if err != nil {
		return nil, err
	}
	p.indexCount = int64(fanout[255])

	names := nameTable{size: s.format.size}
	var large int64
	if v1 {
		err = eachRow(s, p.indexCount, 4+s.format.size, func(row []byte) error {
			p.lastOffset = max(p.lastOffset, int64(binary.BigEndian.Uint32(row)))
			return c.addIndexed(&names, row[4:])
		})
	} else {
		err = eachRow(s, p.indexCount, s.format.size, func(row []byte) error { return c.addIndexed(&names, row) })
		if err == nil {
			err = eachRow(s, p.indexCount, 4, func([]byte) error { return nil }) // CRC-32s: the pack's checksum covers the same bytes
		}
		if err == nil {
			large, err = p.readOffsets(s)
		}
	}
	if err != nil {
		return nil, err
	}
	if names.counts() != fanout {
		return nil, errors.New("its fan-out table does not match its objects")
	}
	packSum, err = s.next(s.format.size)
	if err != nil {
		return nil, err
	}
	packSum = bytes.Clone(packSum)
	if rest := s.skipAllBut(0); rest > 0 {
		return nil, fmt.Errorf("%d bytes too many for %d objects, of which %d have large offsets", rest, p.indexCount, large)
	}
	return packSum, nil
}

// readFanout reads the table that counts, for each byte, the objects whose names
// begin with this byte or a smaller byte. An index of version 1 begins with the table.
// An index of version 2 begins with four bytes that no table begins with.
func readFanout(s *sealed) (fanout [256]uint32, v1 bool, err error) {
	head, err := s.next(8)
	if err != nil {
		return fanout, false, err
	}
	filled := 0
	if v1 = string(head[:4]) != "\xfftOc"; v1 {
		fanout[0] = binary.BigEndian.Uint32(head)
		fanout[1] = binary.BigEndian.Uint32(head[4:])
		filled = 2
	} else if version := binary.BigEndian.Uint32(head[4:]); version != 2 {
		return fanout, false, fmt.Errorf("unknown index version %d", version)
	}
	table, err := s.next(4 * (len(fanout) - filled))
	if err != nil {
		return fanout, false, err
	}
	for i := range fanout[filled:] {
		fanout[filled+i] = binary.BigEndian.Uint32(table[4*i:])
	}
	return fanout, v1, nil
}

func (c *Checker) addIndexed(names *nameTable, id []byte) error {
	c.add(c.hashID(id))
	return names.add(id)
}

// readOffsets reads the offsets of the objects in the pack. An offset has 31 bits, or
// is the index of a row with 63 bits in a second table. large counts these rows.
func (p *pack) readOffsets(s *sealed) (large int64, err error) {
	var lastLarge int64 = -1
	err = eachRow(s, p.indexCount, 4, func(row []byte) error {
		offset := int64(binary.BigEndian.Uint32(row))
		if offset <= math.MaxInt32 {
			p.lastOffset = max(p.lastOffset, offset)
			return nil
		}
		large++
		lastLarge = max(lastLarge, offset&math.MaxInt32)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if lastLarge >= large {
		return 0, errors.New("an offset is beyond the table of large offsets")
	}
	return large, eachRow(s, large, 8, func(row []byte) error {
		offset := binary.BigEndian.Uint64(row)
		if offset > math.MaxInt64 {
			return errors.New("an offset is beyond every pack")
		}
		p.lastOffset = max(p.lastOffset, int64(offset))
		return nil
	})
}

// A nameTable checks the order of the names in an index, and counts them.
type nameTable struct {
	size  int         // of a name
	last  [32]byte    // the latest name
	first [256]uint32 // how many names begin with each byte
	any   bool        // last is set
}

func (t *nameTable) add(id []byte) error {
	if t.any {
		switch bytes.Compare(t.last[:t.size], id) {
		case 0:
			return fmt.Errorf("object %x occurs twice", id)
		case 1:
			return errors.New("its objects are out of order")
		}
	}
	t.any = true
	copy(t.last[:], id)
	t.first[id[0]]++
	return nil
}

func (t *nameTable) counts() (fanout [256]uint32) {
	var n uint32
	for i, m := range &t.first {
		n += m
		fanout[i] = n
	}
	return fanout
}

// eachRow calls row for each of n rows of size bytes.
func eachRow(s *sealed, n int64, size int, row func([]byte) error) error {
	for n > 0 {
		some := min(n, int64(16<<10/size))
		rows, err := s.next(int(some) * size)
		if err != nil {
			return err
		}
		for len(rows) > 0 {
			if err := row(rows[:size]); err != nil {
				return err
			}
			rows = rows[size:]
		}
		n -= some
	}
	return nil
}

// closePacks compares packs with their indexes.
func (c *Checker) closePacks(report func(string, error)) {
	for _, base := range slices.Sorted(maps.Keys(c.packs)) {
		p := c.packs[base]
		name := "objects/pack/" + base
		switch {
		case !p.hasPack:
			report(name+".pack", errors.New("missing"))
		case !p.hasIndex:
			c.uncertain = true
			report(name+".idx", errors.New("missing"))
		case p.sum == nil, p.indexSum == nil: // The damage was reported.
		case !bytes.Equal(p.indexSum, p.sum):
			c.uncertain = true
			report(name+".idx", fmt.Errorf("it is the index of another pack, %s", hex.EncodeToString(p.indexSum)))
		case p.indexCount != p.count:
			report(name+".idx", fmt.Errorf("it has %d objects, and its pack %d", p.indexCount, p.count))
		case p.lastOffset >= p.size:
			report(name+".idx", fmt.Errorf("an object would begin at %d, beyond its pack", p.lastOffset))
		}
	}
}
