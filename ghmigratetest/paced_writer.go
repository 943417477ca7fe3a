package ghmigratetest

import (
	"errors"
	"net/http"
	"time"
)

// A pacedWriter sends a body at a constant rate.
type pacedWriter struct {
	http.ResponseWriter
	s     *Server
	r     *http.Request
	start time.Time // of the body
	rate  int64     // bytes a second
	sent  int64
}

func newPacedWriter(s *Server, w http.ResponseWriter, r *http.Request, rate int64) *pacedWriter {
	return &pacedWriter{ResponseWriter: w, s: s, r: r, rate: rate}
}

// Write sends data in portions, twenty or fewer a second. It delays each portion
// until the rate allows its last byte.
func (p *pacedWriter) Write(data []byte) (written int, err error) {
	if p.start.IsZero() {
		p.start = time.Now()
	}
	for written < len(data) {
		portion := data[written:min(len(data), written+int(max(p.rate/20, 1)))]
		p.sent += int64(len(portion))
		due := p.start.Add(time.Duration(float64(p.sent) / float64(p.rate) * float64(time.Second)))
		if !p.s.sleep(p.r.Context(), time.Until(due)) {
			return written, http.ErrAbortHandler
		}
		n, err := p.ResponseWriter.Write(portion)
		if written += n; err != nil {
			return written, err
		}
		if err := http.NewResponseController(p.ResponseWriter).Flush(); err != nil && !errors.Is(err, errors.ErrUnsupported) { // a middleware's writer may be unable to flush
			return written, err
		}
	}
	return written, nil
}

func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
