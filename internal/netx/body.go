package netx

import (
	"context"
	"io"
	"net/http"
)

// maxEmptyReads limits the Reads in a row that return neither bytes nor an error.
const maxEmptyReads = 100

// Steady wraps the body of a response, which a caller's transport may have made. If
// the body returns neither bytes nor an error a hundred times in a row, Read fails
// with [io.ErrNoProgress]. Without this, a loop such as io.ReadAll would not end.
func Steady(body io.ReadCloser) io.ReadCloser { return &steadyBody{body} }

type steadyBody struct{ io.ReadCloser }

func (s *steadyBody) Read(p []byte) (n int, err error) {
	for range maxEmptyReads {
		if n, err = s.ReadCloser.Read(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// CloseAtEnd closes a body when the returned function is called. If transport is not
// an [http.Transport], CloseAtEnd also closes the body when ctx ends, because a Read
// of another transport's body may ignore ctx.
//
// The http.Transport of Go 1.27 drains a body that is closed before its end, for up
// to 50 milliseconds. It does not drain the body of a canceled request. So the
// returned function calls cancel first.
func CloseAtEnd(ctx context.Context, cancel func(), transport http.RoundTripper, body io.Closer) (closeNow func()) {
	if _, ok := transport.(*http.Transport); ok || transport == nil {
		return func() {
			cancel()
			_ = body.Close()
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = body.Close() })
	return func() {
		if stop() {
			_ = body.Close()
		}
	}
}
