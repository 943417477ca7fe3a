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
	"strconv"
	"strings"
	"time"
)

// A source is a server in a process of its own.
type source struct {
	archive archive
	line    line
	sum     string
	base    string

	process *exec.Cmd
	stdin   io.Closer
}

// startSource starts a server that sends an archive over a line.
func startSource(ctx context.Context, size int64, l line) (*source, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, self, append([]string{"serve", "-size", strconv.FormatInt(size, 10)}, l.args()...)...) //nolint:gosec // it is this program
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
	s := &source{archive: newArchive(size), line: l, process: process, stdin: stdin}
	s.sum = s.archive.sum()
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

func (s *source) counters(ctx context.Context) (counters, error) {
	var c counters
	res, err := get(ctx, http.DefaultClient, s.base+"/counters")
	if err != nil {
		return c, err
	}
	defer res.Body.Close()
	return c, json.NewDecoder(res.Body).Decode(&c)
}

// settled waits until the server sends nothing any more, to a program that was
// killed for example, and returns its counters.
func (s *source) settled(ctx context.Context) (counters, error) {
	for {
		c, err := s.counters(ctx)
		if err != nil || c.Busy == 0 {
			return c, err
		}
		if !pause(ctx, time.Millisecond) {
			return c, ctx.Err()
		}
	}
}

// signedURL asks the API for the signed URL of the archive.
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
