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

// A pack is what the files of one name have said so far.
type pack struct {
	hasPack, hasIndex bool

	// Of the pack itself; sum is nil if it is damaged.
	sum   []byte
	count int64
	size  int64

	// What the index says of the pack; nil if it is damaged.
	indexed    []byte
	indexCount int64
	lastOffset int64

	// What the files that only speed Git up say of it.
	companions []companion
}

type companion struct {
	extension string
	sum       []byte // of the pack
	count     int64  // of its objects; -1 if not told
}

// checkPackFile checks a file of objects/pack.
func (c *Checker) checkPackFile(name string, src *source, report func(int64, error)) {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "tmp_") {
		return // left behind by a repack that did not end
	}
	if midx, ok := strings.CutPrefix(name, "multi-pack-index"); ok {
		c.checkMultiPackFile(midx, src, report)
		return
	}
	ext := path.Ext(name)
	switch ext {
	case ".promisor":
		report(-1, errors.New("its pack lacks objects that are in another repository (a partial clone)"))
		return
	case ".pack", ".idx", ".rev", ".mtimes", ".bitmap":
	default:
		return
	}
	base := strings.TrimSuffix(name, ext)
	p := c.packs[base]
	if p == nil {
		p = &pack{}
		if c.hold(512 + len(base)) {
			c.packs[base] = p
		}
	}
	f := formatOf(len(strings.TrimPrefix(base, "pack-")))
	switch ext {
	case ".pack":
		p.hasPack = true
		c.sawFormat(f)
		p.sum = c.checkSealed(src, f, report, p.readPack)
	case ".idx":
		p.hasIndex = true
		var of []byte
		if c.checkSealed(src, f, report, func(s *sealed) (err error) {
			of, err = c.readIndex(s, p)
			return err
		}) == nil {
			c.uncertain = true
			return
		}
		p.indexed = of
	default:
		var of []byte
		count := int64(-1)
		if c.checkSealed(src, f, report, func(s *sealed) (err error) {
			of, count, err = readCompanion(s, ext)
			return err
		}) == nil {
			of = nil // what it says is damaged, too
		}
		if c.hold(64 + len(of)) {
			p.companions = append(p.companions, companion{ext, of, count})
		}
	}
}

// readPack reads the header of a pack: "PACK", version and count of objects,
// which follow.
func (p *pack) readPack(s *sealed) error {
	header, err := s.next(12)
	if err != nil {
		return err
	}
	version := binary.BigEndian.Uint32(header[4:])
	if string(header[:4]) != "PACK" || version != 2 && version != 3 {
		return errors.New("it is no pack of version 2 or 3")
	}
	p.count = int64(binary.BigEndian.Uint32(header[8:]))
	p.size = 12 + s.skipAllBut(0)
	return nil
}

// readIndex reads the index of a pack, and returns what it says is the
// checksum of the pack. After the fan-out table, version 1 has the objects'
// places and names; version 2 has names, checksums and places each in a table.
func (c *Checker) readIndex(s *sealed, p *pack) (of []byte, err error) {
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
			err = eachRow(s, p.indexCount, 4, func([]byte) error { return nil }) // CRC-32s: the pack's checksum tells as much
		}
		if err == nil {
			large, err = p.readOffsets(s)
		}
	}
	if err != nil {
		return nil, err
	}
	if names.counts() != fanout {
		return nil, errors.New("its fan-out table does not fit its objects")
	}
	of, err = s.next(s.format.size)
	if err != nil {
		return nil, err
	}
	of = bytes.Clone(of)
	if rest := s.skipAllBut(0); rest > 0 {
		return nil, fmt.Errorf("%d bytes too many for %d objects, of which %d have large offsets", rest, p.indexCount, large)
	}
	return of, nil
}

// readFanout reads the table that tells how many objects have names that begin
// with each byte or a smaller one. Version 1 begins with it, version 2 with four
// bytes that no such table begins with.
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
		return fanout, false, fmt.Errorf("version %d of an index is not known", version)
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
	c.add(id)
	return names.add(id)
}

// readOffsets reads where the objects begin in the pack: 31 bits, or the row
// of a second table with 63.
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

// A nameTable is the names of objects in the order of an index.
type nameTable struct {
	size  int
	last  [32]byte
	first [256]uint32
	any   bool
}

func (t *nameTable) add(id []byte) error {
	if t.any {
		switch bytes.Compare(t.last[:t.size], id) {
		case 0:
			return fmt.Errorf("it has object %x twice", id)
		case 1:
			return errors.New("its objects are not in order")
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

// eachRow calls row for each of n rows of so many bytes.
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

// readCompanion reads a reverse index, a table of times or a bitmap, and
// returns the checksum that it gives for its pack.
func readCompanion(s *sealed, ext string) (of []byte, count int64, err error) {
	if ext == ".bitmap" {
		of, err = readBitmap(s)
		return of, -1, err
	}
	header, err := s.next(12)
	if err != nil {
		return nil, -1, err
	}
	magic := "RIDX"
	if ext == ".mtimes" {
		magic = "MTME"
	}
	version := binary.BigEndian.Uint32(header[4:])
	f, err := formatByID(binary.BigEndian.Uint32(header[8:]))
	switch {
	case string(header[:4]) != magic || version != 1:
		return nil, -1, fmt.Errorf("it is no %s of version 1", ext)
	case err != nil:
		return nil, -1, err
	case f.size != s.format.size:
		return nil, -1, fmt.Errorf("it is made for %s", f.name)
	}
	// How many rows there are only the end tells, where the pack's checksum is.
	rows := s.skipAllBut(s.format.size)
	of, err = s.next(s.format.size)
	if err != nil {
		return nil, -1, err
	}
	if rows%4 != 0 {
		return nil, -1, errors.New("it ends within a row")
	}
	return bytes.Clone(of), rows / 4, nil
}

func readBitmap(s *sealed) (of []byte, err error) {
	header, err := s.next(12 + s.format.size)
	if err != nil {
		return nil, err
	}
	if string(header[:4]) != "BITM" || binary.BigEndian.Uint16(header[4:]) != 1 {
		return nil, errors.New("it is no .bitmap of version 1")
	}
	return bytes.Clone(header[12:]), nil
}

// closePacks compares what the files of each pack have said.
func (c *Checker) closePacks(report func(string, error)) {
	for _, base := range slices.Sorted(maps.Keys(c.packs)) {
		p := c.packs[base]
		name := "objects/pack/" + base
		if !p.hasPack {
			report(name+".pack", errors.New("missing"))
		} else if !p.hasIndex {
			c.uncertain = true
			report(name+".idx", errors.New("missing"))
		}
		if p.sum == nil {
			continue
		}
		switch {
		case p.indexed == nil:
		case !bytes.Equal(p.indexed, p.sum):
			c.uncertain = true
			report(name+".idx", fmt.Errorf("it is the index of another pack, %s", hex.EncodeToString(p.indexed)))
		case p.indexCount != p.count:
			report(name+".idx", fmt.Errorf("it has %d objects, and its pack %d", p.indexCount, p.count))
		case p.lastOffset >= p.size:
			report(name+".idx", fmt.Errorf("an object would begin at %d, beyond its pack", p.lastOffset))
		}
		for _, it := range p.companions {
			switch {
			case it.sum == nil:
			case !bytes.Equal(it.sum, p.sum):
				report(name+it.extension, fmt.Errorf("it belongs to another pack, %s", hex.EncodeToString(it.sum)))
			case it.count >= 0 && it.count != p.count:
				report(name+it.extension, fmt.Errorf("it has %d objects, and its pack %d", it.count, p.count))
			}
		}
	}
	for _, index := range c.midxPacks {
		if p := c.packs[strings.TrimSuffix(index, ".idx")]; p == nil {
			report("objects/pack/"+index, errors.New("missing, though the multi-pack-index names it"))
		}
	}
}
