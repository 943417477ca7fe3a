package ghmigratetest

import (
	"encoding/binary"
	"hash/adler32"
	"io"
)

// An uncompressed writes what it is given in one Write as zlib data that is
// not compressed, as git does with core.compression 0. An archive may have
// hundreds of objects, and compress/zlib takes a millisecond to begin each.
type uncompressed struct{ w io.Writer }

func (u uncompressed) Write(p []byte) (int, error) {
	b := []byte{0x78, 0x01, 0x01} // no compression; the last block, which is stored
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p)))
	b = binary.LittleEndian.AppendUint16(b, ^uint16(len(p)))
	b = append(b, p...)
	b = binary.BigEndian.AppendUint32(b, adler32.Checksum(p))
	if _, err := u.w.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (uncompressed) Close() error { return nil }
