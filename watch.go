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
	poller
	yield func(*Migration, error) bool
	live  map[int64]*followed
	known map[int64]bool // all that were ever listed; nil unless new ones are followed too
	begun bool           // the list was read once
	whole bool           // the last one was not cut short, so that what is new comes first
}

// followed is what is known of a migration that is not done.
type followed struct {
	polled[Migration]
	state   MigrationState
	updated time.Time
	failing time.Time // since when it cannot be asked for singly; zero if it can
	tried   time.Time // when that was tried last; zero if it can
}

func newWatcher(a account, yield func(*Migration, error) bool) *watcher {
	return &watcher{
		poller: poller{account: a, patience: new(patience)},
		yield:  yield,
		live:   map[int64]*followed{},
	}
}

// errStopped ends a watch whose caller left the loop.
var errStopped = errors.New("the loop was left")

func (w *watcher) run(ctx context.Context) {
	if ctx == nil {
		w.yield(nil, badArgument("ctx", "is nil"))
		return
	}
	pace := w.c.newPace()
	for w.known != nil || len(w.live) > 0 {
		err := w.tick(ctx)
		if errors.Is(err, errStopped) {
			return
		}
		if err == nil && w.known == nil && len(w.live) == 0 {
			return
		}
		if err := pace.pause(ctx, err); err != nil {
			w.yield(nil, err)
			return
		}
	}
}

// tick asks for everything once: for the list first, where that is cheaper, and
// singly for what the list's first pages do not show.
func (w *watcher) tick(ctx context.Context) error {
	seen := map[int64]bool{}
	listed := !w.user || w.known != nil || w.listServes
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
			if w.listServes && !listed && len(w.unseen(seen)) > 0 {
				return w.tick(ctx) // the list tells of all the others too
			}
			answered, failures = true, 0
		case !isOutage(err) || ctx.Err() != nil:
			return err
		default:
			trouble = err
			failures++
		}
		// One that cannot be asked for must not hide the others; but two in a row
		// are GitHub's trouble, in which each of the rest may take a minute.
		if failures == 2 {
			break
		}
	}
	if !answered {
		return trouble
	}
	if trouble != nil {
		w.c.log.LogAttrs(ctx, slog.LevelWarn, "polling again", slog.Any("error", trouble))
	}
	return nil
}

// pollList reads as many pages as may be needed for those that are followed,
// and further while there is something new on them.
func (w *watcher) pollList(ctx context.Context, seen map[int64]bool) error {
	due := (len(w.live)+maxPerPage-1)/maxPerPage + 1
	read, whole := 0, w.whole
	w.whole = false
	for page, err := range w.list(ctx, !w.user) {
		if err != nil {
			return err
		}
		read++
		news := false
		for i := range *page.value {
			m := &(*page.value)[i]
			seen[m.ID] = true
			news = news || w.known != nil && !w.known[m.ID]
			if err := w.observe(m, page.date); err != nil {
				return err
			}
		}
		all := w.known != nil && !whole
		wanted := len(w.unseen(seen)) > 0 && (w.listServes || read < due)
		if !all && !news && !wanted {
			break
		}
	}
	w.begun, w.whole = true, true
	return nil
}

// unseen lists the IDs that are followed and not seen: last those that could
// not be asked for, of these last the one that was tried last.
func (w *watcher) unseen(seen map[int64]bool) []int64 {
	ids := slices.Collect(maps.Keys(w.live))
	ids = slices.DeleteFunc(ids, func(id int64) bool { return seen[id] })
	slices.SortFunc(ids, func(a, b int64) int {
		return cmp.Or(w.live[a].tried.Compare(w.live[b].tried), cmp.Compare(a, b))
	})
	return ids
}

// pollOne asks for one migration. What is about this one alone is yielded,
// and it is followed no more. A failure that passes is about this one alone if
// it goes on while others are answered.
func (w *watcher) pollOne(ctx context.Context, id int64, othersAnswered bool) error {
	f := w.live[id]
	err := w.poll(ctx, id, &f.polled)
	switch {
	case err == nil:
		f.failing, f.tried = time.Time{}, time.Time{}
		return w.observe(f.value, f.date)
	case ctx.Err() != nil:
		return err
	case errors.Is(err, ErrNotFound):
	case !isOutage(err):
		return err
	default:
		f.tried = time.Now()
		if f.failing.IsZero() {
			f.failing = f.tried
		}
		if !othersAnswered || time.Since(f.failing) < maxOutage {
			return err
		}
	}
	delete(w.live, id)
	if !w.yield(&Migration{ID: id}, err) {
		return errStopped
	}
	return nil
}

// isOutage tells whether an error is of the kind that ends a wait only if it
// goes on.
func isOutage(err error) bool {
	return mayPass(err) && !errors.Is(err, errStopped)
}

// maxStale is how old an unknown state may be to count as live in a watch of
// all. The list shows imports too, whose states are not documented and never
// Done.
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
		if !w.begun && !isLive(m, date) {
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
