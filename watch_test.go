package ghmigrate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"slices"
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

// exportPath is the path of the migration that startExports starts first.
const exportPath = "/orgs/octo-org/migrations/79"

// observations reads a watch to its end. It returns a line for each element, such
// as "79 exporting" or "79 error", and the errors.
func observations(t *testing.T, watch iter.Seq2[*ghmigrate.Migration, error]) (lines []string, errs []error) {
	t.Helper()
	for m, err := range watch {
		switch {
		case err == nil:
			assert.Nil(t, m.Repositories)
			lines = append(lines, fmt.Sprintf("%d %s", m.ID, m.State))
		case m != nil:
			assert.Equal(t, &ghmigrate.Migration{ID: m.ID}, m, "an error comes with the ID alone")
			lines = append(lines, fmt.Sprintf("%d error", m.ID))
			errs = append(errs, err)
		default:
			lines = append(lines, "error")
			errs = append(errs, err)
		}
	}
	return lines, errs
}

// quickPolls is short enough for polls to observe every state of an export.
func quickPolls() ghmigrate.Option {
	return ghmigrate.WithPollInterval(100*time.Millisecond, 100*time.Millisecond)
}

func TestWatchYieldsChanges(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, quickPolls())
		server.AddRepository("octo-org/hello")
		server.AddRepository("octo-org/huge", ghmigratetest.PoisonsExport())
		for _, name := range []string{"octo-org/hello", "octo-org/huge", "octo-org/hello"} {
			_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{name}})
			require.NoError(t, err)
			time.Sleep(3 * time.Second)
		}
		watch := client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79, 80, 81, 79})
		before := len(server.Requests())
		assert.Equal(t, 3, before, "the watch is not yet ranged over")

		lines, errs := observations(t, watch)
		assert.Equal(t, []string{
			"81 exporting", "80 exporting", "79 exporting", // at the first poll, newest first as in the list
			"79 exported", "80 failed", "81 exported", // a failed export is not an error
		}, lines)
		assert.Empty(t, errs)
		for _, r := range sentSince(server, before) {
			assert.Equal(t, sent{Method: "GET", Path: "/orgs/octo-org/migrations", Query: "exclude=repositories&per_page=100"}, r)
		}

		before = len(server.Requests())
		lines, errs = observations(t, watch)
		assert.Equal(t, []string{"81 exported", "80 failed", "79 exported"}, lines, "ranging again starts over")
		assert.Empty(t, errs)
		assert.Len(t, server.Requests(), before+1)
	}, ghmigratetest.WithExportDuration(12*time.Second))
}

func TestWatchOfABadID(t *testing.T) {
	client := clientWithHandler(t, "https://api.github.com", func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	lines, errs := observations(t, client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79, 0}))
	assert.Equal(t, []string{"error"}, lines)
	assert.EqualError(t, errs[0], "ghmigrate: ids has 0 at index 1: want positive numbers")
}

func TestWatchOfNoMigrations(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for _, ids := range [][]int64{nil, {}} {
			orgs, _ := observations(t, client.OrgMigrations.Watch(t.Context(), "octo-org", ids))
			users, _ := observations(t, client.UserMigrations.Watch(t.Context(), ids))
			assert.Empty(t, append(orgs, users...))
		}
		assert.Empty(t, server.Requests())
	})
}

func TestWatchStopsWithTheLoop(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, quickPolls())
		ids := startExports(t, server, client, 3)
		want := len(server.Requests())
		for _, watch := range []iter.Seq2[*ghmigrate.Migration, error]{
			client.OrgMigrations.Watch(t.Context(), "octo-org", ids),
			client.OrgMigrations.WatchAll(t.Context(), "octo-org"),
		} {
			for _, err := range watch {
				require.NoError(t, err)
				break
			}
			want++
			assert.Len(t, server.Requests(), want)
		}
		time.Sleep(time.Minute) // so that the start is no longer recent
		server.Forget(80)
		for m, err := range client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{80}) {
			require.ErrorIs(t, err, ghmigrate.ErrNotFound)
			assert.Equal(t, int64(80), m.ID)
			break
		}
		time.Sleep(time.Minute)
		assert.Len(t, server.Requests(), want+2)
	})
}

// script returns a handler that responds to polls of an organization's list with
// the bodies in turn, and repeats the last. Other requests get 404.
func script(polls ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
		if !strings.HasSuffix(r.URL.Path, "/migrations") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"Not Found"}`)
			return
		}
		_, _ = io.WriteString(w, polls[0])
		if len(polls) > 1 {
			polls = polls[1:]
		}
	}
}

// scripted runs a test in a bubble, with a client for a GitHub with such a list.
func scripted(t *testing.T, test func(*testing.T, *ghmigrate.Client), polls ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, clientWithHandler(t, "https://api.github.com", script(polls...)))
	})
}

func TestWatchYieldsChangesOfStateAndTime(t *testing.T) {
	scripted(t, func(t *testing.T, client *ghmigrate.Client) {
		lines, errs := observations(t, client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79}))
		assert.Equal(t, []string{"79 pending", "79 exporting", "79 exporting", "79 archiving", "79 exported"}, lines)
		assert.Empty(t, errs)
	},
		`[{"id":79,"state":"pending","updated_at":"2015-07-28T18:12:32-07:00"},{"id":78,"state":"exporting"}]`,
		`[{"id":79,"state":"pending","updated_at":"2015-07-29T01:12:32Z"}]`, // the same time
		`[{"id":79,"state":"exporting","updated_at":"2015-07-29T01:12:32Z"}]`,
		`[{"id":79,"state":"exporting","updated_at":"2015-07-29T01:12:33Z"}]`,
		`[{"id":79,"state":"exporting","updated_at":"2015-07-29T01:12:33Z","guid":"other"}]`,
		`[{"id":79,"state":"archiving","updated_at":"2015-07-29T01:12:33Z"}]`,
		`[{"id":79,"state":"exported","updated_at":"2015-07-29T01:12:33Z","repositories":[{"id":1}]}]`,
	)
}

func TestWatchGoesOnWithoutAMigrationThatIsGone(t *testing.T) {
	for name, want := range map[string][]string{
		"org": {
			"81 pending", "80 pending", "79 pending", "12345 error", "81 exporting", "80 exporting", "79 exporting",
			"81 exported", "79 exported", "80 error",
		},
		"user": {
			"79 pending", "80 pending", "81 pending", "12345 error", "79 exporting", "80 exporting", "81 exporting",
			"79 exported", "81 exported", "80 error",
		},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				s := services(testclient.New(t, server, quickPolls()))[name]
				ids := startExportsOf(t, server, s, repositoryOf[name], 3)
				time.AfterFunc(time.Second, func() { server.Forget(80) })
				lines, errs := observations(t, s.Watch(t.Context(), append(ids, 12345))) // the last never existed
				assert.Equal(t, want, lines)
				require.Len(t, errs, 2)
				for _, err := range errs {
					assert.ErrorIs(t, err, ghmigrate.ErrNotFound)
				}
			})
		})
	}
}

// The body of the loop may cancel the context.
func TestWatchEndsWithAContextThatTheLoopCancels(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		reason := errors.New("seen enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		before, began := len(server.Requests()), time.Now()
		var end error
		for _, err := range client.OrgMigrations.WatchAll(ctx, "octo-org") {
			end = err
			cancel(reason)
		}
		require.ErrorIs(t, end, context.Canceled)
		require.ErrorIs(t, end, reason)
		assert.Len(t, server.Requests(), before+1)
		assert.Equal(t, began, time.Now())
	})
}

func TestWatchOfAListThatLeadsBackEndsAsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, requests := time.Now(), 0
		client := clientWithHandler(t, "https://api.github.com", func(w http.ResponseWriter, _ *http.Request) {
			requests++
			w.Header().Set("Link", `<https://api.github.com/organizations/1/migrations?per_page=100>; rel="next"`)
			_, _ = io.WriteString(w, `[{"id":80,"state":"exported"}]`)
		}, ghmigrate.WithMaxOutage(15*time.Minute))
		lines, errs := observations(t, client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79}))
		assert.Equal(t, []string{"error"}, lines)
		require.ErrorContains(t, errs[0], "leads back")
		assert.Less(t, time.Since(began), 20*time.Minute)
		assert.Less(t, requests, 30)
	})
}

// requestsByPoll groups requests by poll: a pause of more than a second separates
// two polls.
func requestsByPoll(requests []ghmigratetest.Request) [][]ghmigratetest.Request {
	var all [][]ghmigratetest.Request
	for i, r := range requests {
		if i == 0 || r.Time.Sub(requests[i-1].Time) > time.Second {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], r)
	}
	return all
}

func TestWatchSendsFewRequests(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		all := startExports(t, server, client, 250)
		newest, oldest := all[len(all)-30:], all[:3]
		time.Sleep(10 * time.Minute) // until all are exporting
		for _, test := range []struct {
			name            string
			ids             []int64
			pages, statuses int // requests of each poll
		}{
			{"all migrations: one page per hundred", all, 3, 0},
			{"the newest: one page", newest, 1, 0},
			{"the oldest, which are not on the pages that are read", oldest, 2, 3},
			{"the newest and the oldest", slices.Concat(oldest, newest), 2, 3},
		} {
			before, used := len(server.Requests()), client.RateLimit().Used
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			lines, errs := observations(t, client.OrgMigrations.Watch(ctx, "octo-org", test.ids))
			cancel()
			assert.Len(t, lines, len(test.ids)+1, test.name)
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], context.DeadlineExceeded)

			polls := requestsByPoll(server.Requests()[before:])
			assert.Greater(t, len(polls), 5)
			for i, poll := range polls {
				pages, statuses := 0, 0
				for _, r := range poll {
					if r.Path == "/orgs/octo-org/migrations" {
						pages++
					} else {
						statuses++
					}
					if i > 0 {
						assert.NotEmpty(t, r.Header.Get("If-None-Match"), test.name)
						assert.Equal(t, http.StatusNotModified, r.Status, test.name)
					}
				}
				assert.Equal(t, test.pages, pages, "%s, poll %d", test.name, i)
				assert.Equal(t, test.statuses, statuses, "%s, poll %d", test.name, i)
			}
			assert.Equal(t, used+test.pages+test.statuses, client.RateLimit().Used, "%s: only the first poll costs quota", test.name)
		}
	}, ghmigratetest.WithExportDuration(time.Hour))
}

func TestWatchPollsTheStatusOfAUsersMigrations(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startUserExports(t, server, client, 3)
		before := len(server.Requests())
		lines, errs := observations(t, client.UserMigrations.Watch(t.Context(), []int64{81, 79}))
		assert.Equal(t, []string{"79 pending", "81 pending", "79 exporting", "81 exporting", "79 exported", "81 exported"}, lines)
		assert.Empty(t, errs)
		unchanged := 0
		for i, r := range server.Requests()[before:] {
			assert.Equal(t, []string{"/user/migrations/79", "/user/migrations/81"}[i%2], r.Path)
			assert.Equal(t, "exclude=repositories", r.Query.Encode())
			if r.Status == http.StatusNotModified {
				unchanged++
			}
		}
		assert.Greater(t, unchanged, (len(server.Requests())-before)/2)
	}, ghmigratetest.WithExportDuration(10*time.Minute))
}

func TestWatchEndsOnOtherErrors(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		err   error
		lasts time.Duration
	}{
		{"the token is revoked", ghmigratetest.ServerError(http.StatusUnauthorized), ghmigrate.ErrUnauthorized, 30 * time.Second},
		{"single sign-on is required", ghmigratetest.Fault{
			Status: http.StatusForbidden, Header: http.Header{"X-Github-Sso": {"required; url=https://github.com/sso"}},
		}, ghmigrate.ErrSSORequired, 0},
		{"the organization is deleted", ghmigratetest.ServerError(http.StatusNotFound), ghmigrate.ErrNotFound, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				ids := startExports(t, server, client, 2)
				test.fault.Path, test.fault.After, test.fault.Times = "/orgs/octo-org/migrations", 2, -1
				server.Inject(test.fault)
				lines, errs := observations(t, client.OrgMigrations.Watch(t.Context(), "octo-org", ids))
				assert.Equal(t, []string{"80 pending", "79 pending", "error"}, lines)
				require.Len(t, errs, 1)
				require.ErrorIs(t, errs[0], test.err)
				_, requests := pollsOf(server, "/orgs/octo-org/migrations")
				assert.InDelta(t, test.lasts, time.Since(requests[2].Time), float64(5*time.Second))
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
	t.Run("the token is revoked, for a user", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			fault := ghmigratetest.ServerError(http.StatusUnauthorized)
			fault.Times = -1
			server.Inject(fault)
			lines, errs := observations(t, testclient.New(t, server).UserMigrations.Watch(t.Context(), []int64{79, 80, 81}))
			assert.Equal(t, []string{"error"}, lines)
			require.ErrorIs(t, errs[0], ghmigrate.ErrUnauthorized)
			assert.Len(t, server.Requests(), 2, "a 401 is retried once")
		})
	})
}

func TestWatchToleratesAnOutageAndEndsAfterALongOne(t *testing.T) {
	all := temporaryFailures()
	for _, name := range []string{"502, a page", "200, a page", "a broken connection", "no response"} {
		fault := all[name]
		for service, repository := range repositoryOf {
			for outage, ends := range map[time.Duration]bool{13 * time.Minute: false, 20 * time.Minute: true} {
				t.Run(fmt.Sprintf("%s, %s, %v", name, service, outage), func(t *testing.T) {
					testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
						s := services(testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute)))[service]
						watch := s.Watch(t.Context(), startExportsOf(t, server, s, repository, 3))
						fault.After, fault.Times = 3, -1
						server.Inject(fault)
						time.AfterFunc(outage, server.ClearFaults)

						lines, errs := observations(t, watch)
						if !ends {
							assert.Empty(t, errs)
							assert.Subset(t, lines, []string{"79 exported", "80 exported", "81 exported"})
							return
						}
						require.Len(t, errs, 1)
						assert.Equal(t, "error", lines[len(lines)-1], "an outage is not about a single migration: %v", lines)
						assert.ErrorContains(t, errs[0], "polls have failed for 1")
					}, ghmigratetest.WithExportDuration(30*time.Minute))
				})
			}
		}
	}
}

func TestWatchDropsAMigrationWhosePollsKeepFailing(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
		startUserExports(t, server, client, 4)
		for _, id := range []string{"79", "80"} { // the polls of these are in a row
			fault := ghmigratetest.ServerError(http.StatusBadGateway)
			fault.Path, fault.Times = "/user/migrations/"+id, -1
			server.Inject(fault)
		}
		began := time.Now()
		var failed time.Duration
		var lines []string
		for m, err := range client.UserMigrations.Watch(t.Context(), []int64{79, 80, 81, 82}) {
			require.NotNil(t, m)
			lines = append(lines, fmt.Sprintf("%d %s", m.ID, m.State))
			if err != nil {
				failed = time.Since(began)
				failure, ok := errors.AsType[*ghmigrate.APIError](err)
				require.True(t, ok)
				assert.Equal(t, http.StatusBadGateway, failure.StatusCode)
			}
		}
		assert.Equal(t, []string{"81 pending", "82 pending", "81 exporting", "82 exporting", "79 ", "80 ", "81 exported", "82 exported"}, lines)
		assert.GreaterOrEqual(t, failed, 15*time.Minute)
		assert.Less(t, failed, 18*time.Minute)
	}, ghmigratetest.WithExportDuration(time.Hour))
}

// Successful polls of the other migrations hide a failure from the caller, so the
// failure is logged.
func TestWatchForgetsAFailureAfterASuccess(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		var log strings.Builder
		client := testclient.New(t, server, ghmigrate.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		startUserExports(t, server, client, 2)
		for _, after := range []time.Duration{time.Minute, 30 * time.Minute} {
			time.AfterFunc(after, func() {
				server.Inject(ghmigratetest.Fault{Path: "/user/migrations/80", Status: http.StatusBadGateway})
			})
		}
		lines, errs := observations(t, client.UserMigrations.Watch(t.Context(), []int64{79, 80}))
		assert.Empty(t, errs)
		assert.Equal(t, []string{"79 pending", "80 pending", "79 exporting", "80 exporting", "79 exported", "80 exported"}, lines)
		assert.Equal(t, 2, strings.Count(log.String(), "level=WARN"), log.String())
	}, ghmigratetest.WithExportDuration(time.Hour))
}

// Only two failures in a row count as an outage.
func TestWatchContinuesAfterFailuresThatAreNotInARow(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startUserExports(t, server, client, 5)
		for _, id := range []string{"79", "81"} {
			server.Inject(ghmigratetest.Fault{Path: "/user/migrations/" + id, Status: http.StatusBadGateway})
		}
		before := len(server.Requests())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		lines, _ := observations(t, client.UserMigrations.Watch(ctx, []int64{79, 80, 81, 82, 83}))
		assert.Equal(t, []string{"80 pending", "82 pending", "83 pending", "error"}, lines)
		assert.Len(t, server.Requests(), before+5)
	})
}

func TestWatchOfNoContext(t *testing.T) {
	client := clientWithTransport(t, func(*http.Request) (*http.Response, error) { panic("unexpected request") })
	//nolint:staticcheck // a nil context is the point of the test
	_, errs := observations(t, client.UserMigrations.Watch(nil, []int64{79}))
	require.Len(t, errs, 1)
	require.EqualError(t, errs[0], "ghmigrate: ctx is nil")
}

func TestAFailingMigrationDoesNotDelayTheOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startUserExports(t, server, client, 3)
		server.Inject(ghmigratetest.Fault{Path: "/user/migrations/79", Times: -1, Status: http.StatusBadGateway})
		began := time.Now()
		var seen []int64
		for m, err := range client.UserMigrations.Watch(t.Context(), []int64{79, 80, 81}) {
			require.NoError(t, err)
			assert.Equal(t, began, time.Now())
			if seen = append(seen, m.ID); len(seen) == 2 {
				break
			}
		}
		assert.Equal(t, []int64{80, 81}, seen)
	})
}

// Each request to a server that does not respond takes a minute. Requests for all
// migrations would take hours.
func TestWatchOfManyDoesNotHang(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
		var ids []int64
		for id := range int64(200) {
			ids = append(ids, id+1)
		}
		server.Inject(ghmigratetest.Fault{Times: -1, Stall: true})
		began := time.Now()
		lines, errs := observations(t, client.UserMigrations.Watch(t.Context(), ids))
		assert.Equal(t, []string{"error"}, lines)
		require.ErrorContains(t, errs[0], "polls have failed for 1")
		assert.Less(t, time.Since(began), 20*time.Minute)
	})
}

func TestWatchWaitsForRateLimits(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		ids := startExports(t, server, client, 2)
		fault := ghmigratetest.PrimaryRateLimit(time.Hour)
		fault.After = 1
		server.Inject(fault)
		lines, errs := observations(t, client.OrgMigrations.Watch(t.Context(), "octo-org", ids))
		assert.Equal(t, []string{"80 pending", "79 pending", "80 exported", "79 exported"}, lines)
		assert.Empty(t, errs)
		polls, _ := pollsOf(server, "/orgs/octo-org/migrations")
		assert.Len(t, polls, 3)
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	reason := errors.New("shutting down")
	for _, name := range []string{"Watch", "WatchAll", "Watch for a user", "WatchAll for a user"} {
		for where, fault := range map[string]ghmigratetest.Fault{
			"between two polls": {After: 1 << 30},
			"in a poll":         {After: 3, Times: -1, Stall: true},
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					ctx, cancel := context.WithCancelCause(t.Context())
					client := testclient.New(t, server)
					ids := startExports(t, server, client, 1)
					userIDs := startUserExports(t, server, client, 1)
					server.Inject(fault)
					watch := map[string]iter.Seq2[*ghmigrate.Migration, error]{
						"Watch":               client.OrgMigrations.Watch(ctx, "octo-org", ids),
						"WatchAll":            client.OrgMigrations.WatchAll(ctx, "octo-org"),
						"Watch for a user":    client.UserMigrations.Watch(ctx, userIDs),
						"WatchAll for a user": client.UserMigrations.WatchAll(ctx),
					}[name]
					began := time.Now()
					time.AfterFunc(30*time.Second, func() { cancel(reason) })
					lines, errs := observations(t, watch)
					assert.Equal(t, 30*time.Second, time.Since(began), "at once")
					require.Len(t, errs, 1)
					require.ErrorIs(t, errs[0], context.Canceled)
					require.ErrorIs(t, errs[0], reason)
					assert.Equal(t, "error", lines[len(lines)-1])
				}, ghmigratetest.WithExportDuration(time.Hour))
			})
		}
	}
}

// The error includes a failure that the watch tolerated.
func TestTheErrorOfAWatchsDeadlineIncludesTheLastFailure(t *testing.T) {
	for name, status := range map[string]int{"an outage": http.StatusBadGateway, "a denial": http.StatusNotFound} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				polls := 0
				client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/migrations") {
						return respond(req, http.StatusOK, nil, `[]`), nil
					}
					if polls++; polls == 1 {
						return respond(req, http.StatusOK, nil, `{"id": 79, "state": "pending"}`), nil
					}
					return respond(req, status, nil, notFound), nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				_, err := ghmigrate.Collect(client.OrgMigrations.Watch(ctx, "octo-org", []int64{79}))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, fmt.Sprintf("; the previous attempt failed: GET /orgs/octo-org/migrations/79: %d Not Found", status))
			})
		})
	}
}
