package ghmigrate

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// watch follows the migrations of the ids.
func (a account) watch(ctx context.Context, ids []int64) iter.Seq2[*Migration, error] {
	return func(yield func(*Migration, error) bool) {
		w := newWatcher(a, yield)
		for i, id := range ids {
			if id <= 0 {
				yield(nil, badArgument("ids", "has %d at index %d: want positive numbers", id, i))
				return
			}
			w.live[id] = &followed{}
		}
		w.run(ctx)
	}
}

// watchAll follows all migrations of the account.
func (a account) watchAll(ctx context.Context) iter.Seq2[*Migration, error] {
	return func(yield func(*Migration, error) bool) {
		w := newWatcher(a, yield)
		w.known = map[int64]bool{}
		w.run(ctx)
	}
}

// A watcher follows many migrations for one range over a sequence.
type watcher struct {
	account
	yield     func(*Migration, error) bool
	lists     *listPolls
	poll      migrationPoll
	onlyList  func() bool // reports whether the server has no status endpoint
	live      map[int64]*followed
	known     map[int64]bool // every migration that was ever listed; nil unless new migrations are followed too
	succeeded bool           // a request has succeeded
	tolerated error          // the last failure that the latest pollAll tolerated; nil if there was no failure
	listed    bool           // the list was read once
	whole     bool           // the latest poll of the list did not fail, so new migrations are on its first pages
}

// followed is the state of a migration that is not done.
type followed struct {
	pollResult[Migration]
	state   MigrationState
	updated time.Time
	denial  denial
	failing time.Time // when polls of this migration began to fail; zero while they succeed
	failed  time.Time // when the latest poll of this migration failed; zero while they succeed
}

func newWatcher(a account, yield func(*Migration, error) bool) *watcher {
	w := &watcher{account: a, yield: yield, live: map[int64]*followed{}}
	if a.mayLackStatus() {
		server := &serverUserPolls{listPolls: newListPolls(a, new(retryBudget))}
		w.lists, w.poll, w.onlyList = &server.listPolls, server.poll, func() bool { return server.onlyList }
		return w
	}
	lists := newListPolls(a, new(retryBudget))
	w.lists, w.poll, w.onlyList = &lists, a.pollStatus(new(retryBudget)), func() bool { return false }
	return w
}

// errStopped ends a watch whose caller left the loop.
var errStopped = errors.New("the loop was left")

// run polls until no migration is left to follow, the context ends, or the caller
// leaves the loop.
func (w *watcher) run(ctx context.Context) {
	if ctx == nil {
		w.yield(nil, badArgument("ctx", "is nil"))
		return
	}
	clock := w.c.newPollClock()
	for w.known != nil || len(w.live) > 0 {
		before := w.tolerated
		w.tolerated = nil
		err := w.pollAll(ctx)
		if errors.Is(err, errStopped) {
			return
		}
		if err == nil && w.known == nil && len(w.live) == 0 {
			return
		}
		w.succeeded = w.succeeded || err == nil
		if err := clock.pause(ctx, err, w.succeeded); err != nil {
			if ctx.Err() != nil && clock.last == nil {
				err = withLastFailure(cmp.Or(w.tolerated, before), err)
			}
			w.yield(nil, err)
			return
		}
	}
}

// pollAll polls every migration once. If the list takes fewer requests, pollAll polls
// the list first, and then each migration that is not on the list's first pages.
func (w *watcher) pollAll(ctx context.Context) error {
	seen := map[int64]bool{}
	listed := !w.user || w.known != nil || w.onlyList()
	if listed {
		if err := w.pollList(ctx, seen); err != nil {
			return err
		}
	}
	var last error
	succeeded, failures := listed, 0
	for _, id := range w.unseen(seen) {
		switch err := w.pollOne(ctx, id, succeeded); {
		case err == nil:
			seen[id] = true
			if w.onlyList() && !listed && len(w.unseen(seen)) > 0 {
				return w.pollAll(ctx) // the list has the other migrations too
			}
			succeeded, failures = true, 0
		case !isOutage(err) || ctx.Err() != nil:
			return err
		default:
			last = err
			failures++
		}
		// One failing migration must not hide the other migrations. Two failures in a
		// row are an outage of GitHub, in which each further poll may take a minute.
		if failures == 2 {
			break
		}
	}
	if !succeeded {
		return last
	}
	if last != nil {
		w.tolerate(ctx, last)
	}
	return nil
}

// tolerate records and logs a failure that does not end pollAll.
func (w *watcher) tolerate(ctx context.Context, err error) {
	w.tolerated = err
	w.c.log.LogAttrs(ctx, slog.LevelWarn, "poll failed, polling again", slog.Any("error", err))
}

// pollList reads as many pages of the list as the followed migrations may need,
// and further pages while they show new migrations.
func (w *watcher) pollList(ctx context.Context, seen map[int64]bool) error {
	due := (len(w.live)+maxPerPage-1)/maxPerPage + 1
	read, whole := 0, w.whole
	w.whole = false
	for page, err := range w.lists.list(ctx) {
		if err != nil {
			return err
		}
		read++
		news := false
		for i := range page.value.items {
			m := &page.value.items[i]
			if m.ID <= 0 {
				continue // the ID is of an odd type
			}
			seen[m.ID] = true
			news = news || w.known != nil && !w.known[m.ID]
			if err := w.observe(m, page.date); err != nil {
				return err
			}
		}
		all := w.known != nil && !whole
		wanted := len(w.unseen(seen)) > 0 && (w.onlyList() || read < due)
		if !all && !news && !wanted {
			break
		}
	}
	w.listed, w.whole = true, true
	return nil
}

// unseen lists the followed migrations that are not in seen. Migrations whose poll
// failed come last, ordered by the time of the failure.
func (w *watcher) unseen(seen map[int64]bool) []int64 {
	ids := slices.Collect(maps.Keys(w.live))
	ids = slices.DeleteFunc(ids, func(id int64) bool { return seen[id] })
	slices.SortFunc(ids, func(a, b int64) int {
		return cmp.Or(w.live[a].failed.Compare(w.live[b].failed), cmp.Compare(a, b))
	})
	return ids
}

// pollOne polls one migration. An error about this migration alone is yielded, and
// the migration is dropped. A temporary failure is about this migration alone if it
// lasts while polls of other migrations succeed.
func (w *watcher) pollOne(ctx context.Context, id int64, othersSucceed bool) error {
	f := w.live[id]
	err := w.poll(ctx, id, &f.pollResult)
	switch {
	case err == nil:
		f.failing, f.failed, f.denial = time.Time{}, time.Time{}, denial{}
		return w.observe(f.value, f.date)
	case ctx.Err() != nil:
		return err
	case isAbsence(err) && (f.state != "" || w.startedLately(id)) && !f.denial.persists():
		w.tolerate(ctx, err)
		return nil
	case errors.Is(err, ErrNotFound):
	case !isOutage(err):
		return err
	default:
		f.failed = time.Now()
		if f.failing.IsZero() {
			f.failing = f.failed
		}
		if !othersSucceed || time.Since(f.failing) < w.c.maxOutage {
			return err
		}
	}
	delete(w.live, id)
	if !w.yield(&Migration{ID: id}, err) {
		return errStopped
	}
	return nil
}

// isOutage reports whether a failure ends a watch only if it lasts.
func isOutage(err error) bool {
	return isTemporary(err) && !errors.Is(err, errStopped)
}

// maxStale limits how long a migration in an undocumented state counts as live.
// The list includes imports, whose states are undocumented and never Done.
const maxStale = 7 * 24 * time.Hour

// isLive reports whether watchAll follows the migration.
func isLive(m *Migration, now time.Time) bool {
	return m.State == StatePending || m.State == StateExporting || !m.State.Done() && now.Sub(m.UpdatedAt) < maxStale
}

// observe yields a migration if it is followed and has changed. It begins to follow
// a new migration if all are followed.
func (w *watcher) observe(m *Migration, date time.Time) error {
	f := w.live[m.ID]
	if f == nil {
		if w.known == nil || w.known[m.ID] {
			return nil
		}
		w.known[m.ID] = true
		if !w.listed && !isLive(m, date) {
			return nil
		}
		f = &followed{}
		w.live[m.ID] = f
	}
	if m.State.Done() || w.known != nil && !isLive(m, date) {
		delete(w.live, m.ID)
	}
	if f.state == m.State && f.updated.Equal(m.UpdatedAt) {
		return nil
	}
	f.state, f.updated = m.State, m.UpdatedAt
	found := *m
	if !w.yield(&found, nil) {
		return errStopped
	}
	return nil
}
