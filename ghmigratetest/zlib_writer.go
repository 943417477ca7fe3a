package ghmigratetest

import (
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"
	"math"
)

// A zlibWriter writes the data of one Write in zlib's format without compression, as Git
// does if core.compression is 0. An archive may have hundreds of objects, and
// compress/zlib takes a millisecond to start a writer for each object.
type zlibWriter struct{ w io.Writer }

func (z zlibWriter) Write(p []byte) (int, error) {
	if len(p) > math.MaxUint16 {
		return 0, errors.New("data exceeds the size of a stored block")
	}
	b := []byte{0x78, 0x01, 0x01} // no compression; the last block, which is stored
	n := uint16(len(p))           //nolint:gosec // fits: see above
	b = binary.LittleEndian.AppendUint16(b, n)
	b = binary.LittleEndian.AppendUint16(b, ^n)
	b = append(b, p...)
	b = binary.BigEndian.AppendUint32(b, adler32.Checksum(p))
	if _, err := z.w.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (zlibWriter) Close() error { return nil }
