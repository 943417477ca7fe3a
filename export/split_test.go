package export_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// partial returns the *PartialError that err must be.
func partial(t *testing.T, err error) *export.PartialError {
	t.Helper()
	p, ok := errors.AsType[*export.PartialError](err)
	require.True(t, ok, "%v", err)
	return p
}

func namesOf(rows []export.Row) []string {
	var names []string
	for _, row := range rows {
		names = append(names, row.Repository)
	}
	return names
}

func TestAFailedBatchIsTriedOnceMore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		first := true
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			defer func() { first = false }()
			return ghmigratetest.Fate{Fails: first}
		})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
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
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{
			Repositories: names, Dir: t.TempDir(),
			Start: ghmigrate.StartMigrationRequest{LockRepositories: true},
		})
		p := partial(t, err)
		require.NoError(t, p.Err, "the run is finished")
		assert.Equal(t, []string{"octo/poison"}, namesOf(p.Repositories))
		assert.Equal(t, "GitHub failed to export it and gives no reason: size is the usual one", p.Repositories[0].Error)
		assert.Equal(t, []string{"exclude_attachments", "exclude_releases"}, slices.Sorted(slices.Values(p.Repositories[0].Dropped)), "all was tried")
		assert.Equal(t, 7, m.Covered)
		assert.Empty(t, p.Locked)
		for _, name := range names {
			assert.False(t, server.Locked(name), name)
		}
		var sizes []int
		for _, migration := range server.Migrations() {
			sizes = append(sizes, len(migration.Repositories))
		}
		slices.Sort(sizes)
		// 8, again, halves of 4, the bad one again, of 2, again, of 1, again,
		// without releases, without attachments.
		assert.Equal(t, []int{1, 1, 1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8}, sizes)
	})
}

func TestWhatIsTooLargeIsExportedWithoutReleasesThenAttachments(t *testing.T) {
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
				m, err := run(t, t.Context(), server, octo(t, server), opts)
				assert.ElementsMatch(t, test.want, m.Repositories[0].Dropped, "what was dropped is recorded")
				assert.Empty(t, m.Repositories[1].Dropped)
				assert.Equal(t, &export.PartialError{Reduced: m.Repositories[:1]}, partial(t, err), "and told: it is no success")
				assert.Equal(t, []int{2, 1, len(test.want)}, []int{m.Covered, m.Reduced, reduced})
				assert.True(t, m.Repositories[0].Deleted)
			})
		})
	}
}

// A repository goes without its releases last of all, and only in a call that
// has seen it fail with them: by then it is known whether others fail too.
func TestWhatIsLeftOutIsLeftOutLast(t *testing.T) {
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
				m, err := run(t, ctx, server, octo(t, server), opts)
				want := []string{names[0], names[0], names[1], names[2], names[3], "without releases"}
				if stopped {
					require.ErrorIs(t, err, context.Canceled)
					m, err = run(t, t.Context(), server, octo(t, server), opts)
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

func TestAnArchiveWithoutReleasesThatDiedIsExportedAgain(t *testing.T) {
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
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		assert.Equal(t, &export.PartialError{Reduced: m.Repositories}, partial(t, err))
		assert.EqualValues(t, 82, m.Repositories[0].Migration)
	})
}

// Trouble that looks like an incident and stays does not count as an incident.
func TestRepositoriesThatAreAllTooLargeAreExportedInPartSomeDay(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Fails: !slices.Contains(m.Options, "exclude_attachments")}
		})
		opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1}
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.ErrorIs(t, err, export.ErrSystemic)
		for night := 0; ; night++ { // in this run, or isolated in the next one
			require.Less(t, night, 3)
			m, err := run(t, t.Context(), server, octo(t, server), opts)
			if m.Covered == 4 {
				assert.Equal(t, &export.PartialError{Reduced: m.Repositories}, partial(t, err))
				break
			}
		}
	})
}

// The locks of a failed migration are released before the next one locks.
func TestAFailedBatchIsUnlockedBeforeItIsTriedAgain(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		starts := 0
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			starts++
			return ghmigratetest.Fate{Fails: starts == 1}
		})
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{
			Repositories: names, Dir: t.TempDir(), KeepLocked: true,
			Start: ghmigrate.StartMigrationRequest{LockRepositories: true},
		})
		require.NoError(t, err)
		migrations := server.Migrations()
		assert.Empty(t, migrations[0].Locked)
		assert.Equal(t, names, migrations[1].Locked, "KeepLocked keeps what was exported")
	})
}

func TestAnIncidentIsNotTakenForBadRepositories(t *testing.T) {
	for name, test := range map[string]struct {
		batch      int
		locksAfter time.Duration
	}{
		"three batches running":       {batch: 1},
		"three that are locked still": {batch: 1, locksAfter: 90 * time.Second},
		"halves of one batch":         {batch: 32},
	} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 32)
				failing := true
				server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
					if failing {
						return ghmigratetest.Fate{Fails: true, LocksAfter: test.locksAfter}
					}
					return ghmigratetest.Fate{}
				})
				opts := export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: test.batch, Concurrency: 4}
				opts.Start.LockRepositories = test.locksAfter > 0
				_, err := run(t, t.Context(), server, octo(t, server), opts)
				p := partial(t, err)
				require.ErrorIs(t, err, export.ErrSystemic)
				assert.Len(t, p.Repositories, 32)
				bound := posts(server)
				t.Logf("%d starts", bound)
				assert.LessOrEqual(t, bound, 14+opts.Concurrency+12)

				failing = false
				m, err := run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err, "the next call goes on, and GitHub's incident has cost nobody his releases")
				assert.Equal(t, 32, m.Covered)
				assert.NotZero(t, m.Ended)
			})
		})
	}
}

// A job that failed in an earlier call, and that this call only has to unlock,
// does not show that exports fail now.
func TestFailuresOfAnEarlierCallAreNoIncident(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		failures := 0
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Fails: ctx.Err() == nil, LocksAfter: 90 * time.Second}
		})
		opts := locked(addRepositories(server, 4), t.TempDir())
		opts.BatchSize = 1
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventFailed {
				failures++
			}
			if failures == 8 { // each twice
				cancel()
			}
		}
		_, err := run(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		_, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
	})
}

// One batch that fails again and again, and others that fail with successes
// between them, are no incident.
func TestAFewBadBatchesAreNoIncident(t *testing.T) {
	for name, poisoned := range map[string][]int{"one": {0}, "two running": {0, 1}, "many apart": {0, 2, 4, 6, 8}} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 10)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					return ghmigratetest.Fate{Fails: slices.ContainsFunc(poisoned, func(i int) bool { return names[i] == m.Repositories[0] })}
				})
				m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 1, Concurrency: 1})
				require.NoError(t, partial(t, err).Err, "the run is finished")
				assert.Equal(t, 10-len(poisoned), m.Covered)
			})
		})
	}
}

func TestStartsThatAreAllLostAreBounded(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 4)
		server.Inject(ghmigratetest.Fault{Method: http.MethodPost, Status: 502, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: 2})
		p := partial(t, err)
		assert.Equal(t, names, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "the responses to 5 starts were lost")
		assert.Contains(t, p.Repositories[0].Error, "502", "and why")
		assert.Equal(t, 30, posts(server), "five for each batch, and for each half")
	})
}

// GitHub refuses a whole batch for one repository that is not there.
func TestAMissingRepositoryDoesNotKeepOthersFromBeingExported(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := slices.Insert(addRepositories(server, 7), 3, "octo/none")
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir()})
		p := partial(t, err)
		require.NoError(t, p.Err)
		assert.Equal(t, []string{"octo/none"}, namesOf(p.Repositories))
		assert.Contains(t, p.Repositories[0].Error, "the repository does not exist any more")
		assert.Equal(t, 7, m.Covered)
		for _, migration := range server.Migrations() {
			assert.NotContains(t, migration.Options, "exclude_releases", "a refusal is not about size")
		}
	})
}

func TestWhatTheArchiveLacksIsExportedAgainOnce(t *testing.T) {
	for name, again := range map[string]bool{"and then there": false, "and missing again": true} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 5)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					if len(m.Repositories) == 5 || again {
						return ghmigratetest.Fate{Missing: names[2:3]}
					}
					return ghmigratetest.Fate{}
				})
				m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
				migrations := server.Migrations()
				require.Len(t, migrations, 2)
				assert.Equal(t, names[2:3], migrations[1].Repositories)
				assert.False(t, migrations[0].ArchiveDeleted, "what lacks something is not deleted")
				if !again {
					require.NoError(t, err)
					assert.EqualValues(t, 80, m.Repositories[2].Migration)
					return
				}
				p := partial(t, err)
				require.NoError(t, p.Err)
				require.Equal(t, names[2:3], namesOf(p.Repositories))
				row := p.Repositories[0]
				assert.Equal(t, []bool{true, true, false}, []bool{row.Requested, row.InMigration, row.InArchive})
				assert.Equal(t, "GitHub has left it out of the archive of migration 80", row.Error)
			})
		})
	}
}

func TestAFaultyArchiveIsExportedAgainAndKeptIfThatDoesNotHelp(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 2)
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Damage: func(archive []byte) []byte { archive[len(archive)-5] ^= 1; return archive }}
		})
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), DeleteArchives: true})
		p := partial(t, err)
		assert.Equal(t, names, namesOf(p.Repositories))
		assert.Equal(t, 4, m.Starts, "once more, and then each alone")
		assert.NotEmpty(t, m.Repositories[0].Faults)
		assert.NotEmpty(t, m.Repositories[0].Archive)
		for _, migration := range server.Migrations() {
			assert.False(t, migration.ArchiveDeleted)
		}
	})
}

// A batch has as many halvings as it takes to isolate one repository, and three
// starts for each.
func TestARepositoryInAFullBatchIsIsolated(t *testing.T) {
	for name, test := range map[string]struct {
		repositories, batch int
		poison              []int
	}{
		"one of 70":        {70, 100, []int{0}},
		"one of 100":       {100, 100, []int{0}},
		"two of 100":       {100, 100, []int{0, 50}},
		"two, in batches":  {150, 100, []int{0, 100}},
		"one of a 1,000":   {1000, 1000, []int{0}},
		"the last of 1000": {1000, 1000, []int{999}},
	} {
		t.Run(name, func(t *testing.T) {
			if race.Enabled && test.batch > 100 {
				t.Skip("what smaller batches show, and long")
			}
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, test.repositories)
				server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
					return ghmigratetest.Fate{Fails: !slices.Contains(m.Options, "exclude_attachments") && slices.ContainsFunc(test.poison, func(i int) bool {
						return slices.Contains(m.Repositories, names[i])
					})}
				})
				m, err := run(t, t.Context(), server, octo(t, server), export.Options{Repositories: names, Dir: t.TempDir(), BatchSize: test.batch})
				require.NotErrorIs(t, err, export.ErrSystemic)
				assert.Len(t, partial(t, err).Reduced, len(test.poison))
				assert.Equal(t, test.repositories, m.Covered)
			})
		})
	}
}

// What happened to an export of one kind of trouble does not use up the patience
// with another kind.
func TestEachKindOfTroubleHasItsOwnRepetition(t *testing.T) {
	type fates map[int]ghmigratetest.Fate
	lacking := ghmigratetest.Fate{Missing: []string{"octo/r000"}}
	for name, test := range map[string]struct {
		repositories int
		gone         bool // whether the first one is forgotten
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
				_, err := run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err)
			})
		})
	}
}
