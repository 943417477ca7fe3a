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

const polled = "/orgs/octo-org/migrations/79"

// sights reads a watch to its end, and checks what is true of every sight.
func sights(t *testing.T, watch iter.Seq2[*ghmigrate.Migration, error]) (lines []string, errs []error) {
	t.Helper()
	for m, err := range watch {
		switch {
		case err == nil:
			assert.Nil(t, m.Repositories)
			lines = append(lines, fmt.Sprintf("%d %s", m.ID, m.State))
		case m != nil:
			assert.Equal(t, &ghmigrate.Migration{ID: m.ID}, m, "beside an error there is the ID alone")
			lines = append(lines, fmt.Sprintf("%d error", m.ID))
			errs = append(errs, err)
		default:
			lines = append(lines, "error")
			errs = append(errs, err)
		}
	}
	return lines, errs
}

// quick polls tell every state of the tests' exports.
func quick() ghmigrate.Option {
	return ghmigrate.WithPollInterval(100*time.Millisecond, 100*time.Millisecond)
}

func TestWatchYieldsChangesAsTheyAreSeen(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, quick())
		server.AddRepository("octo-org/hello")
		server.AddRepository("octo-org/huge", ghmigratetest.PoisonsExport())
		for _, name := range []string{"octo-org/hello", "octo-org/huge", "octo-org/hello"} {
			_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{name}})
			require.NoError(t, err)
			time.Sleep(3 * time.Second)
		}
		watch := client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79, 80, 81, 79})
		asked := len(server.Requests())
		assert.Equal(t, 3, asked, "nobody has ranged yet")

		lines, errs := sights(t, watch)
		assert.Equal(t, []string{
			"81 exporting", "80 exporting", "79 exporting", // first sights, newest first as in the list
			"79 exported", "80 failed", "81 exported", // a failed export does not count as an error
		}, lines)
		assert.Empty(t, errs)
		for _, r := range sentSince(server, asked) {
			assert.Equal(t, sent{Method: "GET", Path: "/orgs/octo-org/migrations", Query: "exclude=repositories&per_page=100"}, r)
		}

		asked = len(server.Requests())
		lines, errs = sights(t, watch)
		assert.Equal(t, []string{"81 exported", "80 failed", "79 exported"}, lines, "ranging again starts over")
		assert.Empty(t, errs)
		assert.Len(t, server.Requests(), asked+1)
	}, ghmigratetest.WithExportDuration(12*time.Second))
}

func TestWatchOfABadID(t *testing.T) {
	client := offline(t, "https://api.github.com", func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	lines, errs := sights(t, client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79, 0}))
	assert.Equal(t, []string{"error"}, lines)
	assert.EqualError(t, errs[0], "ghmigrate: ids has 0 at index 1: want positive numbers")
}

func TestWatchOfNothing(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		for _, ids := range [][]int64{nil, {}} {
			orgs, _ := sights(t, client.OrgMigrations.Watch(t.Context(), "octo-org", ids))
			users, _ := sights(t, client.UserMigrations.Watch(t.Context(), ids))
			assert.Empty(t, append(orgs, users...))
		}
		assert.Empty(t, server.Requests())
	})
}

func TestWatchStopsWithTheLoop(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, quick())
		ids := startExports(t, server, client, 3)
		asked := len(server.Requests())
		for _, watch := range []iter.Seq2[*ghmigrate.Migration, error]{
			client.OrgMigrations.Watch(t.Context(), "octo-org", ids),
			client.OrgMigrations.WatchAll(t.Context(), "octo-org"),
		} {
			for _, err := range watch {
				require.NoError(t, err)
				break
			}
			asked++
			assert.Len(t, server.Requests(), asked)
		}
		time.Sleep(time.Minute) // long after its start
		server.Forget(80)
		for m, err := range client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{80}) {
			require.ErrorIs(t, err, ghmigrate.ErrNotFound)
			assert.Equal(t, int64(80), m.ID)
			break
		}
		time.Sleep(time.Minute)
		assert.Len(t, server.Requests(), asked+2)
	})
}

// script answers the polls of an organization's list one after the other, the
// last again and again; there are no single migrations.
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

// scripted makes a client of a GitHub with such a list, in a bubble.
func scripted(t *testing.T, test func(*testing.T, *ghmigrate.Client), polls ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, offline(t, "https://api.github.com", script(polls...)))
	})
}

func TestWatchKnowsAChangeByStateAndTime(t *testing.T) {
	scripted(t, func(t *testing.T, client *ghmigrate.Client) {
		lines, errs := sights(t, client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79}))
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

func TestWatchGoesOnWithoutOneThatIsGone(t *testing.T) {
	for _, user := range []bool{false, true} {
		t.Run(fmt.Sprintf("user %v", user), func(t *testing.T) {
			var opts []ghmigratetest.Option
			if user {
				opts = append(opts, ghmigratetest.WithUser("octo-org"))
			}
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, quick())
				server.AddRepository("octo-org/hello")
				req := ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}}
				for range 3 {
					var err error
					if user {
						_, err = client.UserMigrations.Start(t.Context(), req)
					} else {
						_, err = client.OrgMigrations.Start(t.Context(), "octo-org", req)
					}
					require.NoError(t, err)
				}
				ids := []int64{79, 80, 81, 12345} // the last was never there
				time.AfterFunc(time.Second, func() { server.Forget(80) })
				watch := client.UserMigrations.Watch(t.Context(), ids)
				if !user {
					watch = client.OrgMigrations.Watch(t.Context(), "octo-org", ids)
				}
				lines, errs := sights(t, watch)
				if user {
					assert.Equal(t, []string{
						"79 pending", "80 pending", "81 pending", "12345 error", "79 exporting", "80 exporting", "81 exporting",
						"79 exported", "81 exported", "80 error",
					}, lines)
				} else {
					assert.Equal(t, []string{
						"81 pending", "80 pending", "79 pending", "12345 error", "81 exporting", "80 exporting", "79 exporting",
						"81 exported", "79 exported", "80 error",
					}, lines)
				}
				require.Len(t, errs, 2)
				for _, err := range errs {
					assert.ErrorIs(t, err, ghmigrate.ErrNotFound)
				}
			}, opts...)
		})
	}
}

// The loop's own body may end the context.
func TestWatchEndsWithinItsLoop(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		reason := errors.New("seen enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		asked, began := len(server.Requests()), time.Now()
		var end error
		for _, err := range client.OrgMigrations.WatchAll(ctx, "octo-org") {
			end = err
			cancel(reason)
		}
		require.ErrorIs(t, end, context.Canceled)
		require.ErrorIs(t, end, reason)
		assert.Len(t, server.Requests(), asked+1)
		assert.Equal(t, began, time.Now())
	})
}

// A list without an end ends the poll after a while.
func TestWatchOfAListThatLeadsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		client := offline(t, "https://api.github.com", func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Link", `<https://api.github.com/organizations/1/migrations?per_page=100>; rel="next"`)
			_, _ = io.WriteString(w, `[{"id":80,"state":"exported"}]`)
		}, ghmigrate.WithMaxOutage(15*time.Minute))
		lines, errs := sights(t, client.OrgMigrations.Watch(t.Context(), "octo-org", []int64{79}))
		assert.Equal(t, []string{"error"}, lines)
		require.ErrorContains(t, errs[0], "leads back")
		assert.Less(t, time.Since(began), 20*time.Minute)
		assert.Less(t, asked, 30)
	})
}

// ticks are the requests of each poll.
func ticks(requests []ghmigratetest.Request) [][]ghmigratetest.Request {
	var all [][]ghmigratetest.Request
	for i, r := range requests {
		if i == 0 || r.Time.Sub(requests[i-1].Time) > time.Second {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], r)
	}
	return all
}

func TestWatchIsThrifty(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		all := startExports(t, server, client, 250)
		newest, oldest := all[len(all)-30:], all[:3]
		time.Sleep(10 * time.Minute) // they are exporting, and will be
		for _, test := range []struct {
			name           string
			ids            []int64
			pages, singles int // of each poll
		}{
			{"all of them: a page per hundred", all, 3, 0},
			{"the newest: one page", newest, 1, 0},
			{"the oldest: they are beyond the pages that are worth it", oldest, 2, 3},
			{"both", slices.Concat(oldest, newest), 2, 3},
		} {
			asked, used := len(server.Requests()), client.RateLimit().Used
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			lines, errs := sights(t, client.OrgMigrations.Watch(ctx, "octo-org", test.ids))
			cancel()
			assert.Len(t, lines, len(test.ids)+1, test.name)
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], context.DeadlineExceeded)

			polls := ticks(server.Requests()[asked:])
			assert.Greater(t, len(polls), 5)
			for i, poll := range polls {
				pages, singles := 0, 0
				for _, r := range poll {
					if r.Path == "/orgs/octo-org/migrations" {
						pages++
					} else {
						singles++
					}
					if i > 0 {
						assert.NotEmpty(t, r.Header.Get("If-None-Match"), test.name)
						assert.Equal(t, http.StatusNotModified, r.Status, test.name)
					}
				}
				assert.Equal(t, test.pages, pages, "%s, poll %d", test.name, i)
				assert.Equal(t, test.singles, singles, "%s, poll %d", test.name, i)
			}
			assert.Equal(t, used+test.pages+test.singles, client.RateLimit().Used, "%s: only the first poll costs quota", test.name)
		}
	}, ghmigratetest.WithExportDuration(time.Hour))
}

func TestWatchLooksAtAUsersSingly(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octocat/hello")
		for range 3 {
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			require.NoError(t, err)
		}
		asked := len(server.Requests())
		lines, errs := sights(t, client.UserMigrations.Watch(t.Context(), []int64{81, 79}))
		assert.Equal(t, []string{"79 pending", "81 pending", "79 exporting", "81 exporting", "79 exported", "81 exported"}, lines)
		assert.Empty(t, errs)
		unchanged := 0
		for i, r := range server.Requests()[asked:] {
			assert.Equal(t, []string{"/user/migrations/79", "/user/migrations/81"}[i%2], r.Path)
			assert.Equal(t, "exclude=repositories", r.Query.Encode())
			if r.Status == http.StatusNotModified {
				unchanged++
			}
		}
		assert.Greater(t, unchanged, (len(server.Requests())-asked)/2)
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
		{"the organization is gone", ghmigratetest.ServerError(http.StatusNotFound), ghmigrate.ErrNotFound, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				ids := startExports(t, server, client, 2)
				test.fault.Path, test.fault.After, test.fault.Times = "/orgs/octo-org/migrations", 2, -1
				server.Inject(test.fault)
				lines, errs := sights(t, client.OrgMigrations.Watch(t.Context(), "octo-org", ids))
				assert.Equal(t, []string{"80 pending", "79 pending", "error"}, lines)
				require.Len(t, errs, 1)
				require.ErrorIs(t, errs[0], test.err)
				_, requests := pollsOf(server, "/orgs/octo-org/migrations")
				assert.InDelta(t, test.lasts, time.Since(requests[2].Time), float64(5*time.Second))
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
	t.Run("the token is revoked, as a user's own tell", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			fault := ghmigratetest.ServerError(http.StatusUnauthorized)
			fault.Times = -1
			server.Inject(fault)
			lines, errs := sights(t, testclient.New(t, server).UserMigrations.Watch(t.Context(), []int64{79, 80, 81}))
			assert.Equal(t, []string{"error"}, lines)
			require.ErrorIs(t, errs[0], ghmigrate.ErrUnauthorized)
			assert.Len(t, server.Requests(), 2, "a stray one is asked again")
		})
	})
}

func TestWatchSurvivesAnOutageAndEndsWithALongOne(t *testing.T) {
	all := passing()
	for _, name := range []string{"502, a page", "200, a page", "a broken connection", "no answer"} {
		fault := all[name]
		for _, user := range []bool{false, true} {
			for outage, ends := range map[time.Duration]bool{13 * time.Minute: false, 20 * time.Minute: true} {
				t.Run(fmt.Sprintf("%s, user %v, %v", name, user, outage), func(t *testing.T) {
					var opts []ghmigratetest.Option
					if user {
						opts = append(opts, ghmigratetest.WithUser("octo-org"))
					}
					opts = append(opts, ghmigratetest.WithExportDuration(30*time.Minute))
					testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
						client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
						server.AddRepository("octo-org/hello")
						req := ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}}
						ids := []int64{79, 80, 81}
						watch := client.OrgMigrations.Watch(t.Context(), "octo-org", ids)
						for range ids {
							var err error
							if user {
								_, err = client.UserMigrations.Start(t.Context(), req)
								watch = client.UserMigrations.Watch(t.Context(), ids)
							} else {
								_, err = client.OrgMigrations.Start(t.Context(), "octo-org", req)
							}
							require.NoError(t, err)
						}
						fault.After, fault.Times = 3, -1
						server.Inject(fault)
						time.AfterFunc(outage, server.ClearFaults)

						lines, errs := sights(t, watch)
						if !ends {
							assert.Empty(t, errs)
							assert.Subset(t, lines, []string{"79 exported", "80 exported", "81 exported"})
							return
						}
						require.Len(t, errs, 1)
						assert.Equal(t, "error", lines[len(lines)-1], "an outage is about none of them alone: %v", lines)
						assert.ErrorContains(t, errs[0], "polls have failed for 1")
					}, opts...)
				})
			}
		}
	}
}

func TestWatchGoesOnWithoutOneThatCannotBeLookedAt(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
		server.AddRepository("octocat/hello")
		for range 4 {
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			require.NoError(t, err)
		}
		for _, id := range []string{"79", "80"} { // one after the other
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

// Failures far apart are not one that goes on, and each is logged: the others'
// answers hide it.
func TestWatchForgetsAFailureThatIsOver(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		var log strings.Builder
		client := testclient.New(t, server, ghmigrate.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		server.AddRepository("octocat/hello")
		for range 2 {
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			require.NoError(t, err)
		}
		for _, after := range []time.Duration{time.Minute, 30 * time.Minute} {
			time.AfterFunc(after, func() {
				server.Inject(ghmigratetest.Fault{Path: "/user/migrations/80", Status: http.StatusBadGateway})
			})
		}
		lines, errs := sights(t, client.UserMigrations.Watch(t.Context(), []int64{79, 80}))
		assert.Empty(t, errs)
		assert.Equal(t, []string{"79 pending", "80 pending", "79 exporting", "80 exporting", "79 exported", "80 exported"}, lines)
		assert.Equal(t, 2, strings.Count(log.String(), "level=WARN"), log.String())
	}, ghmigratetest.WithExportDuration(time.Hour))
}

// Two failures in a row are GitHub's trouble; two that are not in a row are not.
func TestWatchGoesOnAfterFailuresOfSome(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octocat/hello")
		for range 5 {
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			require.NoError(t, err)
		}
		for _, id := range []string{"79", "81"} {
			server.Inject(ghmigratetest.Fault{Path: "/user/migrations/" + id, Status: http.StatusBadGateway})
		}
		asked := len(server.Requests())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		lines, _ := sights(t, client.UserMigrations.Watch(ctx, []int64{79, 80, 81, 82, 83}))
		assert.Equal(t, []string{"80 pending", "82 pending", "83 pending", "error"}, lines)
		assert.Len(t, server.Requests(), asked+5)
	})
}

func TestWatchOfNoContext(t *testing.T) {
	client := onWire(t, func(*http.Request) (*http.Response, error) { panic("no request is made") })
	//nolint:staticcheck // what a mistake does
	_, errs := sights(t, client.UserMigrations.Watch(nil, []int64{79}))
	require.Len(t, errs, 1)
	require.EqualError(t, errs[0], "ghmigrate: ctx is nil")
}

func TestWatchSeesTheOthersAtOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.AddRepository("octocat/hello")
		for range 3 {
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			require.NoError(t, err)
		}
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

// Each request to a server that never answers takes a minute. All watched
// migrations, one after the other, would take hours.
func TestWatchOfManyDoesNotHang(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
		var ids []int64
		for id := range int64(200) {
			ids = append(ids, id+1)
		}
		server.Inject(ghmigratetest.Fault{Times: -1, Stall: true})
		began := time.Now()
		lines, errs := sights(t, client.UserMigrations.Watch(t.Context(), ids))
		assert.Equal(t, []string{"error"}, lines)
		require.ErrorContains(t, errs[0], "polls have failed for 1")
		assert.Less(t, time.Since(began), 20*time.Minute)
	})
}

func TestWatchWaitsRateLimitsOut(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		ids := startExports(t, server, client, 2)
		fault := ghmigratetest.PrimaryRateLimit(time.Hour)
		fault.After = 1
		server.Inject(fault)
		lines, errs := sights(t, client.OrgMigrations.Watch(t.Context(), "octo-org", ids))
		assert.Equal(t, []string{"80 pending", "79 pending", "80 exported", "79 exported"}, lines)
		assert.Empty(t, errs)
		polls, _ := pollsOf(server, "/orgs/octo-org/migrations")
		assert.Len(t, polls, 3)
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	reason := errors.New("shutting down")
	for _, name := range []string{"Watch", "WatchAll", "Watch of a user's", "WatchAll of a user's"} {
		for where, fault := range map[string]ghmigratetest.Fault{
			"between two polls": {After: 1 << 30},
			"in a poll":         {After: 3, Times: -1, Stall: true},
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					ctx, cancel := context.WithCancelCause(t.Context())
					client := testclient.New(t, server)
					ids := startExports(t, server, client, 1)
					server.AddRepository("octocat/hello")
					m, err := client.UserMigrations.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
					require.NoError(t, err)
					server.Inject(fault)
					watch := map[string]iter.Seq2[*ghmigrate.Migration, error]{
						"Watch":                client.OrgMigrations.Watch(ctx, "octo-org", ids),
						"WatchAll":             client.OrgMigrations.WatchAll(ctx, "octo-org"),
						"Watch of a user's":    client.UserMigrations.Watch(ctx, []int64{m.ID}),
						"WatchAll of a user's": client.UserMigrations.WatchAll(ctx),
					}[name]
					began := time.Now()
					time.AfterFunc(30*time.Second, func() { cancel(reason) })
					lines, errs := sights(t, watch)
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

// What a watch survives is told when its context ends.
func TestADeadlineOfAWatchTellsTheLastFailureOfOne(t *testing.T) {
	for name, status := range map[string]int{"an outage": http.StatusBadGateway, "a denial": http.StatusNotFound} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				polls := 0
				client := onWire(t, func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/migrations") {
						return answer(req, http.StatusOK, nil, `[]`), nil
					}
					if polls++; polls == 1 {
						return answer(req, http.StatusOK, nil, `{"id": 79, "state": "pending"}`), nil
					}
					return answer(req, status, nil, notFound), nil
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
