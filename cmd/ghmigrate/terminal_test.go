//go:build !windows

package main_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// onTerminal runs the program on a terminal, and returns the text on the terminal.
func (u *user) onTerminal(args ...string) (status int, screen string) {
	u.t.Helper()
	cmd, _, _ := u.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, nil, nil
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	require.NoError(u.t, err)
	text, _ := io.ReadAll(terminal) // fails when the program ends
	_ = terminal.Close()
	_ = cmd.Wait()
	u.checkSecrets(string(text))
	return cmd.ProcessState.ExitCode(), string(text)
}

func TestBarsOnATerminal(t *testing.T) {
	t.Parallel()
	fake := newFake(t, ghmigratetest.WithStorageRate(2<<20))
	fake.AddRepository("octo-org/large", ghmigratetest.Payload(8<<20))
	u := newUser(t, fake)
	status, screen := u.onTerminal("export", "--org", "octo-org", "--all", "--out", "backups")
	require.Equal(t, 0, status, screen)
	assert.Contains(t, screen, "\x1b[", "escape sequences of bars")
	assert.Contains(t, screen, "in all")
	assert.Regexp(t, `[1-9][.\d]* MiB of 8\.\d MiB, [1-9][.\d]* MiB/s`, screen)
	assert.Regexp(t, `, [1-9]\d*s left`, screen)
	for _, nonsense := range []string{" 0 B/s", "0 b/s", " 0s left"} {
		assert.NotContains(t, screen, nonsense)
	}
	assert.Contains(t, screen, "1 of 1 repository in 1 archive")
}

func TestLinesAndLogs(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	export := []string{"export", "--org", "octo-org", "--all", "--out", "backups"}
	res := u.run(export...)
	require.Equal(t, 0, res.status, res.stderr)
	assert.NotContains(t, res.stderr, "\x1b")
	assert.Contains(t, res.stderr, "batch 1: verified\n")

	_, screen := u.onTerminal(append(export, "--progress", "lines")...)
	assert.NotContains(t, screen, "\x1b")
	assert.Contains(t, screen, "batch 1: verified\r\n")

	status, screen := u.onTerminal(append(export, "--progress", "none")...)
	assert.Equal(t, 0, status)
	assert.Regexp(t, `^[0-9a-f]{64}  \S+\r\n$`, screen)

	res = u.run(append(export, "--log-format", "json")...)
	for line := range strings.Lines(res.stderr) {
		assert.NotEmpty(t, decode[map[string]any](t, line)["msg"])
	}
	assert.Contains(t, res.stderr, `"msg":"export","kind":"verified","batch":"1","migration":82`)
	res = u.run("list", "--org", "nobody", "--log-format", "json")
	assert.Contains(t, decode[map[string]any](t, res.stderr)["advice"], "preflight")
}

func TestTableOnATerminal(t *testing.T) {
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	u.do("start", "--org", "octo-org", "--lock", "a")
	_, screen := u.onTerminal("list", "--org", "octo-org")
	assert.Regexp(t, `^ID  STATE     CREATED              LOCKS\r\n79  exported  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  yes\r\n$`, screen)
}

// TestClosedPipe closes the reader of standard output, as head does. The program ends.
func TestClosedPipe(t *testing.T) {
	fake := newFake(t)
	fake.AddRepository("octo-org/a")
	u := newUser(t, fake)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	cmd, _, _ := u.command("repositories", "--org", "octo-org")
	cmd.Stdout = write
	begun := time.Now()
	require.Error(t, cmd.Run())
	require.NoError(t, write.Close())
	assert.Less(t, time.Since(begun), time.Minute)
}
