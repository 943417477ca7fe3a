package archive

import (
	"fmt"
	"time"
)

// A Time is a time in a record. The zero Time stands for null: the time is not
// known, or the event has not happened.
//
// Time reads every form in archives: 2024-07-26T14:47:57Z in nearly all of GitHub's
// fields; 2019-11-13T04:22:13.000+08:00 in reactions and topics;
// 2023-03-30T09:03:48.563Z and 2025-03-02 13:11:12 +0000 from other exporters. It
// writes RFC 3339.
type Time struct{ time.Time }

// MarshalJSON returns t in RFC 3339, or null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}

// UnmarshalJSON reads one of the forms, or null. An empty string is null, too.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" || string(data) == `""` {
		*t = Time{}
		return nil
	}
	if at, ok := parseUTC(data); ok {
		t.Time = at
		return nil
	}
	var text string
	if err := unmarshal(data, &text); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02 15:04:05 -0700", text)
	}
	if err == nil {
		_, err = at.MarshalText() // time.Parse accepts an offset of 24 hours, RFC 3339 does not
	}
	if err != nil {
		return fmt.Errorf("%q is not a time", text)
	}
	t.Time = at
	return nil
}

// parseUTC is a fast path for "2024-07-26T14:47:57Z" in quotes, the form of nearly
// all times. It accepts no time that [time.Parse] rejects.
func parseUTC(data []byte) (time.Time, bool) {
	const form = `"dddd-dd-ddTdd:dd:ddZ"`
	if len(data) != len(form) {
		return time.Time{}, false
	}
	for i := range data {
		if form[i] == 'd' {
			if data[i]-'0' > 9 {
				return time.Time{}, false
			}
		} else if data[i] != form[i] {
			return time.Time{}, false
		}
	}
	two := func(i int) int { return int(data[i]-'0')*10 + int(data[i+1]-'0') }
	year, month, day := two(1)*100+two(3), time.Month(two(6)), two(9)
	minute, second := two(15), two(18)
	at := time.Date(year, month, day, two(12), minute, second, 0, time.UTC)
	// time.Date turns 30 February into a day of March, and hour 24 into the next day.
	y, m, d := at.Date()
	return at, y == year && m == month && d == day && minute <= 59 && second <= 59
}
