package transfer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// maxFaults is how many faulty answers in a row are forgiven.
const maxFaults = 4

// A fetcher reads one object from an offset to its end, over as many
// connections and signed URLs as that takes.
type fetcher struct {
	source  Source
	logger  *slog.Logger
	address address
	pace    pace

	object object // as its first answer described it; a new answer at offset 0 describes it anew
	offset int64  // of the next byte

	conn    *connection // nil between two answers
	trouble error       // how the last connection ended, unless all was well
	faults  int         // in a row
}

func newFetcher(source Source) *fetcher {
	logger := cmp.Or(source.Logger, slog.New(slog.DiscardHandler))
	return &fetcher{
		source:  source,
		logger:  logger,
		address: address{locate: source.Locate, logger: logger},
		pace:    newPace(),
		object:  object{Size: -1},
	}
}

// Read reads the next bytes of the object. It returns io.EOF only when every
// byte has been read, and other errors only when trying again is of no use.
// ctx must be the same in all calls.
func (f *fetcher) Read(ctx context.Context, p []byte) (int, error) {
	f.pace.start()
	defer f.pace.stop()
	for {
		if err := f.connected(ctx); err != nil {
			return 0, err
		}
		if n := f.receive(p); n > 0 {
			return n, nil
		}
	}
}

// connect makes sure that there is an answer to read from, and that the object
// is known. It fails as Read does.
func (f *fetcher) connect(ctx context.Context) error {
	f.pace.start()
	defer f.pace.stop()
	return f.connected(ctx)
}

// restart goes back to the first byte of whatever storage has there now.
func (f *fetcher) restart() {
	f.close()
	f.object, f.offset, f.trouble = object{Size: -1}, 0, nil
}

// close drops the connection.
func (f *fetcher) close() {
	if f.conn != nil {
		f.conn.close()
		f.conn = nil
	}
}

func (f *fetcher) connected(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return ContextError(ctx)
		}
		if f.trouble != nil {
			err := f.overcome(ctx, f.trouble)
			f.trouble = nil
			if err != nil {
				return err
			}
		}
		switch {
		case f.offset == f.object.Size:
			return io.EOF
		case f.pace.left() <= 0:
			return errNoProgress
		case f.conn != nil:
			return nil
		}
		f.trouble = f.request(ctx)
	}
}

// overcome waits for as long as err suggests. It returns an error when
// nothing is left to try.
func (f *fetcher) overcome(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ContextError(ctx)
	}
	back, ok := errors.AsType[*setback](err)
	if !ok {
		return err
	}
	wait := true
	switch back.kind {
	case refusal:
		var hopeless bool
		if hopeless, wait = f.address.refused(); hopeless {
			return back.err
		}
	case fault:
		if f.faults++; f.faults > maxFaults {
			return back.err
		}
	case cut:
	}
	var delay time.Duration
	if wait {
		delay = max(f.pace.backoff(), back.wait)
	}
	if errors.Is(back.err, errNoProgress) {
		return back.err
	}
	if delay >= f.pace.left() {
		return fmt.Errorf("%w: %w", errNoProgress, back.err)
	}
	f.logger.WarnContext(ctx, "transfer interrupted", "error", back.err, "offset", f.offset, "wait", delay)
	if err := Sleep(ctx, delay); err != nil {
		return err
	}
	if f.offset > 0 && !f.object.resumable() {
		return fmt.Errorf("%w: %w", errNoResume, back.err)
	}
	return nil
}

// request asks for the object from the offset on, and checks the answer.
func (f *fetcher) request(ctx context.Context) error {
	f.pace.stop() // Locate may wait for hours, for a rate limit
	err := f.address.renew(ctx)
	f.pace.start()
	if err != nil {
		return err
	}
	// A strong ETag says by itself that it is the same object; a date does not.
	if f.offset > 0 && f.object.ETag == "" && f.address.url.Path != f.object.Path {
		return changed("its address is another one")
	}

	watch := newWatch(ctx)
	req, err := http.NewRequestWithContext(watch.ctx, http.MethodGet, f.address.url.String(), http.NoBody)
	if err != nil {
		watch.end()
		return f.address.clean(err)
	}
	req.Header.Set("Range", "bytes="+strconv.FormatInt(f.offset, 10)+"-")
	req.Header.Set("Accept-Encoding", "identity")
	if f.source.UserAgent != "" {
		req.Header.Set("User-Agent", f.source.UserAgent)
	}
	if f.offset > 0 {
		f.object.condition(req.Header)
	}
	watch.arm(f.pace.patience())
	resp, err := f.source.Client.Do(req)
	if err != nil {
		defer watch.end()
		return f.failed(resp, watch.explain(err))
	}
	f.logger.DebugContext(ctx, "storage answered", "host", f.address.url.Host, "path", f.address.url.Path,
		"offset", f.offset, "status", resp.StatusCode)

	conn, err := f.accept(resp, watch)
	if err != nil {
		_ = resp.Body.Close()
		watch.end()
		return err
	}
	watch.disarm()
	f.conn = conn
	return nil
}

// failed explains why no answer came.
func (f *fetcher) failed(resp *http.Response, err error) error {
	if resp != nil { // a redirect that the client refused: the body is closed
		return fmt.Errorf("%w: %w", &StatusError{StatusCode: resp.StatusCode}, f.address.clean(err))
	}
	final := IsCertificateError(err)
	err = fmt.Errorf("get %s: %w", &f.address, f.address.clean(err))
	if final || errors.Is(err, ErrLocation) {
		return err
	}
	return &setback{kind: cut, err: err}
}

// accept turns an answer into a connection, if it is what was asked for.
func (f *fetcher) accept(resp *http.Response, watch *watch) (*connection, error) {
	answer, err := check(resp, f.offset, f.object)
	if err != nil {
		if status, ok := errors.AsType[*StatusError](err); ok {
			status.decode(resp, f.address.scrub)
			return nil, status.classify(resp.Header)
		}
		return nil, err
	}
	answer.object.Path = f.address.url.Path
	conn := &connection{body: resp.Body, reader: resp.Body, watch: watch, answer: answer, began: time.Now()}
	if f.offset == 0 {
		if err := conn.expectGzip(resp.Header.Get("Content-Type"), f.pace.patience()); err != nil {
			return nil, err
		}
		f.object = answer.object
	}
	f.object.Size = answer.object.Size
	return conn, nil
}

// receive reads from the connection, and ends it when its time has come.
func (f *fetcher) receive(p []byte) int {
	conn := f.conn
	n, err := conn.read(p, f.offset, f.pace.patience())
	if n > 0 {
		f.offset += int64(n)
		f.pace.add(n)
		f.faults = 0
		f.address.gave(n)
		conn.got += int64(n)
	}
	switch {
	case f.offset == conn.end:
		f.trouble = conn.excess()
	case err == nil:
		return n
	case conn.end < 0 && conn.selfDelimiting && err == io.EOF: //nolint:errorlint // one inside another is a cut
		f.object.Size = f.offset
	default:
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		f.trouble = &setback{kind: cut, err: f.address.clean(err)}
	}
	if conn.got > 0 && (conn.got >= goodBytes || time.Since(conn.began) >= goodAge) {
		f.pace.good()
	}
	f.close()
	return n
}

// A connection is one answer while its body is read.
type connection struct {
	answer
	body   io.Closer
	reader io.Reader
	watch  *watch
	began  time.Time
	got    int64
}

func (c *connection) read(p []byte, offset int64, patience time.Duration) (int, error) {
	if c.end >= 0 {
		p = p[:min(int64(len(p)), c.end-offset)]
	}
	c.watch.arm(patience)
	defer c.watch.disarm()
	n, err := c.reader.Read(p)
	if err != nil {
		err = c.watch.explain(err)
	}
	return n, err
}

// expectGzip looks at the first two bytes: a page that a proxy sent in place
// of the archive must not get into a file.
func (c *connection) expectGzip(contentType string, patience time.Duration) error {
	magic := []byte{0x1f, 0x8b}
	head := make([]byte, len(magic))
	c.watch.arm(patience)
	n, err := io.ReadFull(c.reader, head)
	if !bytes.HasPrefix(magic, head[:n]) || c.end == 1 {
		return fmt.Errorf("storage sent %.100q and not a gzip archive", contentType)
	}
	if err != nil {
		err = c.watch.explain(err)
		if err == io.EOF && c.selfDelimiting && c.end < 0 { //nolint:errorlint // one inside another is a cut
			return errEmpty
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &setback{kind: cut, err: err}
	}
	c.reader = io.MultiReader(bytes.NewReader(head), c.reader)
	return nil
}

// excess looks behind the announced end. Only a body without a length of its
// own, in chunks, can have more there, and nobody knows then which of its bytes
// are right.
func (c *connection) excess() error {
	if c.bodyLength >= 0 {
		return nil
	}
	c.watch.arm(excessPatience)
	if n, _ := c.reader.Read(make([]byte, 1)); n > 0 {
		return changed("storage sent more than it had announced")
	}
	return nil
}

// excessPatience is short: all that is wanted has come.
const excessPatience = 5 * time.Second

func (c *connection) close() {
	_ = c.body.Close()
	c.watch.end()
}

// A watch ends a request when nothing comes for too long.
type watch struct {
	ctx      context.Context
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	patience time.Duration
}

func newWatch(ctx context.Context) *watch {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(stallLimit, func() { cancel(errStalled) })
	timer.Stop()
	return &watch{ctx: ctx, cancel: cancel, timer: timer}
}

func (w *watch) arm(patience time.Duration) {
	w.patience = patience
	w.timer.Reset(patience)
}

func (w *watch) disarm() { w.timer.Stop() }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain returns err, or what the watch made of it.
func (w *watch) explain(err error) error {
	switch {
	case !errors.Is(context.Cause(w.ctx), errStalled):
		return err
	case w.patience < stallLimit: // it was the pace that ended
		return errNoProgress
	default:
		return errStalled
	}
}
