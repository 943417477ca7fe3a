package fakegithub_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/fakegithub"
)

// run parses the arguments, flags and then a command, and runs the fake.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var opts fakegithub.Options
	flags := flag.NewFlagSet("fake", flag.ContinueOnError)
	opts.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	return fakegithub.Run(ctx, &opts, flags.Args(), stdout, stderr)
}

func TestBadArguments(t *testing.T) {
	notFaults := filepath.Join(t.TempDir(), "faults.json")
	require.NoError(t, os.WriteFile(notFaults, []byte("nothing"), 0o600))
	for name, test := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"no command":                 {[]string{"octo-org/a"}, 1, "octo-org/a"},
		"a negative rate":            {[]string{"-rate", "-1"}, 2, "--rate and --export-duration must not be negative"},
		"an address of another host": {[]string{"-addr", "192.0.2.1:0"}, 1, "listen on 192.0.2.1:0"},
		"a bare name":                {[]string{"-repo", "hello"}, 1, `"hello" is not owner/name`},
		"a missing file of faults":   {[]string{"-faults", "/nowhere"}, 2, "/nowhere"},
		"a file without faults":      {[]string{"-faults", notFaults}, 2, "read faults: invalid character"},
		"a missing Git repository":   {[]string{"-repo", "o/a=/nowhere"}, 1, `FromGit("/nowhere")`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout output
			status, err := run(t.Context(), test.args, &stdout, io.Discard)
			assert.Equal(t, test.status, status)
			require.ErrorContains(t, err, test.says)
			assert.Empty(t, stdout.String())
		})
	}
}

const poison = `[{"name": "poison", "operation": "migrations/start-*", "repository": "octo-org/a", "fate": {"fails": true}, "times": -1}]`

func TestServesUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	faults := filepath.Join(t.TempDir(), "faults.json")
	require.NoError(t, os.WriteFile(faults, []byte(poison), 0o600))
	var stdout, log output
	status := make(chan int, 1)
	go func() {
		s, err := run(ctx, []string{"-faults", faults, "-repo", "octo-org/a", "-repo", "octocat/b"}, &stdout, &log)
		assert.NoError(t, err)
		status <- s
	}()
	require.Eventually(t, func() bool { return strings.Contains(stdout.String(), "Ctrl-C stops") }, time.Minute, time.Millisecond)
	set := regexp.MustCompile(`(?m)^export GITHUB_TOKEN=(\S+)\nexport GITHUB_API_URL=(\S+)$`).FindStringSubmatch(stdout.String())
	require.Len(t, set, 3, stdout.String())
	assert.Contains(t, stdout.String(), "\nunset "+strings.Join(usersVariables, " ")+"\n")

	code, err := ask(ctx, http.MethodGet, set[2], set[1], "")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	code, err = ask(ctx, http.MethodPost, set[2], set[1], `{"repositories":["octo-org/a"]}`)
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, code)

	stop()
	assert.Equal(t, 0, <-status)
	assert.Regexp(t, `^\d\d:\d\d:\d\d GET /orgs/octo-org/migrations 200 2 bytes\n`+
		`\d\d:\d\d:\d\d POST /orgs/octo-org/migrations 201 \d+ bytes, fault: poison\n$`, log.String())
}

// ask sends a request to the list of migrations, and returns the status of the
// response.
func ask(ctx context.Context, method, url, token, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url+"/orgs/octo-org/migrations", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := new(http.Client).Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestServesACommand(t *testing.T) {
	for _, name := range usersVariables {
		t.Setenv(name, "mine")
	}
	var stdout, log output
	status, err := run(t.Context(), []string{"-token", "ghp_given", os.Args[0], "asks"}, &stdout, &log)
	require.NoError(t, err)
	assert.Equal(t, 7, status, log.String())
	assert.Equal(t, "ghp_given 200\n", stdout.String())
	assert.Regexp(t, `^\d\d:\d\d:\d\d GET /orgs/octo-org/migrations 200 2 bytes\n$`, log.String())
}

// An output is a buffer for concurrent writes of the fake and its command.
type output struct {
	mu   sync.Mutex
	text strings.Builder
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

// usersVariables would lead a command past the fake.
var usersVariables = []string{"GH_HOST", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"}

// TestMain runs the tests, or is the command of TestServesACommand.
func TestMain(m *testing.M) {
	if !slices.Equal(os.Args[1:], []string{"asks"}) {
		os.Exit(m.Run())
	}
	token := os.Getenv("GITHUB_TOKEN")
	code, err := ask(context.Background(), http.MethodGet, os.Getenv("GITHUB_API_URL"), token, "")
	if err != nil {
		panic(err)
	}
	fmt.Println(token, code)
	for _, name := range usersVariables {
		if value := os.Getenv(name); value != "" {
			fmt.Println(name, value)
		}
	}
	os.Exit(7)
}
