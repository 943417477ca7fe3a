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
	yield      func(*Migration, error) bool
	lists      *listPolls
	poll       migrationPoll
	listServes func() bool // the list is the only way to poll
	live       map[int64]*followed
	known      map[int64]bool // all that were ever listed; nil unless new ones are followed too
	answered   bool           // a request has succeeded
	survived   error          // the latest failure that did not end a tick; nil if the latest tick had none
	listed     bool           // the list was read once
	whole      bool           // the latest list was not cut short, so that new migrations come first
}

// followed is what is known of a migration that is not done.
type followed struct {
	pollResult[Migration]
	state   MigrationState
	updated time.Time
	denial  denial
	failing time.Time // since when single polls fail; zero if they succeed
	tried   time.Time // when the latest of them failed; zero if they succeed
}

func newWatcher(a account, yield func(*Migration, error) bool) *watcher {
	w := &watcher{account: a, yield: yield, live: map[int64]*followed{}}
	if a.hasNoUserStatus() {
		server := &serverUserPolls{listPolls: newListPolls(a, new(retryBudget))}
		w.lists, w.poll, w.listServes = &server.listPolls, server.poll, func() bool { return server.listServes }
		return w
	}
	lists := newListPolls(a, new(retryBudget))
	w.lists, w.poll, w.listServes = &lists, a.pollStatus(new(retryBudget)), func() bool { return false }
	return w
}

// errStopped ends a watch whose caller left the loop.
var errStopped = errors.New("the loop was left")

func (w *watcher) run(ctx context.Context) {
	if ctx == nil {
		w.yield(nil, badArgument("ctx", "is nil"))
		return
	}
	clock := w.c.newPollClock()
	for w.known != nil || len(w.live) > 0 {
		survived := w.survived
		w.survived = nil
		err := w.tick(ctx)
		if errors.Is(err, errStopped) {
			return
		}
		if err == nil && w.known == nil && len(w.live) == 0 {
			return
		}
		w.answered = w.answered || err == nil
		if err := clock.pause(ctx, err, w.answered); err != nil {
			if ctx.Err() != nil && clock.last == nil {
				err = after(cmp.Or(w.survived, survived), err)
			}
			w.yield(nil, err)
			return
		}
	}
}

// tick polls every migration once: the list first, where that takes fewer
// requests, then singly what the list's first pages do not show.
func (w *watcher) tick(ctx context.Context) error {
	seen := map[int64]bool{}
	listed := !w.user || w.known != nil || w.listServes()
	if listed {
		if err := w.pollList(ctx, seen); err != nil {
			return err
		}
	}
	var trouble error
	answered, failures := listed, 0
	for _, id := range w.unseen(seen) {
		switch err := w.pollOne(ctx, id, answered); {
		case err == nil:
			seen[id] = true
			if w.listServes() && !listed && len(w.unseen(seen)) > 0 {
				return w.tick(ctx) // the list tells of all the others too
			}
			answered, failures = true, 0
		case !isOutage(err) || ctx.Err() != nil:
			return err
		default:
			trouble = err
			failures++
		}
		// One failing migration must not hide the others. Two failures in a row are
		// GitHub's trouble, in which each of the rest may take a minute.
		if failures == 2 {
			break
		}
	}
	if !answered {
		return trouble
	}
	if trouble != nil {
		w.survive(ctx, trouble)
	}
	return nil
}

// survive notes a failure that does not end the tick.
func (w *watcher) survive(ctx context.Context, err error) {
	w.survived = err
	w.c.log.LogAttrs(ctx, slog.LevelWarn, "poll failed, polling again", slog.Any("error", err))
}

// pollList reads as many pages as the followed migrations may need, and further
// pages while they show something new.
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
				continue // an odd value in its place
			}
			seen[m.ID] = true
			news = news || w.known != nil && !w.known[m.ID]
			if err := w.observe(m, page.date); err != nil {
				return err
			}
		}
		all := w.known != nil && !whole
		wanted := len(w.unseen(seen)) > 0 && (w.listServes() || read < due)
		if !all && !news && !wanted {
			break
		}
	}
	w.listed, w.whole = true, true
	return nil
}

// unseen lists the followed IDs that are not seen. The ones that failed come
// last, and of these the one that failed latest.
func (w *watcher) unseen(seen map[int64]bool) []int64 {
	ids := slices.Collect(maps.Keys(w.live))
	ids = slices.DeleteFunc(ids, func(id int64) bool { return seen[id] })
	slices.SortFunc(ids, func(a, b int64) int {
		return cmp.Or(w.live[a].tried.Compare(w.live[b].tried), cmp.Compare(a, b))
	})
	return ids
}

// pollOne polls one migration. It yields an error that is about this migration
// alone, and follows the migration no further. A failure that may pass is about
// this migration alone if it lasts while others are answered.
func (w *watcher) pollOne(ctx context.Context, id int64, othersAnswered bool) error {
	f := w.live[id]
	err := w.poll(ctx, id, &f.pollResult)
	switch {
	case err == nil:
		f.failing, f.tried, f.denial = time.Time{}, time.Time{}, denial{}
		return w.observe(f.value, f.date)
	case ctx.Err() != nil:
		return err
	case isAbsence(err) && (f.state != "" || w.startedLately(id)) && !f.denial.persists():
		w.survive(ctx, err)
		return nil
	case errors.Is(err, ErrNotFound):
	case !isOutage(err):
		return err
	default:
		f.tried = time.Now()
		if f.failing.IsZero() {
			f.failing = f.tried
		}
		if !othersAnswered || time.Since(f.failing) < w.c.maxOutage {
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
	return mayPass(err) && !errors.Is(err, errStopped)
}

// maxStale is how old an unknown state may be to count as live in a watch of
// all migrations. The list shows imports too, whose states are not documented
// and never Done.
const maxStale = 7 * 24 * time.Hour

func isLive(m *Migration, now time.Time) bool {
	return m.State == StatePending || m.State == StateExporting || !m.State.Done() && now.Sub(m.UpdatedAt) < maxStale
}

// observe yields a migration if it is followed and has changed.
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
