package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// Options tune [File].
type Options struct {
	// Progress is called in the caller's goroutine, at most ten times a second,
	// and once more when File succeeds or fails. total is -1 while the size is not
	// known.
	Progress func(written, total int64)

	// Concurrency is the number of ranges that are fetched at once, at most 16.
	// 0 means one range for a small object and eight ranges for other objects. When
	// storage refuses requests, File fetches fewer ranges at once.
	Concurrency int

	// MinChunk is the size of the smallest chunk, 4 MiB if zero. Other sizes are
	// multiples of it. Tests set it to fetch small objects as if they were large.
	MinChunk int64

	// FS holds the files. Nil means the file system of the operating system.
	FS durable.FS
}

func (o Options) minChunk() int64 { return cmp.Or(o.MinChunk, minChunk) }

// A Result describes a complete file.
type Result struct {
	Size    int64
	SHA256  string // hexadecimal
	Resumed int64  // bytes that an earlier call had already fetched
}

const (
	// The object may change maxChanges times during a call, but its size only once.
	// After each change the file is started over, with the next method.
	maxChanges = 2
	// An object that cannot be resumed is started over maxRestarts times.
	maxRestarts = 3

	// A log is rewritten when it is longer than the smallest chunk divided by this.
	chunksPerLog = 16

	progressEvery = 100 * time.Millisecond
)

// File fetches the object into the file at path, and returns when the file is
// complete and on disk. It resumes where an earlier call ended. A relative path is
// relative to the working directory at the time of the call.
//
// Only the complete object replaces an existing file at path. File fails if path is
// a link or a folder. After an error, the fetched bytes stay beside path for the next
// call, and the error says how many. While a call fetches to a path, other calls for
// the path, in this process or another, fail with an error that matches [ErrInUse].
//
// When ctx ends, the error wraps both ctx.Err and the cause of ctx.
func File(ctx context.Context, source Source, path string, opts Options) (Result, error) {
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return Result{}, fmt.Errorf("path %q does not name a file", path)
	}
	if opts.FS == nil {
		opts.FS = durable.OS{}
		absolute, err := filepath.Abs(path)
		if err != nil {
			return Result{}, err
		}
		path = absolute
	}
	session := newSession(source)
	p, err := partfile.Open(opts.FS, path, source.Identity, opts.minChunk()/chunksPerLog, session.logger)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = p.Close() }()

	d := &download{part: p, session: session, options: opts, size: -1}
	defer d.progress(true)
	result, err := d.run(ctx)
	if err != nil {
		return Result{}, d.explain(session.explain(err))
	}
	return result, nil
}

// A download is one call of File.
type download struct {
	part    *partfile.Part
	session *session
	options Options

	earlier  spans     // spans from earlier calls, nil when they are useless
	size     int64     // the size of the object of earlier calls, -1 if it is not known
	schedule *schedule // nil before the first attempt
	reported time.Time
}

func (d *download) run(ctx context.Context) (Result, error) {
	done, err := d.part.FinishLogged(ctx)
	if err != nil && ctx.Err() != nil {
		err = netx.ContextError(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	if done != nil {
		d.earlier, d.size = spans{{0, done.Size}}, done.Size
		d.session.setObject(object{Size: done.Size})
		return Result{Size: done.Size, SHA256: done.SHA256, Resumed: done.Size}, nil
	}
	if err := d.part.OpenPart(); err != nil {
		return Result{}, err
	}
	known, err := d.part.Resume()
	if err != nil {
		return Result{}, err
	}
	if known {
		d.session.setObject(d.part.Known.Object)
		d.earlier, d.size = d.part.Logged.Ranges, d.part.Known.Size
	}
	for changes, restarts := 0, 0; ; {
		sum, err := d.attempt(ctx)
		if err == nil {
			return d.finish(sum)
		}
		m, _ := d.session.state()
		_, falls := errors.AsType[*fallBackError](err)
		switch {
		case errors.Is(err, ErrChanged):
			// The next call must not resume here either.
			d.earlier = nil
			if err := d.part.Discard(); err != nil {
				return Result{}, err
			}
			d.session.forget(min(m+1, plainGet), err)
			// Only another size proves a change: some storage sends a different ETag on
			// each connection.
			if changes++; changes > maxChanges || changes > 1 && d.session.sizeChanged {
				return Result{}, err
			}
		case falls:
			// The fetched bytes are kept until a plain request brings bytes.
			d.earlier, d.size = d.part.Logged.Ranges, d.part.Known.Size
			d.session.forget(plainGet, d.session.explain(err))
		case errors.Is(err, errNoResume) && restarts < maxRestarts:
			restarts++
			d.earlier = nil
			d.session.forget(m, nil)
		default:
			return Result{}, err
		}
		m, _ = d.session.state()
		d.session.logger.WarnContext(ctx, "transfer starts over", "error", err, "with", m)
	}
}

// attempt fetches the missing bytes and returns the SHA-256 of the object. It logs
// the fetched bytes whether it succeeds or fails.
func (d *download) attempt(ctx context.Context) (string, error) {
	_, known := d.session.state()
	var fetched partfile.Fetched
	if known != nil {
		fetched = d.part.Logged
	}
	d.schedule = newSchedule(fetched.Ranges, fetched.Offset, d.options.minChunk())
	a := &attempt{session: d.session, schedule: d.schedule, out: d.part.File}
	a.begin = func(o object, ranged bool) (int, error) { return d.workers(o, nil, ranged), d.part.Begin(o) }
	defer func() {
		if _, now := d.session.state(); known == nil && now != nil { // begin was called
			d.earlier = nil
		}
	}()
	r, err := newRecorder(d.part, a, fetched.Mark)
	if err != nil {
		return "", err
	}
	if known != nil && known.Size >= 0 {
		d.schedule.setSize(known.Size, d.workers(*known, fetched.Ranges, true))
	}
	return r.run(ctx, min(cmp.Or(d.options.Concurrency, autoConcurrency), maxConcurrency), func() { d.progress(false) })
}

// workers returns how many workers may fetch the missing bytes of an object.
func (d *download) workers(o object, fetched spans, ranged bool) int {
	m, _ := d.session.state()
	switch {
	case m != sideBySide, o.Size < 0, !o.Resumable(), !ranged:
		return 1
	case d.options.Concurrency > 0:
		return min(d.options.Concurrency, maxConcurrency)
	case o.Size-fetched.Bytes() < smallFactor*d.options.minChunk():
		return 1
	default:
		return autoConcurrency
	}
}

// finish checks that every byte is there, and moves the part to the path.
func (d *download) finish(sum string) (Result, error) {
	size := d.session.size()
	if got := d.schedule.fetched(); got.Head() != size || got.End() != size {
		return Result{}, fmt.Errorf("ended with %v of %d bytes", got, size)
	}
	if err := d.part.Finish(size, sum); err != nil {
		return Result{}, err
	}
	return Result{Size: size, SHA256: sum, Resumed: d.earlier.Before(d.schedule.reusable)}, nil
}

// amount returns the number of fetched bytes and the size of the object, -1 if it
// is not known.
func (d *download) amount() (fetched, size int64) {
	if _, known := d.session.state(); known != nil && d.schedule != nil {
		return d.schedule.fetched().Bytes(), known.Size
	}
	return d.earlier.Bytes(), d.size
}

func (d *download) progress(last bool) {
	if d.options.Progress != nil && (last || time.Since(d.reported) >= progressEvery) {
		d.reported = time.Now()
		d.options.Progress(d.amount())
	}
}

// explain adds to an error how many bytes are fetched, and what the next call does.
func (d *download) explain(err error) error {
	got, size := d.amount()
	if got == 0 {
		return err
	}
	amount := fmt.Sprintf("%d bytes", got)
	if size >= 0 {
		amount = fmt.Sprintf("%d of %d bytes", got, size)
	}
	next := "the next call resumes"
	switch logged := d.part.Logged.Ranges.Bytes(); {
	case d.part.Done != nil:
		next = "the next call finishes"
	case d.part.Known == nil, !d.part.Known.Resumable(), logged == 0:
		next = "the next call starts over"
	case logged < got:
		next = fmt.Sprintf("the next call resumes at %d", logged)
	}
	return fmt.Errorf("fetched %s to %s; %s: %w", amount, d.part.Name(), next, err)
}
