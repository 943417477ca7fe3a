package ghmigratetest

import (
	"math"
	"net/http"
)

// A headerWriter edits the header of a response before it is sent.
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
	hadLength := w.Header().Get("Content-Length") != ""
	w.edit(w.Header())
	w.ResponseWriter.WriteHeader(status)
	if hadLength && w.Header().Get("Content-Length") == "" { // else net/http counts a short body
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
}

func (w *headerWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func (w *headerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// reach returns how many bytes of the body pass before it is cut or stalls.
func (f *Fault) reach() int64 {
	reach := int64(math.MaxInt64)
	for _, n := range []int64{f.CutAfter, f.StallAfter} {
		if n != 0 {
			reach = min(reach, max(n, 0))
		}
	}
	return reach
}

// A brokenWriter sends the beginning of a body.
type brokenWriter struct {
	http.ResponseWriter
	s     *Server
	r     *http.Request
	fault *Fault
	left  int64
}

func (w *brokenWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if status >= http.StatusOK && w.left == 0 {
		w.end()
	}
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(int64(len(p)), w.left)
	if _, err := w.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if w.left -= n; w.left == 0 {
		w.end()
	}
	return len(p), nil
}

func (w *brokenWriter) end() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	if w.fault.StallAfter != 0 && max(w.fault.StallAfter, 0) == w.fault.reach() {
		w.s.stall(w.r)
	}
	panic(http.ErrAbortHandler)
}

func (w *brokenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
