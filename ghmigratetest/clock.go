package ghmigratetest

import (
	"sync/atomic"
	"time"
)

// A Clock gives the time of a [Server]: the time of the machine, or of the synctest
// bubble, plus an offset.
type Clock struct{ offset atomic.Int64 }

// Now returns the server's time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())).UTC() }

// Advance moves the clock by d: exports proceed, signed URLs expire, archives are
// deleted and rate limits end as if d had passed.
func (c *Clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }
