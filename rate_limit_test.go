package ghmigrate_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// limitFault returns a fault with the response of a rate limit.
func limitFault(status int, header http.Header, body string) ghmigratetest.Fault {
	return ghmigratetest.Fault{Origin: ghmigratetest.API, Status: status, Header: header, Body: cmp.Or(body, ghmigratetest.NoBody)}
}

func TestRateLimitsAreRecognizedAndWaitedFor(t *testing.T) {
	t.Parallel()
	const docs = "https://docs.github.com/free-pro-team@latest/rest/using-the-rest-api/rate-limits-for-the-rest-api"
	forms := map[string]struct {
		fault func(s *ghmigratetest.Server) ghmigratetest.Fault
		want  time.Duration
		slack time.Duration // for the rounding of a reset to seconds
	}{
		"primary, 403": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return ghmigratetest.PrimaryRateLimit(30 * time.Second)
		}, 30 * time.Second, 2 * time.Second},
		"primary, 429": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			f := ghmigratetest.PrimaryRateLimit(30 * time.Second)
			f.Status = http.StatusTooManyRequests
			return f
		}, 30 * time.Second, 2 * time.Second},
		"primary, after its reset": {func(s *ghmigratetest.Server) ghmigratetest.Fault {
			reset := s.Clock().Now().Add(-time.Minute).Unix()
			return limitFault(403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(reset, 10)}}, "")
		}, 0, time.Second},
		"secondary with seconds, 403": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return ghmigratetest.SecondaryRateLimitAfter(20 * time.Second)
		}, 20 * time.Second, 0},
		"secondary with seconds, 429": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(429, http.Header{"Retry-After": {"20"}}, "")
		}, 20 * time.Second, 0},
		"secondary with seconds, quota left": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"20"}, "X-Ratelimit-Remaining": {"4000"}, "X-Ratelimit-Reset": {"9999999999"}}, "")
		}, 20 * time.Second, 0},
		"secondary with a date": {func(s *ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {s.Clock().Now().Add(25 * time.Second).Format(http.TimeFormat)}}, "")
		}, 25 * time.Second, 0},
		"secondary by its message": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return ghmigratetest.SecondaryRateLimit()
		}, time.Minute, 0},
		"secondary by its message, 429": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			f := ghmigratetest.SecondaryRateLimit()
			f.Status = http.StatusTooManyRequests
			return f
		}, time.Minute, 0},
		"abuse detection": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, nil, `{"message": "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."}`)
		}, time.Minute, 0},
		"secondary by its documentation": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, nil, `{"message": "Forbidden", "documentation_url": "`+docs+`#about-secondary-rate-limits"}`)
		}, time.Minute, 0},
		"secondary by its documentation, message of another form": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, nil, `{"message": {"text": "Forbidden"}, "documentation_url": "`+docs+`#about-secondary-rate-limits"}`)
		}, time.Minute, 0},
		"primary, Retry-After is longer": {func(s *ghmigratetest.Server) ghmigratetest.Fault {
			reset := s.Clock().Now().Add(10 * time.Second).Unix()
			return limitFault(403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(reset, 10)}, "Retry-After": {"40"}}, "")
		}, 40 * time.Second, 0},
		"primary, the reset is longer": {func(s *ghmigratetest.Server) ghmigratetest.Fault {
			reset := s.Clock().Now().Add(40 * time.Second).Unix()
			return limitFault(429, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(reset, 10)}, "Retry-After": {"10"}}, "")
		}, 40 * time.Second, 2 * time.Second},
		"primary, the reset is past and Retry-After is not": {func(s *ghmigratetest.Server) ghmigratetest.Fault {
			reset := s.Clock().Now().Unix()
			return limitFault(403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(reset, 10)}, "Retry-After": {"15"}}, "")
		}, 15 * time.Second, 0},
		"secondary with a fraction": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"12.5"}}, "")
		}, 12500 * time.Millisecond, 0},
		"secondary with a malformed Retry-After, 403": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"soon"}}, `{"message": "Forbidden"}`)
		}, time.Minute, 0},
		"secondary with no time, 403": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"0"}}, `{"message": "Forbidden"}`)
		}, time.Minute, 0},
		"secondary with an absurd Retry-After, 403": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"1e12"}}, `{"message": "Forbidden"}`)
		}, time.Minute, 0},
		"by its message, with a hyphen": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, nil, `{"message": "You are being rate-limited."}`)
		}, time.Minute, 0},
		"by the code of a detail": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, nil, `{"message": "Denied", "errors": [{"code": "API_RATE_LIMIT_EXCEEDED"}]}`)
		}, time.Minute, 0},
		"secondary with a malformed Retry-After": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(429, http.Header{"Retry-After": {"soon"}}, "")
		}, time.Minute, 0},
		"by its message, despite missing scopes": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"X-Oauth-Scopes": {"gist"}, "X-Accepted-Oauth-Scopes": {"admin:org"}, "Retry-After": {"20"}},
				`{"message": "You have exceeded a secondary rate limit"}`)
		}, 20 * time.Second, 0},
		"by its message, despite single sign-on": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"X-Github-Sso": {"required; url=https://github.com/sso"}, "Retry-After": {"20"}},
				`{"message": "API rate limit exceeded for user ID 1."}`)
		}, 20 * time.Second, 0},
		"by the message of a detail": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"20"}}, `{"message": "Denied", "errors": ["secondary rate limit"]}`)
		}, 20 * time.Second, 0},
		"by the Retry-After of a gateway's page": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(403, http.Header{"Retry-After": {"20"}}, `<html><title>Access is temporarily restricted</title></html>`)
		}, 20 * time.Second, 0},
		"429 without header and message": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return limitFault(429, nil, "")
		}, time.Minute, 0},
		"429 of HTML": {func(*ghmigratetest.Server) ghmigratetest.Fault {
			return ghmigratetest.HTMLError(http.StatusTooManyRequests)
		}, time.Minute, 0},
	}
	onlyInBody := []string{ // which a response to HEAD lacks
		"secondary by its message", "abuse detection", "secondary by its documentation",
		"secondary by its documentation, message of another form", "by its message, with a hyphen", "by the code of a detail",
		"by its message, despite single sign-on",
	}
	for name, form := range forms {
		for _, skew := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
			t.Run(fmt.Sprintf("%s, clock off by %v", name, skew), func(t *testing.T) {
				t.Parallel()
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					server.Clock().Advance(skew)
					for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
						if method == http.MethodHead && slices.Contains(onlyInBody, name) {
							continue
						}
						before := len(server.Requests())
						server.Inject(form.fault(server))
						server.Inject(ghmigratetest.Fault{Status: http.StatusOK})
						start := time.Now()
						_, err := testclient.New(t, server, ghmigrate.WithMaxRetries(0)).Do(t.Context(), method, "/things", map[string]int{"id": 7}, nil)
						require.NoError(t, err)
						assert.GreaterOrEqual(t, time.Since(start), form.want)
						assert.LessOrEqual(t, time.Since(start), form.want+form.slack)
						sent := server.Requests()[before:]
						require.Len(t, sent, 2)
						assert.JSONEq(t, `{"id": 7}`, string(sent[1].Body))
						assert.Equal(t, sent[0].Body, sent[1].Body)
					}
				})
			})
		}
	}
}

func TestALimitThatLastsTooLongIsReturnedAtOnce(t *testing.T) {
	t.Parallel()
	second, minute := time.Second, time.Minute
	for name, test := range map[string]struct {
		opts       []ghmigrate.Option
		fault      ghmigratetest.Fault
		retryAfter time.Duration
	}{
		"longer than the default": {nil, ghmigratetest.SecondaryRateLimitAfter(91 * second), 91 * second},
		"longer than the option":  {[]ghmigrate.Option{ghmigrate.WithMaxRateLimitWait(19 * second)}, ghmigratetest.SecondaryRateLimitAfter(20 * second), 20 * second},
		"no wait":                 {[]ghmigrate.Option{ghmigrate.WithMaxRateLimitWait(0)}, ghmigratetest.SecondaryRateLimitAfter(second), second},
		"no wait, primary":        {[]ghmigrate.Option{ghmigrate.WithMaxRateLimitWait(0)}, ghmigratetest.PrimaryRateLimit(-minute), 2 * second},
		"no wait, unspecified":    {[]ghmigrate.Option{ghmigrate.WithMaxRateLimitWait(0)}, ghmigratetest.SecondaryRateLimit(), minute},
		"an hour, primary":        {nil, ghmigratetest.PrimaryRateLimit(time.Hour), time.Hour + second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.Clock().Advance(-42 * time.Hour)
				client := testclient.New(t, server, test.opts...)
				for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
					before := len(server.Requests())
					server.Inject(test.fault)
					took, err := do(t, client, method)
					assert.Zero(t, took)
					assert.Len(t, server.Requests(), before+1)
					var failure *ghmigrate.APIError
					require.ErrorAs(t, err, &failure)
					assert.Equal(t, test.retryAfter, failure.RetryAfter)
					require.ErrorIs(t, err, ghmigrate.ErrRateLimited)
					require.NotErrorIs(t, err, ghmigrate.ErrForbidden)
				}
			})
		})
	}
}

func TestWaitsForRateLimitsAddUp(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		fault := ghmigratetest.SecondaryRateLimitAfter(45 * time.Second)
		fault.Times = -1
		server.Inject(fault)
		took, err := do(t, testclient.New(t, server), http.MethodPost)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, 45*time.Second, failure.RetryAfter)
		assert.Equal(t, 90*time.Second, took, "two waits fit into the default, a third does not")
		assert.Len(t, server.Requests(), 3)

		_, err = do(t, testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(100*time.Second)), http.MethodPost)
		require.ErrorIs(t, err, ghmigrate.ErrRateLimited)
		assert.Len(t, server.Requests(), 6, "each call has its own budget")
	})
}

func TestTheWaitForAnUnspecifiedLimitDoubles(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		fault := ghmigratetest.SecondaryRateLimit()
		fault.Times = 5
		server.Inject(fault)
		_, err := do(t, longWaitClient(t, server), http.MethodGet)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		minute := time.Minute
		assert.Equal(t, []time.Duration{minute, 2 * minute, 4 * minute, 8 * minute, 16 * minute}, gaps(server))

		server.Inject(ghmigratetest.SecondaryRateLimit())
		server.Inject(ghmigratetest.SecondaryRateLimit())
		_, err = do(t, testclient.New(t, server), http.MethodGet)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, 2*time.Minute, failure.RetryAfter)
	})
}

func TestTheWaitForAnUnspecifiedLimitIsLimited(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		fault := ghmigratetest.SecondaryRateLimit()
		fault.Times = 80 // doubling a minute 80 times overflows a Duration
		server.Inject(fault)
		_, err := do(t, testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(100*time.Hour)), http.MethodGet)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		for _, gap := range gaps(server)[6:] {
			require.Equal(t, time.Hour, gap)
		}
	})
}

func TestTheWaitForALimitThatPersistsAfterItsResetDoubles(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		fault := limitFault(http.StatusForbidden, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1"}}, "")
		fault.Times = 4
		server.Inject(fault)
		_, err := do(t, longWaitClient(t, server), http.MethodGet)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		second := time.Second
		assert.Equal(t, []time.Duration{second, 2 * second, 4 * second, 8 * second}, gaps(server))
	})
}

func TestRateLimitsDoNotCountAsRetries(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		for range 3 {
			server.Inject(ghmigratetest.ServerError(http.StatusBadGateway))
			server.Inject(ghmigratetest.SecondaryRateLimitAfter(5 * time.Second))
			server.Inject(ghmigratetest.PrimaryRateLimit(5 * time.Second))
		}
		_, err := do(t, testclient.New(t, server), http.MethodGet)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound, "the response after the failures")
		assert.Len(t, server.Requests(), 10)
	})
}

func TestAStartIsRetriedAfterARateLimitAndStartsOnce(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		server.Inject(ghmigratetest.SecondaryRateLimit())
		server.Inject(ghmigratetest.SecondaryRateLimitAfter(time.Second))
		migration, err := testclient.New(t, server).OrgMigrations.Start(t.Context(), "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{"octo-org/hello"}})
		require.NoError(t, err)
		require.Len(t, server.Migrations(), 1)
		assert.Equal(t, server.Migrations()[0].ID, migration.ID)
		assert.Len(t, server.Requests(), 3)
	})
}

func TestAQuotaIsRenewedAfterRetryAfter(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Clock().Advance(100 * time.Hour)
		client := testclient.New(t, server)
		for range 2 {
			_, err := client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
			require.NoError(t, err)
		}
		start := time.Now()
		_, err := client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		var failure *ghmigrate.APIError
		require.ErrorAs(t, err, &failure)
		assert.InDelta(t, time.Hour, failure.RetryAfter, float64(2*time.Second))
		assert.Zero(t, time.Since(start))
		server.Clock().Advance(failure.RetryAfter)
		_, err = client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		require.NoError(t, err, "the limit has ended")
	}, ghmigratetest.WithRateLimit(2))
}

func TestFailuresThatLookLikeRateLimitsAreReturnedAtOnce(t *testing.T) {
	t.Parallel()
	limited := http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1"}}
	with := func(pairs ...string) http.Header {
		h := limited.Clone()
		for pair := range slices.Chunk(pairs, 2) {
			h.Set(pair[0], pair[1])
		}
		return h
	}
	const message, denied = `{"message": "API rate limit exceeded"}`, `{"message": "Must have admin rights to Repository."}`
	for name, test := range map[string]struct {
		fault ghmigratetest.Fault
		is    []error
	}{
		"single sign-on": {
			limitFault(403, with("X-Github-Sso", "required; url=https://github.com/orgs/octo-org/sso?authorization_request=A", "Retry-After", "5"), denied),
			[]error{ghmigrate.ErrSSORequired, ghmigrate.ErrForbidden},
		},
		"missing scope": {
			limitFault(403, with("X-Oauth-Scopes", "gist, read:org", "X-Accepted-Oauth-Scopes", "admin:org, repo"), denied),
			[]error{ghmigrate.ErrMissingScope, ghmigrate.ErrForbidden},
		},
		"no scopes at all": {
			limitFault(403, with("X-Oauth-Scopes", "", "X-Accepted-Oauth-Scopes", "admin:org, repo"), denied),
			[]error{ghmigrate.ErrMissingScope, ghmigrate.ErrForbidden},
		},
		"another reason and no quota left": {limitFault(403, limited, denied), []error{ghmigrate.ErrForbidden}},
		"a fine-grained token": {
			limitFault(403, limited, `{"message": "Resource not accessible by personal access token"}`), []error{ghmigrate.ErrForbidden},
		},
		"similar words": {limitFault(403, limited, `{"message": "A separate limit of generated limits accurate limits."}`), []error{ghmigrate.ErrForbidden}},
		"404":           {limitFault(404, limited, message), []error{ghmigrate.ErrNotFound}},
		"422":           {limitFault(422, limited, message), []error{ghmigrate.ErrValidation}},
		"a plain 403 with quota left": {
			limitFault(403, http.Header{"X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": {"9999999999"}}, `{"message": "Must have admin rights"}`),
			[]error{ghmigrate.ErrForbidden},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				test.fault.Times = -1
				server.Inject(test.fault)
				took, err := do(t, longWaitClient(t, server), http.MethodGet)
				for _, target := range test.is {
					require.ErrorIs(t, err, target)
				}
				require.NotErrorIs(t, err, ghmigrate.ErrRateLimited)
				var failure *ghmigrate.APIError
				require.ErrorAs(t, err, &failure)
				assert.Zero(t, failure.RetryAfter)
				assert.Zero(t, took)
				assert.Len(t, server.Requests(), 1)
			})
		})
	}
}

func TestALimitMayHaveAnAbsurdReset(t *testing.T) {
	t.Parallel()
	for _, reset := range []string{"1700000000000", "9223372036854775807", "253402300800"} {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			return respond(req, http.StatusForbidden, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {reset}}, ""), nil
		})
		_, err := client.Do(t.Context(), http.MethodGet, "/things", nil, nil)
		require.ErrorIs(t, err, ghmigrate.ErrRateLimited, reset)
		require.NotErrorIs(t, err, ghmigrate.ErrForbidden)
	}
}

func TestAServerWithoutQuotaHeadersCanLimit(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		server.Inject(ghmigratetest.SecondaryRateLimit())
		start := time.Now()
		_, err := client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		require.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(start))
		assert.Zero(t, client.RateLimit())
	}, ghmigratetest.WithGHES())
}

func TestRateLimitIsTheQuotaOfTheLatestResponse(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server, ghmigrate.WithMaxRateLimitWait(0))
		assert.Zero(t, client.RateLimit())
		_, err := client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		require.NoError(t, err)
		hour := server.Clock().Now().Add(time.Hour).Truncate(time.Second)
		assert.Equal(t, ghmigrate.RateLimit{Limit: 5000, Remaining: 4999, Used: 1, Reset: hour, Resource: "core"}, client.RateLimit())

		server.Inject(ghmigratetest.Fault{Status: http.StatusNotFound, Header: http.Header{
			"X-Ratelimit-Limit": {"60"}, "X-Ratelimit-Remaining": {"7"}, "X-Ratelimit-Used": {"53"},
			"X-Ratelimit-Reset": {"1377013266"}, "X-Ratelimit-Resource": {"search"},
		}})
		_, err = client.Do(t.Context(), http.MethodGet, "/nowhere", nil, nil)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		want := ghmigrate.RateLimit{Limit: 60, Remaining: 7, Used: 53, Reset: time.Unix(1377013266, 0).UTC(), Resource: "search"}
		assert.Equal(t, want, client.RateLimit())

		server.Inject(ghmigratetest.Fault{Status: http.StatusBadRequest})
		_, err = client.Do(t.Context(), http.MethodGet, "/nowhere", nil, nil)
		require.Error(t, err)
		assert.Equal(t, want, client.RateLimit(), "a response without a quota changes nothing")

		server.Inject(ghmigratetest.PrimaryRateLimit(time.Minute))
		_, err = client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		require.ErrorIs(t, err, ghmigrate.ErrRateLimited)
		assert.Equal(t, 0, client.RateLimit().Remaining)
	})
}

func TestAMalformedResetIsZero(t *testing.T) {
	t.Parallel()
	client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
		return respond(req, http.StatusOK, http.Header{"X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Reset": {"soon"}}, ""), nil
	})
	_, err := client.Do(t.Context(), http.MethodGet, "/meta", nil, nil)
	require.NoError(t, err)
	assert.Equal(t, ghmigrate.RateLimit{Limit: 5000}, client.RateLimit())
}

func TestRateLimitIsZeroForAServerWithoutRateLimits(t *testing.T) {
	t.Parallel()
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		_, err := client.Do(t.Context(), http.MethodGet, "/user/migrations", nil, nil)
		require.NoError(t, err)
		assert.Zero(t, client.RateLimit())
	}, ghmigratetest.WithGHES())
}

// A limit may be lifted early, so no pause is longer than an hour.
func TestNoPauseIsLongerThanAnHour(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(t *testing.T, c *ghmigrate.Client) error{
		"a call": func(t *testing.T, c *ghmigrate.Client) error {
			_, err := c.Do(t.Context(), http.MethodGet, "/things", nil, nil)
			return err
		},
		"a poll": func(t *testing.T, c *ghmigrate.Client) error {
			_, err := c.OrgMigrations.Wait(t.Context(), "octo-org", 79)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				fault := limitFault(403, http.Header{"Retry-After": {"86400"}}, "")
				fault.Times = 5
				server.Inject(fault)
				client := longWaitClient(t, server, ghmigrate.WithMaxRateLimitWait(1000*time.Hour))
				require.ErrorIs(t, wait(t, client), ghmigrate.ErrNotFound)
				assert.Equal(t, slices.Repeat([]time.Duration{time.Hour}, 5), gaps(server))
			})
		})
	}
}
