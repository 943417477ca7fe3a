package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// maxFaults limits the faults that a result keeps for each repository, and for the
// archive as a whole.
const maxFaults = 20

// progressEvery is the time between two events about the progress of a transfer.
const progressEvery = 100 * time.Millisecond

var (
	errChecksum  = errors.New("checksum mismatch: the archive on disk differs from the download")
	errShortRead = errors.New("the Store did not read the whole archive")
)

func archiveName(migration int64) string { return fmt.Sprintf("migration-%d.tar.gz", migration) }

// path returns the path of the archive on disk.
func (p *performer) path() string {
	return filepath.Join(p.job.Dir, archiveName(p.job.State.Migration))
}

// storeName returns the name of the archive in the Store.
func (p *performer) storeName() string {
	return path.Join(p.job.Run, archiveName(p.job.State.Migration))
}

// progress emits an EventProgress.
func (p *performer) progress(written, total int64) {
	e := p.job.event(EventProgress)
	e.Bytes, e.Size = written, total
	p.job.emit(e)
}

func (p *performer) download(ctx context.Context) Result {
	if err := p.disk.MkdirAll(p.job.Dir); err != nil {
		return resultOf(err)
	}
	fetched, err := p.DownloadArchive(ctx, p.job.State.Migration, p.path(), &ghmigrate.DownloadOptions{Progress: p.progress})
	if err == nil {
		return Result{Archive: &Archive{Name: archiveName(p.job.State.Migration), Size: fetched.Size, SHA256: fetched.SHA256}}
	}
	r := p.notFound(ctx, err)
	if last := p.job.tries(EffectDownload).Refusals+1 >= maxRefusals; isDiskFull(err) || r.Class == ClassJob && (last || r.Outcome != OutcomeUnknown) {
		p.job.removeParts(p.disk) // no later download continues this one, or others need the disk
	}
	return r
}

// removeParts removes the files of a download that is not complete.
func (j *Job) removeParts(d disk) {
	for _, suffix := range []string{".part", ".part.log"} {
		_ = removeFile(d, filepath.Join(j.Dir, archiveName(j.State.Migration)+suffix))
	}
}

// verify reads the archive from disk. It compares the checksum with the checksum of
// the download, and checks the content, which is the third proof of coverage.
func (p *performer) verify(ctx context.Context) Result {
	f, err := p.disk.Open(p.path())
	if errors.Is(err, fs.ErrNotExist) {
		return p.damaged(err)
	}
	if err != nil {
		return resultOf(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return resultOf(err)
	}
	summary, faults, err := p.examine(ctx, io.NewSectionReader(f, 0, info.Size()))
	want := p.job.State.Archive
	switch {
	case err != nil:
		return resultOf(err)
	case info.Size() != want.Size || summary.SHA256 != want.SHA256:
		return p.damaged(errChecksum)
	}
	return p.verdict(summary, faults)
}

// examine verifies an archive, and returns its faults. The error is from the reader
// or the context.
func (p *performer) examine(ctx context.Context, r io.Reader) (*archive.Summary, *archive.FaultError, error) {
	start := p.job.Start
	summary, err := archive.Verify(ctx, r, &archive.VerifyOptions{
		ExcludeMetadata:    start.ExcludeMetadata,
		ExcludeGitData:     start.ExcludeGitData,
		ExcludeAttachments: start.ExcludeAttachments,
		ExcludeReleases:    start.ExcludeReleases,
		SkipReferences:     true,
	})
	faults, _ := errors.AsType[*archive.FaultError](err)
	switch {
	case ctx.Err() != nil:
		return summary, nil, contextError(ctx)
	case err != nil && summary.SHA256 == "": // the reader failed, perhaps after faults
		return summary, nil, err
	}
	return summary, faults, nil
}

// verdict returns a result that lists the repositories that the archive lacks, and
// the repositories that faults condemn.
func (p *performer) verdict(summary *archive.Summary, faults *archive.FaultError) Result {
	start := p.job.Start
	whole := map[string]bool{}
	for _, r := range summary.Repositories {
		whole[strings.ToLower(r.Name)] = (r.Record || start.ExcludeMetadata) && (r.Git || start.ExcludeGitData)
	}
	var r Result
	for _, name := range p.job.Repositories {
		if !whole[strings.ToLower(name)] {
			r.Missing = append(r.Missing, name)
		}
	}
	if faults == nil {
		return r
	}
	kept := map[string]int{}
	for _, f := range faults.Faults {
		owner := p.faultOf(f)
		r.Unsound = r.Unsound || owner == ""
		if owner != "" && kept[owner] == 0 {
			r.Condemned = append(r.Condemned, owner)
		}
		if kept[owner]++; kept[owner] <= maxFaults && len(r.Faults) < 4*maxFaults {
			r.Faults = append(r.Faults, Fault{owner, shorten(f.Error())})
		}
	}
	if faults.More > 0 { // the unlisted faults may belong to any repository
		r.Unsound = true
		r.Faults = append(r.Faults, Fault{"", fmt.Sprintf("and %d more", faults.More)})
	}
	return r
}

// faultOf returns the repository of the job that a fault belongs to, or "" if the
// fault belongs to the archive as a whole.
func (p *performer) faultOf(f *archive.Fault) string {
	i := slices.IndexFunc(p.job.Repositories, func(name string) bool { return strings.EqualFold(name, f.Repository) })
	if i < 0 {
		return ""
	}
	return p.job.Repositories[i]
}

// damaged removes an archive that has changed since its download. Its result lets the
// job download the archive again.
func (p *performer) damaged(reason error) Result {
	if err := removeFile(p.disk, p.path()); err != nil {
		return resultOf(err)
	}
	return Result{Damaged: true, Reason: shorten(reason.Error()), err: reason}
}

// store puts the archive into the Store. Without a Store, it only checks that the
// archive is still on disk.
func (p *performer) store(ctx context.Context) Result {
	if p.job.Store == nil {
		r, _ := p.onDisk()
		return r
	}
	f, err := p.disk.Open(p.path())
	if errors.Is(err, fs.ErrNotExist) {
		return p.damaged(err)
	}
	if err != nil {
		return resultOf(err)
	}
	defer func() { _ = f.Close() }()
	want := p.job.State.Archive
	sum := sha256.New()
	section := io.NewSectionReader(f, 0, want.Size)
	if err := p.job.Store.Put(ctx, p.storeName(), io.TeeReader(section, sum), want.Size); err != nil {
		if r, ok := p.onDisk(); !ok {
			return r
		}
		return resultOf(&storeError{p.storeName(), err})
	}
	// The Store has stored the bytes that it has read: compare them with the verified
	// bytes.
	if hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		if at, _ := section.Seek(0, io.SeekCurrent); at == want.Size {
			return p.damaged(errChecksum)
		}
		return resultOf(&storeError{p.storeName(), errShortRead})
	}
	return Result{InStore: true}
}

// onDisk reports whether the archive is still on disk, with its size. If it is not,
// the result lets the job download the archive again.
func (p *performer) onDisk() (Result, bool) {
	info, err := p.disk.Lstat(p.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.damaged(err), false
	case err != nil:
		return resultOf(err), false
	case !info.Mode().IsRegular() || info.Size() != p.job.State.Archive.Size:
		return p.damaged(errChecksum), false
	}
	return Result{}, true
}

// Clear removes the archive from disk if the Store has it, or if the job has given up
// the archive.
func (j *Job) Clear() error {
	useless := j.State.InStore || j.Store != nil && j.State.Outcome == OutcomeUnfetched
	if !useless || j.State.Archive == nil || j.Stream {
		return nil
	}
	return removeFile(cmp.Or[disk](j.disk, durable.OS{}), filepath.Join(j.Dir, j.State.Archive.Name))
}

// transfer moves the archive from GitHub to the Store in one pass, and verifies it on
// the way. The reader of Put returns io.EOF only if the checksum is right; otherwise
// it returns an error.
func (p *performer) transfer(ctx context.Context) Result {
	if p.job.Store == nil {
		return resultOf(errors.New("a streamed archive needs a Store"))
	}
	stream, err := p.OpenArchive(ctx, p.job.State.Migration)
	if err != nil {
		return p.notFound(ctx, err)
	}
	defer func() { _ = stream.Close() }()
	size := stream.Size()
	r, w := io.Pipe()
	put := make(chan error, 1)
	go func() {
		err := p.job.Store.Put(ctx, p.storeName(), r, size)
		_ = r.CloseWithError(errShortRead) // so that the writer does not wait for a Store that has returned
		put <- err
	}()
	written, reported := int64(0), time.Time{}
	counting := &countingReader{r: io.TeeReader(stream, w), seen: func(n int) {
		if written += int64(n); time.Since(reported) >= progressEvery {
			reported = time.Now()
			p.progress(written, size)
		}
	}}
	summary, faults, err := p.examine(ctx, counting)
	if err == nil {
		_, err = io.Copy(io.Discard, counting) // a fault may have ended the verification early
	}
	if err == nil && (stream.SHA256() == "" || stream.SHA256() != summary.SHA256) {
		err = errChecksum
	}
	_ = w.CloseWithError(err)
	if putErr := <-put; putErr != nil && (err == nil || errors.Is(err, errShortRead)) {
		err = &storeError{p.storeName(), putErr}
	}
	switch {
	case errors.Is(err, errShortRead):
		return resultOf(&storeError{p.storeName(), errShortRead})
	case err != nil:
		return resultOf(err)
	}
	p.progress(written, size)
	result := p.verdict(summary, faults)
	result.Archive = &Archive{Name: archiveName(p.job.State.Migration), Size: written, SHA256: summary.SHA256}
	return result
}

// A countingReader calls seen with the length of each read.
type countingReader struct {
	r    io.Reader
	seen func(n int)
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.seen(n)
	}
	return n, err
}
