package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	// searchFor is for how long a start whose answer was lost is looked for:
	// GitHub may create the migration after the 502.
	searchFor = 90 * time.Second
	// searchAgain is the time between two looks.
	searchAgain = 10 * time.Second
	// answerGrace is how much longer than the context a start may take. To stop
	// in the midst of it would leave a migration behind that nobody knows.
	answerGrace = 10 * time.Second
)

// start starts the migration, unless a start was intended before: then that
// one is looked for.
func (j *Job) start(ctx context.Context, acct Account) error {
	s := &j.State
	if s.Intent == EffectStart {
		return j.search(ctx, acct)
	}
	if s.Lost > 0 { // it may have turned up since
		if found, err := j.matches(ctx, acct); err != nil || len(found) > 0 {
			return errors.Join(err, j.adopt(found))
		}
	}
	floor, err := j.around().highest(ctx, acct)
	if err != nil {
		return err
	}
	j.emit(EventStarting)
	err = j.intend(EffectStart, func(s *State) {
		if s.Lost == 0 { // else what was lost may still turn up above the old one
			s.Floor = floor
		}
		s.Starts++
	})
	if err != nil {
		return err
	}
	req := j.Start
	req.Repositories, req.OmitRepositories = j.Repositories, true
	patient, cancel := outlive(ctx, answerGrace)
	defer cancel()
	patient, passage := j.around().wire.watch(patient)
	var m *ghmigrate.Migration
	sent := false
	err = j.change(patient, func() (err error) {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		sent = true
		m, err = acct.Start(patient, req)
		return err
	})
	answer, answered := errors.AsType[*ghmigrate.APIError](err)
	switch {
	case err == nil && m.ID > 0:
		err := j.settle(func(s *State) { s.Migration, s.Begun = m.ID, time.Now() })
		j.emit(EventStarted)
		return err
	case answered && answer.StatusCode == http.StatusUnprocessableEntity:
		j.emit(EventRefused, withError(err))
		return j.ends(OutcomeRefused, err.Error())
	case !sent, passage.never(), answered && answer.StatusCode < http.StatusInternalServerError:
		return errors.Join(err, j.settle(func(s *State) { s.Starts-- }))
	}
	j.lost = err
	s.Lost++
	s.LostAt = time.Now()
	j.NotBefore = s.LostAt.Add(searchAgain / 2)
	j.emit(EventLost, withError(err))
	if err := j.save(); err != nil || ctx.Err() == nil {
		return err
	}
	return contextError(ctx)
}

// newest is the ID of the account's newest migration, 0 if it has none.
func newest(ctx context.Context, acct Account) (int64, error) {
	opts := &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}
	opts.PerPage = 1
	for m, err := range acct.List(ctx, opts) {
		if err != nil {
			return 0, err
		}
		return m.ID, nil
	}
	return 0, nil
}

// outlive returns a context that ends the given time after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(by)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-ended:
		}
	})
	return longer, func() {
		stop()
		close(ended)
		cancel(nil)
	}
}

// search looks once for the migration of a start whose answer is not known.
func (j *Job) search(ctx context.Context, acct Account) error {
	s := &j.State
	now := time.Now()
	if s.LostAt.IsZero() || s.LostAt.After(now) { // lost with the process that sent it
		s.Lost, s.LostAt = s.Lost+1, now
		if err := j.save(); err != nil {
			return err
		}
	}
	found, err := j.matches(ctx, acct)
	switch {
	case err != nil:
		return err
	case len(found) > 0:
		return j.adopt(found)
	case now.Sub(s.LostAt) < searchFor:
		j.NotBefore = now.Add(searchAgain)
		return nil
	}
	// It is not there, and the next Step sends it again.
	return j.settle(func(s *State) { s.LostAt = time.Time{} })
}

// adopt takes the first of the migrations that were found; none is fine.
func (j *Job) adopt(found []int64) error {
	if len(found) == 0 {
		return nil
	}
	err := j.settle(func(s *State) {
		s.Migration, s.Begun = found[0], time.Now()
		s.Twins, s.LostAt = found[1:], time.Time{}
		s.Adopted, s.Inferred = true, len(found) > 1
	})
	j.emit(EventAdopted)
	return err
}

// matches lists the migrations that may be what the job has started, lowest ID
// first: newer than all that were seen before, with the same options and
// repositories, and not known already.
func (j *Job) matches(ctx context.Context, acct Account) ([]int64, error) {
	var found []int64
	for m, err := range acct.List(ctx, &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true}) {
		if err != nil {
			return nil, err
		}
		if m.ID <= j.State.Floor {
			break
		}
		if j.around().known(m.ID) || !sameOptions(m, j.Start) {
			continue
		}
		same, err := j.sameRepositories(ctx, acct, m.ID)
		if err != nil {
			return nil, err
		}
		if same {
			found = append(found, m.ID)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// sameOptions compares the seven options that GitHub echoes.
func sameOptions(m *ghmigrate.Migration, req ghmigrate.StartMigrationRequest) bool {
	return m.LockRepositories == req.LockRepositories &&
		m.ExcludeMetadata == req.ExcludeMetadata &&
		m.ExcludeGitData == req.ExcludeGitData &&
		m.ExcludeAttachments == req.ExcludeAttachments &&
		m.ExcludeReleases == req.ExcludeReleases &&
		m.ExcludeOwnerProjects == req.ExcludeOwnerProjects &&
		m.OrgMetadataOnly == req.OrgMetadataOnly
}

// sameRepositories tells whether a migration has exactly the job's
// repositories.
func (j *Job) sameRepositories(ctx context.Context, acct Account, id int64) (bool, error) {
	want := map[string]bool{}
	for _, name := range j.Repositories {
		want[strings.ToLower(name)] = true
	}
	for repo, err := range acct.ListRepositories(ctx, id, nil) {
		if errors.Is(err, ghmigrate.ErrNotFound) {
			return false, nil // gone since it was listed
		}
		if err != nil {
			return false, fmt.Errorf("compare with migration %d: %w", id, err)
		}
		name := strings.ToLower(repo.FullName)
		if !want[name] {
			return false, nil
		}
		delete(want, name)
	}
	return len(want) == 0, nil
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
