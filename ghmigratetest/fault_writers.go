package ghmigratetest

import (
	"io"
	"math"
	"net/http"
)

// A transferWriter is the writer below the handlers of all faults of a request. A fault
// that limits the transfer of the body wraps the ResponseWriter in it, because an
// earlier fault may edit or replace the response before it is sent.
type transferWriter struct{ http.ResponseWriter }

// ReadFrom lets net/http use sendfile.
func (w *transferWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }

func (w *transferWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A headerWriter edits the header of a response before sending it.
type headerWriter struct {
	http.ResponseWriter
	edit func(http.Header)
	sent bool
}

func (w *headerWriter) WriteHeader(status int) {
	if w.sent {
		return
	}
	w.sent = true
	w.edit(w.Header())
	w.ResponseWriter.WriteHeader(status)
}

func (w *headerWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// bodyLimit returns how many bytes of the body the server sends before the cut or
// the stall.
func (f *Fault) bodyLimit() int64 {
	limit := int64(math.MaxInt64)
	for _, n := range []int64{f.CutAfter, f.StallAfter} {
		if n != 0 {
			limit = min(limit, max(n, 0))
		}
	}
	return limit
}

// A brokenWriter sends the beginning of a body, then stalls or breaks the
// connection.
type brokenWriter struct {
	http.ResponseWriter
	s         *Server
	r         *http.Request
	fault     *Fault
	remaining int64 // bytes of the body before the end
}

func (w *brokenWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if status >= http.StatusOK && w.remaining == 0 {
		w.end()
	}
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(int64(len(p)), w.remaining)
	if _, err := w.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if w.remaining -= n; w.remaining == 0 {
		w.end()
	}
	return len(p), nil
}

// end stalls or breaks the connection.
func (w *brokenWriter) end() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	if w.fault.StallAfter != 0 && max(w.fault.StallAfter, 0) == w.fault.bodyLimit() {
		w.s.stall(w.r)
	}
	panic(http.ErrAbortHandler)
}

func (w *brokenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
