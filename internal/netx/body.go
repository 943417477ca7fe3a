package netx

import "io"

// maxEmptyReads is how often a body may return neither bytes nor an error, in a row.
const maxEmptyReads = 100

// Steady wraps a body that a caller's transport may have made. Read fails with
// [io.ErrNoProgress] where the body's own Read would return nothing for ever: a
// loop such as io.ReadAll would keep a processor busy.
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
