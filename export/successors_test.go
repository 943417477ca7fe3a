package export_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestAFailedBatchIsExportedOnceMore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		first := true
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			defer func() { first = false }()
			return ghmigratetest.Fate{Fails: first}
		})
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		require.NoError(t, err)
		assert.Equal(t, 2, m.Starts)
		assert.Equal(t, server.Migrations()[0].Repositories, server.Migrations()[1].Repositories)
	})
}

func TestARepositoryThatFailsItsBatchIsIsolated(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 7)
		server.AddRepository("octo/poison", ghmigratetest.PoisonsExport())
		names = slices.Insert(names, 4, "octo/poison")
		m, err := run(t, server, locked(names, t.TempDir()))
		p := partial(t, err)
		require.NoError(t, p.Err, "the run is finished")
		assert.Equal(t, []string{"octo/poison"}, namesOf(p.Repositories))
		assert.Equal(t, "GitHub failed to export it and gives no reason: size is the usual one", p.Repositories[0].Error)
		assert.Equal(t, []string{"exclude_attachments", "exclude_releases"}, slices.Sorted(slices.Values(p.Repositories[0].Dropped)))
		assert.Equal(t, 7, m.Covered)
		assert.Empty(t, p.Locked)
		assert.False(t, anyLocked(server, names))
		var sizes []int
		for _, migration := range server.Migrations() {
			sizes = append(sizes, len(migration.Repositories))
		}
		slices.Sort(sizes)
		// The batch of 8 twice; halves of 4, 2 and 1, of which the bad half is exported
		// twice; the bad repository without releases, and without attachments.
		assert.Equal(t, []int{1, 1, 1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8}, sizes)
	})
}

// Halving isolates a repository in a batch of any size, and Run does not take the
// failed halves for an incident.
func TestARepositoryInAFullBatchIsIsolated(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		repositories, batch int
		poison              []int
	}{
		"one of 70":        {70, 100, []int{0}},
		"one of 100":       {100, 100, []int{0}},
		"two of 100":       {100, 100, []int{0, 50}},
		"two, in batches":  {150, 100, []int{0, 100}},
		"one of 1000":      {1000, 1000, []int{0}},
		"the last of 1000": {1000, 1000, []int{999}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if race.Enabled && test.batch > 100 {
				t.Skip("slow with the race detector, and the smaller batches take the same steps")
			}
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, test.repositories)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					return ghmigratetest.Fate{Fails: !slices.Contains(m.Options, "exclude_attachments") && slices.ContainsFunc(test.poison, func(i int) bool {
						return slices.Contains(m.Repositories, names[i])
					})}
				})
				m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: test.batch})
				require.NotErrorIs(t, err, export.ErrSystemic)
				assert.Len(t, partial(t, err).Reduced, len(test.poison))
				assert.Equal(t, test.repositories, m.Covered)
			})
		})
	}
}

func TestARepositoryThatFailsIsExportedWithoutReleasesThenAttachments(t *testing.T) {
	for name, test := range map[string]struct {
		fits func(options []string) bool
		want []string
	}{
		"releases":    {func(o []string) bool { return slices.Contains(o, "exclude_releases") }, []string{"exclude_releases"}},
		"attachments": {func(o []string) bool { return slices.Contains(o, "exclude_attachments") }, []string{"exclude_attachments", "exclude_releases"}},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 2)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					return ghmigratetest.Fate{Fails: slices.Contains(m.Repositories, names[0]) && !test.fits(m.Options)}
				})
				opts := export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true}
				reduced := 0
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventReduced {
						reduced++
					}
				}
				m, err := run(t, server, opts)
				assert.ElementsMatch(t, test.want, m.Repositories[0].Dropped)
				assert.Empty(t, m.Repositories[1].Dropped)
				assert.Equal(t, &export.PartialError{Reduced: m.Repositories[:1]}, partial(t, err))
				assert.Equal(t, []int{2, 1, len(test.want)}, []int{m.Covered, m.Reduced, reduced})
				assert.True(t, m.Repositories[0].Deleted)
			})
		})
	}
}

// Exports without releases come last, when it is known whether other exports fail too,
// even if a later call begins them.
func TestExportsWithoutReleasesComeLast(t *testing.T) {
	for name, stopped := range map[string]bool{"in one call": false, "in two": true} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 4)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					return ghmigratetest.Fate{Fails: m.Repositories[0] == names[0] && !slices.Contains(m.Options, "exclude_releases")}
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1}
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventDownloaded && e.Migration == 83 && stopped {
						cancel()
					}
				}
				m, err := runAs(t, ctx, server, octo(t, server), opts)
				want := []string{names[0], names[0], names[1], names[2], names[3], "without releases"}
				if stopped {
					require.ErrorIs(t, err, context.Canceled)
					m, err = run(t, server, opts)
				}
				assert.Equal(t, &export.PartialError{Reduced: m.Repositories[:1]}, partial(t, err))
				var got []string
				for _, migration := range server.Migrations() {
					if slices.Contains(migration.Options, "exclude_releases") {
						got = append(got, "without releases")
						continue
					}
					got = append(got, migration.Repositories...)
				}
				assert.Equal(t, want, got)
			})
		})
	}
}

func TestAnExpiredArchiveWithoutReleasesIsExportedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Fails: !slices.Contains(m.Options, "exclude_releases")}
		})
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()}
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventExported && e.Migration == 81 {
				server.Forget(81)
			}
		}
		m, err := run(t, server, opts)
		assert.Equal(t, &export.PartialError{Reduced: m.Repositories}, partial(t, err))
		assert.EqualValues(t, 82, m.Repositories[0].Migration)
	})
}

// A failure of one kind does not count against the limit for another kind.
func TestEachKindOfFailureHasItsOwnRetry(t *testing.T) {
	type fates map[int]ghmigratetest.Fate
	lacking := ghmigratetest.Fate{Missing: []string{"octo/r000"}}
	for name, test := range map[string]struct {
		repositories int
		gone         bool // the first migration is deleted at GitHub
		fates        fates
	}{
		"gone, then lacking":   {2, true, fates{2: lacking}},
		"failed, then lacking": {2, false, fates{1: {Fails: true}, 2: lacking}},
		"gone, then failed":    {1, true, fates{2: {Fails: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				started := 0
				server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
					started++
					return test.fates[started]
				})
				opts := export.Options{Repositories: addRepositories(server, test.repositories), Dir: t.TempDir()}
				opts.Progress = func(e export.Event) {
					if test.gone && e.Kind == export.EventStarted && e.Migration == 79 {
						server.Forget(79)
					}
				}
				_, err := run(t, server, opts)
				require.NoError(t, err)
			})
		})
	}
}

// refuseStarts makes the fake refuse starts with one of the repositories. If indexed
// is set, the response has the index of each of them.
func refuseStarts(server *ghmigratetest.Server, indexed bool, names ...string) {
	server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
		if r.Method != http.MethodPost {
			return ghmigratetest.Fault{}, false
		}
		var details []string
		for i, part := range strings.Split(between(string(r.Body), `"repositories":[`, `]`), ",") {
			if slices.Contains(names, strings.Trim(part, `"`)) {
				details = append(details, fmt.Sprintf(`{"resource":"Migration","field":"repositories","index":%d,"code":"invalid_value"}`, i))
			}
		}
		body := `{"message":"Validation Failed"}`
		if indexed {
			body = `{"message":"Validation Failed","errors":[` + strings.Join(details, ",") + `]}`
		}
		return ghmigratetest.Fault{Status: http.StatusUnprocessableEntity, Body: body}, len(details) > 0
	})
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func TestRepositoriesThatGitHubRefusesByNameCostOneStart(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 10)
		refuseStarts(server, true, names[3], names[7])
		begun := time.Now()
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		assert.Equal(t, []string{names[3], names[7]}, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "the repository no longer exists")
		assert.Equal(t, 8, m.Covered)
		assert.Equal(t, 2, posts(server))
		assert.Less(t, time.Since(begun), time.Minute, "without pauses")
	})
}

func TestABatchThatIsRefusedWithoutANameIsHalvedIfGitHubAcceptsOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 16)
		refuseStarts(server, false, names[5])
		begun := time.Now()
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 8})
		assert.Equal(t, names[5:6], namesOf(partial(t, err).Repositories))
		assert.Equal(t, 15, m.Covered)
		assert.Less(t, time.Since(begun), 10*time.Minute)
	})
}

// GitHub refuses a whole batch for one missing repository.
func TestAMissingRepositoryDoesNotStopOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := slices.Insert(addRepositories(server, 7), 3, "octo/none")
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		require.NoError(t, p.Err)
		assert.Equal(t, []string{"octo/none"}, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "the repository no longer exists")
		assert.Equal(t, 7, m.Covered)
		for _, migration := range server.Migrations() {
			assert.NotContains(t, migration.Options, "exclude_releases", "not after a refusal")
		}
	})
}

func TestMissingRepositoriesCostOneStartOfEachBatch(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 1)
		for i := range 500 {
			names = append(names, "octo/gone"+strconv.Itoa(i))
		}
		m, err := run(t, server, export.Options{Repositories: names, Dir: t.TempDir()})
		assert.Len(t, partial(t, err).Repositories, 500)
		assert.Equal(t, 1, m.Covered)
		assert.LessOrEqual(t, posts(server), 7)
	})
}

func TestTheNextRunIsolatesRepositoriesThatFailed(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 300)
		poison := []string{names[17], names[217]}
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		var covered time.Duration // until all good repositories are covered
		begun := time.Now()
		opts.Progress = func(e export.Event) {
			if e.Done >= 298 && covered == 0 {
				covered = time.Since(begun)
			}
		}
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 20 * time.Minute}
		})
		_, err := run(t, server, opts)
		require.NoError(t, err)
		withoutFailures := covered

		failExportsOf(server, poison...)
		_, err = run(t, server, opts)
		require.Equal(t, poison, namesOf(partial(t, err).Repositories))

		begun, covered = time.Now(), 0
		m, err := run(t, server, opts)
		assert.Equal(t, poison, namesOf(partial(t, err).Repositories))
		assert.Equal(t, 298, m.Covered)
		assert.LessOrEqual(t, m.Starts, 3+2*3)
		assert.LessOrEqual(t, covered, withoutFailures+time.Minute)
	})
}

// A repository whose export was not started did not fail: Plan does not isolate it.
func TestPlanDoesNotIsolateRepositoriesThatWereNotStarted(t *testing.T) {
	opts := export.Options{Repositories: []string{"octo/one", "octo/two"}, BatchSize: 1}
	_, jobs, err := export.Plan(opts)
	require.NoError(t, err)
	jobs[0].Abandon("two attempts failed", time.Now())
	opts.Previous, opts.BatchSize = export.NewManifest("api.github.com/orgs/octo", opts.Start, jobs), 100
	_, jobs, err = export.Plan(opts)
	require.NoError(t, err)
	require.Len(t, jobs, 2)
	assert.Equal(t, []string{"octo/two"}, jobs[0].Repositories)
	assert.Equal(t, []string{"octo/one"}, jobs[1].Repositories)
}
