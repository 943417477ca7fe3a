package ghmigrate_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestWatchAllFollowsLiveAndNewMigrations(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithPollInterval(500*time.Millisecond, 500*time.Millisecond))
		server.AddRepository("octo-org/hello")
		server.AddRepository("octo-org/huge", ghmigratetest.PoisonsExport())
		start := func(name string) {
			_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{name}})
			assert.NoError(t, err)
		}
		start("octo-org/hello")
		start("octo-org/huge")
		time.Sleep(time.Minute) // both are done
		start("octo-org/hello")
		time.Sleep(5 * time.Second)
		start("octo-org/hello")

		began := time.Now()
		time.AfterFunc(15*time.Second, func() { start("octo-org/huge") })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		lines, errs := observations(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{
			"82 pending", "81 exporting", "82 exporting", "81 exported", "82 exported",
			"83 pending", "83 exporting", "83 failed", "error",
		}, lines)
		assert.Equal(t, time.Minute, time.Since(began))
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
	}, ghmigratetest.WithExportDuration(10*time.Second))
}

func TestWatchAllFindsLiveMigrationsOnAnyPage(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Clock().Advance(24 * time.Hour)
		// The list shows only the oldest migration as not done.
		for id := int64(80); id < 79+250; id++ {
			_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}, OmitRepositories: true})
			require.NoError(t, err)
		}
		server.Clock().Advance(24 * time.Hour)
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", After: 1, Status: http.StatusBadGateway})
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Times: -1, Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(rec.Code)
			var page []map[string]any
			if json.Unmarshal(rec.Body.Bytes(), &page) != nil {
				return
			}
			for _, m := range page {
				if m["id"] == 79.0 {
					m["state"] = "exporting"
				}
			}
			_ = json.NewEncoder(w).Encode(page)
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		before := len(server.Requests())
		lines, _ := observations(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{"79 exporting", "79 exported", "error"}, lines, "its status is exported")
		polls := requestsByPoll(server.Requests()[before:])
		assert.Len(t, polls[0], 2, "the second page fails")
		assert.Len(t, polls[1], 3, "the first complete poll reads all pages")
		assert.Len(t, polls[2], 3, "two pages, and the status of one migration")
		assert.Len(t, polls[3], 1, "only the first page")
	})
}

// serveList serves a list of migrations with these IDs, newest first, one on each
// page. All migrations have the same state.
func serveList(w http.ResponseWriter, r *http.Request, state string, ids ...int64) {
	page, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("page"), "1"))
	if err != nil || !strings.HasSuffix(r.URL.Path, "/migrations") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if page < len(ids) {
		w.Header().Set("Link", fmt.Sprintf(`<https://ghes.example.com/organizations/1/migrations?page=%d>; rel="next"`, page+1))
	}
	_, _ = fmt.Fprintf(w, `[{"id":%d,"state":%q}]`, ids[page-1], state)
}

func TestWatchAllFindsNewMigrationsOnSeveralPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
			if time.Since(began) < time.Minute {
				serveList(w, r, "exported", 80, 79)
			} else {
				serveList(w, r, "exported", 84, 83, 82, 81, 80, 79)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		lines, _ := observations(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{"84 exported", "83 exported", "82 exported", "81 exported", "error"}, lines)
	})
}

// The list of an organization includes imports, whose states are undocumented and
// never Done.
func TestWatchAllFollowsNoOldImports(t *testing.T) {
	const day = 24 * time.Hour
	at := func(d time.Duration) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(time.RFC3339)
	}
	old := fmt.Sprintf(`{"id":70,"state":"imported","updated_at":%q},{"id":71,"state":"exported","updated_at":%q}`, at(-30*day), at(-day))
	export := fmt.Sprintf(`{"id":79,"state":"exporting","updated_at":%q}`, at(-9*day))
	fresh := fmt.Sprintf(`{"id":80,"state":"archiving","updated_at":%q}`, at(-day))
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		statusRequests := 0
		client := clientWithHandler(t, "https://api.github.com", func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/migrations") {
				statusRequests++
			}
			list := fmt.Sprintf("[%s,%s,%s]", fresh, export, old)
			if time.Since(began) > day {
				list = fmt.Sprintf(`[{"id":81,"state":"imported","updated_at":%q},%s`, at(day), list[1:])
			}
			if time.Since(began) > 10*day { // the list no longer has migrations in unknown states
				list = "[" + export + "]"
			}
			script(list)(w, r)
		}, ghmigrate.WithPollInterval(time.Hour, time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 20*day)
		defer cancel()
		lines, errs := observations(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{"80 archiving", "79 exporting", "81 imported", "error"}, lines)
		assert.Len(t, errs, 1)
		assert.Zero(t, statusRequests, "a migration in an unknown state is dropped after a week")
	})
}

func TestWatchAllOfAUser(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithPollInterval(500*time.Millisecond, 500*time.Millisecond))
		server.AddRepository("octocat/hello")
		start := func() {
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			assert.NoError(t, err)
		}
		start()
		time.Sleep(time.Minute)
		start()
		time.AfterFunc(5*time.Second, start)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		lines, errs := observations(t, client.UserMigrations.WatchAll(ctx))
		assert.Equal(t, []string{"80 pending", "80 exporting", "81 pending", "81 exporting", "80 exported", "81 exported", "error"}, lines)
		assert.Len(t, errs, 1)
	}, ghmigratetest.WithExportDuration(10*time.Second))
}

// After a poll that fails between two pages, the next poll reads the whole list.
func TestWatchAllMissesNoMigrationAfterAFailedPoll(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octo-org/hello")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var found []int64
		go func() {
			time.Sleep(time.Minute)
			for range 150 {
				_, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
				assert.NoError(t, err)
			}
			second := false
			server.Inject(ghmigratetest.Fault{Path: "/orgs/octo-org/migrations", Method: "GET", Times: -1,
				Handler: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					if r.URL.Query().Get("page") == "2" && !second {
						second = true
						w.WriteHeader(http.StatusBadGateway)
						return
					}
					next.ServeHTTP(w, r)
				}})
			time.Sleep(30 * time.Minute)
			cancel()
		}()
		for m, err := range client.OrgMigrations.WatchAll(ctx, "octo-org") {
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				break
			}
			if !slices.Contains(found, m.ID) {
				found = append(found, m.ID)
			}
		}
		assert.Len(t, found, 150)
	}, ghmigratetest.WithExportDuration(2*time.Hour))
}
