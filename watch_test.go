package ghmigrate_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
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
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

const polled = "/orgs/octo-org/migrations/79"

// pollsOf returns when a path was asked for, from the first time on.
func pollsOf(server *ghmigratetest.Server, path string) (times []time.Duration, requests []ghmigratetest.Request) {
	for _, r := range server.Requests() {
		if r.Method == http.MethodGet && r.Path == path {
			requests = append(requests, r)
			times = append(times, r.Time.Sub(requests[0].Time))
		}
	}
	return times, requests
}

// pausesOf returns the pauses between times.
func pausesOf(times []time.Duration) []time.Duration {
	var all []time.Duration
	for i := 1; i < len(times); i++ {
		all = append(all, times[i]-times[i-1])
	}
	return all
}

func TestWaitPollsMoreAndMoreSlowly(t *testing.T) {
	for _, test := range []struct {
		name     string
		opts     []ghmigrate.Option
		min, max time.Duration
	}{
		{"by default", nil, 5 * time.Second, time.Minute},
		{"as told", []ghmigrate.Option{ghmigrate.WithPollInterval(200*time.Millisecond, 2*time.Second)}, 200 * time.Millisecond, 2 * time.Second},
		{"evenly", []ghmigrate.Option{ghmigrate.WithPollInterval(30*time.Second, 30*time.Second)}, 30 * time.Second, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, test.opts...)
				startExports(t, server, client, 1)
				began := time.Now()

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
				assert.Nil(t, m.Repositories)

				times, requests := pollsOf(server, polled)
				assert.Equal(t, began, requests[0].Time.Local(), "the first poll is at once")
				interval, distinct := test.min, map[time.Duration]bool{}
				for i, gap := range pausesOf(times) {
					assert.LessOrEqual(t, gap, interval, "pause %d", i)
					assert.GreaterOrEqual(t, gap, interval*9/10, "pause %d", i)
					distinct[gap] = true
					interval = min(interval*3/2, test.max)
				}
				assert.Equal(t, test.max, interval, "the test is long enough")
				assert.Greater(t, len(distinct), len(times)*3/4, "no two clients poll in step: %v", pausesOf(times))
				for _, r := range requests {
					assert.Equal(t, "exclude=repositories", r.Query.Encode())
				}
			}, ghmigratetest.WithExportDuration(10*time.Minute))
		})
	}
}

func TestWaitCostsNoQuotaWhileNothingChanges(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		used := client.RateLimit().Used

		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		_, requests := pollsOf(server, polled)
		answers := map[int]int{}
		for i, r := range requests {
			answers[r.Status]++
			assert.Equal(t, i > 0, r.Header.Get("If-None-Match") != "", "poll %d", i)
		}
		assert.Equal(t, map[int]int{http.StatusOK: 3, http.StatusNotModified: len(requests) - 3}, answers, "one 200 for each state")
		assert.Greater(t, answers[http.StatusNotModified], 10)
		assert.Equal(t, used+3, client.RateLimit().Used)
	}, ghmigratetest.WithExportDuration(30*time.Minute))
}

func TestWaitOnAFailedExport(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/huge", ghmigratetest.PoisonsExport())
		client := testclient.New(t, server)
		_, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/huge"}})
		require.NoError(t, err)

		m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrMigrationFailed)
		require.EqualError(t, err, "migration 79: migration failed")
		require.NotNil(t, m)
		assert.Equal(t, ghmigrate.StateFailed, m.State)

		asked := len(server.Requests())
		m, err = client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrMigrationFailed, "and again")
		assert.Equal(t, ghmigrate.StateFailed, m.State)
		assert.Len(t, server.Requests(), asked+1)
	})
}

// What will not pass ends a wait at once.
func TestWaitEndsAtOnceOnErrorsThatStay(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		err   error
	}{
		{"401", ghmigratetest.ServerError(http.StatusUnauthorized), ghmigrate.ErrUnauthorized},
		{"403", ghmigratetest.ServerError(http.StatusForbidden), ghmigrate.ErrForbidden},
		{"403 for single sign-on", ghmigratetest.Fault{
			Status: http.StatusForbidden, Header: http.Header{"X-Github-Sso": {"required; url=https://github.com/orgs/octo-org/sso"}}, Body: `{}`,
		}, ghmigrate.ErrSSORequired},
		{"404", ghmigratetest.ServerError(http.StatusNotFound), ghmigrate.ErrNotFound},
		{"422", ghmigratetest.ServerError(http.StatusUnprocessableEntity), ghmigrate.ErrValidation},
	} {
		for after, seen := range []bool{false, true, true} {
			t.Run(fmt.Sprintf("%s after %d polls", test.name, after), func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					client := testclient.New(t, server)
					startExports(t, server, client, 1)
					test.fault.Path, test.fault.After, test.fault.Times = polled, after, -1
					server.Inject(test.fault)

					m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
					require.ErrorIs(t, err, test.err)
					times, requests := pollsOf(server, polled)
					assert.Len(t, times, after+1)
					assert.True(t, requests[after].Time.Equal(time.Now()), "at once")
					assert.Equal(t, seen, m != nil, "the last migration seen is beside every error")
					if seen {
						assert.Equal(t, int64(79), m.ID)
						assert.False(t, m.State.Done())
					}
				}, ghmigratetest.WithExportDuration(time.Hour))
			})
		}
	}
}

func TestWaitEndsAtOnceWithoutTrustOrToken(t *testing.T) {
	notTrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	noToken := errors.New("the vault is sealed")
	for _, test := range []struct {
		name string
		opts []ghmigrate.Option
		err  error
	}{
		{"a certificate of nobody's", []ghmigrate.Option{
			ghmigrate.WithToken(offlineToken),
			ghmigrate.WithHTTPClient(&http.Client{Transport: alwaysFailing{notTrusted}}),
		}, notTrusted},
		{"a token source that fails", []ghmigrate.Option{ghmigrate.WithTokenSource(alwaysFailing{noToken})}, noToken},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := ghmigrate.NewClient(test.opts...)
				require.NoError(t, err)
				began := time.Now()
				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.ErrorIs(t, err, test.err)
				assert.Nil(t, m)
				assert.Equal(t, began, time.Now())
			})
		})
	}
}

// An alwaysFailing is a network, and a token source, that always fails.
type alwaysFailing struct{ err error }

func (f alwaysFailing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }
func (f alwaysFailing) Token() (*oauth2.Token, error)                   { return nil, f.err }

// passing are failures that pass, all the same to a wait.
func passing() map[string]ghmigratetest.Fault {
	half := ghmigratetest.Fault{Status: http.StatusOK, Body: `{"id":79,"state":"exported"}`, CutAfter: 10}
	stalled := ghmigratetest.Fault{Status: http.StatusOK, Body: half.Body, StallAfter: 10}
	return map[string]ghmigratetest.Fault{
		"500":                       ghmigratetest.ServerError(http.StatusInternalServerError),
		"502, a page":               ghmigratetest.HTMLError(http.StatusBadGateway),
		"503":                       ghmigratetest.ServerError(http.StatusServiceUnavailable),
		"504":                       ghmigratetest.ServerError(http.StatusGatewayTimeout),
		"200, a page":               ghmigratetest.HTMLError(http.StatusOK),
		"a broken connection":       {Reset: true},
		"half an answer":            half,
		"an answer that never ends": stalled,
		"no answer":                 {Stall: true},
	}
}

func TestWaitSurvivesAnOutage(t *testing.T) {
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				startExports(t, server, client, 1)
				fault.Path, fault.Times, fault.After = polled, -1, 3
				// From the first poll to the last, it is just not 15 minutes.
				begin := func() { server.Inject(fault) }
				begin()
				time.AfterFunc(14*time.Minute+30*time.Second, server.ClearFaults)
				// Polls that succeed in between begin a new quarter of an hour.
				time.AfterFunc(20*time.Minute, begin)
				time.AfterFunc(34*time.Minute, server.ClearFaults)

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
}

func TestWaitEndsWithALongOutage(t *testing.T) {
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				startExports(t, server, client, 1)
				fault.Path, fault.Times, fault.After = polled, -1, 3
				server.Inject(fault)

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.ErrorContains(t, err, "polls have failed for 1")
				if fault.Status >= 500 {
					failure, ok := errors.AsType[*ghmigrate.APIError](err)
					require.True(t, ok)
					assert.Equal(t, fault.Status, failure.StatusCode)
				}
				require.NotNil(t, m)
				assert.Equal(t, ghmigrate.StatePending, m.State)
				_, requests := pollsOf(server, polled)
				lasted := time.Since(requests[3].Time)
				assert.GreaterOrEqual(t, lasted, 15*time.Minute)
				assert.Less(t, lasted, 18*time.Minute)
			}, ghmigratetest.WithExportDuration(10*time.Hour))
		})
	}
}

// The loop is a poll's only retry.
func TestWaitPollsOnceAtATime(t *testing.T) {
	for name, fault := range passing() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxRetries(10), ghmigrate.WithPollInterval(5*time.Second, 5*time.Second))
				startExports(t, server, client, 1)
				fault.Path, fault.Times = polled, 5
				server.Inject(fault)
				_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				times, _ := pollsOf(server, polled)
				if fault.Reset {
					times = times[1:] // net/http asks again, once, when it had the connection from before
				}
				for i, gap := range pausesOf(times) {
					assert.GreaterOrEqual(t, gap, 4500*time.Millisecond, "pause %d", i)
				}
			}, ghmigratetest.WithExportDuration(time.Minute))
		})
	}
}

func TestWaitWaitsRateLimitsOut(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		times int
		gaps  []time.Duration // at least, from the first refusal on
	}{
		{"primary, an hour", ghmigratetest.PrimaryRateLimit(time.Hour), 1, []time.Duration{time.Hour}},
		{"primary, three hours one after the other", ghmigratetest.PrimaryRateLimit(time.Hour), 3, []time.Duration{time.Hour, time.Hour, time.Hour}},
		{"secondary, with Retry-After", ghmigratetest.SecondaryRateLimitAfter(7 * time.Minute), 2, []time.Duration{7 * time.Minute, 7 * time.Minute}},
		{
			"secondary, without any header: longer and longer", ghmigratetest.SecondaryRateLimit(), 5,
			[]time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(0))
				startExports(t, server, client, 1)
				test.fault.Path, test.fault.After, test.fault.Times = polled, 1, test.times
				server.Inject(test.fault)

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
				times, requests := pollsOf(server, polled)
				for i, atLeast := range test.gaps {
					assert.Equal(t, http.StatusForbidden, requests[1+i].Status)
					gap := pausesOf(times)[1+i]
					assert.GreaterOrEqual(t, gap, atLeast, "pause %d", i)
					assert.Less(t, gap, atLeast+2*time.Minute, "pause %d", i)
				}
				if rest := pausesOf(times)[1+len(test.gaps):]; assert.NotEmpty(t, rest) {
					assert.LessOrEqual(t, rest[0], time.Minute, "and then as before")
				}
			}, ghmigratetest.WithExportDuration(5*time.Hour))
		})
	}
}

// A rate limit says that GitHub is there.
func TestWaitCountsNoRateLimitAsAnOutage(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: polled, Handler: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusBadGateway)
		}})
		limit := ghmigratetest.SecondaryRateLimitAfter(20 * time.Minute)
		limit.Path = polled
		server.Inject(limit)
		server.Inject(ghmigratetest.Fault{Path: polled, Status: http.StatusBadGateway})
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
	})
}

// GitHub wants to be left alone the longer the more often it has to say so on
// end, not the more often it ever had to.
func TestWaitForgetsRateLimitsThatAreOver(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		for i := range 4 { // every other poll
			limit := ghmigratetest.SecondaryRateLimit()
			limit.Path, limit.After = polled, 1+i
			server.Inject(limit)
		}
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		times, requests := pollsOf(server, polled)
		assert.Equal(t, http.StatusForbidden, requests[7].Status)
		for i, pause := range pausesOf(times) {
			assert.LessOrEqual(t, pause, time.Minute, "pause %d", i)
		}
	}, ghmigratetest.WithExportDuration(time.Hour))
}

func TestWaitHonoursRetryAfter(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: polled, Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"240"}}})
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		times, _ := pollsOf(server, polled)
		assert.Equal(t, []time.Duration{0, 4 * time.Minute}, times)
	})
}

func TestWaitGoesOnInAnUnknownState(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: polled, Times: 20, Status: http.StatusOK, Body: `{"id":79,"state":"archiving"}`})
		m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		assert.Equal(t, ghmigrate.StateExported, m.State)
		times, _ := pollsOf(server, polled)
		assert.Len(t, times, 21)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	reason := errors.New("the user pressed a key")
	for name, fault := range map[string]*ghmigratetest.Fault{
		"between two polls":                nil,
		"in a poll":                        {Path: polled, After: 1, Stall: true},
		"in the middle of an answer":       {Path: polled, After: 1, StallAfter: 1},
		"while a rate limit is waited out": {Path: polled, After: 1, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				startExports(t, server, client, 1)
				if fault != nil {
					server.Inject(*fault)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(20*time.Second, func() { cancel(reason) })

				began := time.Now()
				m, err := client.OrgMigrations.Wait(ctx, "octo-org", 79)
				assert.Equal(t, 20*time.Second, time.Since(began), "at once")
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, reason)
				require.NotNil(t, m)
				assert.Equal(t, int64(79), m.ID)
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
	t.Run("before the first poll", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 0, reason)
			defer cancel()
			m, err := client.OrgMigrations.Wait(ctx, "octo-org", 79)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, reason)
			assert.Nil(t, m)
			assert.Empty(t, server.Requests())
		})
	})
}

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
			"79 exported", "80 failed", "81 exported", // a failed export is no error
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
// last again and again; single migrations there are none.
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
						"80 error", "79 exported", "81 exported",
					}, lines)
				} else {
					assert.Equal(t, []string{
						"81 pending", "80 pending", "79 pending", "12345 error", "81 exporting", "80 exporting", "79 exporting",
						"80 error", "81 exported", "79 exported",
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

// A list without an end is no reason to poll for good, or to read for good.
func TestWatchOfAListThatLeadsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		client := offline(t, "https://api.github.com", func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Link", `<https://api.github.com/organizations/1/migrations?per_page=100>; rel="next"`)
			_, _ = io.WriteString(w, `[{"id":80,"state":"exported"}]`)
		})
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
		for i, r := range server.Requests()[asked:] {
			assert.Equal(t, []string{"/user/migrations/79", "/user/migrations/81"}[i%2], r.Path)
			assert.Equal(t, "exclude=repositories", r.Query.Encode())
			assert.Equal(t, i > 1, r.Header.Get("If-None-Match") != "")
		}
	}, ghmigratetest.WithExportDuration(10*time.Minute))
}

func TestWatchEndsOnOtherErrors(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		err   error
	}{
		{"the token is revoked", ghmigratetest.ServerError(http.StatusUnauthorized), ghmigrate.ErrUnauthorized},
		{"single sign-on is required", ghmigratetest.Fault{
			Status: http.StatusForbidden, Header: http.Header{"X-Github-Sso": {"required; url=https://github.com/sso"}},
		}, ghmigrate.ErrSSORequired},
		{"the organization is gone", ghmigratetest.ServerError(http.StatusNotFound), ghmigrate.ErrNotFound},
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
				polls, _ := pollsOf(server, "/orgs/octo-org/migrations")
				assert.Len(t, polls, 3)
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
			assert.Len(t, server.Requests(), 1)
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
						client := testclient.New(t, server)
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
		client := testclient.New(t, server)
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

// Each request to a server that never answers takes a minute. All of those
// that are watched, one after the other, would take hours.
func TestWatchOfManyDoesNotHang(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
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

func TestWatchAllFollowsLiveOnesAndThenNewOnes(t *testing.T) {
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
		lines, errs := sights(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{
			"82 pending", "81 exporting", "82 exporting", "81 exported", "82 exported",
			"83 pending", "83 exporting", "83 failed", "error",
		}, lines)
		assert.Equal(t, time.Minute, time.Since(began))
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
	}, ghmigratetest.WithExportDuration(10*time.Second))
}

func TestWatchAllFindsLiveOnesHoweverFarBackTheyAre(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Clock().Advance(24 * time.Hour)
		// The list says that the oldest is not done, and the others are.
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
		asked := len(server.Requests())
		lines, _ := sights(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{"79 exporting", "79 exported", "error"}, lines, "its own answer says otherwise")
		polls := ticks(server.Requests()[asked:])
		assert.Len(t, polls[0], 2, "the second page could not be read")
		assert.Len(t, polls[1], 3, "the first time all pages are read")
		assert.Len(t, polls[2], 3, "two pages, and one migration singly")
		assert.Len(t, polls[3], 1, "and then the first page alone")
	})
}

// listed answers a list whose pages have these IDs, newest first, in pages of
// one; all are in one state.
func listed(w http.ResponseWriter, r *http.Request, state string, ids ...int64) {
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

func TestWatchAllSeesMoreNewOnesThanAPageHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		client := offline(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
			if time.Since(began) < time.Minute {
				listed(w, r, "exported", 80, 79)
			} else {
				listed(w, r, "exported", 84, 83, 82, 81, 80, 79)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		lines, _ := sights(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{"84 exported", "83 exported", "82 exported", "81 exported", "error"}, lines)
	})
}

// The list of an organization shows imports too. Their states are not
// documented, and never Done.
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
		singly := 0
		client := offline(t, "https://api.github.com", func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/migrations") {
				singly++
			}
			list := fmt.Sprintf("[%s,%s,%s]", fresh, export, old)
			if time.Since(began) > day {
				list = fmt.Sprintf(`[{"id":81,"state":"imported","updated_at":%q},%s`, at(day), list[1:])
			}
			if time.Since(began) > 10*day { // those in unknown states are on no page any more
				list = "[" + export + "]"
			}
			script(list)(w, r)
		}, ghmigrate.WithPollInterval(time.Hour, time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 20*day)
		defer cancel()
		lines, errs := sights(t, client.OrgMigrations.WatchAll(ctx, "octo-org"))
		assert.Equal(t, []string{"80 archiving", "79 exporting", "81 imported", "error"}, lines)
		assert.Len(t, errs, 1)
		assert.Zero(t, singly, "an unknown state is followed for a week")
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
		lines, errs := sights(t, client.UserMigrations.WatchAll(ctx))
		assert.Equal(t, []string{"80 pending", "80 exporting", "81 pending", "81 exporting", "80 exported", "81 exported", "error"}, lines)
		assert.Len(t, errs, 1)
	}, ghmigratetest.WithExportDuration(10*time.Second))
}

// A GHES cannot be asked for a user's migration: its list serves.
func TestWaitingForAUserOfAGHES(t *testing.T) {
	for _, oldest := range []bool{false, true} { // on the last page of the list, not on the first
		t.Run(fmt.Sprintf("oldest %v", oldest), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithPollInterval(25*time.Second, time.Minute))
				server.AddRepository("octocat/hello")
				const count = 35 // two pages
				for range count {
					_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
					require.NoError(t, err)
				}
				id, pages := int64(79+count-1), 1
				if oldest {
					id, pages = 79, 2
				}
				asked := len(server.Requests())
				requirePolls := func(first int) {
					t.Helper()
					polls := ticks(server.Requests()[asked:])
					require.GreaterOrEqual(t, len(polls), 2)
					for i, poll := range polls {
						want := pages
						if i == 0 {
							want = first
						}
						assert.Len(t, poll, want, "poll %d: %v", i, sentSince(server, asked))
					}
					asked = len(server.Requests())
				}

				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				m, err := client.UserMigrations.Wait(ctx, id)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotNil(t, m)
				assert.Equal(t, id, m.ID)
				requirePolls(1 + pages) // once it is tried

				ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				lines, _ := sights(t, client.UserMigrations.Watch(ctx, []int64{id}))
				assert.Equal(t, []string{fmt.Sprintf("%d exporting", id), "error"}, lines)
				requirePolls(1 + pages)

				server.Inject(ghmigratetest.Fault{Path: "/user/migrations", After: 1, Times: 3, Status: http.StatusBadGateway})
				m, err = client.UserMigrations.Wait(t.Context(), id)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
				assert.Nil(t, m.Repositories)
			}, ghmigratetest.WithGHES(), ghmigratetest.WithExportDuration(3*time.Minute))
		})
	}
	t.Run("far back in the list", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began, polls := time.Now(), map[time.Duration][]string{}
			client := offline(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
				at := time.Since(began)
				polls[at] = append(polls[at], strings.TrimPrefix(r.URL.Path, "/api/v3/user/migrations")+"?"+r.URL.Query().Get("page"))
				state := "exporting"
				if at > 20*time.Second {
					state = "exported"
				}
				listed(w, r, state, 84, 83, 82, 81, 80, 79)
			})
			lines, errs := sights(t, client.UserMigrations.Watch(t.Context(), []int64{80, 83}))
			assert.Empty(t, errs)
			assert.Equal(t, []string{"80 exporting", "83 exporting", "83 exported", "80 exported"}, lines)
			for at, asked := range polls {
				want := []string{"?", "?2", "?3", "?4", "?5"} // not the sixth
				if at == 0 {
					want = append([]string{"/80?"}, append(want, "?", "?2")...) // 83 is known from the list then
				}
				assert.Equal(t, want, asked[:min(len(want), len(asked))], "%v", at)
				assert.LessOrEqual(t, len(asked), 11)
			}
		})
	})
	t.Run("many at once", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			server.AddRepository("octocat/hello")
			var ids []int64
			for range 35 {
				m, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
				require.NoError(t, err)
				ids = append(ids, m.ID)
			}
			asked := len(server.Requests())
			lines, errs := sights(t, client.UserMigrations.Watch(t.Context(), append(ids, 12345)))
			assert.Contains(t, lines, "12345 error")
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], ghmigrate.ErrNotFound)
			assert.Len(t, lines, 1+3*len(ids))
			polls := ticks(server.Requests()[asked:])
			assert.LessOrEqual(t, len(polls[0]), 1+2+2+2+1, "the first, by status and by list; all in the list; the one that is nowhere, by list and by status")
			for _, poll := range polls[1:] {
				assert.Len(t, poll, 2)
			}
		}, ghmigratetest.WithGHES(), ghmigratetest.WithExportDuration(10*time.Minute))
	})
	t.Run("all", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server, quick())
			server.AddRepository("octocat/hello")
			_, err := client.UserMigrations.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/hello"}})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			lines, _ := sights(t, client.UserMigrations.WatchAll(ctx))
			assert.Equal(t, []string{"79 pending", "79 exporting", "79 exported", "error"}, lines)
		}, ghmigratetest.WithGHES(), ghmigratetest.WithExportDuration(10*time.Second))
	})
	t.Run("one that is not there", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			m, err := testclient.New(t, server).UserMigrations.Wait(t.Context(), 79)
			require.ErrorIs(t, err, ghmigrate.ErrNotFound)
			assert.Nil(t, m)
			assert.Len(t, server.Requests(), 2, "by status and by list")
		}, ghmigratetest.WithGHES())
	})
	t.Run("not on GitHub.com, which has it", func(t *testing.T) {
		client := offline(t, "https://api.github.com", func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/user/migrations/79", r.URL.Path)
			w.WriteHeader(http.StatusNotFound)
		})
		_, err := client.UserMigrations.Wait(t.Context(), 79)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
	})
}

// A poll that breaks off must not take what it saw for all there is.
func TestWatchAllMissesNothingAfterABrokenPoll(t *testing.T) {
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

func TestWaitsLogWhatTheyWaitOut(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		log := &bytes.Buffer{}
		client := testclient.New(t, server, ghmigrate.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		server.AddRepository("octo-org/hello")
		m, err := client.OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
		require.NoError(t, err)
		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		server.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Hour))
		_, err = client.OrgMigrations.Wait(t.Context(), "octo-org", m.ID)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 2)
		assert.Contains(t, lines[0], "level=WARN")
		assert.Contains(t, lines[0], "rate_limited=false")
		assert.Contains(t, lines[1], "wait=1h0m0s rate_limited=true")
	})
}
