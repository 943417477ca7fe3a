package ghmigrate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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

// TestSourceImports calls the methods in the order of an import's life. It checks
// each request and its result.
func TestSourceImports(t *testing.T) {
	for _, version := range []string{"2022-11-28", "2026-03-10"} {
		for name, forms := range map[string]struct {
			opts                     []ghmigratetest.Option
			undecided, optIn, optOut ghmigrate.LFSPreference
		}{
			"use_lfs as a boolean": {nil, ghmigrate.LFSOptOut, ghmigrate.LFSOptIn, ghmigrate.LFSOptOut},
			"use_lfs as a string":  {[]ghmigratetest.Option{ghmigratetest.WithLFSStrings()}, ghmigrate.LFSUndecided, ghmigrate.LFSOptIn, ghmigrate.LFSOptOut},
		} {
			t.Run(version+", "+name, func(t *testing.T) {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					const base, source = "/repos/octo-org/hello/import", "https://svn.example.com/private/subversion/large"
					server.AddRepository("octo-org/hello")
					client := testclient.New(t, server, ghmigrate.WithAPIVersion(version), quickPolls())
					imports, ctx := client.SourceImports, t.Context()
					before := 0
					requireSent := func(want ...sent) {
						t.Helper()
						require.Equal(t, want, sentSince(server, before))
						before = len(server.Requests())
					}
					want := &ghmigrate.Import{
						VCSURL:        source,
						UseLFS:        forms.undecided,
						Status:        ghmigrate.ImportDetecting,
						StatusText:    "Detecting...",
						URL:           server.URL() + base,
						HTMLURL:       "https://import.github.com/octo-org/hello/import",
						AuthorsURL:    server.URL() + base + "/authors",
						RepositoryURL: server.URL() + "/repos/octo-org/hello",
					}

					got, err := imports.Start(ctx, "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: source, VCSUsername: "octocat"})
					require.NoError(t, err)
					assert.Equal(t, want, got)
					requireSent(sent{"PUT", base, "", `{"vcs_url":"` + source + `","vcs_username":"octocat"}`})

					got, err = imports.Get(ctx, "octo-org", "hello")
					require.NoError(t, err)
					assert.Equal(t, want, got)
					requireSent(sent{"GET", base, "", ""})

					got, err = imports.Wait(ctx, "octo-org", "hello")
					require.ErrorIs(t, err, ghmigrate.ErrImportNeedsAction)
					require.EqualError(t, err, "import into octo-org/hello: import needs action: detection_needs_auth")
					assert.Equal(t, ghmigrate.ImportDetectionNeedsAuth, got.Status)
					assert.True(t, got.Status.NeedsAction())
					before = len(server.Requests())

					want.VCS, want.SVCRoot, want.SVNRoot = "subversion", "/trunk", "/trunk"
					want.Status, want.StatusText, want.ImportPercent, want.CommitCount = ghmigrate.ImportImporting, "Importing...", new(int), new(int)
					got, err = imports.Update(ctx, "octo-org", "hello", ghmigrate.UpdateImportRequest{VCS: "subversion", VCSUsername: "hubot", VCSPassword: testclient.Password})
					require.NoError(t, err)
					assert.Equal(t, want, got)
					requireSent(sent{"PATCH", base, "", `{"vcs":"subversion","vcs_username":"hubot","vcs_password":"` + testclient.Password + `"}`})

					got, err = imports.Wait(ctx, "octo-org", "hello")
					require.NoError(t, err)
					want.Status, want.StatusText = ghmigrate.ImportComplete, "Done"
					want.ImportPercent, want.PushPercent, want.CommitCount, want.AuthorsCount = new(100), new(100), new(1042), new(4)
					want.HasLargeFiles, want.LargeFilesSize, want.LargeFilesCount = true, 110485760+111534336+112582912, 3
					assert.Equal(t, want, got)
					before = len(server.Requests())

					authors, err := ghmigrate.Collect(imports.ListAuthors(ctx, "octo-org", "hello", nil))
					require.NoError(t, err)
					require.Len(t, authors, 4)
					author := &ghmigrate.ImportAuthor{
						ID:         2268557,
						RemoteID:   "nobody@fc7da526-431c-80fe-3c8c-c148ff18d7ef",
						RemoteName: "nobody",
						Email:      "nobody@fc7da526-431c-80fe-3c8c-c148ff18d7ef",
						Name:       "nobody",
						URL:        server.URL() + base + "/authors/2268557",
						ImportURL:  server.URL() + base,
					}
					assert.Equal(t, author, authors[0])
					requireSent(sent{"GET", base + "/authors", "", ""})

					since, err := ghmigrate.Collect(imports.ListAuthors(ctx, "octo-org", "hello", &ghmigrate.ListAuthorsOptions{Since: authors[1].ID}))
					require.NoError(t, err)
					assert.Equal(t, authors[2:], since)
					requireSent(sent{"GET", base + "/authors", "since=2268558", ""})

					mapped, err := imports.MapAuthor(ctx, "octo-org", "hello", author.ID, ghmigrate.MapAuthorRequest{Email: "hubot@github.com", Name: "Hubot"})
					require.NoError(t, err)
					author.Email, author.Name = "hubot@github.com", "Hubot"
					assert.Equal(t, author, mapped)
					requireSent(sent{"PATCH", base + "/authors/2268557", "", `{"email":"hubot@github.com","name":"Hubot"}`})

					_, err = imports.MapAuthor(ctx, "octo-org", "hello", author.ID, ghmigrate.MapAuthorRequest{Name: "Hubot the Robot"})
					require.NoError(t, err)
					requireSent(sent{"PATCH", base + "/authors/2268557", "", `{"name":"Hubot the Robot"}`})

					files, err := ghmigrate.Collect(imports.ListLargeFiles(ctx, "octo-org", "hello"))
					require.NoError(t, err)
					assert.Equal(t, []*ghmigrate.LargeFile{
						{RefName: "refs/heads/master", Path: "foo/bar/1", OID: "d3d9446802a44259755d38e6d163e820", Size: 110485760},
						{RefName: "refs/heads/master", Path: "foo/bar/2", OID: "6512bd43d9caa6e02c990b0a82652dca", Size: 111534336},
						{RefName: "refs/heads/master", Path: "foo/bar/3", OID: "c20ad4d76fe97759aa27a0c99bff6710", Size: 112582912},
					}, files)
					requireSent(sent{"GET", base + "/large_files", "", ""})

					got, err = imports.SetLFSPreference(ctx, "octo-org", "hello", ghmigrate.LFSOptIn)
					require.NoError(t, err)
					assert.Equal(t, forms.optIn, got.UseLFS)
					requireSent(sent{"PATCH", base + "/lfs", "", `{"use_lfs":"opt_in"}`})
					got, err = imports.SetLFSPreference(ctx, "octo-org", "hello", ghmigrate.LFSOptOut)
					require.NoError(t, err)
					assert.Equal(t, forms.optOut, got.UseLFS)
					requireSent(sent{"PATCH", base + "/lfs", "", `{"use_lfs":"opt_out"}`})

					got, err = imports.Update(ctx, "octo-org", "hello", ghmigrate.UpdateImportRequest{})
					require.NoError(t, err)
					assert.Equal(t, ghmigrate.ImportImporting, got.Status, "the import restarts")
					requireSent(sent{"PATCH", base, "", ""})
					requests := server.Requests()
					assert.Empty(t, requests[len(requests)-1].Header.Get("Content-Type"), "the request has no body")

					require.NoError(t, imports.Cancel(ctx, "octo-org", "hello"))
					requireSent(sent{"DELETE", base, "", ""})
					_, err = imports.Get(ctx, "octo-org", "hello")
					require.ErrorIs(t, err, ghmigrate.ErrNotFound)
					require.NotErrorIs(t, err, ghmigrate.ErrSourceImportsRetired, "the server has the API")
				}, append(forms.opts, ghmigratetest.WithSourceImports())...)
			})
		}
	}
}

func TestSourceImportsUpdateWithAProjectChoice(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		imports := testclient.New(t, server, quickPolls()).SourceImports
		_, err := imports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{
			VCSURL: "https://tfs.example.com/collection", VCS: "tfvc", VCSUsername: "octocat", VCSPassword: testclient.Password,
		})
		require.NoError(t, err)
		found, err := imports.Wait(t.Context(), "octo-org", "hello")
		require.ErrorIs(t, err, ghmigrate.ErrImportNeedsAction)
		assert.Equal(t, ghmigrate.ImportChoose, found.Status)
		assert.Equal(t, []ghmigrate.ProjectChoice{
			{VCS: "tfvc", TFVCProject: "project1", HumanName: "project1 (tfs)"},
			{VCS: "tfvc", TFVCProject: "project2", HumanName: "project2 (tfs)"},
		}, found.ProjectChoices)

		before, choice := len(server.Requests()), found.ProjectChoices[1]
		_, err = imports.Update(t.Context(), "octo-org", "hello", ghmigrate.UpdateImportRequest{
			VCS: choice.VCS, TFVCProject: choice.TFVCProject, HumanName: choice.HumanName,
		})
		require.NoError(t, err)
		assert.Equal(t, []sent{{
			"PATCH", "/repos/octo-org/hello/import", "", `{"vcs":"tfvc","tfvc_project":"project2","human_name":"project2 (tfs)"}`,
		}}, sentSince(server, before))
		found, err = imports.Wait(t.Context(), "octo-org", "hello")
		require.NoError(t, err)
		assert.Equal(t, "project2", found.TFVCProject)
		assert.Equal(t, ghmigrate.ImportComplete, found.Status)
	}, ghmigratetest.WithSourceImports())
}

func TestWaitForAnImport(t *testing.T) {
	for _, test := range []struct {
		name, source string
		password     ghmigrate.Secret
		status       ghmigrate.ImportStatus
		err          error
		text         string
	}{
		{"complete", "https://git.example.com/hello", "", ghmigrate.ImportComplete, nil, ""},
		{
			"broken", "https://git.example.com/broken", "", ghmigrate.ImportError, ghmigrate.ErrImportFailed,
			"import into octo-org/hello: import failed: error: import: The repository could not be read.",
		},
		{
			"no repository", "https://git.example.com/nothing", "", ghmigrate.ImportDetectionFoundNothing, ghmigrate.ErrImportFailed,
			"import into octo-org/hello: import failed: detection_found_nothing",
		},
		{
			"several projects", "https://git.example.com/multiple", "", ghmigrate.ImportDetectionFoundMultiple, ghmigrate.ErrImportNeedsAction,
			"import into octo-org/hello: import needs action: detection_found_multiple",
		},
		{
			"a wrong password", "https://git.example.com/private", "wrong", ghmigrate.ImportAuthFailed, ghmigrate.ErrImportNeedsAction,
			"import into octo-org/hello: import needs action: auth_failed",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				server.AddRepository("octo-org/hello")
				imports := testclient.New(t, server).SourceImports
				_, err := imports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: test.source, VCSPassword: test.password})
				require.NoError(t, err)
				for _, fault := range []ghmigratetest.Fault{
					ghmigratetest.HTMLError(http.StatusBadGateway), ghmigratetest.PrimaryRateLimit(time.Hour), {Reset: true},
				} {
					fault.Path = "/repos/octo-org/hello/import"
					server.Inject(fault)
				}
				found, err := imports.Wait(t.Context(), "octo-org", "hello")
				times, _ := pollsOf(server, "/repos/octo-org/hello/import")
				assert.GreaterOrEqual(t, pausesOf(times)[0], 4500*time.Millisecond, "a poll is not retried")
				require.NotNil(t, found)
				assert.Equal(t, test.status, found.Status)
				if test.err == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, test.err)
				assert.EqualError(t, err, test.text)
			}, ghmigratetest.WithSourceImports(), ghmigratetest.WithExportDuration(10*time.Minute))
		})
	}
	t.Run("no import", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.AddRepository("octo-org/hello")
			found, err := testclient.New(t, server).SourceImports.Wait(t.Context(), "octo-org", "hello")
			require.ErrorIs(t, err, ghmigrate.ErrNotFound)
			assert.Nil(t, found)
			assert.Len(t, server.Requests(), 1)
		}, ghmigratetest.WithSourceImports())
	})
	t.Run("status none", func(t *testing.T) {
		client := clientWithHandler(t, "https://ghes.example.com/api/v3", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"none"}`)
		})
		found, err := client.SourceImports.Wait(t.Context(), "octo-org", "hello")
		require.ErrorIs(t, err, ghmigrate.ErrImportFailed)
		assert.Equal(t, &ghmigrate.Import{Status: ghmigrate.ImportNone}, found)
	})
	t.Run("the context ends", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			server.AddRepository("octo-org/hello")
			client := testclient.New(t, server)
			_, err := client.SourceImports.Start(t.Context(), "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: "https://git.example.com/hello"})
			require.NoError(t, err)
			used, reason := client.RateLimit().Used, errors.New("enough")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, reason)
			defer cancel()
			found, err := client.SourceImports.Wait(ctx, "octo-org", "hello")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, reason)
			assert.Equal(t, ghmigrate.ImportDetecting, found.Status)
			assert.Less(t, client.RateLimit().Used-used, len(server.Requests()), "a 304 costs no quota")
		}, ghmigratetest.WithSourceImports(), ghmigratetest.WithExportDuration(1000*time.Hour))
	})
}

func TestImportStatus(t *testing.T) {
	done := []ghmigrate.ImportStatus{ghmigrate.ImportComplete, ghmigrate.ImportError, ghmigrate.ImportDetectionFoundNothing}
	needsAction := []ghmigrate.ImportStatus{
		ghmigrate.ImportAuth, ghmigrate.ImportAuthFailed, ghmigrate.ImportChoose, ghmigrate.ImportDetectionNeedsAuth, ghmigrate.ImportDetectionFoundMultiple,
	}
	documented := map[ghmigrate.ImportStatus]ghmigrate.ImportStatus{
		"auth":                     ghmigrate.ImportAuth,
		"auth_failed":              ghmigrate.ImportAuthFailed,
		"choose":                   ghmigrate.ImportChoose,
		"complete":                 ghmigrate.ImportComplete,
		"detecting":                ghmigrate.ImportDetecting,
		"detection_found_multiple": ghmigrate.ImportDetectionFoundMultiple,
		"detection_found_nothing":  ghmigrate.ImportDetectionFoundNothing,
		"detection_needs_auth":     ghmigrate.ImportDetectionNeedsAuth,
		"error":                    ghmigrate.ImportError,
		"importing":                ghmigrate.ImportImporting,
		"mapping":                  ghmigrate.ImportMapping,
		"none":                     ghmigrate.ImportNone,
		"pushing":                  ghmigrate.ImportPushing,
		"setup":                    ghmigrate.ImportSetup,
		"unknown":                  ghmigrate.ImportUnknown,
		"waiting_to_push":          ghmigrate.ImportWaitingToPush,
	}
	assert.Len(t, documented, 16)
	for text, constant := range documented {
		assert.Equal(t, text, constant)
	}
	for _, status := range append(slices.Collect(maps.Keys(documented)), "something new", "") {
		assert.Equal(t, slices.Contains(done, status), status.Done(), status)
		assert.Equal(t, slices.Contains(needsAction, status), status.NeedsAction(), status)
	}
}

// importCalls returns a call of each method.
func importCalls() map[string]func(context.Context, *ghmigrate.SourceImports) error {
	return map[string]func(context.Context, *ghmigrate.SourceImports) error{
		"Start": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			_, err := s.Start(ctx, "octo-org", "hello", ghmigrate.StartImportRequest{VCSURL: "https://svn.example.com"})
			return err
		},
		"Get": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			_, err := s.Get(ctx, "octo-org", "hello")
			return err
		},
		"Update": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			_, err := s.Update(ctx, "octo-org", "hello", ghmigrate.UpdateImportRequest{})
			return err
		},
		"Cancel": func(ctx context.Context, s *ghmigrate.SourceImports) error { return s.Cancel(ctx, "octo-org", "hello") },
		"ListAuthors": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			return drain(s.ListAuthors(ctx, "octo-org", "hello", nil))
		},
		"MapAuthor": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			_, err := s.MapAuthor(ctx, "octo-org", "hello", 1, ghmigrate.MapAuthorRequest{})
			return err
		},
		"ListLargeFiles": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			return drain(s.ListLargeFiles(ctx, "octo-org", "hello"))
		},
		"SetLFSPreference": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			_, err := s.SetLFSPreference(ctx, "octo-org", "hello", ghmigrate.LFSOptIn)
			return err
		},
		"Wait": func(ctx context.Context, s *ghmigrate.SourceImports) error {
			_, err := s.Wait(ctx, "octo-org", "hello")
			return err
		},
	}
}

// GitHub.com and a GHES use different statuses for a retired API. The error keeps
// the response.
func TestSourceImportsRetired(t *testing.T) {
	cloud, ghes := []int{404, 410, 501, 503}, []int{410, 501}
	for base, retired := range map[string][]int{
		"https://api.github.com":          cloud,
		"https://ghes.example.com/api/v3": ghes,
	} {
		for _, status := range []int{404, 410, 501, 503} {
			for name, call := range importCalls() {
				t.Run(fmt.Sprintf("%s %d %s", base, status, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						requests, began := 0, time.Now()
						client := clientWithHandler(t, base, func(w http.ResponseWriter, _ *http.Request) {
							requests++
							w.Header().Set("X-Github-Request-Id", "0A70:B8D825")
							w.WriteHeader(status)
							_, _ = io.WriteString(w, `{"message":"The Source Imports API has been retired.","documentation_url":"https://gh.io/source-imports-api-deprecation"}`)
						})
						err := call(t.Context(), client.SourceImports)
						assert.Equal(t, slices.Contains(retired, status), errors.Is(err, ghmigrate.ErrSourceImportsRetired), "%v", err)
						assert.Equal(t, status == 404, errors.Is(err, ghmigrate.ErrNotFound), "%v", err)
						if slices.Contains(retired, status) {
							assert.ErrorContains(t, err, "retired on 2024-04-12")
						}
						failure, ok := errors.AsType[*ghmigrate.APIError](err)
						require.True(t, ok, "%v", err)
						assert.Equal(t, status, failure.StatusCode)
						assert.Equal(t, "The Source Imports API has been retired.", failure.Message)
						assert.Equal(t, "https://gh.io/source-imports-api-deprecation", failure.DocumentationURL)
						assert.Equal(t, "0A70:B8D825", failure.RequestID)
						if name == "Wait" && status == 503 && !slices.Contains(retired, status) {
							assert.InDelta(t, time.Hour, time.Since(began), float64(2*time.Minute), "a wait tolerates maintenance")
							return
						}
						assert.Equal(t, 1, requests, "nothing is retried")
						assert.Equal(t, began, time.Now(), "there is no pause")
					})
				})
			}
		}
	}
}

// On GitHub.com, a 503 for another path is retried.
func TestOtherPathsAreNotRetiredWithSourceImports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client := clientWithHandler(t, "https://api.github.com", func(w http.ResponseWriter, _ *http.Request) {
			requests++
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		_, err := client.OrgMigrations.Get(t.Context(), "octo-org", 79, nil)
		require.Error(t, err)
		require.NotErrorIs(t, err, ghmigrate.ErrSourceImportsRetired)
		assert.Equal(t, 4, requests)
	})
}

func TestSourceImportsOfTheFakeGitHubAreRetired(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octo-org/hello")
		_, err := testclient.New(t, server).SourceImports.Get(t.Context(), "octo-org", "hello")
		require.ErrorIs(t, err, ghmigrate.ErrSourceImportsRetired)
		assert.EqualError(t, errWithoutRequest(err),
			"GET /repos/octo-org/hello/import: 410 The Source Imports API has been retired.: the Source Imports API was retired on 2024-04-12")
	})
}

// errWithoutRequest returns an error without the request's ID, which differs in
// each run.
func errWithoutRequest(err error) error {
	if failure, ok := errors.AsType[*ghmigrate.APIError](err); ok {
		c := *failure
		c.RequestID = ""
		return &c
	}
	return err
}

func TestRetiredSourceImportsByHost(t *testing.T) {
	t.Parallel()
	const here = "/repos/octo-org/hello/import"
	var (
		cloud = map[int][]string{
			400: nil,
			404: {"ErrNotFound", "ErrSourceImportsRetired"},
			410: {"ErrSourceImportsRetired"},
			422: {"ErrValidation"},
			500: nil,
			501: {"ErrSourceImportsRetired"},
			503: {"ErrSourceImportsRetired"},
		}
		ghes = map[int][]string{
			400: nil,
			404: {"ErrNotFound"},
			410: {"ErrSourceImportsRetired"},
			422: {"ErrValidation"},
			500: nil,
			501: {"ErrSourceImportsRetired"},
			503: nil,
		}
	)
	for _, test := range []struct {
		name  string
		where ghmigrate.Option
		path  string
		want  map[int][]string
	}{
		{"github.com", ghmigrate.WithHost("github.com"), here, cloud},
		{"github.com by its URL", ghmigrate.WithBaseURL("https://API.github.com"), here, cloud},
		{"ghe.com", ghmigrate.WithHost("octocorp.ghe.com"), here, cloud},
		{"a GHES", ghmigrate.WithHost("ghes.example.com"), here, ghes},
		{"a GHES that looks like github.com", ghmigrate.WithBaseURL("https://api.github.com.example.com"), here, ghes},
		{"a GHES that looks like ghe.com", ghmigrate.WithBaseURL("https://evilghe.com/api"), here, ghes},
		{"a GHES without a name", ghmigrate.WithBaseURL("http://127.0.0.1:8000/api/v3"), here, ghes},
		{"authors", ghmigrate.WithHost("github.com"), here + "/authors", cloud},
		{"an author", ghmigrate.WithHost("github.com"), here + "/authors/7", cloud},
		{"large files", ghmigrate.WithHost("github.com"), here + "/large_files", cloud},
		{"LFS", ghmigrate.WithHost("github.com"), here + "/lfs", cloud},
		{"another path", ghmigrate.WithHost("github.com"), "/repos/octo-org/hello/imports", map[int][]string{404: {"ErrNotFound"}, 410: nil, 501: nil, 503: nil}},
		{"a repository named import", ghmigrate.WithHost("github.com"), "/repos/octo-org/import", map[int][]string{404: {"ErrNotFound"}, 410: nil, 501: nil, 503: nil}},
		{"an organization's migrations", ghmigrate.WithHost("github.com"), "/orgs/import/migrations/import", map[int][]string{404: {"ErrNotFound"}, 410: nil, 503: nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for status, want := range test.want {
				failure := apiErrorAt(t, test.path, status, nil, `{"message": "What GitHub said"}`, test.where)
				assertIs(t, failure, want...)
				assert.Equal(t, status, failure.StatusCode)
				assert.Equal(t, "What GitHub said", failure.Message, "the error keeps the response")
				retired := strings.Contains(failure.Error(), "the Source Imports API was retired on 2024-04-12")
				assert.Equal(t, errors.Is(failure, ghmigrate.ErrSourceImportsRetired), retired, failure.Error())
			}
		})
	}
}
