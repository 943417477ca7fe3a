package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// These tests repeat the chaos tests with the storage of the fake GitHub. Its URLs
// expire, and tests of users inject the same faults.
func TestChaosOfFilesFromGitHub(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) { chaosOfFiles(t, newGitHub(t, seed, 2).chaos) })
}

func TestChaosOfStreamsFromGitHub(t *testing.T) {
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) { chaosOfStreams(t, newGitHub(t, seed, 3).chaos) })
}

// A gitHub is a chaos whose storage is a fake GitHub with one migration. The archive
// of the migration is the object.
type gitHub struct {
	*chaos
	server *ghmigratetest.Server
	client *http.Client
	path   string // of the migration
	id     int64
	calm   int // how many of 100 requests succeed
}

func newGitHub(t *testing.T, seed, stream uint64) *gitHub {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, stream))
	server := ghmigratetest.NewServer(ghmigratetest.InMemory(), ghmigratetest.WithURLLifetime(time.Duration(20+random.IntN(300))*time.Second))
	t.Cleanup(server.Close)
	client := *server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	g := &gitHub{
		chaos:  &chaos{seed: seed, random: random},
		server: server,
		client: &client,
		calm:   30 + random.IntN(70),
	}
	g.changes = random.IntN(4) == 0
	g.source, g.storm = g.from, func(on bool) {
		if server.ClearFaults(); on {
			server.InjectFunc(g.fault)
		}
	}
	server.AddRepository("octo/hello")
	resp, err := g.ask(t.Context(), "POST", "/orgs/octo/migrations", `{"repositories":["octo/hello"]}`)
	require.NoError(t, err)
	defer resp.Body.Close()
	var migration struct{ ID int64 }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&migration))
	g.id, g.path = migration.ID, fmt.Sprintf("/orgs/octo/migrations/%d", migration.ID)
	server.Clock().Advance(time.Minute)
	g.addObject(archive(2 + random.IntN(200_000)))
	if g.changes {
		g.addChanges()
	}
	server.SetArchive(g.id, g.objects[0])
	return g
}

// ask sends a request to the API.
func (g *gitHub) ask(ctx context.Context, method, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, g.server.URL()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+g.server.Token())
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	return g.client.Do(req)
}

func (g *gitHub) from(*testing.T) transfer.Source {
	return transfer.Source{Locate: g.locate, Client: g.client, Identity: "org octo 79", UserAgent: "test/1"}
}

func (g *gitHub) locate(ctx context.Context) (transfer.Location, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	resp, err := g.ask(ctx, "GET", g.path+"/archive", "")
	if err != nil {
		return transfer.Location{}, transfer.Passing(errors.New("GitHub sent no response"))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		return transfer.Location{}, transfer.Passing(fmt.Errorf("GitHub responded %d", resp.StatusCode))
	}
	return transfer.Location{URL: resp.Header.Get("Location")}, nil
}

// fault chooses the fault of a request.
func (g *gitHub) fault(r ghmigratetest.Request, before int) (ghmigratetest.Fault, bool) {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, r.Origin, r.Path, before)
	random := rand.New(rand.NewPCG(g.seed, h.Sum64()))
	if r.Origin == ghmigratetest.API {
		return []ghmigratetest.Fault{{Status: http.StatusBadGateway}, {Reset: true}, {Stall: true}}[random.IntN(3)], random.IntN(8) == 0
	}
	if random.IntN(100) < g.calm {
		return ghmigratetest.Fault{
			Delay:   time.Duration(random.IntN(2000)) * time.Millisecond,
			Handler: slowly(1000 + random.IntN(200_000)),
		}, true
	}
	some := random.IntN(len(g.objects[0]))
	from, end, _ := byteRange(&http.Request{Header: r.Header}, len(g.objects[0]))
	reach := int64(1 + some%max(1, end-from))
	lie := func(name, value string) ghmigratetest.Fault {
		g.unreliable.Store(true)
		h := http.Header{name: {value}}
		if value == "" {
			h[name] = nil
		}
		return ghmigratetest.Fault{Header: h}
	}
	without := func(names ...string) ghmigratetest.Fault {
		return ghmigratetest.Fault{CutAfter: int64(random.IntN(2)) * reach, Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			for _, name := range names {
				r.Header.Del(name)
			}
			next.ServeHTTP(w, r)
		}}
	}
	switch random.IntN(16) {
	case 0, 1:
		return ghmigratetest.Fault{CutAfter: reach}, true
	case 2:
		return ghmigratetest.Fault{CutAfter: ghmigratetest.AfterHeader}, true
	case 3:
		return ghmigratetest.Fault{StallAfter: reach}, true
	case 4:
		return ghmigratetest.Fault{Reset: true}, true
	case 5:
		return ghmigratetest.Fault{Stall: true}, true
	case 6:
		return ghmigratetest.Fault{Handler: slowly(1 + random.IntN(2000))}, true
	case 7:
		return ghmigratetest.Fault{Status: []int{403, 404, 429, 500, 503}[random.IntN(5)]}, true
	case 8:
		return ghmigratetest.Fault{Status: 503, Header: http.Header{"Retry-After": {strconv.Itoa(random.IntN(400))}}}, true
	case 9: // a delayed 503, while other requests get bytes
		return ghmigratetest.Fault{Status: 503, Delay: time.Duration(random.IntN(20)) * time.Second}, true
	case 10:
		return lie("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, max(from, end-1), len(g.objects[0])+random.IntN(3))), true
	case 11:
		return lie("Etag", []string{"", `"other"`, `W/"weak"`}[random.IntN(3)]), true
	case 12:
		return without("Range"), true
	case 13:
		return without("If-Match", "If-Unmodified-Since"), true
	case 14:
		if !g.changes {
			return ghmigratetest.Fault{Status: 200, Body: "<html>Sign in to the hotel's network</html>"}, true
		}
		return ghmigratetest.Fault{Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			g.server.SetArchive(g.id, g.objects[random.IntN(len(g.objects))])
			next.ServeHTTP(w, r)
		}}, true
	default: // more bytes than announced, chunked; a response to a plain request announces no size
		if r.Header.Get("Range") == "" {
			return ghmigratetest.Fault{Reset: true}, true
		}
		return ghmigratetest.Fault{Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&overlongWriter{w}, r)
		}}, true
	}
}

// An overlongWriter drops the Content-Length and sends more bytes than it gets.
type overlongWriter struct{ http.ResponseWriter }

func (w *overlongWriter) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

func (w *overlongWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	_, _ = io.WriteString(w.ResponseWriter, "and more")
	return n, err
}

// slowly returns a handler that sends rate bytes a second.
func slowly(rate int) func(w http.ResponseWriter, r *http.Request, next http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&slowWriter{w, r, rate}, r)
	}
}

// A slowWriter writes rate bytes a second.
type slowWriter struct {
	http.ResponseWriter
	request *http.Request
	rate    int
}

func (w *slowWriter) Write(p []byte) (int, error) {
	for piece := range slices.Chunk(p, w.rate) {
		if !pause(w.request, time.Duration(len(piece))*time.Second/time.Duration(w.rate)) {
			return 0, w.request.Context().Err()
		}
		if _, err := w.ResponseWriter.Write(piece); err != nil {
			return 0, err
		}
		_ = http.NewResponseController(w.ResponseWriter).Flush()
	}
	return len(p), nil
}
