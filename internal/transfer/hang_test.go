package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// A deafBody knows of no context: a Read waits until the body is closed, and for
// the test to release it.
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

func deafSource(object []byte, deaf func(n int) bool, release <-chan struct{}) transfer.Source {
	n := 0
	return fuzzSource(func(r *http.Request) *http.Response {
		n++
		from, _ := rangeStart(r)
		h := http.Header{"Etag": {`"1"`}, "Content-Range": {fmt.Sprintf("bytes %d-%d/%d", from, len(object)-1, len(object))}}
		resp := &http.Response{StatusCode: http.StatusPartialContent, Header: h, ContentLength: int64(len(object) - from)}
		if resp.Body = io.NopCloser(bytes.NewReader(object[from:])); deaf(n) {
			resp.Body = newDeafBody(object[from:from+(len(object)-from)/2], release)
		}
		return resp
	})
}

func TestABodyThatKnowsOfNoContext(t *testing.T) {
	object, released := archive(100_000), make(chan struct{})
	close(released)
	synctest.Test(t, func(t *testing.T) {
		begin, path := time.Now(), target(t)
		_, err := transfer.File(t.Context(), deafSource(object, func(n int) bool { return n == 1 }, released), path, transfer.Options{})
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 62*time.Second, "the watch closes it")
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

func TestARoundTripperThatKnowsOfNoContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := fuzzSource(nil)
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
