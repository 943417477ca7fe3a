package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the server and the downloads that the command
// starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "serve" || os.Args[1] == "download") {
		main()
		return
	}
	// With the race detector each of some forty processes sleeps for a second at its
	// end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestMeasuresAims(t *testing.T) {
	report, err := bench("-runs", "1", "-size", "12", "-only", "/(curl|ghmigrate)")
	require.NoError(t, err)
	var lines []string
	for _, cells := range rows(report) {
		lines = append(lines, cells[0])
		assert.Len(t, cells, 9, cells)
		assert.NotContains(t, cells, "failed")
	}
	assert.Equal(t, []string{
		"unthrottled",
		"25 MB/s a connection", "25 MB/s a connection", "25 MB/s a connection, 80ms", "25 MB/s a connection, 80ms",
		"25 MB/s a connection", "25 MB/s a connection", "25 MB/s a connection, 80ms", "25 MB/s a connection, 80ms",
		"a cut every 64 MB", "killed half-way", "a cut every 900 kB", "503 beyond a request a second",
		"each range read from the start", "each eighth connection slow", "all",
	}, lines)
	assert.Regexp(t, `\| unthrottled \| 12\.0 \| ghmigrate \| \d+(\.\d+)? \| curl \| \d`, report)
}

// A program that gives up at a cut, or that was killed, is run again.
func TestResumesAfterCutsAndKills(t *testing.T) {
	t.Parallel()
	for _, s := range []scenario{
		{title: "cuts", size: 10 << 20, runs: 1, line: line{cut: 3e6}},
		{title: "kills", size: 10 << 20, runs: 1, line: line{rate: 5e6}, kill: true},
	} {
		results, err := s.measure(t.Context(), programs(), t.TempDir(), io.Discard)
		require.NoError(t, err, s.title)
		for _, p := range programs() {
			if p.missing() == nil {
				require.NoError(t, results[p.name].failed, "%s: %s", s.title, p.name)
				assert.Positive(t, results[p.name].rates[0], "%s: %s", s.title, p.name)
			}
		}
	}
}

func TestSaysWhichProgramIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	report, err := bench("-runs", "1", "-size", "1", "-only", "unthrottled")
	require.NoError(t, err)
	assert.Regexp(t, `\| unthrottled \| 1\.00 \| ghmigrate \| \d+(\.\d+)? \| curl \| not measured \|`, report)
	assert.Contains(t, report, "no curl, no aria2c")
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
		"another byte":   {other, "in the block at offset 2097150"},
		"swapped chunks": {append(swapped, right[2<<20:]...), "in the block at offset 0"},
		"too few":        {right[:size-1], "unexpected EOF"},
		"too many":       {append(bytes.Clone(right), 0), "the file is longer than the archive"},
	} {
		require.NoError(t, os.WriteFile(path, test.bytes, 0o600))
		require.ErrorContains(t, a.check(path), test.says, name)
	}
	require.NoError(t, os.WriteFile(path, right, 0o600))
	require.NoError(t, a.check(path))
}

func TestRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-runs", "0"}, {"-size", "0"}, {"-size", "99999999"}, {"-only", "("}, {"-only", "no such"}, {"archive"}} {
		_, err := bench(args...)
		assert.Error(t, err, args)
	}
}

// bench runs the command with arguments, and returns its report.
func bench(args ...string) (string, error) {
	var report bytes.Buffer
	err := run(context.Background(), args, nil, &report, io.Discard)
	return report.String(), err
}

// rows returns the cells of a table, without its head.
func rows(report string) [][]string {
	var all [][]string
	for line := range strings.Lines(report) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| line ") && !strings.HasPrefix(line, "| --- ") {
			all = append(all, strings.Split(strings.Trim(strings.TrimSuffix(line, "\n"), "|"), "|"))
		}
	}
	for _, cells := range all {
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
	}
	return all
}
