package export_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// flaky is a Store in a folder that fails once.
type flaky struct {
	mu sync.Mutex
	n  int
}

func (s *flaky) Put(_ context.Context, name string, r io.Reader, _ int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasSuffix(name, "trial.json") {
		return nil
	}
	if s.n++; s.n == 1 {
		return &fs.PathError{Op: "write", Path: name, Err: errors.New("stale NFS handle")}
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

// slowStore fails at once, and when it was nearly done.
type slowStore struct{ n int }

func (s *slowStore) Put(_ context.Context, name string, r io.Reader, _ int64) error {
	if strings.HasSuffix(name, "trial.json") {
		return nil
	}
	s.n++
	switch s.n {
	case 1:
		return errors.New("once")
	case 2:
		time.Sleep(61 * time.Minute) // a large archive, nearly there
		return errors.New("twice")
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

func TestLongNamesInFaultsDoNotBreakTheJournal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		for i := range 20 {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("../%d%s", i, strings.Repeat("/aaaaaaa", 8000)), Mode: 0o600}))
		}
		require.NoError(t, w.Flush())
		require.NoError(t, z.Close())
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventStarted {
				server.SetArchive(e.Migration, b.Bytes())
			}
		}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, partial(t, err).Err)
	})
}

func TestALongRefusalDoesNotBreakTheJournal(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 422, Body: `{"message":"` + strings.Repeat("x", 1<<20) + `"}`, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, partial(t, err).Err)
	})
}

func TestMissingRepositoriesAreNoIncident(t *testing.T) {
	for name, at := range map[string][]int{"one in each of three batches": {0, 8, 16}, "three in one batch": {0, 2, 4}} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 24)
				for _, i := range at {
					names[i] = "octo/gone" + strconv.Itoa(i)
				}
				m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 8})
				require.NotErrorIs(t, err, export.ErrSystemic)
				assert.Equal(t, 21, m.Covered)
			})
		})
	}
}

func TestRefusalsAloneAreAnIncident(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 500)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 422, Body: `{"message":"no"}`, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		require.ErrorIs(t, err, export.ErrSystemic)
		require.ErrorContains(t, err, "422 no", "and why")
		assert.Less(t, posts(server), 100)
	})
}

func TestRepositoriesThatDoNotExistAreNamedByOneStartEach(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		for i := range 500 {
			names = append(names, "octo/gone"+strconv.Itoa(i))
		}
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		assert.Len(t, partial(t, err).Repositories, 500)
		assert.Equal(t, 1, m.Covered)
		assert.LessOrEqual(t, posts(server), 7)
	})
}

func TestAMigrationThatIsNotShownYetIsNotStartedTwice(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Hidden: 8 * time.Second})
		m, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Equal(t, 1, posts(server))
		assert.Equal(t, 1, m.Starts)
	})
}

func TestAMigrationThatIsNotFoundForAMinuteNowAndThenIsNotStartedTwice(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		begun, faults := time.Now(), 0
		server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
			if time.Since(begun).Truncate(time.Minute)%time.Hour != 30*time.Minute {
				return ghmigratetest.Fault{}, false
			}
			faults++
			if r.Path == "/user/migrations" {
				return ghmigratetest.Fault{Status: 200, Body: `[]`}, true
			}
			return ghmigratetest.Fault{Status: 404, Body: `{"message":"Not Found"}`}, true
		})
		acct := export.UserAccount(testclient.New(t, server))
		m, err := run(t, t.Context(), server, acct, export.Options{Repositories: []string{"octocat/a"}, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.Positive(t, faults)
		assert.Equal(t, 1, m.Starts)
	}, ghmigratetest.WithExportDuration(8*time.Hour))
}

func TestARateLimitIsWaitedOutWhereAMigrationHasVanished(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventVerified || e.Kind == export.EventExported && e.Migration == 79 {
				server.Forget(79)
				f := ghmigratetest.PrimaryRateLimit(30 * time.Minute)
				f.Path = "/orgs/octo/migrations"
				f.Method = http.MethodGet
				server.Inject(f)
			}
		}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "doc: Run waits out rate limits however long they last")
	})
}

func TestAStoreThatIsAFolderMayFailForAWhile(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), Store: &flaky{}})
		require.NoError(t, err, "doc: errors of the Store are waited out for an hour")
	})
}

func TestTwoFailuresAreNotAnHourOfTrouble(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), Store: &slowStore{}})
		require.NoError(t, err)
	})
}

func TestRateLimitsDoNotCountAsTrouble(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		path := "/orgs/octo/migrations/79/repositories"
		bad := ghmigratetest.Fault{Path: path, Status: 503, Times: 4}
		limit := ghmigratetest.PrimaryRateLimit(61 * time.Minute)
		limit.Path = path
		server.Inject(bad)
		server.Inject(limit)
		server.Inject(bad)
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err, "doc: rate limits do not count")
	})
}

func TestTheEndOfTheContextIsToldWithItsCause(t *testing.T) {
	t.Run("by Step, which verifies", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			acct := octo(t, server)
			_, jobs, err := export.Plan(export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()})
			require.NoError(t, err)
			job := jobs[0]
			for next(job) != export.EffectVerify {
				pause(job)
				require.NoError(t, export.Step(t.Context(), acct, job))
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(assert.AnError)
			err = export.Step(ctx, acct, job)
			require.ErrorIs(t, err, assert.AnError)
			require.ErrorIs(t, err, context.Canceled)
		})
	})
	t.Run("by Run, which starts", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			ctx, cancel := context.WithCancelCause(t.Context())
			server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Stall: true, Applied: true})
			time.AfterFunc(5*time.Second, func() { cancel(assert.AnError) })
			_, err := run(t, ctx, server, octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()})
			require.ErrorIs(t, err, assert.AnError)
			require.ErrorIs(t, err, context.Canceled)
		})
	})
	t.Run("by Run, with a Store that has its own words", func(t *testing.T) {
		testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := run(t, ctx, server, octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: hangingStore{}})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
}

// A hangingStore waits for the end of the context, and says something else.
type hangingStore struct{}

func (hangingStore) Put(ctx context.Context, name string, _ io.Reader, _ int64) error {
	if strings.HasSuffix(name, "trial.json") {
		return nil
	}
	<-ctx.Done()
	return errors.New("the bucket went away")
}

// An archive that GitHub does not hand out is left to the next call; all others
// are exported.
func TestAnArchiveThatIsDeniedKeepsNoOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.Inject(ghmigratetest.Fault{Path: "/orgs/octo/migrations/79/archive", Status: http.StatusForbidden, Body: `{"message":"no"}`, Times: -1})
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: time.Duration(m.ID-78) * time.Hour}
		})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: addRepositories(server, 3), Dir: t.TempDir(), BatchSize: 1})
		require.ErrorIs(t, err, ghmigrate.ErrForbidden)
		require.NotErrorIs(t, err, context.Canceled, "nobody has cancelled anything")
		assert.Equal(t, 2, m.Covered)
	})
}

// When GitHub wants no request, a run that ends leaves its locks to the next call.
func TestARunThatIsCancelledUnderARateLimitAsksNoMore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := locked(addRepositories(server, 30), t.TempDir())
		opts.BatchSize, opts.Concurrency = 1, 30
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(90*time.Second, func() {
			limit := ghmigratetest.PrimaryRateLimit(time.Hour)
			limit.Times = -1
			server.Inject(limit)
		})
		_, err := run(t, ctx, server, octo(t, server), opts)
		assert.Len(t, partial(t, err).Locked, 30)
		refused := 0
		for _, r := range server.Requests() {
			if r.Status == http.StatusForbidden || r.Status == http.StatusTooManyRequests {
				refused++
			}
		}
		assert.Less(t, refused, 10)
	}, ghmigratetest.WithExportDuration(time.Hour))
}

// A spoiling account damages the first archives that it downloads.
type spoiling struct {
	export.Account
	left *int
}

func (a spoiling) DownloadArchive(ctx context.Context, id int64, path string, opts *ghmigrate.DownloadOptions) (*ghmigrate.DownloadResult, error) {
	res, err := a.Account.DownloadArchive(ctx, id, path, opts)
	if err == nil && *a.left > 0 {
		*a.left--
		err = spoil(path)
	}
	return res, err
}

// spoil changes a file, but not its size.
func spoil(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(path, data, 0o600)
}

func TestAnArchiveIsFetchedThreeTimes(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		left := 2
		acct := spoiling{octo(t, server), &left}
		_, err := run(t, t.Context(), server, acct, opts)
		require.NoError(t, err)
		require.Zero(t, left)
		assert.Len(t, server.Migrations(), 1)
	})
}

func TestAnArchiveThatChangesBeforeItIsStoredIsFetchedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store}
		spoiled := false
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventVerified && !spoiled {
				files, err := filepath.Glob(filepath.Join(opts.Dir, "*", "*.tar.gz"))
				require.NoError(t, err)
				require.NoError(t, spoil(files[0]))
				spoiled = true
			}
		}
		begun := time.Now()
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.True(t, spoiled)
		assert.Less(t, time.Since(begun), 30*time.Minute)
	})
}
