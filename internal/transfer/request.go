package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

const (
	cancelLimit = time.Second     // how long send waits for the RoundTripper of a canceled request
	excessLimit = 5 * time.Second // how long reachedLimit waits for bytes after the announced end
)

// An exchange is one request for a job, and its response.
type exchange struct {
	*worker
	job    *job
	method method
	known  *object // nil if no response has described the object
	url    signedURL
	from   int64 // the first offset of the range

	body
	cancel    context.CancelCauseFunc
	reader    io.Reader
	length    int64 // of the body, by Content-Length; -1 if that is missing
	delimited bool  // whether the end of the body can be distinguished from a cut
	encoded   bool  // whether Content-Encoding names the object's own gzip
}

// fetch makes one request for a job, and writes the bytes of the response. It
// returns nil if the job is done, or if storage sent as many bytes as announced.
// When ctx ends or the schedule cancels the request, fetch closes the body: some
// bodies ignore the context.
func (w *worker) fetch(ctx context.Context, j *job) error {
	url, err := w.urls.current(ctx)
	if err != nil {
		return err
	}
	e := &exchange{worker: w, job: j, url: url}
	if e.method, e.known = w.state(); e.known == nil && w.schedule.shouldTryPlainGet(w.record) {
		e.method = plainGet
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	from, to := w.schedule.sent(j, e.method, cancel)
	e.from, e.cancel = from, cancel
	switch {
	case from >= to:
		return nil
	case e.known != nil && !e.known.Resumable():
		return errNoResume
	case e.known != nil && e.known.ETag == "" && url.url.Path != e.known.Path:
		// A strong ETag identifies the object at any path. A date does not.
		return changed("its URL has another path")
	}
	resp, err := e.send(ctx, to) //nolint:bodyclose // closeBody closes it
	if err != nil {
		return e.explainNoResponse(ctx, resp, err)
	}
	resp.Body = netx.Steady(resp.Body)
	closeBody := netx.CloseAtEnd(ctx, func() { cancel(nil) }, w.source.Client.Transport, resp.Body)
	defer closeBody()
	w.logger.DebugContext(ctx, "storage responded", "host", url.url.Host, "path", url.url.Path, "offset", from, "status", resp.StatusCode)
	if err := e.accept(ctx, resp); err != nil {
		return err
	}
	return e.copy(ctx, min(to, e.end))
}

// send sends the request. When ctx ends, send returns within cancelLimit, even if a
// RoundTripper of the caller ignores ctx.
func (e *exchange) send(ctx context.Context, to int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url.url.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	if e.source.UserAgent != "" {
		req.Header.Set("User-Agent", e.source.UserAgent)
	}
	if e.method != plainGet {
		end := "" // a range to the end of the object names no last byte
		if to != unknownEnd && to != e.known.End() {
			end = fmt.Sprint(to - 1)
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", e.from, end))
		if e.known != nil {
			condition(req.Header, *e.known)
		}
	}
	type result struct {
		resp *http.Response
		err  error
	}
	returned := make(chan result, 1)
	go func() {
		resp, err := e.source.Client.Do(req) //nolint:bodyclose // fetch or the goroutine below closes it
		returned <- result{resp, err}
	}()
	select {
	case r := <-returned:
		if r.err != nil || ctx.Err() == nil {
			return r.resp, r.err
		}
		returned <- r // the response came too late: the goroutine below closes it
	case <-ctx.Done():
	}
	late, over := context.WithTimeout(context.WithoutCancel(ctx), cancelLimit)
	go func() {
		defer over()
		if r := <-returned; r.err == nil {
			_ = r.resp.Body.Close()
		}
	}()
	<-late.Done()
	return nil, ctx.Err()
}

// explainNoResponse returns the error for a request that got no usable response.
func (e *exchange) explainNoResponse(ctx context.Context, resp *http.Response, err error) error {
	err = e.url.clean(err)
	if resp != nil { // CheckRedirect refused a redirect: the client has closed the body
		return fmt.Errorf("%w: %w", &StatusError{StatusCode: resp.StatusCode}, err)
	}
	why := &retryableError{kind: noResponse, err: fmt.Errorf("get %s: %w", e.url, err)}
	if cause := whyReplaced(ctx); cause != nil {
		why = &retryableError{kind: replaced, err: fmt.Errorf("get %s: %w", e.url, cause)}
	} else if netx.IsFinal(err) {
		return why.err
	}
	return why
}

// whyReplaced returns why the schedule canceled a request, nil if it did not.
func whyReplaced(ctx context.Context) error {
	if why := context.Cause(ctx); why == errStalled || why == errSlow || why == errUseless { //nolint:errorlint // they are never wrapped
		return why
	}
	return nil
}

// cut returns the error for a truncated body.
func (e *exchange) cut(ctx context.Context, err error) error {
	if why := whyReplaced(ctx); why != nil {
		return &retryableError{kind: replaced, err: why}
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &retryableError{kind: broken, err: e.url.clean(err)}
}

// accept checks a response, and notes that the job has one. If the object was not
// known, the body must begin as gzip does: the page of a proxy must not get into a
// file.
func (e *exchange) accept(ctx context.Context, resp *http.Response) (err error) {
	e.reader, e.length, e.delimited = resp.Body, contentLength(resp), delimited(resp)
	e.body, err = check(resp, e.from, e.known)
	if status, ok := errors.AsType[*StatusError](err); ok {
		status.decode(resp, netx.URLSecrets(e.url.url))
		return status.classify(resp.Header, e.url, e.known != nil)
	}
	if errors.Is(err, errNoMore) {
		if whole, failed := e.isWhole(ctx, e.from); failed != nil || whole {
			e.object, e.end, e.reader = object{Size: e.from}, e.from, http.NoBody
			return failed
		}
	}
	if err == nil {
		e.encoded, err = checkEncoding(resp)
	}
	switch {
	case err != nil:
		return err
	case e.known != nil:
		e.schedule.responded(e.job)
		return nil
	case e.partial && e.end < e.object.Size && !e.object.Resumable():
		return newFault("storage sent a part without a validator to request the rest")
	}
	if err := e.expectGzip(ctx, resp.Header.Get("Content-Type")); err != nil {
		return err
	}
	o := e.object
	o.Path = e.url.url.Path
	if e.method == plainGet { // without a validator, the rest is not requested as a range
		o.ETag, o.LastModified = "", ""
		if m, _ := e.state(); m != plainGet {
			if e.schedule.shouldTryRangeAgain() {
				return &retryableError{kind: replaced, err: errLineIsUp}
			}
			e.forget(plainGet, e.record.err)
			e.logger.WarnContext(ctx, "transfer falls back", "to", plainGet, "error", e.record.err)
		}
	}
	e.schedule.responded(e.job) // first, because learn starts the workers that may leave the rest to this job
	return e.learn(o, e.partial)
}

// expectGzip fails unless the first bytes of the object are the first bytes of gzip.
func (e *exchange) expectGzip(ctx context.Context, contentType string) error {
	head := make([]byte, len(partfile.GzipMagic))
	if e.encoded {
		head = make([]byte, 512)
	}
	n, err := io.ReadFull(e, head)
	switch magic := len(partfile.GzipMagic); {
	case n == 0 && errors.Is(err, io.EOF) && (e.length == 0 || e.object.Size <= 0 && e.delimited):
		return &retryableError{kind: page, err: errEmpty}
	case string(head[:min(n, magic)]) != partfile.GzipMagic[:min(n, magic)], e.end == 1:
		return &retryableError{kind: page, err: newFault("storage sent %.100q and not a gzip archive", contentType)}
	case n < magic:
		return e.cut(ctx, err)
	case e.encoded && partfile.IsGzipOfGzip(head[:n]):
		return retryFault("storage sent the archive compressed once more")
	}
	e.reader = io.MultiReader(bytes.NewReader(head[:n]), e.reader)
	return nil
}

// Read reads the first bytes of the body, which are checked before they are written.
func (e *exchange) Read(p []byte) (int, error) {
	n, err := e.reader.Read(p)
	e.schedule.wrote(e.job, 0, 0) // the connection is not silent
	return n, err
}

// copy writes the body to its place, until the job is done or the body reaches limit.
func (e *exchange) copy(ctx context.Context, limit int64) error {
	at := e.from
	for left := e.schedule.wrote(e.job, 0, limit); left > 0; {
		n, err := e.reader.Read(e.block[:min(int64(len(e.block)), left)])
		e.schedule.received(e.job, n)
		if n > 0 {
			e.urls.received(e.url, n)
			e.faults = 0
			if _, err := e.out.WriteAt(e.block[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
		if left = e.schedule.wrote(e.job, n, limit); left > 0 && err != nil {
			return e.ended(ctx, at, err)
		}
	}
	return e.reachedLimit(at, limit)
}

// ended handles an error of a body at an offset. It returns nil if the error is the
// end of an object of unknown size.
func (e *exchange) ended(ctx context.Context, at int64, err error) error {
	if err == io.EOF && e.object.Size < 0 && e.end == unknownEnd { //nolint:errorlint // an EOF inside another error is a cut
		whole := e.delimited && (e.lastSize < 0 || e.lastSize == at) // needs no lock: lastSize changes between attempts only
		if !whole {
			if whole, err = e.isWhole(ctx, at); err != nil {
				return err
			}
		}
		if whole {
			e.attempt.end(at)
			return nil
		}
	}
	return e.cut(ctx, err)
}

// isWhole reports whether the bytes before end are provably the whole object. The proof
// may take minutes, in which the job does not wait for storage.
func (e *exchange) isWhole(ctx context.Context, end int64) (bool, error) {
	e.schedule.received(e.job, 0)
	return e.complete(ctx, end)
}

// reachedLimit fails if the body goes on after its announced end. Only a chunked
// body can do this, and then its bytes cannot be trusted.
func (e *exchange) reachedLimit(at, limit int64) error {
	if e.object.Size == at && e.size() < 0 {
		e.attempt.end(at)
	}
	if at < limit || limit != e.end || e.length >= 0 {
		return nil
	}
	defer time.AfterFunc(excessLimit, func() { e.cancel(nil) }).Stop()
	if n, _ := e.reader.Read(e.block[:1]); n > 0 {
		return changed("storage sent more than it had announced")
	}
	return nil
}
