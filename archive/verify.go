package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// VerifyOptions are the options of [Verify] and [Extract].
type VerifyOptions struct {
	Limits       Limits
	Repositories []string // the requested repositories: "owner/name", in upper or lower case
	SHA256       string   // the expected SHA-256 of the archive, in hex; not compared if empty
	// The exclude options of the start request. Excluded data may be missing.
	ExcludeMetadata, ExcludeGitData, ExcludeAttachments, ExcludeReleases bool
	// SkipReferences leaves Dangling and Duplicates out of the Summary. It saves
	// up to 16 bytes of memory for each record and reference.
	SkipReferences bool
}

// Verify reads an archive to its end, counts its content, and reports its faults. The
// Summary is never nil: it describes the part that could be read. If the archive has
// faults, the error is a [*FaultError]. If r fails or ctx ends, the returned error
// wraps the cause, and is joined with the faults found before. A nil opts means the
// defaults.
//
// A bare repository without a fault is a repository that Git accepts: git clone and
// git fsck --full succeed after [Extract]. A fault names its entry. Faults are:
//
//   - a container that is not one whole gzip member with the right checksum, or
//     not one whole tar; limits that are exceeded;
//   - entries that are neither files nor directories, or have the name of an
//     earlier entry; names that lead out of the archive or out of the wrapping
//     directory;
//   - a missing schema.json, or one whose major version is not 1;
//   - files of records that are not JSON arrays, records without a type, links
//     (tarball://root/…) to missing entries, in any field of any record;
//   - files of records and bare repositories in places where readers ignore them;
//   - in bare repositories: a missing HEAD, or a HEAD that does not point to a branch;
//     missing commits that shallow names;
//   - loose refs and lines of packed-refs that Git cannot read, duplicate lines of
//     packed-refs, and refs below another ref;
//   - refs that point to a missing ref or object, and branches whose object is not a
//     commit;
//   - packs without an index, and indexes without a pack; damaged packs, indexes,
//     loose objects and objects of Git LFS;
//   - objects that are in another repository; refs in reftables; repositories with
//     objects but no refs; repositories of millions of objects whose files are too
//     far apart in the archive;
//   - a requested repository whose record or Git data is missing;
//   - a SHA-256 of the archive that is not the requested one.
//
// Files that Git rebuilds (commit-graphs, multi-pack-indexes, .rev, .bitmap and
// .mtimes) may be missing or belong to other packs. Verify checks their checksums,
// and Extract leaves them out.
//
// Dangling references are not faults, because an export rarely has all records:
// the Summary counts them. It also counts records of unknown types, records
// that do not fit their type, and records with the URL of another record. It
// names repositories whose history is truncated by a shallow file, and repositories
// that seem to have lost their objects.
//
// If the container is damaged, Verify reports the damage and the faults before it.
// After the damage, it reports requested repositories as missing, and nothing else.
//
// Verify cannot see damage that leaves no trace: an attachment with other content,
// a record that was never written, another text in valid JSON. Verify does not read
// the history, so that only git fsck finds some damage to a repository:
//
//   - a lost loose object inside the history;
//   - lost lines of shallow;
//   - a damaged object in a pack whose checksums match the damage;
//   - commits, trees and tags whose content breaks Git's rules;
//   - a branch whose object in a pack is not a commit.
//
// For a check of the history, extract the archive and run git fsck --full.
//
// Verify needs about 30 bytes of memory for each entry, up to 16 for each
// record and reference (see SkipReferences), and 24 for each link to a later
// entry. While it checks a repository, it needs 8 bytes for each Git object and
// 50 for each ref.
func Verify(ctx context.Context, r io.Reader, opts *VerifyOptions) (*Summary, error) {
	return verify(ctx, r, opts, nil)
}

// verify implements Verify, and Extract with the create of an extraction. It calls
// create for each file and directory, in the order of the archive, unless the entry
// has the name of an earlier one. It writes the content of the entry to the writer
// that create returns, and closes the writer after the last byte that could be read.
// A *Fault from create refuses the entry: verify reports the Fault and still checks
// the entry. Any other error of create, Write or Close ends verify, which returns it.
func verify(ctx context.Context, r io.Reader, opts *VerifyOptions, create func(*Entry) (io.WriteCloser, error)) (*Summary, error) {
	if opts == nil {
		opts = new(VerifyOptions)
	}
	if err := opts.check(r); err != nil {
		return new(Summary), fmt.Errorf("verify archive: %w", err)
	}
	if create == nil {
		create = func(*Entry) (io.WriteCloser, error) { return nil, nil } //nolint:nilnil // nothing is written
	}
	v := &verifier{
		opts:         opts,
		create:       create,
		faults:       new(FaultError),
		catalog:      newCatalog(),
		bare:         newBareRepositories(opts.Limits),
		repositories: make(map[string]*RepositorySummary),
		merged:       make(map[string]bool),
		summary: &Summary{
			Records: make(map[string]int64), Unknown: make(map[string]int64), Misfits: make(map[string]string),
		},
	}
	if !opts.SkipReferences {
		v.references = newReferenceCheck()
	}
	input := &hashingReader{r: contextual(ctx, r), sum: sha256.New()}
	err := v.read(input)
	v.summary.Size = input.size
	if err == nil {
		v.summary.SHA256 = hex.EncodeToString(input.sum.Sum(nil))
		v.finish()
	}
	v.summarize()
	switch faults := v.faults.orNil(); {
	case err == nil:
		return v.summary, faults
	case faults == nil:
		return v.summary, err
	default:
		return v.summary, errors.Join(err, faults)
	}
}

// check returns an error for invalid arguments of Verify.
func (o *VerifyOptions) check(r io.Reader) error {
	if r == nil {
		return errNoInput
	}
	for _, name := range o.Repositories {
		if owner, repo, _ := strings.Cut(name, "/"); owner == "" || repo == "" || strings.Contains(repo, "/") {
			return fmt.Errorf(`VerifyOptions.Repositories has %q: want "owner/name"`, name)
		}
	}
	return o.Limits.check()
}

// A verifier is one run of verify.
type verifier struct {
	opts         *VerifyOptions
	create       func(*Entry) (io.WriteCloser, error)
	summary      *Summary
	faults       *FaultError // apart, because the caller may keep it
	catalog      *catalog
	references   *referenceCheck               // nil with SkipReferences
	repositories map[string]*RepositorySummary // by name in lower case
	bare         *bareRepositories
	schema       bool            // a schema.json was seen
	tooMany      bool            // more repositories than maxRepositories
	broken       bool            // the container is damaged
	misplaced    map[string]bool // misplaced files and directories that were reported
	merged       map[string]bool // names of repositories with merged pull requests, in lower case

	lastRecord     Record
	lastRepository string // of lastRecord
}

// read reads the input to its end. The error is never a fault of the archive.
func (v *verifier) read(input *hashingReader) error {
	r, err := NewReader(input, &ReaderOptions{Limits: v.opts.Limits})
	if err != nil {
		return err
	}
	for e, err := range r.Entries() {
		if fault, ok := errors.AsType[*Fault](err); ok {
			v.faults.add(fault)
			v.broken = fault.Entry == ""
			continue
		}
		if err != nil {
			return err
		}
		if err := v.entry(e); err != nil {
			return err
		}
		if int64(len(v.catalog.seen)) > r.limits.Entries {
			err := fmt.Errorf("more than %d entries and directories without an entry (Limits.Entries)", r.limits.Entries)
			v.faults.add(&Fault{Offset: -1, Err: err})
			v.broken = true
			break
		}
	}
	// A damaged container is read to its end for the SHA-256.
	_, err = io.Copy(io.Discard, input)
	return err
}

// entry checks one entry. The error comes from create, Write or Close.
func (v *verifier) entry(e *Entry) error {
	v.summary.Entries++
	v.summary.Unpacked += e.Size
	if err := v.admit(e); err != nil {
		v.report(e.Name, -1, err)
		return nil
	}
	w, err := v.create(e)
	if fault, ok := errors.AsType[*Fault](err); ok {
		v.faults.add(fault)
	} else if err != nil {
		return err
	} else {
		v.checkPlace(e)
	}
	if w == nil {
		v.check(e)
		return nil
	}
	return v.checkAndWrite(e, w)
}

// admit returns an error if the content of an entry must not be checked. The content
// of a second entry of the same name would count as part of the first entry.
func (v *verifier) admit(e *Entry) error {
	err := v.catalog.add(e.Name, e.Mode.IsDir())
	if e.special != "" {
		return fmt.Errorf("%s, which does not belong in an archive", e.special)
	}
	return err
}

// checkAndWrite checks an entry and writes all of it to w.
func (v *verifier) checkAndWrite(e *Entry, w io.WriteCloser) error {
	tee := &tee{w: w}
	e.tee = tee
	v.check(e)
	if tee.err == nil {
		io.Copy(io.Discard, e) //nolint:errcheck // the loop over the entries yields the error
	}
	if err := w.Close(); tee.err == nil {
		return err
	}
	return tee.err
}

// check checks the content of an entry.
func (v *verifier) check(e *Entry) {
	switch e.Kind {
	case KindSchema:
		v.checkSchema(e)
	case KindRecords:
		v.checkRecords(e)
	case KindGit:
		v.bare.check(e, func(offset int64, err error) { v.report(e.Name, offset, err) })
	default: // Other files have no checksum.
	}
}

// checkPlace reports a file of records or of a repository in a place where readers
// ignore it. It reports a directory of such files once.
func (v *verifier) checkPlace(e *Entry) {
	place, err := misplaced(e)
	if err == nil || v.misplaced[place] || len(v.misplaced) == maxFaults {
		return
	}
	if v.misplaced == nil {
		v.misplaced = make(map[string]bool)
	}
	v.misplaced[place] = true
	v.report(place, -1, err)
}

// finish does the checks that need the whole archive. After damage to the container it
// does not report missing entries.
func (v *verifier) finish() {
	faults := v.bare.finish()
	v.addBare()
	if !v.broken {
		v.faults.addAll(faults)
		if !v.schema {
			v.report("schema.json", -1, errMissing)
		}
		v.catalog.missing(v.faults)
	}
	if v.tooMany || v.bare.tooMany {
		v.report("", -1, fmt.Errorf("more than %d repositories: the others were not checked", maxRepositories))
	}
	requested := make(map[string]bool)
	for _, name := range v.opts.Repositories {
		if lower := strings.ToLower(name); !requested[lower] {
			requested[lower] = true
			v.checkPresence(name)
		}
	}
	if v.references != nil {
		v.summary.Dangling, v.summary.Duplicates = v.references.resolve()
	}
	if want, got := v.opts.SHA256, v.summary.SHA256; want != "" && !strings.EqualFold(want, got) {
		v.report("", -1, fmt.Errorf("the archive's SHA-256 is %s, not %s", got, shorten(want)))
	}
}

// errMissing is the fault of a missing entry.
var errMissing = errors.New("not in the archive")

// report adds a fault.
func (v *verifier) report(entry string, offset int64, err error) {
	v.faults.add(&Fault{Entry: entry, Offset: offset, Err: err})
}

// count counts an occurrence of a name from the archive. It counts all names beyond
// the first thousand as "…".
func count(counts map[string]int64, kind string) {
	const maxNames = 1000
	kind = shorten(kind)
	if _, ok := counts[kind]; !ok && len(counts) >= maxNames {
		kind = "…"
	}
	counts[kind]++
}
