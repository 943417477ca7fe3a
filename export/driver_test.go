package export_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/race"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A stepper is a driver that keeps the jobs and the tally as JSON, as a workflow engine
// does. It performs each effect with a copy of the job that has been through JSON.
type stepper struct {
	t     *testing.T
	acct  export.Account
	dir   string
	ids   []string          // of the jobs
	jobs  []json.RawMessage // in the same order
	tally json.RawMessage
}

func (s *stepper) encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	require.NoError(s.t, err)
	return data
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

func (s *stepper) loadTally() *export.Tally {
	tally := &export.Tally{}
	require.NoError(s.t, json.Unmarshal(s.tally, tally))
	return tally
}

// add adds the jobs that the stepper does not have.
func (s *stepper) add(jobs ...*export.Job) {
	for _, job := range jobs {
		if !slices.Contains(s.ids, job.ID) {
			s.ids, s.jobs = append(s.ids, job.ID), append(s.jobs, s.encode(job))
		}
	}
}

// step performs one effect of a job, if an effect is due. It returns the time of the
// next attempt otherwise.
func (s *stepper) step(i int) (performed bool, at time.Time) {
	t, job, tally := s.t, s.load(i), s.loadTally()
	effect, at := job.Next(time.Now())
	if effect == export.EffectNone {
		return false, at
	}
	if effect == export.EffectStart {
		load, pending := export.Weigh(s.all(), time.Hour, time.Now())
		if probe := tally.Probe(pending, load, time.Now()); probe != nil {
			s.saveProbe(probe, tally)
			return true, at
		}
		if _, err := tally.MayStart(job, load, time.Now()); err != nil {
			return false, time.Now().Add(5 * time.Second)
		}
		newest, err := export.Newest(t.Context(), s.acct)
		require.NoError(t, err)
		job.Begin(effect, newest)
	}
	s.jobs[i] = s.encode(job)

	performing := s.load(i) // as on another machine
	performing.Dir = s.dir
	var r export.Result
	require.NoError(t, json.Unmarshal(s.encode(export.Perform(t.Context(), s.acct, performing, effect)), &r))

	before := job.State.Outcome
	require.False(t, job.Apply(effect, r, time.Now()))
	require.False(t, tally.Started(job, effect, r, time.Now()))
	if job.State.Outcome != before {
		tally.Ended(job)
	}
	if job.Over() {
		s.add(tally.Over(job)...)
	}
	s.jobs[i], s.tally = s.encode(job), s.encode(tally)
	return true, at
}

// saveProbe saves a job that Tally.Probe has split or marked.
func (s *stepper) saveProbe(probe *export.Job, tally *export.Tally) {
	s.jobs[slices.Index(s.ids, probe.ID)] = s.encode(probe)
	if probe.Over() {
		s.add(tally.Over(probe)...)
	}
	s.tally = s.encode(tally)
}

// run drives the jobs of a plan until all are over, and returns the manifest.
func (s *stepper) run(opts export.Options) *export.Manifest {
	tally, jobs, err := export.Plan(opts)
	require.NoError(s.t, err)
	s.tally = s.encode(tally)
	s.add(jobs...)
	for rounds := 0; ; rounds++ {
		require.Less(s.t, rounds, 5000)
		performed := false
		var wake time.Time
		for i := range s.jobs {
			did, at := s.step(i)
			performed = performed || did
			if !did && !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
				wake = at
			}
		}
		switch {
		case performed:
			continue
		case !wake.IsZero():
			time.Sleep(time.Until(wake))
			continue
		}
		late, err := export.LateTwins(s.t.Context(), s.acct, s.all())
		require.NoError(s.t, err)
		more := append(s.loadTally().Rest(s.all()), late...)
		if s.add(more...); len(more) == 0 {
			return export.NewManifest(s.acct.String(), opts.Start, s.all())
		}
	}
}

func TestAnotherDriverEndsWithTheSameManifest(t *testing.T) {
	t.Parallel()
	seeds := 6
	if race.Enabled {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
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
						m, err := run(t, server, opts)
						require.NoError(t, partial(t, err).Err)
						manifests = append(manifests, m)
					} else {
						s := &stepper{t: t, acct: octo(t, server), dir: filepath.Join(t.TempDir(), "archives")}
						m := s.run(opts)
						for _, job := range s.all() {
							assert.True(t, job.Over(), "job %s", job.ID)
						}
						manifests = append(manifests, m)
					}
					for _, m := range server.Migrations() {
						assert.Equal(t, m.ArchiveDeleted, slices.ContainsFunc(manifests[len(manifests)-1].Repositories, func(r export.Row) bool {
							return r.Migration == m.ID && r.Deleted
						}))
					}
				})
			}
			assert.Equal(t, comparableJSON(t, manifests[0]), comparableJSON(t, manifests[1]))
		})
	}
}

// comparableJSON returns the JSON of a manifest without the times and the numbers of
// migrations, which differ between two runs.
func comparableJSON(t *testing.T, m *export.Manifest) string {
	t.Helper()
	c := *m
	c.Begun, c.Ended, c.Dir, c.Run, c.Repositories = time.Time{}, time.Time{}, "", "", nil
	for _, row := range m.Repositories {
		row.Migration, row.Archive, row.Size, row.SHA256 = 0, "", 0, ""
		row.Error = regexp.MustCompile(`\d`).ReplaceAllString(row.Error, "")
		c.Repositories = append(c.Repositories, row)
	}
	data, err := json.MarshalIndent(c, "", "\t")
	require.NoError(t, err)
	return string(data)
}
