package netx

import "io"

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
