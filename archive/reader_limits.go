package archive

import (
	"cmp"
	"fmt"
	"math"
)

// Limits bound the time and memory that an archive can cost. Exceeding a limit is a
// [Fault] that names the limit.
type Limits struct {
	// RecordSize bounds a record, in bytes; 0 means 16 MiB, and more than 1 GiB
	// means 1 GiB. It also bounds the values of a record: one for each 64 of these
	// bytes, 262,144 by default, but at least 65,536. A record beyond these bounds is
	// skipped.
	RecordSize int64
	// UnpackedSize bounds the unpacked archive, in bytes; 0 means 100 GiB. Nothing
	// is read beyond it. It also bounds the size of all loose objects together.
	UnpackedSize int64
	// Records bounds the number of records; 0 means 100 million; the maximum is
	// 4,294,967,295. Verify and Extract also count references and links. Nothing is
	// read beyond it.
	Records int64
	// Entries bounds the number of files and directories; 0 means 10 million.
	// Nothing is read beyond it.
	Entries int64
}

// check returns an error for a negative limit.
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

// orDefaults returns the limits with the defaults filled in.
func (l Limits) orDefaults() Limits {
	return Limits{
		RecordSize:   min(cmp.Or(l.RecordSize, 16<<20), 1<<30),
		UnpackedSize: cmp.Or(l.UnpackedSize, 100<<30),
		Records:      min(cmp.Or(l.Records, 100_000_000), math.MaxUint32),
		Entries:      cmp.Or(l.Entries, 10_000_000),
	}
}
