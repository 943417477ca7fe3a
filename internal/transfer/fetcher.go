package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// maxFaults is how many faulty answers in a row are forgiven.
const maxFaults = 4

// A fetcher reads one range of an object, over as many connections and signed
// URLs as that takes.
type fetcher struct {
	*session
	backoff backoff

	// turn is whose range this is, nil if it is not one of several.
	turn *turn

	offset int64 // of the next byte
	end    int64 // of the range; unknownEnd if that is the object's

	conn    *connection   // nil between two answers
	asked   time.Time     // when the last request was made
	took    time.Duration // how long the last bytes were waited for, when there was an answer
	trouble error         // how the last connection ended, unless all was well
	faults  int           // in a row
}

// newFetcher reads the whole object, unless its range is set.
func newFetcher(s *session) *fetcher {
	return &fetcher{session: s, backoff: newBackoff(), end: unknownEnd}
}

// A surplusError ends a range that should be left to others.
type surplusError struct{ wait time.Duration }

func (surplusError) Error() string { return "storage is asked for too much at once" }

// Read reads the next bytes of the range. It returns io.EOF only when every byte
// has been read, a surplusError when others should have the rest of it, and other
// errors only when trying again is of no use. ctx must be the same in all calls.
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

// close drops the connection.
func (f *fetcher) close() {
	if f.conn != nil {
		f.conn.close()
		f.conn = nil
	}
}

// renew gives up the connection, and the next bytes come over another one.
func (f *fetcher) renew() {
	if f.conn == nil {
		return
	}
	if f.conn.good() {
		f.backoff.good()
	}
	f.close()
	f.trouble = &setback{kind: cut, err: errSlow}
}

// limit is where the range ends, as far as that is known.
func (f *fetcher) limit() int64 { return min(f.end, f.object.end()) }

func (f *fetcher) connected(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return netx.ContextError(ctx)
		}
		if f.trouble != nil {
			err := f.overcome(ctx, f.trouble)
			f.trouble = nil
			if err != nil {
				return err
			}
		}
		switch {
		case f.offset == f.limit():
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
		return netx.ContextError(ctx)
	}
	if f.turn != nil {
		f.turn.disconnected()
	}
	back, ok := errors.AsType[*setback](err)
	if !ok {
		return err
	}
	var delay time.Duration
	switch back.kind {
	case refusal: // who asks for a fresh URL waits, if need be
		if f.address.refused(back.signed) {
			return back.err
		}
	case fault:
		if f.faults++; f.faults > maxFaults {
			return back.err
		}
		delay = f.backoff.next()
	case cut, busy, unanswered:
		delay = f.backoff.next()
	}
	stated := back.wait > delay
	delay = max(delay, back.wait)
	switch {
	case errors.Is(back.err, errNoProgress):
		return back.err
	case f.isSurplus(back.kind, delay):
		f.interrupted(ctx, back.err, delay)
		return surplusError{wait: delay}
	case stated && !f.pace.excuse(delay):
		return fmt.Errorf("storage asks for a wait of %v: %w", delay, back.err)
	case !stated && delay >= f.pace.left():
		return fmt.Errorf("%w: %w", errNoProgress, back.err)
	}
	f.interrupted(ctx, back.err, delay)
	if stated {
		f.pace.stop()
		defer f.pace.start()
	}
	if err := netx.Sleep(ctx, delay); err != nil {
		return err
	}
	if f.offset > 0 && !f.object.resumable() {
		return fmt.Errorf("%w: %w", errNoResume, back.err)
	}
	return nil
}

func (f *fetcher) interrupted(ctx context.Context, err error, wait time.Duration) {
	f.logger.WarnContext(ctx, "transfer interrupted", "error", err, "offset", f.offset, "wait", wait)
}

// isSurplus reports whether this range should be left to others, after such
// a setback and before such a wait.
func (f *fetcher) isSurplus(kind setbackKind, wait time.Duration) bool {
	switch {
	case f.turn == nil:
		return false
	case kind == busy:
		return f.turn.refused(wait)
	case kind == unanswered:
		return f.turn.unanswered(f.asked, wait)
	default:
		return false
	}
}

// request asks for the rest of the range, and checks the answer.
func (f *fetcher) request(ctx context.Context) error {
	signed, err := f.address.current(ctx)
	if err != nil {
		return err
	}
	// A strong ETag says by itself that it is the same object; a date does not.
	if f.offset > 0 && f.object.ETag == "" && signed.url.Path != f.object.Path {
		return changed("its address is another one")
	}

	watch := newWatch(ctx, f.pace)
	req, err := http.NewRequestWithContext(watch.ctx, http.MethodGet, signed.url.String(), http.NoBody)
	if err != nil {
		watch.end()
		return signed.clean(err)
	}
	req.Header.Set("Range", f.rangeHeader())
	req.Header.Set("Accept-Encoding", "identity")
	if f.source.UserAgent != "" {
		req.Header.Set("User-Agent", f.source.UserAgent)
	}
	if f.offset > 0 {
		f.object.condition(req.Header)
	}
	mine := f.turn
	if slowShare*f.latency() > slowTrial {
		mine = nil // storage takes its time
	}
	watch.arm(stallLimit, mine)
	f.asked = time.Now()
	resp, err := f.source.Client.Do(req)
	if err != nil {
		defer watch.end()
		return failed(signed, resp, watch.explain(err))
	}
	took := time.Since(f.asked)
	f.logger.DebugContext(ctx, "storage answered", "host", signed.url.Host, "path", signed.url.Path,
		"offset", f.offset, "status", resp.StatusCode)

	conn, err := f.accept(resp, signed, watch)
	if err != nil {
		_ = resp.Body.Close()
		watch.end()
		return err
	}
	watch.answer()
	f.answered(took) // a refusal may be quicker
	f.conn = conn
	if f.turn != nil {
		f.turn.connected()
	}
	return nil
}

// rangeHeader asks for everything from the offset on where that is what is
// wanted: storage then need not know better than we do where the end is.
func (f *fetcher) rangeHeader() string {
	if end := f.limit(); end < f.object.end() {
		return fmt.Sprintf("bytes=%d-%d", f.offset, end-1)
	}
	return fmt.Sprintf("bytes=%d-", f.offset)
}

// failed explains why no answer came.
func failed(s signed, resp *http.Response, err error) error {
	if resp != nil { // a redirect that the client refused: the body is closed
		return fmt.Errorf("%w: %w", &StatusError{StatusCode: resp.StatusCode}, s.clean(err))
	}
	err = fmt.Errorf("get %s: %w", s, s.clean(err))
	if netx.IsFinal(err) {
		return err
	}
	return &setback{kind: unanswered, err: err}
}

// accept turns an answer into a connection, if it is what was asked for.
func (f *fetcher) accept(resp *http.Response, signed signed, watch *watch) (*connection, error) {
	answer, err := check(resp, f.offset, f.object)
	if err != nil {
		if status, ok := errors.AsType[*StatusError](err); ok {
			status.decode(resp, signed.scrub)
			if status.StatusCode == http.StatusNotImplemented && f.offset > 0 {
				return nil, fmt.Errorf("%w: %w", errNoRanges, status) // or no conditions, without which no part is of use
			}
			return nil, status.classify(resp.Header, signed)
		}
		return nil, err
	}
	answer.object.Path = signed.url.Path
	conn := &connection{answer: answer, signed: signed, body: resp.Body, reader: resp.Body, watch: watch, began: time.Now()}
	if f.offset > 0 {
		if f.object.Size < 0 {
			f.learn(answer.object.Size)
		}
		return conn, nil
	}
	switch {
	case !answer.partial:
		f.end = unknownEnd // storage gives no ranges, but all of it, which is as good
	case f.end != unknownEnd && answer.end < answer.object.Size && !answer.object.resumable():
		f.end = unknownEnd
		return nil, &setback{kind: cut, err: errors.New("storage gives a part, and nothing to ask for the rest by")}
	}
	if err := conn.expectGzip(resp.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	f.object, f.ranged = answer.object, answer.partial && answer.object.resumable()
	return conn, nil
}

// receive reads from the connection, and ends it when its time has come.
func (f *fetcher) receive(p []byte) int {
	conn := f.conn
	end := min(conn.end, f.limit()) // storage may send more than it was asked for
	asked := time.Now()
	n, err := conn.read(p, f.offset, end, f.turn)
	f.took = time.Since(asked)
	if n > 0 {
		f.offset += int64(n)
		f.pace.add(n)
		f.faults = 0
		f.address.gave(conn.signed, n)
		conn.got += int64(n)
	}
	switch {
	case f.offset == conn.end:
		f.trouble = conn.excess()
	case f.offset == end:
	case err == nil:
		return n
	case conn.object.Size < 0 && conn.selfDelimiting && err == io.EOF: //nolint:errorlint // one inside another is a cut
		f.learn(f.offset)
	default:
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		f.trouble = &setback{kind: cut, err: conn.signed.clean(err)}
	}
	if conn.good() {
		f.backoff.good()
	}
	f.close()
	return n
}
