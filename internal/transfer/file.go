package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Options are the choices of a caller of [File].
type Options struct {
	// Progress is called in the caller's goroutine, at most ten times a second
	// and once more at the end, also when that is an error. total is -1 while it
	// is not known.
	Progress func(written, total int64)

	// FS is what the files are on, the operating system's file system if nil.
	FS durable.FS
}

// Result is what landed.
type Result struct {
	Size    int64
	SHA256  string // hexadecimal
	Resumed int64  // bytes that an earlier call had already fetched
}

const (
	// Storage that changes an object twice while we fetch it is not worth more.
	maxChanges = 1
	// How often an object that cannot be resumed is fetched from the start again.
	maxRestarts = 3

	progressEvery = 100 * time.Millisecond
)

// File fetches the object into the file at path, and returns when it is there
// for good. What an earlier call has fetched is not fetched again.
//
// An existing file at path is replaced by the complete object and by nothing
// less; a link or a folder there is refused. After an error, whatever arrived
// is kept beside path for the next call, and the error says so. A call for
// a path that another call or process is working on fails with an error that
// matches [durable.ErrLocked].
//
// When ctx ends, the error wraps both ctx.Err and its cause.
func File(ctx context.Context, source Source, path string, opts Options) (Result, error) {
	p, err := openLog(cmp.Or[durable.FS](opts.FS, durable.OS{}), path, source.Identity)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = p.close() }()

	d := &download{part: p, fetch: newFetcher(source), report: opts.Progress}
	defer d.fetch.close()
	defer d.progress(true)
	return d.run(ctx)
}

// A download is one call of File.
type download struct {
	part   *part
	fetch  *fetcher
	report func(written, total int64)

	offset   int64 // of the next byte to be written
	reported time.Time
}

func (d *download) run(ctx context.Context) (Result, error) {
	done, err := d.part.settle(ctx)
	if err != nil {
		return Result{}, err
	}
	if done != nil {
		d.offset, d.fetch.object.Size = done.Size, done.Size
		return Result{Size: done.Size, SHA256: done.SHA256, Resumed: done.Size}, nil
	}
	if err := d.part.open(); err != nil {
		return Result{}, err
	}
	known, offset, err := d.part.resume()
	if err != nil {
		return Result{}, err
	}
	d.offset, d.fetch.object, d.fetch.offset = offset, known, offset
	resumed := d.offset
	for changes, restarts := 0, 0; ; {
		sum, err := d.copy(ctx)
		switch {
		case err == nil:
			if size := d.fetch.object.Size; d.offset != size {
				return Result{}, d.explain(fmt.Errorf("ended at %d of %d bytes", d.offset, size))
			}
			if err := d.part.finish(d.offset, sum); err != nil {
				return Result{}, d.explain(err)
			}
			return Result{Size: d.offset, SHA256: sum, Resumed: resumed}, nil
		case errors.Is(err, ErrChanged):
			// The next call must not go on from here either.
			if err := d.part.discard(); err != nil {
				return Result{}, err
			}
			if changes++; changes > maxChanges {
				return Result{}, err
			}
		case errors.Is(err, errNoResume):
			if restarts++; restarts > maxRestarts {
				return Result{}, d.explain(err)
			}
		default:
			return Result{}, d.explain(err)
		}
		d.fetch.logger.WarnContext(ctx, "transfer starts over", "error", err, "offset", d.offset)
		d.fetch.restart()
		d.offset, resumed = 0, 0
	}
}

// copy fetches from the offset to the end and returns the SHA-256 of all.
// However it ends, what has arrived is logged.
func (d *download) copy(ctx context.Context) (string, error) {
	if d.offset == 0 {
		d.part.mark = mark{}
	}
	f, err := follow(d.part)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.stop() }() // for a Progress that panics
	err = d.write(ctx, f)
	// io.EOF itself: a connection that broke has one inside.
	if stopErr := f.stop(); err == io.EOF { //nolint:errorlint // see above
		err = stopErr
	}
	if err == nil {
		return f.sum(), nil
	}
	if m, markErr := f.mark(); markErr == nil {
		// If this fails too, explain tells how far the log is.
		_ = d.part.checkpoint(m)
	}
	return "", err
}

// write fetches from the offset to the end. It always returns an error, io.EOF
// if all is well.
func (d *download) write(ctx context.Context, f *follower) error {
	for {
		block := <-f.free
		n, err := d.fetch.Read(ctx, block)
		if err != nil {
			return err
		}
		if d.offset == 0 {
			if err := d.part.begin(d.fetch.object); err != nil {
				return err
			}
		}
		if _, err := d.part.file.WriteAt(block[:n], d.offset); err != nil {
			return fmt.Errorf("write %s: %w", d.part.name(), err)
		}
		d.offset += int64(n)
		f.blocks <- block[:n]
		d.progress(false)
		select {
		case err := <-f.failed:
			return err
		default:
		}
	}
}

func (d *download) progress(last bool) {
	if d.report == nil || !last && time.Since(d.reported) < progressEvery {
		return
	}
	d.reported = time.Now()
	d.report(d.offset, d.fetch.object.Size)
}

// explain says how far a failed transfer got, and what the next call will do.
func (d *download) explain(err error) error {
	if d.offset == 0 {
		return err
	}
	amount := fmt.Sprintf("%d bytes", d.offset)
	if size := d.fetch.object.Size; size >= 0 {
		amount = fmt.Sprintf("%d of %d bytes", d.offset, size)
	}
	next := "the next call resumes"
	switch at := d.part.mark.Offset; {
	case d.part.done != nil:
		next = "the next call finishes"
	case !d.fetch.object.resumable() || at == 0:
		next = "the next call starts over"
	case at < d.offset:
		next = fmt.Sprintf("the next call resumes at %d", at)
	}
	return fmt.Errorf("fetched %s to %s; %s: %w", amount, d.part.name(), next, err)
}
