package archive

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Fault is one thing that is wrong in an archive. The sequences of a [Reader]
// yield it as their error; [Verify] and [Extract] collect it in a [FaultError].
//
// The Fault of an archive that was cut is io.ErrUnexpectedEOF for [errors.Is].
// An error of the stream that the archive is read from is not a Fault.
type Fault struct { //nolint:errname // it is what the archive has, and an error by the way
	// Entry is the name of the entry, as in [Entry]; empty for the archive as a
	// whole. A name that an entry must not have is as it stands there.
	Entry string
	// Offset is where it is, in the bytes of the entry, or in those of the
	// unpacked tar where Entry is empty; -1 if it has no place.
	Offset int64
	// Err tells what is wrong.
	Err error
}

// Error tells where it is and what is wrong.
func (f *Fault) Error() string {
	var b strings.Builder
	if f.Entry == "" {
		b.WriteString("archive")
	} else if quoted := strconv.Quote(f.Entry); quoted[1:len(quoted)-1] == f.Entry {
		b.WriteString(f.Entry)
	} else {
		b.WriteString(quoted) // whatever it would do to a terminal
	}
	if f.Offset >= 0 {
		fmt.Fprintf(&b, " at byte %d", f.Offset)
	}
	fmt.Fprintf(&b, ": %v", f.Err)
	return b.String()
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// A FaultError is the error of an archive in which anything is wrong.
type FaultError struct {
	Faults []*Fault // in the order in which they were found, at most a thousand
	More   int      // how many were found beyond those
}

// Error tells the first faults, and how many there are.
func (e *FaultError) Error() string {
	const told = 3
	var b strings.Builder
	total := len(e.Faults) + e.More
	if total != 1 {
		fmt.Fprintf(&b, "%d faults in the archive", total)
	}
	for i, fault := range e.Faults[:min(told, len(e.Faults))] {
		switch {
		case i > 0:
			b.WriteString("; ")
		case total != 1:
			b.WriteString(": ")
		}
		b.WriteString(fault.Error())
	}
	if total > told {
		b.WriteString("; …")
	}
	return b.String()
}

// Unwrap returns Faults, so that [errors.Is] and [errors.AsType] find what is in
// them.
func (e *FaultError) Unwrap() []error {
	errs := make([]error, len(e.Faults))
	for i, fault := range e.Faults {
		errs[i] = fault
	}
	return errs
}

// shorten keeps a message readable whatever an archive puts into it.
func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// maxFaults bounds how many faults are told one by one.
const maxFaults = 1000

func (e *FaultError) add(fault *Fault) {
	if len(e.Faults) < maxFaults {
		e.Faults = append(e.Faults, fault)
	} else {
		e.More++
	}
}

// addAll adds the faults of another.
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
