package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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

// binary is the path of the program. TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil { // the tests wait more than they compute
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

// An output is a buffer for several goroutines.
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

// A result is the outcome of a process.
type result struct {
	status         int
	stdout, stderr string
}

// A user runs the program, with an environment and a home of its own.
type user struct {
	t     *testing.T
	home  string
	env   []string
	token string // the program must not print it
}

// newUser returns a user of a fake GitHub. With nil, the environment names no host.
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

// command returns a command that runs the program in the user's home.
func (u *user) command(args ...string) (cmd *exec.Cmd, stdout, stderr *output) {
	// After a kill during a start, an export searches for the migration for 90 seconds.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.t.Context()), 3*time.Minute)
	u.t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // prints the goroutines
	cmd.WaitDelay = 10 * time.Second
	stdout, stderr = new(output), new(output)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = u.home, u.env, stdout, stderr
	return cmd, stdout, stderr
}

// run runs the program.
func (u *user) run(args ...string) result {
	u.t.Helper()
	cmd, stdout, stderr := u.command(args...)
	_ = cmd.Run() // the result has the status
	require.NotNil(u.t, cmd.ProcessState)
	return u.result(cmd, stdout, stderr)
}

// stop runs the program until ready reports true for its standard error, and sends it
// the signal.
func (u *user) stop(signal os.Signal, args []string, ready func(stderr string) bool) result {
	u.t.Helper()
	cmd, stdout, stderr := u.command(args...)
	require.NoError(u.t, cmd.Start())
	eventually(u.t, "the program is ready for the signal", stderr, func() bool { return ready(stderr.String()) })
	require.NoError(u.t, cmd.Process.Signal(signal))
	_ = cmd.Wait()
	return u.result(cmd, stdout, stderr)
}

// result returns the result of a process that has ended.
func (u *user) result(cmd *exec.Cmd, stdout, stderr *output) result {
	u.t.Helper()
	res := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	u.checkSecrets(res.stdout + res.stderr)
	return res
}

// do runs the program, which has to succeed. It returns the standard output without
// the last newline.
func (u *user) do(args ...string) string {
	u.t.Helper()
	res := u.run(args...)
	require.Equal(u.t, 0, res.status, "%v: %s", args, res.stderr)
	return strings.TrimSuffix(res.stdout, "\n")
}

// fails runs the program, which has to exit with the status. Standard error has to
// contain the texts.
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
	var secrets []string
	if u.token != "" {
		secrets = append(secrets, u.token)
	}
	assertNoSecrets(u.t, text, secrets...)
}

// assertNoSecrets fails the test if a text has one of the secrets, or a signed URL.
func assertNoSecrets(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		assert.NotContains(t, text, secret)
	}
	assert.NotRegexp(t, `X-Amz-Signature=[^R]`, text)
}

func (u *user) path(elements ...string) string {
	return filepath.Join(append([]string{u.home}, elements...)...)
}

// read returns the content of a file in the user's home.
func (u *user) read(elements ...string) string {
	u.t.Helper()
	return readFile(u.t, u.path(elements...))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// decode decodes a JSON object.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// newFake starts a fake GitHub in this process.
func newFake(t *testing.T, opts ...ghmigratetest.Option) *ghmigratetest.Server {
	t.Helper()
	fake := ghmigratetest.NewServer(append([]ghmigratetest.Option{ghmigratetest.WithExportDuration(0)}, opts...)...)
	t.Cleanup(fake.Close)
	return fake
}

// A fakeProcess is a process of `ghmigrate fake`.
type fakeProcess struct{ url, token string }

func startFake(t *testing.T, args ...string) fakeProcess {
	t.Helper()
	u := newUser(t, nil)
	cmd, script, log := u.command(append([]string{"fake"}, args...)...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	require.Eventually(t, func() bool { return strings.Contains(script.String(), "Ctrl-C") }, 30*time.Second, 10*time.Millisecond, log)
	find := func(name string) string {
		return regexp.MustCompile(`(?m)^export ` + name + `=(.*)$`).FindStringSubmatch(script.String())[1]
	}
	return fakeProcess{find("GITHUB_API_URL"), find("GITHUB_TOKEN")}
}

// user returns a user of the fake.
func (p fakeProcess) user(t *testing.T, env ...string) *user {
	t.Helper()
	u := newUser(t, nil, append(env, "GITHUB_TOKEN="+p.token, "GITHUB_API_URL="+p.url)...)
	u.token = p.token
	return u
}

// eventually waits until the condition holds, for a minute on a busy machine. The
// failure prints the output of the program.
func eventually(t *testing.T, what string, printed *output, condition func() bool) {
	t.Helper()
	if !assert.Eventually(t, condition, time.Minute, 5*time.Millisecond, what) {
		require.Fail(t, "the program has printed:", printed)
	}
}

// requireSignals skips the test on Windows. Programs that the test starts get SIGHUP, even
// if this process ignores it: without a handler, they would ignore it too.
func requireSignals(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot send Ctrl-C to a process")
	}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
}

// encode encodes a value as JSON.
func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}
