package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// binary is the program, as a user has it.
var binary string

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil { // they wait more than they compute
		panic(err)
	}
	dir, err := os.MkdirTemp("", "ghmigrate-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "ghmigrate")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// An output takes what several goroutines write.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// result is what became of a process.
type result struct {
	status         int
	stdout, stderr string
}

// A user runs the program, with an environment and a home of their own.
type user struct {
	t     *testing.T
	home  string
	env   []string
	token string // must not be printed
}

// newUser returns a user who talks to a fake GitHub; nil: to none.
func newUser(t *testing.T, fake *ghmigratetest.Server, env ...string) *user {
	t.Helper()
	home := t.TempDir()
	u := &user{t: t, home: home, env: append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "USERPROFILE=" + home, "AppData=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"),
		"TMPDIR=" + home, "TMP=" + home, "TEMP=" + home, "SystemRoot=" + os.Getenv("SystemRoot"),
	}, env...)}
	if fake != nil {
		u.token = fake.Token()
		u.env = append(u.env, "GITHUB_TOKEN="+fake.Token(), "GITHUB_API_URL="+fake.URL())
	}
	return u
}

// command is the program with arguments, in the user's home.
func (u *user) command(args ...string) (cmd *exec.Cmd, stdout, stderr *output) {
	// An export that was killed while it sent a start searches for that for 90 seconds.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.t.Context()), 3*time.Minute)
	u.t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // it says where it hangs
	cmd.WaitDelay = 10 * time.Second
	stdout, stderr = new(output), new(output)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = u.home, u.env, stdout, stderr
	return cmd, stdout, stderr
}

// run runs the program to its end.
func (u *user) run(args ...string) result {
	u.t.Helper()
	cmd, stdout, stderr := u.command(args...)
	_ = cmd.Run() // its status tells
	require.NotNil(u.t, cmd.ProcessState)
	res := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	u.checkSecrets(res.stdout + res.stderr)
	return res
}

// do runs the program, which has to succeed, and returns its standard output
// without the last newline.
func (u *user) do(args ...string) string {
	u.t.Helper()
	res := u.run(args...)
	require.Equal(u.t, 0, res.status, "%v: %s", args, res.stderr)
	return strings.TrimSuffix(res.stdout, "\n")
}

// fails runs the program, which has to end with the status and to say the texts.
func (u *user) fails(status int, args []string, texts ...string) result {
	u.t.Helper()
	res := u.run(args...)
	require.Equal(u.t, status, res.status, "%v: %s", args, res.stderr)
	for _, text := range texts {
		assert.Contains(u.t, res.stderr, text, args)
	}
	return res
}

func (u *user) checkSecrets(text string) {
	u.t.Helper()
	if u.token != "" {
		assert.NotContains(u.t, text, u.token)
	}
	assert.NotRegexp(u.t, `X-Amz-Signature=[^R]`, text)
}

func (u *user) path(elements ...string) string {
	return filepath.Join(append([]string{u.home}, elements...)...)
}

// decode reads a JSON object.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// newFake starts a fake GitHub on a port of this machine.
func newFake(t *testing.T, opts ...ghmigratetest.Option) *ghmigratetest.Server {
	t.Helper()
	fake := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.WithExportDuration(0)}, opts...)...)
	t.Cleanup(fake.Close)
	return fake
}

// A process is `ghmigrate fake` in a process of its own.
type process struct{ url, token string }

func startFake(t *testing.T, args ...string) process {
	t.Helper()
	u := newUser(t, nil)
	cmd, script, log := u.command(append([]string{"fake"}, args...)...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	require.Eventually(t, func() bool { return strings.Contains(script.String(), "Ctrl-C") }, 30*time.Second, 10*time.Millisecond, log)
	find := func(name string) string {
		return regexp.MustCompile(`(?m)^export ` + name + `=(.*)$`).FindStringSubmatch(script.String())[1]
	}
	return process{find("GITHUB_API_URL"), find("GITHUB_TOKEN")}
}

func (p process) user(t *testing.T, env ...string) *user {
	t.Helper()
	u := newUser(t, nil, append(env, "GITHUB_TOKEN="+p.token, "GITHUB_API_URL="+p.url)...)
	u.token = p.token
	return u
}

// eventually waits until something is so, on a machine that may be busy. Said is
// what the program has printed, for the failure.
func eventually(t *testing.T, what string, said *output, is func() bool) {
	t.Helper()
	if !assert.Eventually(t, is, time.Minute, 5*time.Millisecond, what) {
		require.Fail(t, "the program has said:", said)
	}
}

func requireSignals(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent Ctrl-C there")
	}
}

// encode writes JSON.
func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}
