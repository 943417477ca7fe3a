package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadArguments(t *testing.T) {
	for name, test := range map[string]struct {
		args   string
		status int
		says   string
	}{
		"unknown":            {"-nope", 2, "flag provided but not defined: -nope"},
		"no command":         {"octo-org/a", 1, "octo-org/a"},
		"a negative rate":    {"-rate -1", 2, "a negative number"},
		"an address of none": {"-addr 192.0.2.1:0", 1, "listen on 192.0.2.1:0"},
		"a bare name":        {"-repo hello", 1, `"hello" is not owner/name`},
		"no faults":          {"-faults /nowhere", 2, "/nowhere"},
		"faults of none":     {"-faults main.go", 2, "main.go: read faults: invalid character"},
		"no git repository":  {"-repo o/a=/nowhere", 1, `FromGit("/nowhere")`},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, test.status, run(t.Context(), strings.Fields(test.args), &stdout, &stderr))
			assert.Contains(t, stderr.String(), test.says)
			assert.Empty(t, stdout.String())
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	assert.Equal(t, usage, stdout.String())
	assert.Empty(t, stderr.String())
}

func TestServesUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	script, stdout := io.Pipe()
	var log bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"-repo", "octo-org/a", "-repo", "octocat/b"}, stdout, &log)
		stdout.Close()
	}()
	lines := make([]byte, 1<<10)
	n, err := script.Read(lines)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, script) }()
	set := regexp.MustCompile(`(?m)^export GITHUB_TOKEN=(\S+)\nexport GITHUB_API_URL=(\S+)$`).FindStringSubmatch(string(lines[:n]))
	require.Len(t, set, 3, string(lines[:n]))

	answered, err := migrations(ctx, set[2], set[1])
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, answered)

	stop()
	assert.Equal(t, 0, <-status)
	assert.Regexp(t, `^\d\d:\d\d:\d\d GET /orgs/octo-org/migrations 200 2 bytes\n$`, log.String())
}

// migrations asks for a list of migrations and returns the status of the answer.
func migrations(ctx context.Context, url, token string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/orgs/octo-org/migrations?per_page=1", http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := new(http.Client).Do(req)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

func TestServesACommand(t *testing.T) {
	var stdout, log output
	status := run(t.Context(), []string{"-token", "ghp_given", os.Args[0], "asks"}, &stdout, &log)
	assert.Equal(t, 7, status, log.String())
	assert.Equal(t, "ghp_given 200\n", stdout.String())
	assert.Regexp(t, `^\d\d:\d\d:\d\d GET /orgs/octo-org/migrations 200 2 bytes\n$`, log.String())
}

// An output takes what the fake and its command write at the same time.
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

// TestMain is the command of TestServesACommand, too.
func TestMain(m *testing.M) {
	if !slices.Equal(os.Args[1:], []string{"asks"}) {
		os.Exit(m.Run())
	}
	token := os.Getenv("GITHUB_TOKEN")
	answered, err := migrations(context.Background(), os.Getenv("GITHUB_API_URL"), token)
	if err != nil {
		panic(err)
	}
	fmt.Println(token, answered)
	os.Exit(7)
}
