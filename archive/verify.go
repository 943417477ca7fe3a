package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// VerifyOptions are the options of [Verify] and [Extract].
type VerifyOptions struct {
	Limits       Limits
	Repositories []string // "owner/name", in any case: those that must be there
	SHA256       string   // hex, of the whole archive; empty: not compared
	// What the export was told to leave out, as in its start request: it need
	// not be there.
	ExcludeMetadata, ExcludeGitData, ExcludeAttachments, ExcludeReleases bool
	// SkipReferences saves the memory of looking for references to records
	// that are not there: up to 16 bytes for each record and reference.
	SkipReferences bool
}

// Verify reads an archive to its very end, and tells what is in it and
// everything that is wrong with it. The error is a [*FaultError] if anything is
// wrong; what r itself fails with is returned as it is, joined with the faults
// before it. The Summary is never nil: it tells of what could be read. nil
// options are good.
//
// Wrong is, each named with its entry:
//
//   - a container that is not exactly one gzip member, whole, with the right
//     checksum, and in it one tar, whole, with its own end; limits exceeded;
//   - entries that are neither files nor directories, whose name leads out of
//     the archive, or is taken by an earlier entry;
//   - no schema.json, or one of another major version than 1;
//   - files of records that are not JSON arrays, records without a type, links
//     (tarball://root/…) to what is not in the archive; files of records, bare
//     repositories and the like where none belong, which nothing would read;
//   - in bare repositories: no HEAD; a pack without its index, an index without
//     its pack, or one of a partial clone, which lacks objects; packs, indexes
//     and other files whose checksum is not that of their content, or which
//     disagree; loose objects that do not inflate, or
//     whose name is not their hash; refs to objects that are not there; objects
//     and no refs; parts that are too far apart in the archive to be held
//     together, where repositories have millions of objects;
//   - a repository asked for that is not there, with its record and Git data;
//   - an archive whose SHA-256 is not the one asked for.
//
// Not wrong, but counted in the Summary, are references to records that are not
// there, since much that is referred to is never exported; types of records that
// this package does not know, and records that do not fit their type; and
// records of the same URL.
//
// Where the container is damaged, that is told, and what was found before. What
// is missing after it is told only of the repositories that were asked for.
//
// What was damaged after GitHub compressed the archive does not escape it, and
// with the SHA-256 no change at all does. Of what was wrong before, Verify
// cannot see what leaves no trace: an attachment with the wrong content, a record
// or a file of records that was never written, a number or a text that is wrong
// in valid JSON, objects in a pack that cannot be unpacked although the pack's
// checksum is right, a pack that is lost together with its index, commits
// without their parents and other objects that no ref names, and refs that are
// gone where others are left.
//
// It needs about 30 bytes of memory for each entry, 8 for each Git object and 24
// for each ref of the repositories that it has to hold together, up to 16 for
// each record and reference (see SkipReferences), and 24 for each link to
// something that comes later.
func Verify(ctx context.Context, r io.Reader, opts *VerifyOptions) (*Summary, error) {
	return verify(ctx, r, opts, nil)
}

// verify is Verify, and Extract with the create of an extraction. It calls
// create for every file and directory, in the archive's order and before any of
// it is read, but not for what is neither, or has the name of an earlier entry:
// that is a fault already. It writes the bytes of the
// entry to what create returned, if not nil, and closes that after the last of
// them, or after the last that could be read: whoever must know compares with
// the entry's size. A *Fault from create says why an entry is refused: it is
// reported, and the entry is checked all the same. Any other error, of create,
// Write or Close, ends verify and is returned as it is.
func verify(ctx context.Context, r io.Reader, opts *VerifyOptions, create func(*Entry) (io.WriteCloser, error)) (*Summary, error) {
	if opts == nil {
		opts = new(VerifyOptions)
	}
	if err := opts.check(r); err != nil {
		return new(Summary), fmt.Errorf("verify archive: %w", err)
	}
	if create == nil {
		create = func(*Entry) (io.WriteCloser, error) { return nil, nil } //nolint:nilnil // nowhere
	}
	v := &verifier{
		opts:         opts,
		create:       create,
		catalog:      newCatalog(),
		repositories: make(map[string]*RepositorySummary),
		summary:      &Summary{Records: make(map[string]int64), Unknown: make(map[string]int64)},
	}
	v.bare = newBareRepositories(opts.Limits)
	if !opts.SkipReferences {
		v.references = newReferenceCheck()
	}
	input := &input{r: contextual(ctx, r), sum: sha256.New()}
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

// check tells what is wrong with the arguments of Verify.
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
	faults       FaultError
	catalog      *catalog
	references   *referenceCheck               // nil if not asked for
	repositories map[string]*RepositorySummary // by name in lower case
	bare         *bareRepositories
	schema       bool // there is one
	tooMany      bool // repositories
	broken       bool // the archive could not be read to its end
	misplaced    map[string]bool
}

// read reads the input to its end. The error is not about the archive.
func (v *verifier) read(input *input) error {
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
			err := fmt.Errorf("it has more than %d entries and directories without an entry (Limits.Entries)", r.limits.Entries)
			v.faults.add(&Fault{Offset: -1, Err: err})
			v.broken = true
			break
		}
	}
	// Where the container is damaged, something is left.
	_, err = io.Copy(io.Discard, input)
	return err
}

// entry checks one entry. The error is that of writing it.
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

// admit tells why there is no use in what an entry holds: that of a second one
// of its name would be checked as if it were in the first.
func (v *verifier) admit(e *Entry) error {
	err := v.catalog.add(e.Name, e.Mode.IsDir())
	if e.special != "" {
		return fmt.Errorf("%s, which has no place in an archive", e.special)
	}
	return err
}

// checkAndWrite checks an entry and writes all of it to w.
func (v *verifier) checkAndWrite(e *Entry, w io.WriteCloser) error {
	tee := &tee{w: w}
	e.tee = tee
	v.check(e)
	if tee.err == nil {
		io.Copy(io.Discard, e) //nolint:errcheck // the error comes again instead of the next entry
	}
	if err := w.Close(); tee.err == nil {
		return err
	}
	return tee.err
}

func (v *verifier) check(e *Entry) {
	switch e.Kind {
	case KindSchema:
		v.checkSchema(e)
	case KindRecords:
		v.checkRecords(e)
	case KindGit:
		v.bare.check(e, func(offset int64, err error) { v.report(e.Name, offset, err) })
	default: // There is nothing to compare other files with.
	}
}

// checkPlace reports a file that nothing reads, though by its name it is one of
// those that something should read: of a whole directory of them once.
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

func (v *verifier) checkSchema(e *Entry) {
	schema, err := e.schema()
	if fault, ok := errors.AsType[*Fault](err); ok {
		v.faults.add(fault)
	}
	if !v.schema {
		v.summary.Schema = schema
	}
	v.schema = true
}

func (v *verifier) checkRecords(e *Entry) {
	for r, err := range e.Records() {
		if fault, ok := errors.AsType[*Fault](err); ok {
			v.faults.add(fault)
			continue
		}
		v.checkRecord(e, r)
	}
}

func (v *verifier) checkRecord(e *Entry, r Record) {
	kind := r.Kind()
	count(v.summary.Records, kind)
	if u, ok := r.(*Unknown); ok {
		count(v.summary.Unknown, kind)
		if kind == "" {
			v.report(e.Name, e.offset, errors.New("record without a type"))
		}
		if u.Err != nil {
			v.misfit(kind, u.Err)
		}
	}
	if name := repositoryName(r); name != "" {
		v.repository(name).Record = true
	}
	held := 0
	if v.references != nil {
		held = v.references.addRecord(r)
	}
	links(r, func(link string, dir bool) {
		held++
		name, err := linkTarget(link)
		switch {
		case err != nil:
			v.report(e.Name, e.offset, err)
		case !v.excluded(name):
			v.catalog.link(e.Name, e.offset, name, dir)
		}
	})
	e.reader.tooMany(held) // which comes instead of the next record
}

// misfit keeps the first reason for which a record of a known type is an
// *Unknown.
func (v *verifier) misfit(kind string, err error) {
	if v.summary.Misfits == nil {
		v.summary.Misfits = make(map[string]string)
	}
	if _, ok := v.summary.Misfits[kind]; !ok {
		v.summary.Misfits[kind] = err.Error()
	}
}

// excluded reports whether the export was told to leave out the file or
// directory of this name. Links to it are there all the same.
func (v *verifier) excluded(name string) bool {
	dir, _, _ := strings.Cut(name, "/")
	switch dir {
	case "repositories":
		return v.opts.ExcludeGitData
	case "attachments", "repository_files":
		return v.opts.ExcludeAttachments
	case "releases":
		return v.opts.ExcludeReleases
	default:
		return false
	}
}

// finish checks what can be told only at the end. Of an archive that could not
// be read to its end much is missing, and why was told.
func (v *verifier) finish() {
	faults := v.bare.finish()
	v.addBare()
	if !v.broken {
		v.faults.addAll(faults)
		if !v.schema {
			v.report("schema.json", -1, errMissing)
		}
		v.catalog.missing(v.report)
	}
	if v.tooMany || v.bare.tooMany {
		v.report("", -1, fmt.Errorf("more than %d repositories: the others were not checked", maxRepositories))
	}
	asked := make(map[string]bool)
	for _, name := range v.opts.Repositories {
		if lower := strings.ToLower(name); !asked[lower] {
			asked[lower] = true
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

// errMissing is the fault of an entry that should be there.
var errMissing = errors.New("not in the archive")

func (v *verifier) report(entry string, offset int64, err error) {
	v.faults.add(&Fault{Entry: entry, Offset: offset, Err: err})
}

// count counts one of a kind that an archive names: of those, only so many are
// told apart.
func count(counts map[string]int64, kind string) {
	const most = 1000
	kind = shorten(kind)
	if _, ok := counts[kind]; !ok && len(counts) >= most {
		kind = "…"
	}
	counts[kind]++
}

// input is the archive itself, hashed as it is read.
type input struct {
	r    io.Reader
	sum  hash.Hash
	size int64
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.sum.Write(p[:n])
	i.size += int64(n)
	return n, err
}

// tee passes on what is read of an entry, and remembers that this failed: an
// error of the disk is none of the archive.
type tee struct {
	w   io.Writer
	err error
}

func (t *tee) Write(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.w.Write(p)
	t.err = err
	return n, err
}
