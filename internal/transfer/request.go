package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	// After a canceled request a RoundTripper gets this long to return.
	cancelPatience = time.Second

	// A body gets this long to show that nothing is behind its announced end.
	excessPatience = 5 * time.Second

	startSyncEvery = 16 << 20 // bytes
)

// fetch makes one request for a job, and writes what comes. It returns nil if
// the job is done, or if storage sent all that it had announced. When ctx ends,
// or the schedule ends the request, the body is closed: not every body knows of
// a context.
func (w *worker) fetch(ctx context.Context, j *job) error {
	url, err := w.urls.current(ctx)
	if err != nil {
		return err
	}
	m, known := w.state()
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)
	from, to := w.schedule.ask(j, m, hangUp)
	switch {
	case from >= to:
		return nil
	case known != nil && !known.resumable():
		return errNoResume
	case known != nil && known.ETag == "" && url.url.Path != known.Path:
		// A strong ETag says by itself that the object is the same; a date does not.
		return changed("its address is another one")
	}
	req, err := w.request(ctx, m, url, from, to, known)
	if err != nil {
		return url.clean(err)
	}
	resp, err := w.do(req)
	if err == nil && ctx.Err() != nil { // too late
		_ = resp.Body.Close()
		resp, err = nil, ctx.Err()
	}
	if err != nil {
		return failed(ctx, url, resp, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
	defer func() {
		if stop() {
			_ = resp.Body.Close()
		}
	}()
	w.logger.DebugContext(ctx, "storage answered", "host", url.url.Host, "path", url.url.Path, "offset", from, "status", resp.StatusCode)
	b, err := w.accept(ctx, j, resp, url, m, from, known)
	if err != nil {
		return err
	}
	w.schedule.answer(j)
	return w.copy(ctx, j, b, from, min(to, b.end))
}

func (w *worker) request(ctx context.Context, m method, url signedURL, from, to int64, known *object) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url.url.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	if w.source.UserAgent != "" {
		req.Header.Set("User-Agent", w.source.UserAgent)
	}
	if m == plainGet {
		return req, nil
	}
	// Storage need not know better than we do where the object ends.
	end := ""
	if to != unknownEnd && (known == nil || to != known.end()) {
		end = fmt.Sprint(to - 1)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", from, end))
	if known != nil {
		known.condition(req.Header)
	}
	return req, nil
}

// do sends a request. It returns when the context of the request has ended, also
// if a RoundTripper of the caller does not.
func (w *worker) do(req *http.Request) (resp *http.Response, err error) {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		resp, err = w.source.Client.Do(req)
	}()
	select {
	case <-returned:
		return resp, err
	case <-req.Context().Done():
	}
	timer := time.NewTimer(cancelPatience)
	defer timer.Stop()
	select {
	case <-returned:
		return resp, err
	case <-timer.C:
	}
	go func() {
		if <-returned; resp != nil {
			_ = resp.Body.Close()
		}
	}()
	return nil, req.Context().Err()
}

// failed explains why no response came.
func failed(ctx context.Context, url signedURL, resp *http.Response, err error) error {
	if resp != nil { // a redirect that the client refused: the body is closed
		return fmt.Errorf("%w: %w", &StatusError{StatusCode: resp.StatusCode}, url.clean(err))
	}
	if why, ok := wasReplaced(ctx); ok {
		return &trouble{kind: replaced, err: fmt.Errorf("get %s: %w", url, why)}
	}
	err = fmt.Errorf("get %s: %w", url, url.clean(err))
	if netx.IsFinal(err) {
		return err
	}
	return &trouble{kind: unanswered, err: err}
}

// wasReplaced reports whether the schedule ended a request, and why.
func wasReplaced(ctx context.Context) (error, bool) {
	why := context.Cause(ctx)
	return why, errors.Is(why, errStalled) || errors.Is(why, errSlow) || errors.Is(why, errUseless)
}

// A received is a valid response with the rest of its body.
type received struct {
	body
	url     signedURL
	reader  io.Reader
	content io.Closer
}

// accept checks a response. If nothing was known of the object, the response must
// begin as gzip does: the page of a proxy must not get into a file.
func (w *worker) accept(ctx context.Context, j *job, resp *http.Response, url signedURL, m method, from int64, known *object) (received, error) {
	b, err := check(resp, from, known)
	if status, ok := errors.AsType[*StatusError](err); ok {
		status.decode(resp, url.scrub)
		return received{}, status.classify(resp.Header, url)
	}
	if errors.Is(err, errNoMore) && known.Size < 0 {
		if whole, err := w.isComplete(from); err != nil || whole {
			b.object, b.end = *known, from
			b.object.Size = from
			return received{body: b, url: url, content: http.NoBody}, err
		}
	}
	if err != nil {
		return received{}, err
	}
	r := received{body: b, url: url, reader: resp.Body, content: resp.Body}
	if known != nil {
		return r, nil
	}
	if b.partial && b.end < b.object.end() && !b.object.resumable() && b.object.Size >= 0 {
		return received{}, faultf("storage gives a part, and nothing to ask for the rest by")
	}
	alive := func() { w.schedule.alive(j) }
	if err := r.expectGzip(ctx, resp.Header.Get("Content-Type"), alive); err != nil {
		return received{}, err
	}
	o := b.object
	o.Path = url.url.Path
	if m == plainGet { // nor is the rest asked for in any other way
		o.ETag, o.LastModified = "", ""
	}
	return r, w.learn(o, b.partial)
}

// A watchedReader calls a function after each read.
type watchedReader struct {
	reader io.Reader
	alive  func()
}

func (r *watchedReader) Read(p []byte) (int, error) {
	defer r.alive()
	return r.reader.Read(p)
}

// expectGzip looks at the first bytes of an object. It calls alive when some of
// them have come.
func (r *received) expectGzip(ctx context.Context, contentType string, alive func()) error {
	head := make([]byte, len(gzipMagic))
	if r.encoded {
		head = make([]byte, headSize)
	}
	n, err := io.ReadFull(&watchedReader{r.reader, alive}, head)
	switch {
	case n == 0 && errors.Is(err, io.EOF) && (r.length == 0 || r.object.Size <= 0 && r.delimited):
		return &trouble{kind: page, err: errEmpty}
	case !bytes.HasPrefix(head[:n], gzipMagic[:min(n, len(gzipMagic))]), r.end == 1:
		return &trouble{kind: page, err: faultf("storage sent %.100q and not a gzip archive", contentType)}
	case n < len(gzipMagic):
		return r.cut(ctx, err)
	case r.encoded && isGzipOfGzip(head[:n]):
		return fault("storage sent the archive compressed once more")
	}
	r.reader = io.MultiReader(bytes.NewReader(head[:n]), r.reader)
	return nil
}

// cut explains the end of a body before its time.
func (r *received) cut(ctx context.Context, err error) error {
	if why, ok := wasReplaced(ctx); ok {
		return &trouble{kind: replaced, err: why}
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &trouble{kind: broken, err: r.url.clean(err)}
}

// copy writes a body until its job is done or the body ends at limit.
func (w *worker) copy(ctx context.Context, j *job, r received, at, limit int64) error {
	flushed := at
	var err error
	for left := w.schedule.wrote(j, 0, limit); left > 0 && err == nil; {
		var n int
		n, err = r.reader.Read(w.block[:min(int64(len(w.block)), left)])
		w.schedule.received(j, n)
		if n > 0 {
			w.urls.gave(r.url, n)
			w.faults = 0
			if _, err := w.out.WriteAt(w.block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		left = w.schedule.wrote(j, n, limit)
		if w.flush != nil && (at-flushed >= startSyncEvery || left == 0 || err != nil) {
			w.flush(span{flushed, at})
			flushed = at
		}
		if left > 0 && err != nil {
			return w.ended(ctx, r, at, err)
		}
	}
	return w.reachedLimit(ctx, r, at, limit)
}

// ended explains an error of a body. It is none if an object of unknown size has
// come to its end.
func (w *worker) ended(ctx context.Context, r received, at int64, err error) error {
	if err == io.EOF && r.object.Size < 0 && r.end == unknownEnd { //nolint:errorlint // an EOF inside another error is a cut
		whole := r.delimited && w.mayEnd(at)
		if !whole {
			if whole, err = w.isComplete(at); err != nil {
				return err
			}
		}
		if whole {
			w.end(at)
			return nil
		}
	}
	return r.cut(ctx, err)
}

// reachedLimit looks behind the announced end. Only a body without a length of
// its own, in chunks, can have more there, and nobody knows then which of its
// bytes are right.
func (w *worker) reachedLimit(ctx context.Context, r received, at, limit int64) error {
	if r.object.Size == at && w.size() < 0 {
		w.end(at)
	}
	if at < limit || limit != r.end || r.length >= 0 {
		return nil
	}
	timer := time.AfterFunc(excessPatience, func() { _ = r.content.Close() })
	defer timer.Stop()
	if n, _ := r.reader.Read(w.block[:1]); n > 0 {
		return changed("storage sent more than it had announced")
	}
	return nil
}

// isComplete reports whether the object ends at an offset, as its gzip tells.
func (w *worker) isComplete(at int64) (bool, error) {
	if w.complete == nil {
		return false, nil
	}
	return w.complete(at)
}
