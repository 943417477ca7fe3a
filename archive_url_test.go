package ghmigrate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
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

// redirectingClient returns a client for a GitHub that redirects requests for an
// archive to location.
func redirectingClient(t *testing.T, baseURL, location string) *ghmigrate.Client {
	t.Helper()
	return clientWithHandler(t, baseURL, func(w http.ResponseWriter, r *http.Request) {
		assert.True(t, strings.HasSuffix(r.URL.Path, "/migrations/79/archive"), r.URL.Path)
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, location)
	})
}

func TestArchiveURL(t *testing.T) {
	const s3 = "https://github-cloud.s3.amazonaws.com/migration/25320/24575"
	for _, test := range []struct {
		name     string
		base     string
		location string
		revealed string // the location, if empty
		shown    string
		expires  time.Time
	}{
		{
			name:     "S3, signature version 4",
			base:     "https://api.github.com",
			location: s3 + "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20180913&X-Amz-Date=20180913T201100Z&X-Amz-Expires=300&X-Amz-Signature=c0ffee",
			shown:    s3 + "?REDACTED",
			expires:  time.Date(2018, 9, 13, 20, 16, 0, 0, time.UTC),
		},
		{
			name:     "S3, signature version 2",
			base:     "https://api.github.com",
			location: s3 + "?AWSAccessKeyId=AKIA&Expires=1438134393&Signature=c0ffee%3D",
			shown:    s3 + "?REDACTED",
			expires:  time.Date(2015, 7, 29, 1, 46, 33, 0, time.UTC),
		},
		{
			name:     "Azure",
			base:     "https://api.octocorp.ghe.com",
			location: "https://octo.blob.core.windows.net/migrations/79.tar.gz?sv=2021-08-06&se=2026-03-10T12%3A05%3A00Z&sr=b&sp=r&sig=Signature=",
			shown:    "https://octo.blob.core.windows.net/migrations/79.tar.gz?REDACTED",
			expires:  time.Date(2026, 3, 10, 12, 5, 0, 0, time.UTC),
		},
		{
			name:     "a GHES that stores archives itself",
			base:     "https://ghes.example.com/api/v3",
			location: "https://ghes.example.com/storage/migrations/79/archive/0b989ba4-242f-11e5-81e1-c7b6966d2516?token=AAAA",
			shown:    "https://ghes.example.com/storage/migrations/79/archive/0b989ba4-242f-11e5-81e1-c7b6966d2516?REDACTED",
		},
		{
			name:     "an older GHES",
			base:     "https://ghes.example.com/api/v3",
			location: "https://media.ghes.example.com/79?token=AAAA",
			shown:    "https://media.ghes.example.com/79?REDACTED",
		},
		{
			name:     "relative to the host",
			base:     "https://ghes.example.com/api/v3",
			location: "/storage/79?token=AAAA",
			revealed: "https://ghes.example.com/storage/79?token=AAAA",
			shown:    "https://ghes.example.com/storage/79?REDACTED",
		},
		{
			name:     "relative to the request",
			base:     "https://ghes.example.com/api/v3",
			location: "archive.tar.gz?token=AAAA",
			revealed: "https://ghes.example.com/api/v3/orgs/octo-org/migrations/79/archive.tar.gz?token=AAAA",
			shown:    "https://ghes.example.com/api/v3/orgs/octo-org/migrations/79/archive.tar.gz?REDACTED",
		},
		{
			name:     "with a password and a fragment",
			base:     "https://api.github.com",
			location: "https://user:" + testclient.Password + "@storage.example.com/a%2Fb?sig=AAAA#top",
			shown:    "https://storage.example.com/a%2Fb?REDACTED",
		},
		{
			name:     "malformed dates",
			base:     "https://api.github.com",
			location: s3 + "?X-Amz-Date=yesterday&X-Amz-Expires=300&Expires=soon&se=later",
			shown:    s3 + "?REDACTED",
		},
		{
			name:     "plain http, from an API over plain http",
			base:     "http://127.0.0.1:8000/api/v3",
			location: "http://127.0.0.2:9000/79?token=AAAA",
			shown:    "http://127.0.0.2:9000/79?REDACTED",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := redirectingClient(t, test.base, test.location)
			signed, err := client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
			require.NoError(t, err)
			ofUser, err := client.UserMigrations.ArchiveURL(t.Context(), 79)
			require.NoError(t, err)
			assert.Equal(t, test.shown == ofUser.String(), !strings.Contains(test.shown, "octo-org"))

			want := test.location
			if test.revealed != "" {
				want = test.revealed
			}
			assert.Equal(t, want, signed.Reveal())
			assert.True(t, test.expires.Equal(signed.Expires()), signed.Expires())

			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("here", "url", signed, "pointer", &signed, "group", slog.GroupValue(slog.Any("url", signed)))
			encoded, err := json.Marshal(map[string]any{"url": signed, "pointer": &signed})
			require.NoError(t, err)
			texts := []string{signed.String(), log.String(), string(encoded)}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T of %v"} {
				texts = append(texts, fmt.Sprintf(strings.Replace(verb, "%T of ", "", 1), signed), fmt.Sprintf(verb, struct{ U *ghmigrate.SignedURL }{&signed}))
				if verb != "%T of %v" {
					assert.Equal(t, test.shown, fmt.Sprintf(verb, signed), verb)
				}
			}
			_, query, _ := strings.Cut(test.location, "?")
			for _, text := range texts {
				assert.NotContains(t, text, "AAAA")
				assert.NotContains(t, text, "c0ffee")
				assert.NotContains(t, text, query)
				testclient.AssertNoSecret(t, text)
			}
			assert.Contains(t, log.String(), test.shown)
			assert.Contains(t, string(encoded), test.shown)
		})
	}

	var none ghmigrate.SignedURL
	assert.Empty(t, none.Reveal()+none.String())
	assert.Empty(t, fmt.Sprintf("%#v", none))
	assert.True(t, none.Expires().IsZero())
}

func TestArchiveURLRefusesLocations(t *testing.T) {
	for _, test := range []struct{ name, location, says string }{
		{"empty", "", "malformed Location"},
		{"malformed", "https://storage.example.com/%zz?X-Amz-Signature=AAAA", "malformed Location"},
		{"a malformed port", "https://storage.example.com:port/79?X-Amz-Signature=AAAA", "malformed Location"},
		{"plain http, from https", "http://storage.example.com/79?X-Amz-Signature=AAAA", "http://storage.example.com: want https"},
		{"another scheme", "ftp://storage.example.com/79?X-Amz-Signature=AAAA", "ftp://storage.example.com: want https"},
		{"a file", "file:///etc/passwd?X-Amz-Signature=AAAA", "want https"},
		{"no host", "https:///79?X-Amz-Signature=AAAA", "malformed Location"},
		{"a login", "https://ghes.example.com/login?return_to=AAAA", "unexpected answer: a redirect to a login at ghes.example.com"},
		{"a login page", "https://sso.example.com/Login.aspx?returnUrl=AAAA", "unexpected answer: a redirect to a login at sso.example.com"},
		{"a login of SAML", "https://idp.example.com/idp/profile/SSO.saml2?SAMLRequest=AAAA", "unexpected answer: a redirect to a login at idp.example.com"},
		{"a login elsewhere", "https://idp.example.com/app/sso/SAML?SAMLRequest=AAAA", "unexpected answer: a redirect to a login at idp.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			client := redirectingClient(t, "https://api.github.com", test.location)
			signed, err := client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
			assert.Empty(t, signed.Reveal())
			_, downloadErr := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, "archive.tar.gz", nil)
			_, openErr := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", 79)
			for _, err := range []error{err, downloadErr, openErr} {
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, "GET /orgs/octo-org/migrations/79/archive: ")
				testclient.AssertNoSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err), "AAAA")
			}
		})
	}
}

func FuzzArchiveURL(f *testing.F) {
	f.Add("https://github-cloud.s3.amazonaws.com/migration/25320/24575?X-Amz-Date=20180913T201100Z&X-Amz-Expires=300")
	f.Add("https://media.ghes.example.com/79?Expires=1438134393&se=2026-03-10T12%3A05%3A00Z")
	f.Add("https://user:password@[::1]:443/%2f;a,b#top")
	f.Add("//elsewhere.example/a b")
	f.Add("mailto:octocat@github.com")
	f.Add("/storage/\x00%zz")
	f.Fuzz(func(t *testing.T, location string) {
		const secret = "SIGNATURE0123456789"
		location += "&?sig=" + secret
		signed, err := redirectingClient(t, "https://ghes.example.com/api/v3", location).OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
		testclient.AssertNoSecret(t, fmt.Sprintf("%v %#v %v %#v", err, err, signed, signed), secret)
		if err != nil {
			assert.Empty(t, signed.Reveal())
			return
		}
		whole, err := url.Parse(signed.Reveal())
		if err != nil {
			return // such as "//::", which package url accepts only as a relative URL
		}
		shown, err := url.Parse(signed.String())
		require.NoError(t, err)
		assert.Equal(t, "https", whole.Scheme)
		assert.NotEmpty(t, whole.Host)
		assert.Equal(t, whole.Host, shown.Host)
		assert.Equal(t, whole.Path, shown.Path)
		assert.Equal(t, "REDACTED", shown.RawQuery)
	})
}

// archiveErrors returns the errors of the three methods that request an archive.
func archiveErrors(t *testing.T, client *ghmigrate.Client, id int64) map[string]error {
	t.Helper()
	_, urlErr := client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", id)
	_, downloadErr := client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", id, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
	_, openErr := client.OrgMigrations.OpenArchive(t.Context(), "octo-org", id)
	return map[string]error{"ArchiveURL": urlErr, "DownloadArchive": downloadErr, "OpenArchive": openErr}
}

// sentinelsOf lists the sentinels about archives that an error matches.
func sentinelsOf(err error) []error {
	var all []error
	for _, target := range []error{
		ghmigrate.ErrArchiveNotReady, ghmigrate.ErrMigrationFailed, ghmigrate.ErrArchiveGone, ghmigrate.ErrArchiveChanged, ghmigrate.ErrNotFound,
	} {
		if errors.Is(err, target) {
			all = append(all, target)
		}
	}
	return all
}

func TestErrorsOfAMissingArchive(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client)
		reason  error // beside ErrNotFound; may be nil
		text    string
	}{
		{"pending", func(*testing.T, *ghmigratetest.Server, *ghmigrate.Client) {}, ghmigrate.ErrArchiveNotReady, "migration 79 is pending"},
		{"exporting", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Clock().Advance(6 * time.Minute)
		}, ghmigrate.ErrArchiveNotReady, "migration 79 is exporting"},
		{"an unknown state", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Inject(ghmigratetest.Fault{Path: exportPath, Times: -1, Status: http.StatusOK, Body: `{"id":79,"state":"archiving"}`})
		}, ghmigrate.ErrArchiveNotReady, "migration 79 is archiving"},
		{"a state of an odd type", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Inject(ghmigratetest.Fault{Path: exportPath, Times: -1, Status: http.StatusOK, Body: `{"id":79,"state":[]}`})
		}, ghmigrate.ErrArchiveNotReady, "migration 79 is in an unknown state"},
		{"an end of an odd type", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Inject(ghmigratetest.Fault{Path: exportPath, Times: -1, Status: http.StatusOK, Body: `{"id":79,"state":"exported","archive_url":"https://x","updated_at":1}`})
		}, nil, "404 Not Found"},
		{"the export failed", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Inject(ghmigratetest.Fault{Path: exportPath, Times: -1, Status: http.StatusOK, Body: `{"id":79,"state":"failed"}`})
		}, ghmigrate.ErrMigrationFailed, "migration 79: migration failed"},
		{"a deleted archive", func(t *testing.T, server *ghmigratetest.Server, client *ghmigrate.Client) {
			server.Clock().Advance(time.Hour)
			require.NoError(t, client.OrgMigrations.DeleteArchive(t.Context(), "octo-org", 79))
		}, ghmigrate.ErrArchiveGone, "migration 79: archive gone"},
		{"an expired archive", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Clock().Advance(week + 2*time.Hour)
		}, ghmigrate.ErrArchiveGone, "migration 79 was exported 7 days ago"},
		{"a deleted migration", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			time.Sleep(time.Minute)
			server.Forget(79)
		}, nil, "404 Not Found"},
		{"no known reason", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Clock().Advance(time.Hour)
			fault := ghmigratetest.ServerError(http.StatusNotFound)
			fault.Path, fault.Times = exportPath+"/archive", -1
			server.Inject(fault)
		}, nil, "404 Server Error"},
		{"the poll fails", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Inject(ghmigratetest.Fault{Path: exportPath, Times: -1, Status: http.StatusInternalServerError})
		}, nil, "; the poll of the migration failed: GET " + exportPath + ": 500"},
		{"the poll fails at first", func(_ *testing.T, server *ghmigratetest.Server, _ *ghmigrate.Client) {
			server.Inject(ghmigratetest.Fault{Path: exportPath, Times: 2, Status: http.StatusBadGateway})
		}, ghmigrate.ErrArchiveNotReady, "migration 79 is pending"},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				client := testclient.New(t, server)
				startExports(t, server, client, 1)
				test.prepare(t, server, client)
				for call, err := range archiveErrors(t, client, 79) {
					want := []error{ghmigrate.ErrNotFound}
					if test.reason != nil {
						want = []error{test.reason, ghmigrate.ErrNotFound}
					}
					assert.Equal(t, want, sentinelsOf(err), "%s: %v", call, err)
					require.ErrorContains(t, err, test.text, call)
					failure, ok := errors.AsType[*ghmigrate.APIError](err)
					if assert.True(t, ok, call) {
						assert.Equal(t, exportPath+"/archive", failure.Path)
					}
				}
			}, ghmigratetest.WithExportDuration(50*time.Minute))
		})
	}
	t.Run("the age is measured by the server's clock", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			server.Clock().Advance(-300 * 24 * time.Hour)
			startExports(t, server, client, 1)
			server.Clock().Advance(time.Hour)
			fault := ghmigratetest.ServerError(http.StatusNotFound)
			fault.Path, fault.Times = exportPath+"/archive", -1
			server.Inject(fault)
			for call, err := range archiveErrors(t, client, 79) {
				assert.Equal(t, []error{ghmigrate.ErrNotFound}, sentinelsOf(err), "%s: %v", call, err)
			}
		})
	})
	t.Run("a user of a GHES", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			startUserExports(t, server, client, 1)
			_, err := client.UserMigrations.ArchiveURL(t.Context(), 79)
			assert.Equal(t, []error{ghmigrate.ErrArchiveNotReady, ghmigrate.ErrNotFound}, sentinelsOf(err), "%v", err)
			server.Clock().Advance(8 * 24 * time.Hour)
			_, err = client.UserMigrations.ArchiveURL(t.Context(), 79)
			assert.Equal(t, []error{ghmigrate.ErrArchiveGone, ghmigrate.ErrNotFound}, sentinelsOf(err), "%v", err)
			_, err = client.UserMigrations.ArchiveURL(t.Context(), 12345)
			assert.Equal(t, []error{ghmigrate.ErrNotFound}, sentinelsOf(err), "%v", err)
		}, ghmigratetest.WithGHES())
	})
	t.Run("the context ends during the poll", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			startExports(t, server, client, 1)
			server.Inject(ghmigratetest.Fault{Path: exportPath, Stall: true})
			reason := errors.New("the user is gone")
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
			defer cancel()
			_, err := client.OrgMigrations.ArchiveURL(ctx, "octo-org", 79)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, reason)
		})
	})
}

// GitHub redirects requests for a renamed organization. The second response is the
// redirect to storage.
func TestArchiveURLFollowsRedirectsWithinTheOrigin(t *testing.T) {
	t.Parallel()
	const storage = "https://storage.example.com/79?X-Amz-Signature=AAAA"
	for _, status := range []int{301, 307, 308} {
		client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "Bearer "+secretToken, r.Header.Get("Authorization"))
			if strings.Contains(r.URL.Path, "octo-org") {
				w.Header().Set("Location", "/api/v3/organizations/7/migrations/79/archive")
				w.WriteHeader(status)
				return
			}
			w.Header().Set("Location", storage)
			w.WriteHeader(http.StatusFound)
		})
		signed, err := client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		assert.Equal(t, storage, signed.Reveal())
	}
}

func TestAPageInPlaceOfARedirectIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{loginPage, `{}`, "", "\x1f\x8b"} {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) { return respond(req, http.StatusOK, nil, body), nil })
		for call, err := range archiveErrors(t, client, 79) {
			require.ErrorIs(t, err, ghmigrate.ErrUnexpectedAnswer, call)
		}
	}
}

// The archive may appear some seconds after the end of the export.
func TestDownloadArchiveWaitsForAnArchiveThatLags(t *testing.T) {
	// The longest time is the lag and the longest pause that may begin within it.
	for lag, longest := range map[time.Duration]time.Duration{time.Second: 3 * time.Second, 25 * time.Second: 55 * time.Second} {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			client := testclient.New(t, server)
			startExports(t, server, client, 1)
			_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
			require.NoError(t, err)
			fault := ghmigratetest.ServerError(http.StatusNotFound)
			fault.Path, fault.Times = exportPath+"/archive", -1
			server.Inject(fault)
			time.AfterFunc(lag, server.ClearFaults)
			began := time.Now()
			_, err = client.OrgMigrations.DownloadArchive(t.Context(), "octo-org", 79, filepath.Join(t.TempDir(), "archive.tar.gz"), nil)
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(began), longest)
		})
	}
}

func TestArchiveURLDoesNotWaitLongForAMissingArchive(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		_, err := client.OrgMigrations.Wait(t.Context(), "octo-org", 79)
		require.NoError(t, err)
		fault := ghmigratetest.ServerError(http.StatusNotFound)
		fault.Path, fault.Times = exportPath+"/archive", -1
		server.Inject(fault)
		began := time.Now()
		_, err = client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		assert.Less(t, time.Since(began), time.Minute)
		began = time.Now()
		_, err = client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		assert.Equal(t, began, time.Now(), "the export ended long ago")
	})
}

func TestTheArchiveOfANewMigrationIsNotReady(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		client := testclient.New(t, server)
		startExports(t, server, client, 1)
		fault := ghmigratetest.ServerError(http.StatusNotFound)
		fault.Times = -1
		server.Inject(fault)
		_, err := client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrArchiveNotReady)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
	})
}

// The clocks of GitHub's servers may differ: the export may end in the future.
func TestArchiveURLDoesNotWaitUntilTheClocksAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientWithTransport(t, func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/archive") {
				return respond(req, http.StatusNotFound, nil, `{"message": "Not Found"}`), nil
			}
			ended := time.Now().Add(time.Hour).Format(time.RFC3339)
			return respond(req, http.StatusOK, nil, `{"id": 79, "state": "exported", "archive_url": "https://x", "updated_at": "`+ended+`"}`), nil
		})
		began := time.Now()
		_, err := client.OrgMigrations.ArchiveURL(t.Context(), "octo-org", 79)
		require.ErrorIs(t, err, ghmigrate.ErrNotFound)
		assert.InDelta(t, 45*time.Second, time.Since(began), float64(15*time.Second))
	})
}
