package archive

import (
	"errors"
	"io"
)

// VerifyOptions are the options of [Verify].
type VerifyOptions struct {
	Limits       Limits
	Repositories []string // "owner/name", those that must be there
	SHA256       string   // hex, of the whole archive; empty: not compared
	// What the export was told to leave out, as in its start request.
	ExcludeMetadata, ExcludeGitData, ExcludeAttachments, ExcludeReleases bool
	// SkipReferences saves the memory of looking for references to records
	// that are not there: 16 bytes for each record and reference.
	SkipReferences bool
}

// Verify reads an archive to its end and checks it.
func Verify(r io.Reader, opts *VerifyOptions) (*Summary, error) {
	return verify(r, opts, nil)
}

// verify is Verify, and Extract with the create of an extraction. It calls
// create for every entry, directories too, in the archive's order and before
// any of it is read; it writes the bytes of the entry to what create returned,
// if not nil, and closes that after the last of them, or after the last that
// could be read: whoever must know compares with the entry's size. A *Fault from
// create says why an entry is refused: it is reported, and the entry is checked
// all the same. Any other error, of create, Write or Close, ends verify and is
// returned as it is.
func verify(r io.Reader, opts *VerifyOptions, create func(*Entry) (io.WriteCloser, error)) (*Summary, error) {
	return &Summary{}, errors.New("not yet")
}
