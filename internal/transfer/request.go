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
	cancelPatience = time.Second     // with a RoundTripper after its request is canceled
	excessPatience = 5 * time.Second // with a body at its announced end
)

// An exchange is one request for a job, and its response.
type exchange struct {
	*worker
	job    *job
	method method
	known  *object // nil if nothing is known of the object
	url    signedURL
	from   int64

	body
	reader    io.Reader
	content   io.Closer
	length    int64 // of the body, as the message itself tells it; -1 if it does not
	delimited bool  // whether the end of the body can be told from a cut
	encoded   bool  // whether the object's gzip is labelled as an encoding
}

// fetch makes one request for a job, and writes what comes. It returns nil if
// the job is done, or if storage sent all that it had announced. When ctx ends,
// or the schedule ends the request, the body is closed: not every body knows of
// a context.
func (w *worker) fetch(ctx context.Context, j *job) error {
	url, err := w.urls.current(ctx)
	if err != nil {
		return err
	}
	e := &exchange{worker: w, job: j, url: url}
	if e.method, e.known = w.state(); e.known == nil && w.schedule.despairs(w.record) {
		e.method = plainGet
	}
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)
	from, to := w.schedule.ask(j, e.method, hangUp)
	e.from = from
	switch {
	case from >= to:
		return nil
	case e.known != nil && !e.known.Resumable():
		return errNoResume
	case e.known != nil && e.known.ETag == "" && url.url.Path != e.known.Path:
		// A strong ETag says by itself that the object is the same; a date does not.
		return changed("its address is another one")
	}
	resp, err := e.send(ctx, to)
	if err != nil {
		return e.unanswered(ctx, resp, err)
	}
	resp.Body = netx.Steady(resp.Body)
	stop := context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
	defer func() {
		if stop() {
			_ = resp.Body.Close()
		}
	}()
	w.logger.DebugContext(ctx, "storage answered", "host", url.url.Host, "path", url.url.Path, "offset", from, "status", resp.StatusCode)
	if err := e.accept(ctx, resp); err != nil {
		return err
	}
	w.schedule.answer(j)
	return e.copy(ctx, min(to, e.end))
}

// send sends the request. It returns soon when ctx has ended, also if
// a RoundTripper of the caller does not.
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
		end := "" // storage need not know better than we do where the object ends
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
		returned <- r // too late
	case <-ctx.Done():
	}
	late, over := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
	go func() {
		defer over()
		if r := <-returned; r.err == nil {
			_ = r.resp.Body.Close()
		}
	}()
	<-late.Done()
	return nil, ctx.Err()
}

// unanswered explains why no response came.
func (e *exchange) unanswered(ctx context.Context, resp *http.Response, err error) error {
	err = e.url.clean(err)
	if resp != nil { // a redirect that the client refused: the body is closed
		return fmt.Errorf("%w: %w", &StatusError{StatusCode: resp.StatusCode}, err)
	}
	why := &trouble{kind: unanswered, err: fmt.Errorf("get %s: %w", e.url, err)}
	if cause := whyReplaced(ctx); cause != nil {
		why = &trouble{kind: replaced, err: fmt.Errorf("get %s: %w", e.url, cause)}
	} else if netx.IsFinal(err) {
		return why.err
	}
	return why
}

// whyReplaced returns why the schedule ended a request, nil if it did not.
func whyReplaced(ctx context.Context) error {
	if why := context.Cause(ctx); why == errStalled || why == errSlow || why == errUseless { //nolint:errorlint // they are never wrapped
		return why
	}
	return nil
}

// cut explains the end of a body before its time.
func (e *exchange) cut(ctx context.Context, err error) error {
	if why := whyReplaced(ctx); why != nil {
		return &trouble{kind: replaced, err: why}
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &trouble{kind: broken, err: e.url.clean(err)}
}

// accept checks a response. If nothing was known of the object, the response must
// begin as gzip does: the page of a proxy must not get into a file.
func (e *exchange) accept(ctx context.Context, resp *http.Response) (err error) {
	e.reader, e.content, e.length, e.delimited = resp.Body, resp.Body, contentLength(resp), delimited(resp)
	e.body, err = check(resp, e.from, e.known)
	if status, ok := errors.AsType[*StatusError](err); ok {
		status.decode(resp, netx.URLSecrets(e.url.url))
		return status.classify(resp.Header, e.url)
	}
	if errors.Is(err, errNoMore) {
		if whole, failed := e.complete(ctx, e.from); failed != nil || whole {
			e.object, e.end, e.reader = object{Size: e.from}, e.from, http.NoBody
			return failed
		}
	}
	if err == nil {
		e.encoded, err = checkEncoding(resp)
	}
	switch {
	case err != nil, e.known != nil:
		return err
	case e.partial && e.end < e.object.Size && !e.object.Resumable():
		return faultf("storage gives a part, and nothing to ask for the rest by")
	}
	if err := e.expectGzip(ctx, resp.Header.Get("Content-Type")); err != nil {
		return err
	}
	o := e.object
	o.Path = e.url.url.Path
	if e.method == plainGet { // nor is the rest asked for in any other way
		o.ETag, o.LastModified = "", ""
		if m, _ := e.state(); m != plainGet {
			e.forget(plainGet, e.record.why)
			e.logger.WarnContext(ctx, "transfer falls back", "to", plainGet, "error", e.record.why)
		}
	}
	return e.learn(o, e.partial)
}

// expectGzip looks at the first bytes of an object.
func (e *exchange) expectGzip(ctx context.Context, contentType string) error {
	head := make([]byte, len(partfile.GzipMagic))
	if e.encoded {
		head = make([]byte, 512)
	}
	n, err := io.ReadFull(e, head)
	switch magic := len(partfile.GzipMagic); {
	case n == 0 && errors.Is(err, io.EOF) && (e.length == 0 || e.object.Size <= 0 && e.delimited):
		return &trouble{kind: page, err: errEmpty}
	case string(head[:min(n, magic)]) != partfile.GzipMagic[:min(n, magic)], e.end == 1:
		return &trouble{kind: page, err: faultf("storage sent %.100q and not a gzip archive", contentType)}
	case n < magic:
		return e.cut(ctx, err)
	case e.encoded && partfile.IsGzipOfGzip(head[:n]):
		return fault("storage sent the archive compressed once more")
	}
	e.reader = io.MultiReader(bytes.NewReader(head[:n]), e.reader)
	return nil
}

// Read reads from the body before there is a place for its bytes.
func (e *exchange) Read(p []byte) (int, error) {
	n, err := e.reader.Read(p)
	e.schedule.wrote(e.job, 0, 0) // it is alive
	return n, err
}

// copy writes the body until the job is done or the body ends at limit.
func (e *exchange) copy(ctx context.Context, limit int64) error {
	at := e.from
	for left := e.schedule.wrote(e.job, 0, limit); left > 0; {
		n, err := e.reader.Read(e.block[:min(int64(len(e.block)), left)])
		e.schedule.received(e.job, n)
		if n > 0 {
			e.urls.gave(e.url, n)
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

// ended explains an error of a body. There is no error if an object of unknown
// size has come to its end.
func (e *exchange) ended(ctx context.Context, at int64, err error) error {
	if err == io.EOF && e.object.Size < 0 && e.end == unknownEnd { //nolint:errorlint // an EOF inside another error is a cut
		whole := e.delimited && (e.told < 0 || e.told == at) // only forget sets told, between attempts
		if !whole {
			if whole, err = e.complete(ctx, at); err != nil {
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

// reachedLimit looks behind the announced end. Only a body in chunks can have more
// there, and nobody knows then which of its bytes are right.
func (e *exchange) reachedLimit(at, limit int64) error {
	if e.object.Size == at && e.size() < 0 {
		e.attempt.end(at)
	}
	if at < limit || limit != e.end || e.length >= 0 {
		return nil
	}
	defer time.AfterFunc(excessPatience, func() { _ = e.content.Close() }).Stop()
	if n, _ := e.reader.Read(e.block[:1]); n > 0 {
		return changed("storage sent more than it had announced")
	}
	return nil
}
