package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// An amount is a number of bytes that reads like one: 4GiB, 25MB, 512.
type amount int64 //nolint:recvcheck // a flag is set through a pointer, and printed by value

var units = []struct {
	name  string
	bytes float64
}{
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"B", 1},
	{"", 1},
}

// Set implements [flag.Value].
func (a *amount) Set(text string) error {
	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n >= 0 && n*unit.bytes < math.MaxInt64) {
			return fmt.Errorf("%q is no number of bytes, such as 4GiB", text)
		}
		*a = amount(n * unit.bytes)
		return nil
	}
	return nil
}

// String writes it in the unit in which it is the smallest whole number.
func (a amount) String() string {
	best, in := float64(a), "B"
	for _, unit := range units {
		if n := float64(a) / unit.bytes; n == math.Trunc(n) && n < best {
			best, in = n, unit.name
		}
	}
	return fmt.Sprintf("%.0f %s", best, in)
}
