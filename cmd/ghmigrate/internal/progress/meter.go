package progress

import (
	"time"

	"github.com/ghmigrate/ghmigrate/internal/table"
)

// A meter measures the speed of a transfer over the last seconds.
type meter struct {
	samples []sample // of the last seconds, in order
}

type sample struct {
	at    time.Time
	bytes int64
}

const (
	meterWindow  = 10 * time.Second
	meterMinimum = time.Second // shorter measurements vary too much
)

func (m *meter) add(bytes int64, now time.Time) {
	if n := len(m.samples); n > 0 && bytes < m.samples[n-1].bytes {
		m.samples = nil // the transfer has restarted
	}
	m.samples = append(m.samples, sample{now, bytes})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= meterWindow {
		m.samples = m.samples[1:]
	}
}

// text returns the speed of the transfer and the time left. It is empty until the
// speed is known: "0 B/s" or "0s left" would mislead.
func (m *meter) text(size int64) string {
	if len(m.samples) < 2 {
		return ""
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	took, moved := last.at.Sub(first.at), last.bytes-first.bytes
	if took < meterMinimum || moved <= 0 {
		return ""
	}
	rate := float64(moved) / took.Seconds()
	text := ", " + table.Size(int64(rate)) + "/s"
	if left := size - last.bytes; left > 0 {
		if wait := time.Duration(float64(left) / rate * float64(time.Second)).Round(time.Second); wait > 0 {
			text += ", " + wait.String() + " left"
		}
	}
	return text
}
