package temporal

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// If exports end faster than transfers, an export waits with the next page of its plan.
// Its memory stays below 2 MB, Temporal's limit for a payload, also with the longest
// names.
func TestTheMemoryIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	order := Order{BatchSize: maxBatchSize, Concurrency: maxConcurrency}.withDefaults()
	var names []string
	for i := range 200 * maxBatchSize {
		names = append(names, fmt.Sprintf("%s/%0100d", strings.Repeat("o", 39), i))
	}
	opts := order.options(names)
	opts.Run, opts.Start = "api.github.com/orgs/o/1", ghmigrate.StartMigrationRequest{LockRepositories: true}
	tally, jobs, err := export.Plan(opts)
	require.NoError(t, err)
	m := &memory{head: head{Tally: tally, Pages: len(jobs) / pageSize, Made: len(jobs)}}
	busy := map[int][]export.Effect{}
	moving := 0
	var all []news
	for turns := 0; turns == 0 || len(all) > 0; turns++ {
		require.Less(t, turns, 1000)
		now = now.Add(time.Minute)
		d := (&turn{
			memory: m, now: now, order: order, busy: busy, active: moving, moving: moving, log: func(export.Event) {}, changed: map[int]*batch{},
		}).decide(all)
		m.head, all = d.Head, nil
		data, err := json.Marshal(m)
		require.NoError(t, err)
		require.Less(t, len(data), 2_000_000)
		if d.Load {
			page := jobs[m.Loaded*pageSize : (m.Loaded+1)*pageSize]
			all = append(all, func(t *turn) { t.loaded(page) })
		}
		for _, s := range d.Begin {
			r := export.Result{}
			switch s.Effect {
			case export.EffectStart:
				r.Migration = int64(s.N)
				all = append(all, func(t *turn) { t.beginStart(s.N, nil) })
			case export.EffectList, export.EffectUnlock:
				r.Repositories = m.batch(s.N).Job.Repositories
			default: // a transfer, which does not end
				moving++
				continue
			}
			all = append(all, func(t *turn) {
				delete(t.busy, s.N)
				t.performed(s.N, []effectResult{{s.Effect, r}})
			})
		}
		for _, id := range d.Watch {
			all = append(all, func(t *turn) { t.polled([]pollResult{{id, ghmigrate.StateExported}}) })
		}
	}
	assert.Less(t, m.Loaded, m.Pages)
	for _, b := range m.Batches {
		assert.NotEmpty(t, b.Job.State.Released, "batch %d is started and unlocked", b.N)
	}
	assert.GreaterOrEqual(t, len(m.Batches), 20)
}
