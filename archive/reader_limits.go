package archive

import (
	"cmp"
	"fmt"
	"math"
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
	// Nothing is read beyond it. It also bounds what the loose objects of its
	// repositories inflate to, all together.
	UnpackedSize int64
	// Records bounds the number of records, and for Verify and Extract of these
	// and of what they refer and link to; 0 means 100 million, and more than
	// 4,294,967,295 means that. Nothing is read beyond it.
	Records int64
	// Entries bounds the number of files and directories; 0 means 10 million.
	// Nothing is read beyond it.
	Entries int64
}

// check tells which limit is none.
func (l Limits) check() error {
	for _, limit := range []struct {
		name  string
		value int64
	}{{"RecordSize", l.RecordSize}, {"UnpackedSize", l.UnpackedSize}, {"Records", l.Records}, {"Entries", l.Entries}} {
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
		Records:      min(cmp.Or(l.Records, 100_000_000), math.MaxUint32),
		Entries:      cmp.Or(l.Entries, 10_000_000),
	}
}
