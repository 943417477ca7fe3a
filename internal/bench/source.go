package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A source is a server that runs.
type source struct {
	archive archive
	line    line
	sum     string
	base    string

	process *exec.Cmd
	stdin   io.Closer
}

func startSource(ctx context.Context, args ...string) (*source, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, self, append([]string{"serve"}, args...)...) //nolint:gosec // it is this program
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	s := &source{process: process, stdin: stdin}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s.base = strings.TrimSpace(address)
	return s, nil
}

func (s *source) stop() {
	_ = s.stdin.Close()
	_ = s.process.Wait()
}

func (s *source) counters(ctx context.Context) (counters, error) { return s.ask(ctx, "/counters") }

func (s *source) ask(ctx context.Context, path string) (counters, error) {
	var c counters
	res, err := get(ctx, http.DefaultClient, s.base+path)
	if err != nil {
		return c, err
	}
	defer res.Body.Close()
	return c, json.NewDecoder(res.Body).Decode(&c)
}

// settled is counters when nothing is being sent any more to who is gone. What
// comes after it is another run, whose first request is within every limit.
func (s *source) settled(ctx context.Context) (counters, error) {
	for {
		c, err := s.ask(ctx, "/counters?most=forget")
		if err != nil || c.Busy == 0 {
			return c, err
		}
		if !pause(ctx, time.Millisecond) {
			return c, ctx.Err()
		}
	}
}

// signedURL asks the API where the archive is.
func signedURL(ctx context.Context, base string) (string, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := get(ctx, client, fmt.Sprintf("%s/orgs/%s/migrations/%d/archive", base, organization, migration))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	return res.Header.Get("Location"), nil
}

func get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}
