package archive

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Fault is one defect of an archive. The sequences of a [Reader] yield faults as
// errors; [Verify] and [Extract] collect them in a [FaultError].
//
// The Fault of a truncated archive matches io.ErrUnexpectedEOF. An error of the
// underlying reader is not a Fault.
type Fault struct { //nolint:errname // a fault is a property of an archive first, and an error second
	// Entry is the name of the entry, as in [Entry]. If the name is refused, Entry is the
	// name in the tar, which may be shortened. It is empty for a fault of the whole
	// archive.
	Entry string
	// Repository is the "owner/name" of the repository whose Git data or record has
	// the fault. It is empty if the fault may concern other repositories too.
	Repository string
	// Offset is the position of the fault in bytes: in the entry, or in the unpacked
	// tar if Entry is empty. It is -1 if the fault has no position.
	Offset int64
	// Err says what is wrong.
	Err error
}

// Error returns the entry, the position and what is wrong.
func (f *Fault) Error() string {
	var b strings.Builder
	if f.Entry == "" {
		b.WriteString("archive")
	} else if quoted := strconv.Quote(f.Entry); quoted[1:len(quoted)-1] == f.Entry {
		b.WriteString(f.Entry)
	} else {
		b.WriteString(quoted) // the name could control a terminal
	}
	if f.Offset >= 0 {
		fmt.Fprintf(&b, " at byte %d", f.Offset)
	}
	fmt.Fprintf(&b, ": %v", f.Err)
	return b.String()
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// A FaultError is the error of an archive with faults.
type FaultError struct {
	Faults []*Fault // in the order in which they were found, at most a thousand
	More   int      // the number of further faults
}

// Error returns the number of faults, and the first of them.
func (e *FaultError) Error() string {
	const shown = 3
	var b strings.Builder
	total := len(e.Faults) + e.More
	if total != 1 {
		fmt.Fprintf(&b, "%d faults in the archive", total)
	}
	for i, fault := range e.Faults[:min(shown, len(e.Faults))] {
		switch {
		case i > 0:
			b.WriteString("; ")
		case total != 1:
			b.WriteString(": ")
		}
		b.WriteString(fault.Error())
	}
	if total > shown {
		b.WriteString("; …")
	}
	return b.String()
}

// Unwrap returns Faults for [errors.Is] and [errors.AsType].
func (e *FaultError) Unwrap() []error {
	errs := make([]error, len(e.Faults))
	for i, fault := range e.Faults {
		errs[i] = fault
	}
	return errs
}

// shorten limits the length of a text from the archive.
func shorten(text string) string {
	const maxText = 300
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// maxFaults bounds FaultError.Faults.
const maxFaults = 1000

func (e *FaultError) add(fault *Fault) {
	if _, outside := errors.AsType[outsideError](fault.Err); !outside && fault.Repository == "" {
		_, repository, _ := classify(fault.Entry, 0)
		fault.Repository = strings.TrimSuffix(repository, ".wiki")
	}
	if len(e.Faults) < maxFaults {
		e.Faults = append(e.Faults, fault)
	} else {
		e.More++
	}
}

// addAll adds the faults of other.
func (e *FaultError) addAll(other *FaultError) {
	for _, fault := range other.Faults {
		e.add(fault)
	}
	e.More += other.More
}

// orNil returns e as an error if there are faults.
func (e *FaultError) orNil() error {
	if len(e.Faults) == 0 && e.More == 0 {
		return nil
	}
	return e
}
