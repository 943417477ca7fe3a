package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A fake in this process suffers the faults of a file, by a clock that a test
// advances.
func inProcess(t *testing.T, file string) (*ghmigratetest.Server, func(method, path, body string) (answer, error)) {
	t.Helper()
	fake := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.Lenient())
	t.Cleanup(fake.Close)
	for _, name := range []string{"hello-world", "poisoned"} {
		fake.AddRepository("octo-org/" + name)
	}
	faults, err := readFaults(filepath.Join("faults", file))
	require.NoError(t, err)
	fake.Inject(faults...)
	return fake, func(method, path, body string) (answer, error) {
		return send(t.Context(), fake.Client(), method, fake.URL()+path, fake.Token(), body)
	}
}

type answer struct {
	status     int
	retryAfter string
	body       string
}

// send sends a request as any HTTP client does.
func send(ctx context.Context, hc *http.Client, method, url, token, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := hc.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Retry-After"), string(data)}, err
}

func TestBadNight(t *testing.T) {
	fake, send := inProcess(t, "bad-night.json")
	const start = `{"repositories":["octo-org/hello-world"]}`
	statuses := map[int]int{}
	broken := 0
	for range 100 {
		for _, request := range [][3]string{
			{"POST", "/orgs/octo-org/migrations", start},
			{"GET", "/orgs/octo-org/migrations?exclude=repositories", ""},
			{"GET", "/orgs/octo-org/migrations/79", ""},
			{"GET", "/orgs/octo-org/migrations/79/archive", ""},
		} {
			res, err := send(request[0], request[1], request[2])
			if err != nil {
				broken++
				continue
			}
			statuses[res.status]++
		}
		fake.Clock().Advance(time.Minute)
	}
	suffered := map[string]int{}
	for _, r := range fake.Requests() {
		for name := range strings.SplitSeq(r.Fault, ", ") {
			suffered[name]++
		}
	}
	for _, name := range []string{
		"slow connection", "broken download", "busy storage", "lost start", "secondary rate limit", "gateway", "stray 401", "stray 404", "page",
	} {
		assert.Positive(t, suffered[name], name)
	}
	t.Log(statuses, broken, suffered)
	assert.Positive(t, broken)
	for _, status := range []int{200, 201, 401, 403, 404, 502, 503} {
		assert.Positive(t, statuses[status], status)
	}
	assert.Greater(t, len(fake.Migrations()), statuses[201], "lost starts took place")
}

func TestMaintenanceWindow(t *testing.T) {
	fake, send := inProcess(t, "maintenance-window.json")
	for _, want := range []string{"200 ", "503 1800", "503 1800", "503 1800", "200 "} {
		res, err := send("GET", "/user", "")
		require.NoError(t, err)
		assert.Equal(t, want, fmt.Sprint(res.status, " ", res.retryAfter))
		assert.Equal(t, strings.HasPrefix(want, "503"), strings.Contains(res.body, "maintenance"))
		fake.Clock().Advance(10*time.Minute + 15*time.Second)
	}
}

// The poisoned repository, in a process of its own as far as the client can
// tell.
func TestPoisonedRepository(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	script, stdout := io.Pipe()
	var log output
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{
			"-faults", filepath.Join("faults", "poisoned-repository.json"), "-export-duration", "1s",
			"-repo", "octo-org/hello-world", "-repo", "octo-org/poisoned",
		}, stdout, &log)
		stdout.Close()
	}()
	lines := make([]byte, 1<<10)
	n, err := script.Read(lines)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, script) }()
	set := regexp.MustCompile(`(?m)^export GITHUB_TOKEN=(\S+)\nexport GITHUB_API_URL=(\S+)$`).FindSubmatch(lines[:n])
	require.Len(t, set, 3)
	ask := func(method, path, body string) (int, string) {
		res, err := send(ctx, new(http.Client), method, string(set[2])+path, string(set[1]), body)
		require.NoError(t, err)
		return res.status, res.body
	}

	code, text := ask("POST", "/orgs/octo-org/migrations", `{"repositories":["octo-org/hello-world","octo-org/poisoned"]}`)
	require.Equal(t, http.StatusCreated, code, text)
	code, _ = ask("GET", "/orgs/octo-org/migrations/79", "")
	assert.Equal(t, http.StatusNotFound, code, "the lag")
	var m struct{ State string }
	require.Eventually(t, func() bool {
		code, text = ask("GET", "/orgs/octo-org/migrations/79?exclude=repositories", "")
		return code == http.StatusOK && json.Unmarshal([]byte(text), &m) == nil && m.State == "failed"
	}, 20*time.Second, 50*time.Millisecond)
	code, text = ask("GET", "/orgs/octo-org/migrations/79/repositories", "")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"tier":["gold","silver"]`)
	assert.Contains(t, text, `"size":1.5`)
	assert.NotContains(t, text, "default_branch")

	stop()
	assert.Equal(t, 0, <-status)
	assert.Contains(t, log.String(), " POST /orgs/octo-org/migrations 201 ")
	assert.Contains(t, log.String(), ", fault: poison, lag\n")
	assert.Contains(t, log.String(), ", fault: odd values\n")
}
