package ghmigratetest

import (
	"context"
	"net/http"
	"time"
)

// A pace writes a body at a steady rate.
type pace struct {
	start time.Time
	rate  int64 // bytes a second; 0: no limit
	sent  int64
}

func newPace(rate int64) *pace { return &pace{start: time.Now(), rate: rate} }

// write sends data in portions, twenty a second or as many as there are bytes,
// each when it is due to have arrived.
func (p *pace) write(ctx context.Context, s *Server, w http.ResponseWriter, data []byte) error {
	if p.rate <= 0 {
		_, err := w.Write(data)
		return err
	}
	for len(data) > 0 {
		n := int(min(int64(len(data)), max(p.rate/20, 1)))
		p.sent += int64(n)
		due := p.start.Add(time.Duration(float64(p.sent) / float64(p.rate) * float64(time.Second)))
		if !s.sleep(ctx, time.Until(due)) {
			return http.ErrAbortHandler
		}
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// A pacedWriter is a pace as an io.Writer.
type pacedWriter struct {
	*pace
	ctx context.Context
	s   *Server
	w   http.ResponseWriter
}

func (w pacedWriter) Write(data []byte) (int, error) {
	if err := w.write(w.ctx, w.s, w.w, data); err != nil {
		return 0, err
	}
	return len(data), nil
}
