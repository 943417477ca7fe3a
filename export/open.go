package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// open takes hold of Dir and finds the run to go on with, or begins one.
func open(ctx context.Context, acct Account, opts Options) (*run, error) {
	if err := check(ctx, acct); err != nil {
		return nil, err
	}
	asked := len(opts.Repositories) > 0
	opts, err := opts.withDefaults()
	if err == nil && opts.Dir == "" {
		err = errors.New("export: Dir is empty")
	}
	if err == nil {
		err = checkOwner(acct, opts.Repositories)
	}
	if err != nil {
		return nil, err
	}
	r := newRun(acct, opts)
	if err := r.open(ctx, asked); err != nil {
		r.close()
		return nil, fmt.Errorf("export: %w", err)
	}
	return r, nil
}

func (r *run) open(ctx context.Context, asked bool) error {
	d, dir := r.opts.disk, r.opts.Dir
	if err := d.MkdirAll(dir); err != nil {
		return err
	}
	lock, err := d.OpenLocked(filepath.Join(dir, "lock"))
	if errors.Is(err, durable.ErrLocked) {
		return fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return err
	}
	r.lock = lock
	if err := r.identify(ctx, asked); err != nil {
		return err
	}
	folders, err := d.ReadDir(dir)
	if err != nil {
		return err
	}
	folders = slices.DeleteFunc(folders, func(name string) bool { return !isRunName(name) })
	slices.Sort(folders)
	debts, err := r.latest(folders)
	switch {
	case err != nil:
		return err
	case r.journal != nil && r.journal.planned() && r.journal.end == nil:
		return r.resume(asked)
	case !asked:
		return errors.New("no repositories, and no unfinished run to continue")
	}
	return r.begin(folders, debts)
}

// identify finds out whose runs these are. An organization is named; which user
// a token belongs to only GitHub knows, and it tells in the same answer whether
// this is a GHES, where users lack some calls.
func (r *run) identify(ctx context.Context, asked bool) error {
	r.account = r.acct.String()
	if r.acct.Owner() != "" {
		return nil
	}
	var login, ghes string
	err := r.persist(ctx, func() (err error) {
		login, ghes, err = whoami(ctx, r.acct)
		return err
	}, nil)
	switch {
	case err != nil:
		return err
	case asked && ghes != "" && r.opts.Start.LockRepositories:
		return fmt.Errorf("LockRepositories: GitHub Enterprise Server %s has no call to unlock the repositories of a user", ghes)
	case asked && ghes != "" && r.opts.DeleteArchives:
		return fmt.Errorf("DeleteArchives: GitHub Enterprise Server %s has no call to delete the archives of a user", ghes)
	}
	r.account += "/" + strings.ToLower(login)
	return nil
}

// latest opens the newest run. If it is over it is closed again, and the locks
// that it left behind are returned as jobs; if it was not even planned it stays
// open, to be planned.
func (r *run) latest(folders []string) (debts []*Job, err error) {
	for _, name := range slices.Backward(folders) {
		j, err := openJournal(r.opts.disk, filepath.Join(r.opts.Dir, name))
		if err != nil {
			return nil, err
		}
		switch {
		case !j.planned() && r.journal == nil:
			r.journal, r.dir = j, filepath.Join(r.opts.Dir, name)
			continue
		case !j.planned():
			_ = j.close()
			continue
		}
		if j.header.Account != r.account {
			_ = j.close()
			return nil, fmt.Errorf("%w: %s is for %s, not %s", ErrForeign, r.opts.Dir, j.header.Account, r.account)
		}
		if j.end == nil {
			if r.journal != nil {
				_ = r.journal.close()
			}
			r.journal, r.dir = j, filepath.Join(r.opts.Dir, name)
			return nil, nil
		}
		for _, job := range j.jobs {
			if job.mayUnlock() {
				debts = append(debts, job.debt())
			}
		}
		return debts, j.close()
	}
	return nil, nil
}

// debt is a job of a later run that releases the locks of this one.
func (j *Job) debt() *Job {
	d := &Job{Repositories: j.owed(), Start: j.Start, Try: 1, KeepLocked: j.KeepLocked, UnlockOnly: true}
	d.State.Migration, d.State.Outcome = j.State.Migration, j.State.Outcome
	if len(j.State.Locked) > 0 {
		d.Repositories = j.State.Locked
	}
	return d
}

func (r *run) resume(asked bool) error {
	h := r.journal.header
	reason := ""
	switch {
	case h.Store && r.opts.Store == nil:
		reason = "its archives go to a Store"
	case !h.Store && r.opts.Store != nil:
		reason = "its archives go to no Store"
	case asked:
		reason = r.differs(h)
	}
	if reason != "" {
		return fmt.Errorf("%w: %s: %s", ErrUnfinished, r.dir, reason)
	}
	r.resumed = true
	for _, job := range r.journal.jobs {
		r.adopt(job)
		if err := job.clear(); err != nil {
			return err
		}
		job.State.Unlocks, job.State.Damaged = 0, 0 // each call tries anew
		job.ended = job.State.Outcome != OutcomeUnknown
	}
	// A crash may have come between the end of a job and its successors.
	for _, job := range slices.Clone(r.journal.jobs) {
		if err := r.plan(r.hold(job, r.unplanned(job.Successors()))); err != nil {
			return err
		}
	}
	return nil
}

// differs tells in words how the options differ from those of an unfinished
// run; empty if they do not.
func (r *run) differs(h *header) string {
	o := r.opts
	switch {
	case !reflect.DeepEqual(h.Start, o.Start):
		return fmt.Sprintf("it was started with the options %q", optionNames(h.Start))
	case h.BatchSize != o.BatchSize:
		return fmt.Sprintf("its BatchSize is %d", h.BatchSize)
	case h.DeleteArchives != o.DeleteArchives:
		return fmt.Sprintf("its DeleteArchives is %t", h.DeleteArchives)
	case h.KeepLocked != o.KeepLocked:
		return fmt.Sprintf("its KeepLocked is %t", h.KeepLocked)
	case h.Repositories != len(o.Repositories):
		return fmt.Sprintf("it has %s, not %d", count(h.Repositories), len(o.Repositories))
	}
	requested := map[string]bool{}
	for _, name := range r.requested() {
		requested[strings.ToLower(name)] = true
	}
	for _, name := range o.Repositories {
		if !requested[strings.ToLower(name)] {
			return name + " is not among its repositories"
		}
	}
	return ""
}

func (r *run) begin(folders []string, debts []*Job) error {
	if r.journal == nil {
		newest := ""
		if len(folders) > 0 {
			newest = folders[len(folders)-1]
		}
		r.dir = filepath.Join(r.opts.Dir, runName(time.Now(), newest))
		if err := r.opts.disk.MkdirAll(r.dir); err != nil {
			return err
		}
		j, err := openJournal(r.opts.disk, r.dir)
		if err != nil {
			return err
		}
		r.journal = j
	}
	// Also where the journal was there already: the call that made it may have
	// ended before this.
	for _, dir := range []string{r.dir, r.opts.Dir, filepath.Dir(r.opts.Dir)} {
		if err := r.opts.disk.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	jobs, err := Plan(r.opts)
	if err != nil {
		return err
	}
	h := header{
		Version:        journalVersion,
		Account:        r.account,
		Begun:          time.Now().UTC(),
		Repositories:   len(r.opts.Repositories),
		BatchSize:      r.opts.BatchSize,
		Start:          r.opts.Start,
		DeleteArchives: r.opts.DeleteArchives,
		KeepLocked:     r.opts.KeepLocked,
		Store:          r.opts.Store != nil,
	}
	// Debts first: once the plan is whole, the old journal is not read again.
	if err := r.journal.begin(h, slices.Concat(debts, jobs)); err != nil {
		return err
	}
	for _, job := range r.journal.jobs {
		r.adopt(job)
	}
	return nil
}

const runLayout = "20060102T150405Z"

// isRunName tells whether a folder's name is that of a run.
func isRunName(name string) bool {
	stem, suffix, _ := strings.Cut(name, "-")
	_, err := time.Parse(runLayout, stem)
	return err == nil && (suffix == "" || len(suffix) == 3)
}

// runName names a run by its time, so that it comes after the newest, whatever
// the clock says.
func runName(now time.Time, newest string) string {
	name := now.UTC().Format(runLayout)
	if name > newest {
		return name
	}
	stem, suffix, _ := strings.Cut(newest, "-")
	number := 1
	_, _ = fmt.Sscanf(suffix, "%d", &number)
	return fmt.Sprintf("%s-%03d", stem, number+1)
}
