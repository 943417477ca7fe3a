package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Options are the choices of a caller of [File].
type Options struct {
	// Progress is called in the caller's goroutine, at most ten times a second
	// and once more at the end, also when that is an error. total is -1 while it
	// is not known.
	Progress func(written, total int64)

	// Concurrency is how many ranges are fetched at once, 16 at most. 0 means one
	// for a small object, and for others one as long as that is fast, and then eight.
	// Storage that is busy gets fewer.
	Concurrency int

	// MinChunk is the size of the smallest range, 4 MiB if zero. What else is
	// measured in chunks follows it. It is there for tests, which fetch small
	// objects as if they were large.
	MinChunk int64

	// FS is what the files are on, the operating system's file system if nil.
	FS durable.FS
}

func (o Options) minChunk() int64 { return cmp.Or(o.MinChunk, minChunk) }

// firstChunk is where the first request ends, which is made before anything is
// known of the object; unknownEnd if that is its end.
func (o Options) firstChunk() int64 {
	switch o.Concurrency {
	case 0:
		return smallFactor * o.minChunk()
	case 1:
		return unknownEnd
	default:
		return o.minChunk()
	}
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

	// A log is written anew when it is longer than this share of a chunk.
	chunksPerLog = 16

	progressEvery = 100 * time.Millisecond
)

// File fetches the object into the file at path, and returns when it is there
// for good. What an earlier call has fetched is not fetched again.
//
// An existing file at path is replaced by the complete object and by nothing
// less; a link or a folder there is refused. After an error, whatever arrived
// is kept beside path for the next call, and the error says so. A call for
// a path that another call or process is working on fails with an error that
// matches [ErrInUse].
//
// When ctx ends, the error wraps both ctx.Err and its cause.
func File(ctx context.Context, source Source, path string, opts Options) (Result, error) {
	p, err := openLog(cmp.Or[durable.FS](opts.FS, durable.OS{}), path, source.Identity, opts.minChunk()/chunksPerLog)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = p.close() }()

	d := &download{part: p, session: newSession(source), options: opts}
	defer d.progress(true)
	return d.run(ctx)
}

// A download is one call of File.
type download struct {
	part    *part
	session *session
	options Options

	fetched  spans     // before the schedule knows better
	schedule *schedule // nil until then
	whole    bool      // whether storage gives no ranges, although it said so
	reported time.Time
}

func (d *download) run(ctx context.Context) (Result, error) {
	done, err := d.part.settle(ctx)
	if err != nil {
		return Result{}, err
	}
	if done != nil {
		d.fetched, d.session.object.Size = spans{{0, done.Size}}, done.Size
		return Result{Size: done.Size, SHA256: done.SHA256, Resumed: done.Size}, nil
	}
	if err := d.part.open(); err != nil {
		return Result{}, err
	}
	known, err := d.part.resume()
	if err != nil {
		return Result{}, err
	}
	if known {
		d.session.know(d.part.known.object)
		d.fetched = d.part.logged.Ranges
	}
	resumed := d.fetched.bytes()
	for changes, restarts := 0, 0; ; {
		sum, err := d.copy(ctx)
		switch {
		case err == nil:
			size := d.session.object.Size
			if got := d.schedule.fetched(); got.head() != size || got.end() != size {
				return Result{}, d.explain(fmt.Errorf("ended with %v of %d bytes", got, size))
			}
			if err := d.part.finish(size, sum); err != nil {
				return Result{}, d.explain(err)
			}
			return Result{Size: size, SHA256: sum, Resumed: resumed}, nil
		case errors.Is(err, ErrChanged):
			// The next call must not go on from here either.
			if err := d.part.discard(); err != nil {
				return Result{}, err
			}
			if changes++; changes > maxChanges {
				return Result{}, err
			}
		case errors.Is(err, errNoRanges) && !d.whole:
			d.whole = true
		case errors.Is(err, errNoResume):
			if restarts++; restarts > maxRestarts {
				return Result{}, d.explain(err)
			}
		default:
			return Result{}, d.explain(err)
		}
		d.session.logger.WarnContext(ctx, "transfer starts over", "error", err, "fetched", d.amount())
		d.session.forget()
		d.fetched, d.schedule, resumed = nil, nil, 0
	}
}

// copy fetches what is not there yet and returns the SHA-256 of all. However it
// ends, what has arrived is logged.
func (d *download) copy(ctx context.Context) (string, error) {
	begun, err := d.begin(ctx)
	if err != nil {
		return "", err
	}
	ranges, alone := d.concurrency(), d.options.Concurrency == 0
	d.schedule = newSchedule(d.session.object.end(), d.fetched, d.part.logged.Offset, ranges, alone, d.options.minChunk())
	f, err := newFollower(d.part, d.schedule, d.part.logged.mark)
	if err != nil {
		return "", err
	}
	c := newCrew(d.part, d.session, d.schedule, f)
	return c.run(ctx, ranges, begun, func() { d.progress(false) })
}

// begin asks for the first chunk of an object of which nothing is known, and
// starts the part over with what the answer describes. That has shown its first
// bytes: no other answer takes its place before these are read. It returns nil
// if the object is known.
func (d *download) begin(ctx context.Context) (*worker, error) {
	if d.fetched != nil {
		return nil, nil
	}
	w := &worker{fetch: newFetcher(d.session)}
	if !d.whole {
		w.fetch.end = d.options.firstChunk()
	}
	err := w.fetch.connect(ctx)
	if err == nil {
		err = d.part.begin(d.session.object)
	}
	if err != nil {
		w.fetch.close()
		return nil, err
	}
	return w, nil
}

// concurrency is how many ranges to fetch at once.
func (d *download) concurrency() int {
	left := d.session.object.Size - d.fetched.bytes()
	switch {
	case !d.session.ranged, d.whole:
		return 1
	case d.options.Concurrency > 0:
		return min(d.options.Concurrency, maxConcurrency)
	case left < smallFactor*d.options.minChunk():
		return 1
	default:
		return autoConcurrency
	}
}

func (d *download) amount() int64 {
	if d.schedule != nil {
		return d.schedule.fetched().bytes()
	}
	return d.fetched.bytes()
}

func (d *download) progress(last bool) {
	if d.options.Progress == nil || !last && time.Since(d.reported) < progressEvery {
		return
	}
	d.reported = time.Now()
	d.options.Progress(d.amount(), d.session.size())
}

// explain says how far a failed transfer got, and what the next call will do.
func (d *download) explain(err error) error {
	got := d.amount()
	if got == 0 {
		return err
	}
	amount := fmt.Sprintf("%d bytes", got)
	if size := d.session.object.Size; size >= 0 {
		amount = fmt.Sprintf("%d of %d bytes", got, size)
	}
	next := "the next call resumes"
	switch logged := d.part.logged.Ranges.bytes(); {
	case d.part.done != nil:
		next = "the next call finishes"
	case d.whole, !d.session.object.resumable(), logged == 0:
		next = "the next call starts over"
	case logged < got:
		next = fmt.Sprintf("the next call resumes at %d", logged)
	}
	return fmt.Errorf("fetched %s to %s; %s: %w", amount, d.part.name(), next, err)
}
