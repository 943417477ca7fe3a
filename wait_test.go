package ghmigrate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// pollsOf returns the GET requests for a path, and their times since the first of
// them.
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

func TestWaitPollsAtGrowingIntervals(t *testing.T) {
	for _, test := range []struct {
		name     string
		opts     []ghmigrate.Option
		min, max time.Duration
	}{
		{"default", nil, 5 * time.Second, time.Minute},
		{"short", []ghmigrate.Option{ghmigrate.WithPollInterval(200*time.Millisecond, 2*time.Second)}, 200 * time.Millisecond, 2 * time.Second},
		{"constant", []ghmigrate.Option{ghmigrate.WithPollInterval(30*time.Second, 30*time.Second)}, 30 * time.Second, 30 * time.Second},
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

				times, requests := pollsOf(server, exportPath)
				assert.Equal(t, began, requests[0].Time.Local(), "the first poll is immediate")
				interval, distinct := test.min, map[time.Duration]bool{}
				for i, gap := range pausesOf(times) {
					assert.LessOrEqual(t, gap, interval, "pause %d", i)
					assert.GreaterOrEqual(t, gap, interval*9/10, "pause %d", i)
					distinct[gap] = true
					interval = min(interval*3/2, test.max)
				}
				assert.Equal(t, test.max, interval, "the test is long enough")
				assert.Greater(t, len(distinct), len(times)*3/4, "the intervals have jitter: %v", pausesOf(times))
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
		_, requests := pollsOf(server, exportPath)
		statuses, since, full := map[int]int{}, 0, time.Time{}
		for i, r := range requests {
			statuses[r.Status]++
			// A proxy's cache may send 304 although the value has changed.
			due := since == 9 || r.Time.Sub(full) >= 5*time.Minute
			assert.Equal(t, !due, r.Header.Get("If-None-Match") != "", "poll %d", i)
			since++
			if r.Status == http.StatusOK {
				since, full = 0, r.Time
			}
		}
		assert.Greater(t, statuses[http.StatusNotModified], 4*statuses[http.StatusOK])
		assert.Equal(t, used+statuses[http.StatusOK], client.RateLimit().Used)
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

		before := len(server.Requests())
		m, err = client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrMigrationFailed, "at the second call")
		assert.Equal(t, ghmigrate.StateFailed, m.State)
		assert.Len(t, server.Requests(), before+1)
	})
}

// After a successful poll, a 401 or 404 may be stray.
func TestWaitToleratesStrayDenials(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusNotFound} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				startExports(t, server, client, 1)
				deny := func() {
					fault := ghmigratetest.ServerError(status)
					fault.Path, fault.Times = exportPath, -1
					server.Inject(fault)
				}
				deny() // within half a minute of the start
				time.AfterFunc(20*time.Second, server.ClearFaults)
				time.AfterFunc(10*time.Minute, deny)
				time.AfterFunc(10*time.Minute+25*time.Second, server.ClearFaults)

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
			}, ghmigratetest.WithExportDuration(time.Hour))
		})
	}
}

// A cache may send a 304 to a request without If-None-Match.
func TestWaitToleratesAStray304(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		responses := []string{`{"id": 79, "state": "pending"}`, "", "", `{"id": 79, "state": "exported"}`}
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			body := responses[0]
			responses = responses[1:]
			if body == "" {
				return respond(req, http.StatusNotModified, nil, ""), nil
			}
			return respond(req, http.StatusOK, nil, body), nil
		})
		m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		assert.Equal(t, ghmigrate.StateExported, m.State)
	})
}

// A 304 may have the length of the body that it omits. Over HTTP/2, net/http returns
// io.ErrUnexpectedEOF for such a body.
func TestWaitAcceptsA304WithALength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			switch polls++; {
			case polls == 1:
				return respond(req, http.StatusOK, http.Header{"Etag": {`"1"`}}, `{"id": 79, "state": "pending"}`), nil
			case polls < 5:
				res := respond(req, http.StatusNotModified, nil, "")
				res.ContentLength, res.Body = 1000, io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
				return res, nil
			}
			return respond(req, http.StatusOK, nil, `{"id": 79, "state": "exported"}`), nil
		}, ghmigrate.WithMaxOutage(time.Millisecond))
		m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		assert.Equal(t, ghmigrate.StateExported, m.State)
	})
}

// GitHub ignores the case of names.
func TestWaitKnowsAMigrationThatWasJustStartedInAnyCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		statuses := []int{http.StatusCreated, http.StatusNotFound, http.StatusOK}
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			status := statuses[0]
			statuses = statuses[1:]
			return respond(req, status, nil, `{"id": 79, "state": "exported", "message": "Not Found"}`), nil
		})
		_, err := client.OrgMigrations.Start(t.Context(), "Octo-Org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
		require.NoError(t, err)
		_, err = client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
	})
}

func TestWaitEndsWithDenialsThatPersist(t *testing.T) {
	for status, want := range map[int]error{http.StatusUnauthorized: ghmigrate.ErrUnauthorized, http.StatusNotFound: ghmigrate.ErrNotFound} {
		for name, lasts := range map[string]struct {
			after int           // successful polls
			pause time.Duration // between the start and the wait
			want  time.Duration
		}{
			"after successful polls": {2, time.Hour, 30 * time.Second},
			"just started":           {0, 0, 30 * time.Second},
			"no successful poll":     {0, time.Minute, 0},
		} {
			t.Run(fmt.Sprintf("%d, %s", status, name), func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					client := testclient.New(t, server)
					startExports(t, server, client, 1)
					time.Sleep(lasts.pause)
					fault := ghmigratetest.ServerError(status)
					fault.Path, fault.After, fault.Times = exportPath, lasts.after, -1
					server.Inject(fault)

					m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
					require.ErrorIs(t, err, want)
					assert.Equal(t, lasts.after > 0, m != nil, "the migration of the last successful poll is returned with every error")
					_, requests := pollsOf(server, exportPath)
					assert.InDelta(t, lasts.want, time.Since(requests[lasts.after].Time), float64(5*time.Second))
				}, ghmigratetest.WithExportDuration(10*time.Hour))
			})
		}
	}
}

func TestTheErrorOfAWaitsDeadlineIncludesTheLastFailure(t *testing.T) {
	for name, fault := range temporaryFailures() {
		for _, limit := range []time.Duration{10 * time.Minute, 10*time.Minute + 30*time.Second} {
			t.Run(fmt.Sprintf("%s, %v", name, limit), func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					client := testclient.New(t, server)
					startExports(t, server, client, 1)
					fault.Path, fault.Times, fault.After = exportPath, -1, 2
					server.Inject(fault)
					cause := errors.New("the night is over")
					ctx, cancel := context.WithTimeoutCause(t.Context(), limit, cause)
					defer cancel()
					m, err := client.OrgMigrations.Wait(ctx, "octo-org", 79)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, cause)
					require.ErrorContains(t, err, "; the previous attempt failed: GET /orgs/octo-org/migrations/79: ")
					require.NotNil(t, m)
				}, ghmigratetest.WithExportDuration(time.Hour))
			})
		}
	}
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		_, err := client.OrgMigrations.Wait(ctx, "octo-org", 79)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "502", "later polls succeeded")
	}, ghmigratetest.WithExportDuration(time.Hour))
}

func TestWaitEndsAtOnceAfterPermanentErrors(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		err   error
	}{
		{"403", ghmigratetest.ServerError(http.StatusForbidden), ghmigrate.ErrForbidden},
		{"403 for single sign-on", ghmigratetest.Fault{
			Status: http.StatusForbidden, Header: http.Header{"X-Github-Sso": {"required; url=https://github.com/orgs/octo-org/sso"}}, Body: `{}`,
		}, ghmigrate.ErrSSORequired},
		{"422", ghmigratetest.ServerError(http.StatusUnprocessableEntity), ghmigrate.ErrValidation},
	} {
		for after, succeeded := range []bool{false, true, true} {
			t.Run(fmt.Sprintf("%s after %d polls", test.name, after), func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					client := testclient.New(t, server)
					startExports(t, server, client, 1)
					test.fault.Path, test.fault.After, test.fault.Times = exportPath, after, -1
					server.Inject(test.fault)

					m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
					require.ErrorIs(t, err, test.err)
					times, requests := pollsOf(server, exportPath)
					assert.Len(t, times, after+1)
					assert.True(t, requests[after].Time.Equal(time.Now()), "at once")
					assert.Equal(t, succeeded, m != nil, "the migration of the last successful poll is returned with every error")
					if succeeded {
						assert.Equal(t, int64(79), m.ID)
						assert.False(t, m.State.Done())
					}
				}, ghmigratetest.WithExportDuration(time.Hour))
			})
		}
	}
}

func TestWaitEndsAtOnceWithoutValidCertificateOrToken(t *testing.T) {
	notTrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	noToken := errors.New("the vault is sealed")
	for _, test := range []struct {
		name string
		opts []ghmigrate.Option
		err  error
	}{
		{"a certificate of an unknown authority", []ghmigrate.Option{
			ghmigrate.WithToken(secretToken),
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

// An alwaysFailing is a RoundTripper and a TokenSource that always fails.
type alwaysFailing struct{ err error }

func (f alwaysFailing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func (f alwaysFailing) Token() (*oauth2.Token, error) { return nil, f.err }

// temporaryFailures are the failures that a wait tolerates.
func temporaryFailures() map[string]ghmigratetest.Fault {
	half := ghmigratetest.Fault{Status: http.StatusOK, Body: `{"id":79,"state":"exported"}`, CutAfter: 10}
	stalled := ghmigratetest.Fault{Status: http.StatusOK, Body: half.Body, StallAfter: 10}
	return map[string]ghmigratetest.Fault{
		"500":                    ghmigratetest.ServerError(http.StatusInternalServerError),
		"502, a page":            ghmigratetest.HTMLError(http.StatusBadGateway),
		"503":                    ghmigratetest.ServerError(http.StatusServiceUnavailable),
		"504":                    ghmigratetest.ServerError(http.StatusGatewayTimeout),
		"200, a page":            ghmigratetest.HTMLError(http.StatusOK),
		"a broken connection":    {Reset: true},
		"a truncated response":   half,
		"a response that stalls": stalled,
		"no response":            {Stall: true},
		"a redirect to a login":  {Status: http.StatusFound, Header: http.Header{"Location": {"https://login.example.com/"}}},
	}
}

func TestWaitToleratesAnOutage(t *testing.T) {
	for name, fault := range temporaryFailures() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				startExports(t, server, client, 1)
				fault.Path, fault.Times, fault.After = exportPath, -1, 3
				// The time from the first to the last failed poll is a little less than an hour.
				begin := func() { server.Inject(fault) }
				begin()
				time.AfterFunc(58*time.Minute+30*time.Second, server.ClearFaults)
				// Another outage begins after polls that succeed.
				time.AfterFunc(65*time.Minute, begin)
				time.AfterFunc(123*time.Minute, server.ClearFaults)

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
			}, ghmigratetest.WithExportDuration(3*time.Hour))
		})
	}
}

func TestWaitEndsWithALongOutage(t *testing.T) {
	for name, fault := range temporaryFailures() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
				startExports(t, server, client, 1)
				fault.Path, fault.Times, fault.After = exportPath, -1, 3
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
				_, requests := pollsOf(server, exportPath)
				lasted := time.Since(requests[3].Time)
				assert.GreaterOrEqual(t, lasted, 15*time.Minute)
				assert.Less(t, lasted, 18*time.Minute)
			}, ghmigratetest.WithExportDuration(10*time.Hour))
		})
	}
}

// A failed poll is not retried before the next poll.
func TestWaitDoesNotRetryPolls(t *testing.T) {
	for name, fault := range temporaryFailures() {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxRetries(10), ghmigrate.WithPollInterval(5*time.Second, 5*time.Second))
				startExports(t, server, client, 1)
				fault.Path, fault.Times = exportPath, 5
				server.Inject(fault)
				_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				times, _ := pollsOf(server, exportPath)
				if fault.Reset {
					times = times[1:] // net/http itself retries once after a reset of an idle connection
				}
				for i, gap := range pausesOf(times) {
					assert.GreaterOrEqual(t, gap, 4500*time.Millisecond, "pause %d", i)
				}
			}, ghmigratetest.WithExportDuration(time.Minute))
		})
	}
}

func TestWaitDelaysPollsAfterRateLimits(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		times int
		gaps  []time.Duration // the shortest pauses after each rate limit
	}{
		{"primary, an hour", ghmigratetest.PrimaryRateLimit(time.Hour), 1, []time.Duration{time.Hour}},
		{"primary, three hours in a row", ghmigratetest.PrimaryRateLimit(time.Hour), 3, []time.Duration{time.Hour, time.Hour, time.Hour}},
		{"secondary, with Retry-After", ghmigratetest.SecondaryRateLimitAfter(7 * time.Minute), 2, []time.Duration{7 * time.Minute, 7 * time.Minute}},
		{
			"secondary, without any header: the pause doubles", ghmigratetest.SecondaryRateLimit(), 5,
			[]time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(0))
				startExports(t, server, client, 1)
				test.fault.Path, test.fault.After, test.fault.Times = exportPath, 1, test.times
				server.Inject(test.fault)

				m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
				require.NoError(t, err)
				assert.Equal(t, ghmigrate.StateExported, m.State)
				times, requests := pollsOf(server, exportPath)
				for i, atLeast := range test.gaps {
					assert.Equal(t, http.StatusForbidden, requests[1+i].Status)
					gap := pausesOf(times)[1+i]
					assert.GreaterOrEqual(t, gap, atLeast, "pause %d", i)
					assert.Less(t, gap, atLeast+2*time.Minute, "pause %d", i)
				}
				if rest := pausesOf(times)[1+len(test.gaps):]; assert.NotEmpty(t, rest) {
					assert.LessOrEqual(t, rest[0], time.Minute, "the interval is as before")
				}
			}, ghmigratetest.WithExportDuration(5*time.Hour))
		})
	}
}

// A rate limit ends an outage, since GitHub has responded.
func TestWaitDoesNotCountRateLimitsAsAnOutage(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: exportPath, Handler: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusBadGateway)
		}})
		limit := ghmigratetest.SecondaryRateLimitAfter(20 * time.Minute)
		limit.Path = exportPath
		server.Inject(limit)
		server.Inject(ghmigratetest.Fault{Path: exportPath, Status: http.StatusBadGateway})
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
	})
}

// The pause doubles only after rate limits in a row.
func TestWaitForgetsRateLimitsAfterASuccessfulPoll(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		for i := range 4 { // every other poll
			limit := ghmigratetest.SecondaryRateLimit()
			limit.Path, limit.After = exportPath, 1+i
			server.Inject(limit)
		}
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		times, requests := pollsOf(server, exportPath)
		assert.Equal(t, http.StatusForbidden, requests[7].Status)
		for i, pause := range pausesOf(times) {
			assert.LessOrEqual(t, pause, time.Minute, "pause %d", i)
		}
	}, ghmigratetest.WithExportDuration(time.Hour))
}

func TestWaitFollowsRetryAfter(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: exportPath, Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"240"}}})
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		times, _ := pollsOf(server, exportPath)
		assert.Equal(t, []time.Duration{0, 4 * time.Minute}, times)
	})
}

// A Retry-After does not make the wait longer than WithMaxOutage.
func TestWaitFollowsRetryAfterWithinLimits(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxOutage(15*time.Minute))
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: exportPath, Times: -1, Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"86400"}}})
		begin := time.Now()
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.ErrorContains(t, err, "polls have failed for 15m0s")
		assert.Equal(t, 15*time.Minute, time.Since(begin))
	})
}

func TestWaitContinuesInAnUnknownState(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		server.Inject(ghmigratetest.Fault{Path: exportPath, Times: 20, Status: http.StatusOK, Body: `{"id":79,"state":"archiving"}`})
		m, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		assert.Equal(t, ghmigrate.StateExported, m.State)
		times, _ := pollsOf(server, exportPath)
		assert.Len(t, times, 21)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	reason := errors.New("the user pressed a key")
	for name, fault := range map[string]*ghmigratetest.Fault{
		"between two polls":            nil,
		"in a poll":                    {Path: exportPath, After: 1, Stall: true},
		"in the middle of a response":  {Path: exportPath, After: 1, StallAfter: 1},
		"in the pause of a rate limit": {Path: exportPath, After: 1, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}},
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

// A GHES has no endpoint for the status of a user's migration, so waits poll the
// list.
func TestPollsForAUserOfAGHES(t *testing.T) {
	for _, oldest := range []bool{false, true} { // on the last page of the list, or on the first
		t.Run(fmt.Sprintf("oldest %v", oldest), func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server, ghmigrate.WithPollInterval(25*time.Second, time.Minute))
				const count = 35 // two pages
				startUserExports(t, server, client, count)
				id, pages := int64(79+count-1), 1
				if oldest {
					id, pages = 79, 2
				}
				before := len(server.Requests())
				requirePolls := func(first int) {
					t.Helper()
					polls := requestsByPoll(server.Requests()[before:])
					require.GreaterOrEqual(t, len(polls), 2)
					for i, poll := range polls {
						want := pages
						if i == 0 {
							want = first
						}
						assert.Len(t, poll, want, "poll %d: %v", i, sentSince(server, before))
					}
					before = len(server.Requests())
				}

				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				m, err := client.UserMigrations.Wait(ctx, id)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotNil(t, m)
				assert.Equal(t, id, m.ID)
				for i, r := range server.Requests()[before:] {
					assert.Equal(t, i > pages, r.Header.Get("If-None-Match") != "", "request %d", i) // after the status and all pages
				}
				requirePolls(1 + pages) // the first poll requests the status too

				ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				lines, _ := observations(t, client.UserMigrations.Watch(ctx, []int64{id}))
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
			client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
				at := time.Since(began)
				polls[at] = append(polls[at], strings.TrimPrefix(r.URL.Path, "/api/v3/user/migrations")+"?"+r.URL.Query().Get("page"))
				state := "exporting"
				if at > 20*time.Second {
					state = "exported"
				}
				serveList(w, r, state, 84, 83, 82, 81, 80, 79)
			})
			lines, errs := observations(t, client.UserMigrations.Watch(t.Context(), []int64{80, 83}))
			assert.Empty(t, errs)
			assert.Equal(t, []string{"80 exporting", "83 exporting", "83 exported", "80 exported"}, lines)
			for at, before := range polls {
				want := []string{"?", "?2", "?3", "?4", "?5"} // not the sixth page
				if at == 0 {
					want = append([]string{"/80?"}, append(want, "?", "?2")...) // the list has 83 on its second page
				}
				assert.Equal(t, want, before[:min(len(want), len(before))], "%v", at)
				assert.LessOrEqual(t, len(before), 11)
			}
		})
	})
	t.Run("many at once", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			ids := startUserExports(t, server, client, 35)
			before := len(server.Requests())
			lines, errs := observations(t, client.UserMigrations.Watch(t.Context(), append(ids, 12345)))
			assert.Contains(t, lines, "12345 error")
			require.Len(t, errs, 1)
			require.ErrorIs(t, errs[0], ghmigrate.ErrNotFound)
			assert.Len(t, lines, 1+3*len(ids))
			polls := requestsByPoll(server.Requests()[before:])
			assert.LessOrEqual(t, len(polls[0]), 1+2+2+2+1, "the first migration by status and list; all by list; the unknown migration by list and status")
			for _, poll := range polls[1:] {
				assert.Len(t, poll, 2)
			}
		}, ghmigratetest.WithGHES(), ghmigratetest.WithExportDuration(10*time.Minute))
	})
	t.Run("all", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server, quickPolls())
			startUserExports(t, server, client, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			lines, _ := observations(t, client.UserMigrations.WatchAll(ctx))
			assert.Equal(t, []string{"79 pending", "79 exporting", "79 exported", "error"}, lines)
		}, ghmigratetest.WithGHES(), ghmigratetest.WithExportDuration(10*time.Second))
	})
	t.Run("a migration that does not exist", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			m, err := testclient.New(t, server).UserMigrations.Wait(t.Context(), 79)
			require.ErrorIs(t, err, ghmigrate.ErrNotFound)
			assert.Nil(t, m)
			assert.Len(t, server.Requests(), 2, "by status and by list")
		}, ghmigratetest.WithGHES())
	})
	t.Run("not on GitHub.com, which has the endpoint", func(t *testing.T) {
		client := clientWithHandler(t, "https://api.github.com", func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/user/migrations/79", r.URL.Path)
			w.WriteHeader(http.StatusNotFound)
		})
		_, err := client.UserMigrations.Wait(t.Context(), 79)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
	})
}

func TestWaitsLogTheFailuresThatTheyTolerate(t *testing.T) {
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
