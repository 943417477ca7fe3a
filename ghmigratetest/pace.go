package ghmigratetest

import (
	"context"
	"net/http"
	"time"
)

// A pacedWriter sends a body at a steady rate.
type pacedWriter struct {
	ctx   context.Context
	s     *Server
	w     http.ResponseWriter
	start time.Time
	rate  int64 // bytes a second
	sent  int64
}

// Write sends data in portions, twenty a second or as many as there are bytes,
// each when it is due to have arrived.
func (p *pacedWriter) Write(data []byte) (written int, err error) {
	for written < len(data) {
		portion := data[written:min(len(data), written+int(max(p.rate/20, 1)))]
		p.sent += int64(len(portion))
		due := p.start.Add(time.Duration(float64(p.sent) / float64(p.rate) * float64(time.Second)))
		if !p.s.sleep(p.ctx, time.Until(due)) {
			return written, http.ErrAbortHandler
		}
		n, err := p.w.Write(portion)
		if written += n; err != nil {
			return written, err
		}
		if err := http.NewResponseController(p.w).Flush(); err != nil {
			return written, err
		}
	}
	return written, nil
}
