package export_test

// Runs that follow each other, and drivers other than Run.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func TestTheNextNightIsolatesWhatFailed(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 300)
		poison := []string{names[17], names[217]}
		opts := export.Options{Repositories: names, Dir: t.TempDir()}
		var covered time.Duration // when the good ones are
		begun := time.Now()
		opts.Progress = func(e export.Event) {
			if e.Done >= 298 && covered == 0 {
				covered = time.Since(begun)
			}
		}
		server.SetFate(func(ghmigratetest.Migration) ghmigratetest.Fate {
			return ghmigratetest.Fate{Duration: 20 * time.Minute}
		})
		_, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		good := covered

		bad(server, poison...)
		_, err = run(t, t.Context(), server, octo(t, server), opts)
		require.Equal(t, poison, namesOf(partial(t, err).Repositories))

		begun, covered = time.Now(), 0
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		assert.Equal(t, poison, namesOf(partial(t, err).Repositories))
		assert.Equal(t, 298, m.Covered)
		assert.LessOrEqual(t, m.Starts, 3+2*3)
		assert.LessOrEqual(t, covered, good+time.Minute, "as early as in a good night")
	})
}

func TestAnUnfinishedRunThatWasAskedForOtherwiseIsFinishedFirst(t *testing.T) {
	for name, store := range map[string]export.Store{"without a Store": nil, "into a Store": newMemoryStore()} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 4)
				opts := export.Options{Repositories: names[:3], Dir: t.TempDir(), BatchSize: 1}
				unfinished(t, server, opts)
				opts.Repositories, opts.FinishFirst, opts.Store = names[1:], true, store
				m, err := run(t, t.Context(), server, octo(t, server), opts)
				require.NoError(t, err)
				assert.Equal(t, names[1:], namesOf(m.Repositories))
				require.NotNil(t, m.Earlier)
				assert.Equal(t, names[:3], namesOf(m.Earlier.Repositories))
				require.NoError(t, m.Earlier.Err())
				assert.Len(t, server.Migrations(), 6)
			})
		})
	}
}

func TestARunOfAFormerNameIsContinued(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		addRepositories(server, 3)
		dir := t.TempDir()
		writeJournal(t, filepath.Join(dir, "20000101T000000Z"),
			`{"run": {"version": 2, "account": "127.0.0.1:8000/orgs/octopus", "name": "127.0.0.1:8000/orgs/octopus/20000101T000000Z", "repositories": 3, "batch_size": 2}}`,
			`{"plan": [{"id": "1", "repositories": ["octopus/r000", "Octopus/r001"], "lineage": {"try": 1}}, {"id": "2", "repositories": ["octopus/r002"], "lineage": {"try": 1}}]}`,
		)
		_, err := export.Run(t.Context(), octo(t, server), export.Options{Dir: dir})
		require.ErrorIs(t, err, export.ErrForeign)
		m, err := run(t, t.Context(), server, octo(t, server), export.Options{Dir: dir, FormerNames: []string{"octopussy", "octopus"}})
		require.NoError(t, err)
		assert.Equal(t, []string{"octo/r000", "octo/r001", "octo/r002"}, namesOf(m.Repositories))
		assert.Equal(t, "127.0.0.1:8000/orgs/octo", m.Account)
	})
}

func TestTwoAccountsShareABucket(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		for _, name := range []string{"octo/r000", "hexo/r000", "octocat/r000"} {
			server.AddRepository(name)
		}
		client := testclient.New(t, server)
		accounts := map[string]export.Account{
			"octo/r000": export.OrgAccount(client, "octo"), "hexo/r000": export.OrgAccount(client, "hexo"), "octocat/r000": export.UserAccount(client),
		}
		type ended struct {
			m   *export.Manifest
			err error
		}
		results := make(chan ended)
		for name, acct := range accounts {
			opts := export.Options{Repositories: []string{name}, Dir: t.TempDir(), Store: store}
			go func() {
				m, err := export.Run(t.Context(), acct, opts)
				results <- ended{m, err}
			}()
		}
		for range accounts {
			r := <-results
			require.NoError(t, r.err)
			row := r.m.Repositories[0]
			assert.Len(t, store.get(r.m.Run+"/"+row.Archive), int(row.Size))
			assert.NotEmpty(t, store.get(r.m.Run+"/manifest.json"))
			assert.Regexp(t, `^127\.0\.0\.1:8000/(orgs/octo|orgs/hexo|users/octocat)/20000101T000000Z-[0-9a-f]{6}$`, r.m.Run)
		}
	})
}

func TestAStreamedArchiveTouchesNoDisk(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		opts := locked(addRepositories(server, 4), t.TempDir())
		opts.BatchSize, opts.Store, opts.Stream, opts.DeleteArchives = 2, store, true, true
		server.Inject(ghmigratetest.Fault{Origin: ghmigratetest.Storage, CutAfter: 1000})
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		for _, row := range m.Repositories {
			assert.Len(t, store.get(m.Run+"/"+row.Archive), int(row.Size))
			assert.True(t, row.Deleted)
		}
		entries, err := os.ReadDir(m.Dir)
		require.NoError(t, err)
		assert.Len(t, entries, 2, "the journal and the manifest")
	})
}

// Whatever ends a stream before its end, the Store gets an error and no object.
func TestAStreamThatFailsLeavesNothingInTheStore(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		opts := export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store, Stream: true}
		ctx, cancel := context.WithCancel(t.Context())
		opts.Progress = func(e export.Event) {
			if e.Kind == export.EventProgress {
				cancel()
			}
		}
		m, err := run(t, ctx, server, octo(t, server), opts)
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, store.get(m.Run+"/migration-79.tar.gz"))
		opts.Progress = nil
		m, err = run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err)
		assert.NotEmpty(t, store.get(m.Run+"/migration-79.tar.gz"))
		assert.Len(t, server.Migrations(), 1)
	})
}

// A takenStore has objects of others.
type takenStore struct {
	*memoryStore
	taken string
}

func (s takenStore) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if strings.HasSuffix(name, s.taken) {
		return fmt.Errorf("%s: %w", name, fs.ErrExist)
	}
	return s.memoryStore.Put(ctx, name, r, size)
}

func TestAForeignObjectInTheStoreIsLeftAlone(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		opts := export.Options{Repositories: addRepositories(server, 4), Dir: t.TempDir(), BatchSize: 2}
		opts.Store = takenStore{newMemoryStore(), "migration-79.tar.gz"}
		m, err := run(t, t.Context(), server, octo(t, server), opts)
		require.NoError(t, err, "the batch is divided, and its halves have other names")
		assert.Equal(t, 4, m.Covered)
	})
}

func TestAStoreThatAcceptsNothingEndsTheRunBeforeItBegins(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		store := newMemoryStore()
		store.fail = func() bool { return true }
		begun := time.Now()
		m, err := export.Run(t.Context(), octo(t, server), export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir(), Store: store})
		assert.Nil(t, m)
		require.ErrorContains(t, err, "export: the Store refuses a trial object: put 127.0.0.1:8000/orgs/octo/trial.json: the bucket is on fire")
		assert.Less(t, time.Since(begun), time.Minute)
		assert.Zero(t, posts(server))

		report, err := export.Preflight(t.Context(), octo(t, server), store)
		require.NoError(t, err)
		assert.False(t, report.OK())
		assert.Contains(t, report.Problems[0], "the Store refuses a trial object")
		store.fail = func() bool { return false }
		report, err = export.Preflight(t.Context(), octo(t, server), store)
		require.NoError(t, err)
		assert.True(t, report.OK(), report)
	})
}

func TestUnlockOfAUserRefusesTheNamesOfOthers(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		server.AddRepository("octocat/a")
		acct := export.UserAccount(testclient.New(t, server))
		_, err := acct.Start(t.Context(), ghmigrate.StartMigrationRequest{Repositories: []string{"octocat/a"}, LockRepositories: true})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.ErrorContains(t, export.Unlock(t.Context(), acct, "octo/a"), `"octo/a": it does not belong to octocat`)
		assert.True(t, server.Locked("octocat/a"))
		require.NoError(t, export.Unlock(t.Context(), acct, "Octocat/A"))
		assert.False(t, server.Locked("octocat/a"))
	})
}

func TestRepositoriesListsEachOnce(t *testing.T) {
	for name, owner := range map[string]string{"organization": "octo", "user": "octocat"} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				acct := export.OrgAccount(testclient.New(t, server), "octo")
				if owner == "octocat" {
					acct = export.UserAccount(testclient.New(t, server))
					listUserRepositories(server)
				}
				var want []string
				for i := range 230 {
					want = append(want, fmt.Sprintf("%s/r%03d", owner, i))
					server.AddRepository(want[i])
				}
				server.AddRepository("another/one")
				var got []string
				for repo, err := range export.Repositories(t.Context(), acct) {
					require.NoError(t, err)
					got = append(got, repo.FullName)
				}
				assert.Equal(t, want, got)
				for repo, err := range export.Repositories(t.Context(), acct) {
					require.NoError(t, err)
					assert.Equal(t, want[0], repo.FullName)
					break
				}
				server.ClearFaults()
				server.Inject(ghmigratetest.Fault{Status: http.StatusForbidden, Body: `{"message":"no"}`})
				for _, err := range export.Repositories(t.Context(), acct) {
					require.ErrorIs(t, err, ghmigrate.ErrForbidden)
				}
			})
		})
	}
}

// listUserRepositories has the fake answer what it does not know.
func listUserRepositories(server *ghmigratetest.Server) {
	server.InjectFunc(func(r ghmigratetest.Request, _ int) (ghmigratetest.Fault, bool) {
		var page, from int
		_, _ = fmt.Sscan(r.Query.Get("page"), &page)
		var repos []ghmigrate.Repository
		for from = 100*page - 100; from < min(100*page, 230); from++ {
			repos = append(repos, ghmigrate.Repository{ID: int64(from + 1), FullName: fmt.Sprintf("octocat/r%03d", from)})
		}
		data, _ := json.Marshal(repos)
		return ghmigratetest.Fault{Status: http.StatusOK, Body: string(data)}, r.Path == "/user/repos" && r.Query.Get("affiliation") == "owner"
	})
}

// A stepper is a driver that keeps jobs and the tally as JSON, and performs each
// effect in a process of its own.
type stepper struct {
	t     *testing.T
	acct  export.Account
	dir   string
	jobs  []json.RawMessage
	tally json.RawMessage
}

func (s *stepper) load(i int) *export.Job {
	job := &export.Job{}
	require.NoError(s.t, json.Unmarshal(s.jobs[i], job))
	return job
}

func (s *stepper) all() (jobs []*export.Job) {
	for i := range s.jobs {
		jobs = append(jobs, s.load(i))
	}
	return jobs
}

func (s *stepper) add(jobs ...*export.Job) {
	for _, job := range jobs {
		if slices.ContainsFunc(s.all(), func(j *export.Job) bool { return j.ID == job.ID }) {
			continue
		}
		data, err := json.Marshal(job)
		require.NoError(s.t, err)
		s.jobs = append(s.jobs, data)
	}
}

// step performs one effect of a job. It reports whether anything was due.
func (s *stepper) step(i int) bool {
	t, job, tally := s.t, s.load(i), &export.Tally{}
	require.NoError(t, json.Unmarshal(s.tally, tally))
	effect, at := job.Next(time.Now())
	if effect == export.EffectNone || at.After(time.Now()) {
		return false
	}
	if effect == export.EffectStart {
		load, pending := export.Weigh(s.all(), time.Hour, time.Now())
		if probe := tally.Probe(pending, load, time.Now()); probe != nil {
			s.probe(probe, tally)
			return true
		}
		if _, err := tally.MayStart(job, load, time.Now()); err != nil {
			return false
		}
		newest, err := export.Newest(t.Context(), s.acct)
		require.NoError(t, err)
		job.Begin(effect, newest)
	}
	data, err := json.Marshal(job)
	require.NoError(t, err)
	s.jobs[i] = data

	performing := s.load(i) // elsewhere
	performing.Dir = s.dir
	result, err := json.Marshal(export.Perform(t.Context(), s.acct, performing, effect))
	require.NoError(t, err)

	var r export.Result // here again
	require.NoError(t, json.Unmarshal(result, &r))
	before := job.State.Outcome
	require.False(t, job.Apply(effect, r, time.Now()))
	if effect == export.EffectStart || effect == export.EffectSearch {
		require.False(t, tally.Started(job, r, time.Now()))
	}
	if job.State.Outcome != before {
		tally.Ended(job)
	}
	if job.Over() {
		s.add(tally.Over(job)...)
	}
	s.jobs[i], err = json.Marshal(job)
	require.NoError(t, err)
	s.tally, err = json.Marshal(tally)
	require.NoError(t, err)
	return true
}

func (s *stepper) encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	require.NoError(s.t, err)
	return data
}

// probe keeps a job that was divided, or marked, to try a repository alone.
func (s *stepper) probe(probe *export.Job, tally *export.Tally) {
	for i := range s.jobs {
		if s.load(i).ID == probe.ID {
			s.jobs[i] = s.encode(probe)
		}
	}
	if probe.Over() {
		s.add(tally.Over(probe)...)
	}
	s.tally = s.encode(tally)
}

func (s *stepper) run(opts export.Options) *export.Manifest {
	tally, jobs, err := export.Plan(opts)
	require.NoError(s.t, err)
	s.tally, err = json.Marshal(tally)
	require.NoError(s.t, err)
	s.add(jobs...)
	for rounds := 0; ; rounds++ {
		require.Less(s.t, rounds, 5000)
		due, open := false, false
		for i := range s.jobs {
			due = s.step(i) || due
		}
		for i := range s.jobs {
			open = open || !s.load(i).Over()
		}
		if open {
			if !due {
				time.Sleep(5 * time.Second)
			}
			continue
		}
		late, err := export.LateTwins(s.t.Context(), s.acct, s.all())
		require.NoError(s.t, err)
		more := append(tally.Rest(s.all()), late...)
		if s.add(more...); len(more) == 0 {
			return export.NewManifest(s.acct.String(), opts.Start, s.all())
		}
	}
}

func TestAnotherDriverEndsWithTheSameManifest(t *testing.T) {
	seeds := 6
	if race.Enabled {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var manifests []*export.Manifest
			for _, driver := range []string{"Run", "steps"} {
				testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
					opts := locked(addRepositories(server, 12), t.TempDir())
					names := opts.Repositories
					opts.BatchSize, opts.DeleteArchives, opts.KeepLocked = 4, true, seed%2 == 1
					server.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
						has := func(i int) bool { return slices.Contains(m.Repositories, names[(i+seed)%12]) }
						fate := ghmigratetest.Fate{Duration: time.Minute, Fails: has(2) || has(7) && !slices.Contains(m.Options, "exclude_releases")}
						if has(10) {
							fate.Missing = []string{names[(10+seed)%12]}
						}
						return fate
					})
					if driver == "Run" {
						m, err := run(t, t.Context(), server, octo(t, server), opts)
						require.NoError(t, partial(t, err).Err)
						manifests = append(manifests, m)
					} else {
						s := &stepper{t: t, acct: octo(t, server), dir: filepath.Join(t.TempDir(), "archives")}
						manifests = append(manifests, s.run(opts))
					}
					for _, m := range server.Migrations() {
						assert.Equal(t, m.ArchiveDeleted, slices.ContainsFunc(manifests[len(manifests)-1].Repositories, func(r export.Row) bool {
							return r.Migration == m.ID && r.Deleted
						}))
					}
				})
			}
			assert.Equal(t, common(manifests[0]), common(manifests[1]))
		})
	}
}

// common is what two runs of the same have in common.
func common(m *export.Manifest) string {
	same := *m
	same.Begun, same.Ended, same.Dir, same.Run, same.Repositories = time.Time{}, time.Time{}, "", "", nil
	for _, row := range m.Repositories {
		row.Migration, row.Archive, row.Size, row.SHA256 = 0, "", 0, ""
		row.Error = strings.NewReplacer("0", "", "1", "", "2", "", "3", "", "4", "", "5", "", "6", "", "7", "", "8", "", "9", "").Replace(row.Error)
		same.Repositories = append(same.Repositories, row)
	}
	data, err := json.MarshalIndent(same, "", "\t")
	return string(data) + fmt.Sprint(errors.Unwrap(err))
}
