package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestStreamReadsTheWholeObject(t *testing.T) {
	for _, size := range []int{2, 3, 1000, 1 << 20} {
		run(t, fmt.Sprint(size), func(t *testing.T) {
			s := newStorage(t, size)
			stream, err := transfer.Open(t.Context(), s.source(t))
			require.NoError(t, err)
			defer func() { require.NoError(t, stream.Close()) }()
			assert.Equal(t, int64(size), stream.Size())
			assert.Empty(t, stream.SHA256(), "before the end")
			n, err := stream.Read(nil)
			require.NoError(t, err)
			require.Zero(t, n)
			got, err := io.ReadAll(stream)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(s.object, got))
			assert.Equal(t, sumOf(s.object), stream.SHA256())
			_, err = stream.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err)
			require.NoError(t, stream.Close())
			assert.Equal(t, sumOf(s.object), stream.SHA256(), "after Close")
			assert.Len(t, s.requestHeaders(), 1)
		})
	}
}

func TestStreamIsAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 5000)
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		defer func() { require.NoError(t, stream.Close()) }()
		require.NoError(t, iotest.TestReader(stream, s.object))
	})
}

func TestStreamResumes(t *testing.T) {
	cases := map[string]storageHandler{
		"cuts": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool { return n < 9 && s.cut(100, w, r) },
		"silence": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			return n < 4 && s.stall(100, w, r)
		},
		"expired URLs": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 0 {
				return expired(w, r)
			}
			return n < 9 && s.cut(100, w, r)
		},
		"busy storage": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			if n%2 == 0 {
				return status(http.StatusServiceUnavailable)(w, r)
			}
			return n < 9 && s.cut(100, w, r)
		},
		"an unknown size": func(s *storage, n int, w http.ResponseWriter, _ *http.Request) bool {
			return n == 1 && s.sendAll(w, true)
		},
	}
	for name, respond := range cases {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool { return respond(s, n, w, r) }
			stream := requireStreamed(t, s.source(t), s.object)
			assert.Equal(t, int64(1000), stream.Size())
		})
	}
}

func TestStreamEndsWhenTheObjectChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 1 {
				s.etag = `"another"`
			}
			return n == 1 && s.cut(300, w, r)
		}
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		defer func() { require.NoError(t, stream.Close()) }()
		got, err := io.ReadAll(stream)
		require.ErrorIs(t, err, transfer.ErrChanged)
		require.EqualError(t, err, "read 300 of 1000 bytes: the object changed while it was fetched: storage has another object now")
		assert.Equal(t, s.object[:300], got)
		_, again := stream.Read(make([]byte, 1))
		assert.Equal(t, err, again, "the error stays")
		assert.Empty(t, stream.SHA256())
		assert.Len(t, s.requestHeaders(), 2)
	})
}

func TestStreamCannotStartOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		s.etag, s.modified = "", ""
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool { return s.cut(max(0, 100*(n-2)), w, r) }
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err, "before the first byte it can")
		_, err = io.ReadAll(stream)
		require.EqualError(t, err, "read 100 of 1000 bytes: storage does not support resuming: unexpected EOF")
		require.NoError(t, stream.Close())
	})
}

func TestOpenFailsLikeFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		gone := errors.New("archive is gone")
		s.locate = func(context.Context, int) (transfer.Location, error) { return transfer.Location{}, gone }
		_, err := transfer.Open(t.Context(), s.source(t))
		require.Equal(t, gone, err)

		s.reset()
		s.respond = always(xmlError(http.StatusForbidden, "AccessDenied", "no"))
		_, err = transfer.Open(t.Context(), s.source(t))
		status, ok := errors.AsType[*transfer.StatusError](err)
		require.True(t, ok)
		assert.Equal(t, transfer.StatusError{StatusCode: 403, Code: "AccessDenied", Message: "no", RequestID: "4442587FB7D0A2F9"}, *status)

		s.reset()
		s.respond = always(loginPage)
		_, err = transfer.Open(t.Context(), s.source(t))
		require.ErrorContains(t, err, "not a gzip archive")
	})
}

// A reader may need minutes for each part, for example to upload it. By then storage has
// closed the connection, and the URL has expired.
func TestStreamWaitsForASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, piece, ahead = 20 << 20, 1 << 20, 8 << 20
		s := newStorage(t, size)
		s.locate = func(_ context.Context, n int) (transfer.Location, error) {
			return transfer.Location{URL: s.url(n), Expires: time.Now().Add(5 * time.Minute)}, nil
		}
		s.respond = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
			return false
		}
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		var got bytes.Buffer
		for err == nil {
			time.Sleep(10 * time.Minute)
			begin := time.Now()
			_, err = io.CopyN(&got, stream, piece)
			assert.Zero(t, time.Since(begin), "the bytes were fetched ahead")
		}
		require.Equal(t, io.EOF, err)
		assert.True(t, bytes.Equal(s.object, got.Bytes()))
		assert.InDelta(t, (size-ahead)/piece, len(s.requestHeaders()), 2)
		assert.Equal(t, len(s.requestHeaders()), s.located)
		require.NoError(t, stream.Close())
	})
}

// While the reader is at work, the stream fetches bytes ahead, up to a limit.
func TestStreamReadsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, perSecond = 20 << 20, 1 << 20
		s := newStorage(t, size)
		s.respond = always(s.trickling(perSecond, time.Second))
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		begin := time.Now()
		block := make([]byte, 2*perSecond)
		for range size / len(block) {
			_, err := io.ReadFull(stream, block)
			require.NoError(t, err)
			time.Sleep(2 * time.Second) // the work of the reader
		}
		assert.InDelta(t, 22*time.Second, time.Since(begin), float64(time.Second), "fetching and work overlap")
		require.NoError(t, stream.Close())

		stream, err = transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		assert.InDelta(t, size+8<<20, s.sentBytes(), 2<<20)
		require.NoError(t, stream.Close())
	})
}

func TestAStreamIsTheBodyOfAnUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 3<<20)
		s.respond = firstN(2, s.cutAfter(1<<20))
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		var put bytes.Buffer
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			_, err := put.ReadFrom(r.Body)
			assert.NoError(t, err)
			assert.NoError(t, r.Body.Close())
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://bucket.test/archive", stream)
		require.NoError(t, err)
		req.ContentLength = stream.Size()
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.True(t, bytes.Equal(s.object, put.Bytes()))
		assert.Equal(t, sumOf(s.object), stream.SHA256())
	})
}

func TestStreamWithoutProgressEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 2<<20)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n == 1 {
				return s.stall(1<<20, w, r)
			}
			<-r.Context().Done()
			return true
		}
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		begin := time.Now()
		n, err := io.Copy(io.Discard, stream)
		assert.EqualValues(t, 1<<20, n, "received bytes are not lost")
		require.ErrorContains(t, err, "read 1048576 of 2097152 bytes: no progress: less than 1 MiB in five minutes: get http://storage.test/migration/25320/24575: storage sent nothing for a minute")
		assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(time.Minute))
		require.NoError(t, stream.Close())
	})
}

func TestCloseReleasesAStreamAtOnce(t *testing.T) {
	where := map[string]storageHandler{
		"while Read waits for storage": func(s *storage, _ int, w http.ResponseWriter, r *http.Request) bool { return s.stall(100, w, r) },
		"while Read waits for a retry": func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool {
			return firstThen(s.cutAfter(100), retryAfter("250"))(n, w, r)
		},
	}
	for name, respond := range where {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool { return respond(s, n, w, r) }
			stream, err := transfer.Open(t.Context(), s.source(t))
			require.NoError(t, err)
			begin := time.Now()
			read := make(chan error)
			go func() {
				_, err := io.Copy(io.Discard, stream)
				read <- err
			}()
			time.Sleep(10 * time.Second)
			require.NoError(t, stream.Close())
			err = <-read
			require.ErrorIs(t, err, fs.ErrClosed)
			require.EqualError(t, err, "stream is closed: file already closed")
			assert.Equal(t, 10*time.Second, time.Since(begin))
			require.NoError(t, stream.Close(), "Close may be called twice")
			assert.Equal(t, int64(1000), stream.Size())
			_, err = stream.Read(make([]byte, 1))
			require.ErrorIs(t, err, fs.ErrClosed)
		})
	}
	run(t, "without a Read", func(t *testing.T) {
		s := newStorage(t, 1000)
		released := make(chan struct{})
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			defer close(released)
			return s.stall(100, w, r)
		}
		stream, err := transfer.Open(t.Context(), s.source(t))
		require.NoError(t, err)
		require.NoError(t, stream.Close())
		<-released
	})
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	reason := errors.New("the operator pressed Ctrl-C")
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		released := make(chan struct{})
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			defer close(released)
			return s.stall(100, w, r)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stream, err := transfer.Open(ctx, s.source(t))
		require.NoError(t, err)
		cancel(reason)
		<-released // without a Read
		_, err = stream.Read(make([]byte, 10))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, reason)
		require.EqualError(t, err, "read 0 of 1000 bytes: context canceled: the operator pressed Ctrl-C")
		require.NoError(t, stream.Close())

		_, err = transfer.Open(ctx, s.source(t))
		require.ErrorIs(t, err, reason)
	})
}

// The caller of a failed Open has no stream to close.
func TestOpenClosesAResponseThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		source := s.source(t)
		ctx, cancel := context.WithCancel(t.Context())
		body := &closeNoter{Reader: bytes.NewReader(s.object)}
		source.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			cancel()
			return &http.Response{
				StatusCode: http.StatusOK, ProtoMajor: 1, Header: http.Header{}, ContentLength: 1000, Body: body, Request: r,
			}, nil
		})
		_, err := transfer.Open(ctx, source)
		require.ErrorIs(t, err, context.Canceled)
		assert.True(t, body.closed)
	})
}

// A closeNoter notes that it is closed.
type closeNoter struct {
	io.Reader
	closed bool
}

func (b *closeNoter) Close() error {
	b.closed = true
	return nil
}
