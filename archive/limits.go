package archive

import (
	"cmp"
	"fmt"
)

// Limits bound what an archive can make its reader do. What goes beyond one is
// a [Fault] that names it.
type Limits struct {
	// RecordSize bounds a record, in bytes; 0 means 16 MiB, and more than 1 GiB
	// means 1 GiB. It also bounds what a record needs when it is decoded: for each
	// 64 of these bytes, a record may have one value, that is 262,144 of them if
	// RecordSize is 0. One beyond that is passed over.
	RecordSize int64
	// UnpackedSize bounds the unpacked archive, in bytes; 0 means 100 GiB.
	// Nothing is read beyond it.
	UnpackedSize int64
	// Entries bounds the number of files and directories; 0 means 10 million.
	// Nothing is read beyond it.
	Entries int64
}

// check tells which limit is none.
func (l Limits) check() error {
	for _, limit := range []struct {
		name  string
		value int64
	}{{"RecordSize", l.RecordSize}, {"UnpackedSize", l.UnpackedSize}, {"Entries", l.Entries}} {
		if limit.value < 0 {
			return fmt.Errorf("negative Limits.%s", limit.name)
		}
	}
	return nil
}

// orDefaults returns the limits that are meant.
func (l Limits) orDefaults() Limits {
	return Limits{
		RecordSize:   min(cmp.Or(l.RecordSize, 16<<20), 1<<30),
		UnpackedSize: cmp.Or(l.UnpackedSize, 100<<30),
		Entries:      cmp.Or(l.Entries, 10_000_000),
	}
}
