package progress

import (
	"time"

	"github.com/ghmigrate/ghmigrate/internal/table"
)

// A meter measures the speed of a transfer over the last seconds. It says
// nothing before it knows something: neither "0 B/s" nor "0s left".
type meter struct {
	samples []sample // of the last seconds, in order
}

type sample struct {
	at    time.Time
	bytes int64
}

const (
	meterWindow = 10 * time.Second
	meterLeast  = time.Second // below, a speed is a guess
)

func (m *meter) add(bytes int64, now time.Time) {
	if n := len(m.samples); n > 0 && bytes < m.samples[n-1].bytes {
		m.samples = nil // the transfer began anew
	}
	m.samples = append(m.samples, sample{now, bytes})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= meterWindow {
		m.samples = m.samples[1:]
	}
}

// words says how fast the transfer is and how long it will take.
func (m *meter) words(size int64) string {
	if len(m.samples) < 2 {
		return ""
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	took, moved := last.at.Sub(first.at), last.bytes-first.bytes
	if took < meterLeast || moved <= 0 {
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
