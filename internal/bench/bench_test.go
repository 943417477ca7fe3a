package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test be the program, which runs itself.
func TestMain(m *testing.M) {
	if _, ok := children[first(os.Args[1:])]; ok {
		main()
		return
	}
	// With the race detector each of some forty processes would sleep for a
	// second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestMeasuresDownloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A chunk is 4 MiB: half of this is more than one.
	report := bench(t, "-downloads", "-dir", dir, "-runs", "1", "-size", "10MiB", "-rate", "30MB", "-latency", "5ms", "-cut", "3MB", "-short-cut", "200kB")

	names := []string{
		"curl", "io.Copy", "aria2c -x8 -s8", "aria2c -x16 -s16",
		"ghmigrate", "ghmigrate, 1 range", "ghmigrate, 8 ranges", "ghmigrate, 16 ranges",
	}
	resuming := append([]string{names[0]}, names[2:]...)
	assert.Equal(t, []section{
		{"10 MiB, unthrottled:", names},
		{"5 MiB, each connection at 30 MB/s:", names},
		{"5 MiB, each connection at 30 MB/s, 5ms to the first byte:", names},
		{"5 MiB, a cut every 3 MB:", names},
		{"5 MiB, each connection at 30 MB/s, killed half-way:", resuming},
		{"320 KiB, a cut every 200 kB:", names},
		{"640 KiB, each connection at 30 MB/s, 503 beyond a request a second:", names},
		{"640 KiB, each range read from the start at 30 MB/s:", names},
		{"1280 KiB, each connection at 30 MB/s, each eighth at a twentieth:", names},
	}, sections(report))

	for _, cells := range rows(report) {
		_, err := exec.LookPath(strings.Fields(cells[0])[0])
		peer := !strings.HasPrefix(cells[0], "ghmigrate") && cells[0] != "io.Copy"
		switch {
		case cells[0] == "io.Copy" && cells[1] == "gives up": // it is cut
		case cells[1] == "too fast": // for this machine to kill it half-way
		case peer && err != nil:
			assert.Contains(t, cells[1], "is not installed")
		default:
			for _, cell := range cells[1:] {
				assert.Regexp(t, `^(\d+(\.\d+)?( to \d+(\.\d+)?)?|—)$`, cell)
			}
		}
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestMeasuresAims(t *testing.T) {
	t.Parallel()
	report := bench(t, "-quick", "-dir", t.TempDir(), "-runs", "1", "-size", "12MiB", "-rate", "30MB", "-latency", "5ms", "-short-cut", "100kB", "-only", "(unthrottled|cut every 100|killed|503|start|eighth|30 MB/s a connection).*/(curl|ghmigrate)")
	var lines []string
	for _, cells := range rows(report) {
		if cells[0] == "line" {
			continue
		}
		lines = append(lines, cells[0])
		assert.Len(t, cells, 9, cells)
	}
	assert.Equal(t, []string{
		"unthrottled", "30 MB/s a connection", "30 MB/s a connection", "30 MB/s a connection, 5ms", "30 MB/s a connection, 5ms",
		"30 MB/s a connection", "30 MB/s a connection", "30 MB/s a connection, 5ms", "30 MB/s a connection, 5ms",
		"killed half-way", "a cut every 100 kB", "503 beyond a request a second", "each range read from the start",
		"each eighth connection slow", "all",
	}, lines)
}

func TestSaysWhichProgramIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	report := bench(t, "-downloads", "-dir", t.TempDir(), "-runs", "1", "-size", "1MiB", "-only", "unthrottled/(curl|aria2c -x8|io.Copy)")
	assert.Contains(t, report, "| curl | curl is not installed | — | — | — | — | — | — |\n")
	assert.Contains(t, report, "| aria2c -x8 -s8 | aria2c is not installed | — | — | — | — | — | — |\n")
	assert.Regexp(t, `\| io.Copy \| \d`, report)
}

func TestMeasuresDecoding(t *testing.T) {
	t.Parallel()
	report := bench(t, "-decoding", "-runs", "1")
	got := rows(report)
	require.Len(t, got, 6)
	for i, cells := range got {
		assert.Equal(t, []string{"ghmigrate", "go-github"}[i%2], cells[1])
		for _, cell := range cells[2:] {
			assert.Regexp(t, `^\d+(\.\d+)?$`, cell)
		}
	}
}

func TestFindsWrongBytes(t *testing.T) {
	t.Parallel()
	const size = 3*period + 5
	a, path := newArchive(size), t.TempDir()+"/archive"
	var right []byte
	for len(right) < size {
		right = append(right, a.at(int64(len(right)), 1000)...)
	}
	other := bytes.Clone(right)
	other[2*period+7]++
	swapped := append(bytes.Clone(right[1<<20:2<<20]), right[:1<<20]...)
	for name, test := range map[string]struct {
		bytes []byte
		says  string
	}{
		"another byte":   {other, "what came from 2097150 on is wrong"},
		"swapped chunks": {append(swapped, right[2<<20:]...), "what came from 0 on is wrong"},
		"too few":        {right[:size-1], "unexpected EOF"},
		"too many":       {append(bytes.Clone(right), 0), "more came than there is"},
	} {
		require.NoError(t, os.WriteFile(path, test.bytes, 0o600))
		require.ErrorContains(t, a.check(path), test.says, name)
	}
	require.NoError(t, os.WriteFile(path, right, 0o600))
	require.NoError(t, a.check(path))
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		bytes amount
		shown string
	}{
		"4GiB":     {4 << 30, "4 GiB"},
		"25MB":     {25e6, "25 MB"},
		"64MB":     {64e6, "64 MB"},
		"1.5 MiB":  {3 << 19, "1536 KiB"},
		"12345678": {12345678, "12345678 B"},
		"0":        {0, "0 B"},
	} {
		var got amount
		require.NoError(t, got.Set(text), text)
		assert.Equal(t, want.bytes, got, text)
		assert.Equal(t, want.shown, got.String())
	}
	for _, text := range []string{"", "many", "-1MB", "9999999999GiB", "4 TiB", "NaN"} {
		assert.Error(t, new(amount).Set(text), text)
	}
}

func TestRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-runs", "0"}, {"-size", "0"}, {"-rate", "0"}, {"-cut", "0"}, {"-only", "("}, {"-downloads", "-only", "no such"}, {"archive"}} {
		var out bytes.Buffer
		assert.Error(t, run(t.Context(), args, nil, &out, &out), args)
	}
}

func bench(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), args, nil, &stdout, &stderr), stderr.String())
	return stdout.String()
}

// A section is what a table is about, and who is in it.
type section struct {
	title string
	names []string
}

func sections(report string) []section {
	var all []section
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, ":"):
			all = append(all, section{title: line})
		case len(all) > 0 && len(rows(line)) == 1:
			all[len(all)-1].names = append(all[len(all)-1].names, rows(line)[0][0])
		}
	}
	return all
}

// rows are the cells of all tables, without their heads.
func rows(report string) [][]string {
	var all [][]string
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "| ") && !regexp.MustCompile(`^\| (program|call|---) \|`).MatchString(line) {
			all = append(all, strings.Split(strings.Trim(line, "| "), " | "))
		}
	}
	return all
}
