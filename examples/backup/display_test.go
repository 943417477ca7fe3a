package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLiveLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen output
		d := &display{w: &screen, live: true}
		set, end := d.doing("Waiting")
		time.Sleep(2 * time.Second)
		set("Exporting")
		time.Sleep(2 * time.Second)
		end()
		assert.Contains(t, screen.String(), "Waiting (1s)")
		assert.Contains(t, screen.String(), "Exporting (3s)")

		progress, end := d.download()
		for written := int64(40 << 20); written <= 50<<20; written += 1 << 20 { // the first is an earlier run's
			progress(written, 100<<20)
			time.Sleep(100 * time.Millisecond)
		}
		end()
		assert.Contains(t, screen.String(), "Downloading 50 %")
		assert.Contains(t, screen.String(), "48.0 MiB of 100.0 MiB, 10.0 MiB/s, 5s left")
	})
}

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen output
		d := newDisplay(&screen, false)
		set, end := d.doing("Waiting")
		set("Exporting")
		end()
		progress, end := d.download()
		for written := range int64(12) {
			progress(written<<20, 20<<20)
			time.Sleep(time.Second)
		}
		end()
		assert.Equal(t, "Waiting\nExporting\nDownloading\n"+
			"Downloading: 5.0 MiB of 20.0 MiB, 25 %\nDownloading: 10.0 MiB of 20.0 MiB, 50 %\n", screen.String())
	})
}

func TestFiguresAsPeopleReadThem(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 5 << 30: "5.0 GiB"} {
		assert.Equal(t, want, size(n))
	}
	for d, want := range map[time.Duration]string{
		1234567 * time.Nanosecond: "1ms", 2345 * time.Millisecond: "2.3s", 4000 * time.Second: "1h6m40s",
	} {
		assert.Equal(t, want, short(d))
	}
}
