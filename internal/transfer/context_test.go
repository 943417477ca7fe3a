package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestFileEndsWithItsContext(t *testing.T) {
	reason := errors.New("the operator pressed Ctrl-C")
	where := map[string]func(s *storage){
		"while storage is silent": func(s *storage) { s.respond = always(s.stallAfter(600)) },
		"during a Retry-After":    func(s *storage) { s.respond = firstThen(s.cutAfter(600), retryAfter("200")) },
		"during Locate": func(s *storage) {
			s.respond = firstThen(s.cutAfter(600), status(http.StatusForbidden))
			s.locate = func(ctx context.Context, n int) (transfer.Location, error) {
				if n == 1 {
					return transfer.Location{URL: s.url(n)}, nil
				}
				<-ctx.Done()
				return transfer.Location{}, ctx.Err()
			}
		},
	}
	for name, prepare := range where {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			prepare(s)
			ctx, cancel := context.WithCancelCause(t.Context())
			begin := time.Now()
			time.AfterFunc(50*time.Second, func() { cancel(reason) })
			_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, reason)
			require.EqualError(t, err, "fetched 600 of 1000 bytes to "+path+".part; the next call resumes: "+
				"context canceled: the operator pressed Ctrl-C")
			assert.Equal(t, 50*time.Second, time.Since(begin))

			s.reset()
			got := requireFetched(t, s, path, transfer.Options{})
			assert.Equal(t, int64(600), got.Resumed)
			assert.Equal(t, int64(400), s.sentBytes(), "only the rest is fetched")
		})
	}
	run(t, "before it begins", func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		_, err := transfer.File(ctx, s.source(t), path, transfer.Options{})
		require.Equal(t, context.DeadlineExceeded, err)
		assert.Zero(t, s.located)
		assert.Empty(t, names(t, filepath.Dir(path)))
	})
}

func TestABodyThatIgnoresItsContext(t *testing.T) {
	object, released := archive(100_000), make(chan struct{})
	close(released)
	synctest.Test(t, func(t *testing.T) {
		begin, path := time.Now(), target(t)
		_, err := transfer.File(t.Context(), deafSource(object, func(n int) bool { return n == 1 }, released), path, transfer.Options{})
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 62*time.Second, "the schedule cancels the request")
		requireComplete(t, path, object)
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := transfer.File(ctx, deafSource(object, func(int) bool { return true }, released), target(t), transfer.Options{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(begin), 11*time.Second)
	})
}

func TestCloseReturnsWhateverTheBodyDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		stream, err := transfer.Open(t.Context(), deafSource(archive(100_000), func(int) bool { return true }, release))
		require.NoError(t, err)
		_, err = io.ReadFull(stream, make([]byte, 50_000))
		require.NoError(t, err)
		begin := time.Now()
		read := make(chan error)
		go func() {
			_, err := stream.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()
		require.NoError(t, stream.Close())
		require.Error(t, <-read)
		assert.Zero(t, time.Since(begin))
	})
}

func TestARoundTripperThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := roundTripSource(nil)
		release := make(chan struct{})
		source.Client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			<-release
			return nil, io.ErrUnexpectedEOF
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := transfer.File(ctx, source, target(t), transfer.Options{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(begin), 12*time.Second)
		close(release)
	})
}

// A body may return no bytes and no error forever. Reading it must not keep a processor
// busy.
func TestABodyThatReturnsNothing(t *testing.T) {
	object := wholeGzip(t, 300_000)
	source := func(good int) transfer.Source {
		requests := 0
		return roundTripSource(func(r *http.Request) *http.Response {
			resp := restOf(object, r)
			body := io.MultiReader(io.LimitReader(resp.Body, 100_000), emptyReader{})
			if requests++; requests > good {
				body = emptyReader{}
			}
			resp.Body = io.NopCloser(body)
			return resp
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := transfer.File(t.Context(), source(10), target(t), transfer.Options{})
		require.NoError(t, err)
		requireStreamed(t, source(10), object)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = transfer.File(ctx, source(0), target(t), transfer.Options{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	synctest.Test(t, func(t *testing.T) { // the body of an error
		source := roundTripSource(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(emptyReader{})}
		})
		_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
		require.ErrorContains(t, err, "storage responded 404")
	})
}

func TestFileLeavesNoGoroutineBehindAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a bubble fails if a goroutine is left
		s := newStorage(t, 1000)
		assert.PanicsWithValue(t, "from Progress", func() {
			_, _ = transfer.File(t.Context(), s.source(t), target(t), transfer.Options{Progress: func(int64, int64) { panic("from Progress") }})
		})
	})
}

// A deafBody ignores its context. At the end of its data, Read waits until the body is
// closed and the test releases it.
type deafBody struct {
	io.Reader
	closed  chan struct{}
	close   func()
	release <-chan struct{}
}

func newDeafBody(data []byte, release <-chan struct{}) *deafBody {
	b := &deafBody{Reader: bytes.NewReader(data), closed: make(chan struct{}), release: release}
	b.close = sync.OnceFunc(func() { close(b.closed) })
	return b
}

func (b *deafBody) Read(p []byte) (int, error) {
	if n, err := b.Reader.Read(p); n > 0 {
		return n, err
	}
	<-b.closed
	<-b.release
	return 0, io.ErrClosedPipe
}

func (b *deafBody) Close() error {
	b.close()
	return nil
}

// deafSource returns a source whose nth response has half of its body, as a deafBody, if
// deaf(n) is true.
func deafSource(object []byte, deaf func(n int) bool, release <-chan struct{}) transfer.Source {
	n := 0
	return roundTripSource(func(r *http.Request) *http.Response {
		n++
		resp := restOf(object, r)
		if deaf(n) {
			from, _ := rangeStart(r)
			resp.Body = newDeafBody(object[from:from+(len(object)-from)/2], release)
		}
		return resp
	})
}

// An emptyReader returns no bytes and no error.
type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }
