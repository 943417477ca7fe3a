package faults_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/fakegithub"
)

// newFake returns a fake with the faults of a file, and a function that sends requests
// to the fake.
func newFake(t *testing.T, file string) (*ghmigratetest.Server, func(method, path, body string) (response, error)) {
	t.Helper()
	fake := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.Lenient())
	t.Cleanup(fake.Close)
	for _, name := range []string{"hello-world", "poisoned"} {
		fake.AddRepository("octo-org/" + name)
	}
	faults, err := fakegithub.ReadFaults(file)
	require.NoError(t, err)
	fake.Inject(faults...)
	return fake, func(method, path, body string) (response, error) {
		return send(t.Context(), fake.Client(), method, fake.URL()+path, fake.Token(), body)
	}
}

type response struct {
	status     int
	retryAfter string
	body       string
}

// send sends a request with a plain HTTP client, which retries nothing.
func send(ctx context.Context, hc *http.Client, method, url, token, body string) (response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := hc.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header.Get("Retry-After"), string(data)}, err
}

func TestBadNight(t *testing.T) {
	fake, send := newFake(t, "bad-night.json")
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
	faults := map[string]int{}
	for _, r := range fake.Requests() {
		for name := range strings.SplitSeq(r.Fault, ", ") {
			faults[name]++
		}
	}
	for _, name := range []string{
		"slow connection", "broken download", "busy storage", "lost start", "secondary rate limit", "gateway", "stray 401", "stray 404", "page",
	} {
		assert.Positive(t, faults[name], name)
	}
	t.Log(statuses, broken, faults)
	assert.Positive(t, broken)
	for _, status := range []int{200, 201, 401, 403, 404, 502, 503} {
		assert.Positive(t, statuses[status], status)
	}
	assert.Greater(t, len(fake.Migrations()), statuses[201], "the fake carries out starts whose responses are lost")
}

func TestMaintenanceWindow(t *testing.T) {
	fake, send := newFake(t, "maintenance-window.json")
	for _, want := range []string{"200 ", "503 1800", "503 1800", "503 1800", "200 "} {
		res, err := send("GET", "/user", "")
		require.NoError(t, err)
		assert.Equal(t, want, fmt.Sprint(res.status, " ", res.retryAfter))
		assert.Equal(t, strings.HasPrefix(want, "503"), strings.Contains(res.body, "maintenance"))
		fake.Clock().Advance(10*time.Minute + 15*time.Second)
	}
}

func TestPoisonedRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, send := newFake(t, "poisoned-repository.json")
		do := func(method, path, body string) (int, string) {
			res, err := send(method, path, body)
			require.NoError(t, err)
			return res.status, res.body
		}
		code, _ := do("POST", "/orgs/octo-org/migrations", `{"repositories":["octo-org/hello-world","octo-org/poisoned"]}`)
		require.Equal(t, http.StatusCreated, code)
		code, _ = do("POST", "/orgs/octo-org/migrations", `{"repositories":["octo-org/hello-world"]}`)
		require.Equal(t, http.StatusCreated, code)
		for _, path := range []string{"/79", "/80"} {
			code, _ = do("GET", "/orgs/octo-org/migrations"+path, "")
			assert.Equal(t, http.StatusNotFound, code, "hidden after the start")
		}
		time.Sleep(2 * time.Second)
		_, text := do("GET", "/orgs/octo-org/migrations/79", "")
		assert.Contains(t, text, `"state":"failed"`)
		_, text = do("GET", "/orgs/octo-org/migrations/80", "")
		assert.Contains(t, text, `"state":"exported"`)
		code, _ = do("GET", "/orgs/octo-org/migrations/80/archive", "")
		assert.Equal(t, http.StatusNotFound, code, "no archive at first")
		time.Sleep(2 * time.Second)
		code, _ = do("GET", "/orgs/octo-org/migrations/80/archive", "")
		assert.Equal(t, http.StatusOK, code)

		_, text = do("GET", "/orgs/octo-org/migrations/79/repositories", "")
		assert.Contains(t, text, `"tier":["gold","silver"]`)
		assert.Contains(t, text, `"size":1.5`)
		assert.NotContains(t, text, "default_branch")
		_, text = do("GET", "/orgs/octo-org/migrations/80/repositories", "")
		assert.Contains(t, text, "default_branch")
		fake.Close()
	})
}
