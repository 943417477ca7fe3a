package ghmigratetest

import "time"

// A Clock is the time of a [Server]: that of the machine, or of the synctest
// bubble, plus an offset. Every date that the server sends is of this clock.
type Clock struct{}

// Now returns the server's time.
func (c *Clock) Now() time.Time { panic("to do") }

// Advance moves the clock by d: exports go on, signed URLs expire, archives
// die and rate limits end as if d had passed.
func (c *Clock) Advance(d time.Duration) { panic("to do") }
