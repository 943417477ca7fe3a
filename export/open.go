package export

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// open locks Dir, and continues the unfinished run in it or begins a new run.
func open(ctx context.Context, acct Account, opts Options) (*run, error) {
	if err := check(ctx, acct); err != nil {
		return nil, err
	}
	opts, err := opts.withDefaults()
	if err == nil && opts.Dir == "" {
		err = errors.New("export: Dir is empty")
	}
	if err == nil {
		err = checkOwner(acct.Owner(), opts.Repositories)
	}
	if err != nil {
		return nil, err
	}
	r := newRun(acct, opts)
	if err := r.open(ctx); err != nil {
		r.close()
		return nil, fmt.Errorf("export: %w", err)
	}
	return r, nil
}

func (r *run) open(ctx context.Context) error {
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
	if err := r.identify(ctx); err != nil {
		return err
	}
	folders, err := d.ReadDir(dir)
	if err != nil {
		return err
	}
	folders = slices.DeleteFunc(folders, func(name string) bool { return !isRunName(name) })
	slices.Sort(folders)
	before, err := r.latest(folders)
	switch {
	case err != nil:
		return err
	case r.journal != nil && r.journal.planned() && r.journal.end == nil:
		return r.resume()
	case r.opts.Repositories == nil:
		return errors.New("no repositories, and no unfinished run to continue")
	}
	return r.begin(ctx, folders, before)
}

// identify sets the name of the account.
func (r *run) identify(ctx context.Context) (err error) {
	var login, ghes string
	if r.acct.Owner() == "" {
		err = r.retryRequest(ctx, func() (err error) {
			login, ghes, err = tokenOwner(ctx, r.acct)
			return err
		})
	}
	if err == nil {
		r.account, err = accountName(r.acct, r.opts, login, ghes)
	}
	return err
}

// Identify checks the options against the account, and returns the name of the
// account for [NameRun] and [NewManifest]. For a user's account it requests the login
// of the token's owner. [Run] does the same; another driver calls Identify before
// [Plan].
func Identify(ctx context.Context, acct Account, opts Options) (name string, err error) {
	if err := check(ctx, acct); err != nil {
		return "", err
	}
	var login, ghes string
	if acct.Owner() == "" {
		if login, ghes, err = tokenOwner(ctx, acct); err != nil {
			return "", err
		}
	}
	return accountName(acct, opts, login, ghes)
}

// accountName returns the name of an account, with the login of a user. It returns an
// error for options that need a call which a GHES does not have for users; ghes is
// its version, and empty on other hosts.
func accountName(acct Account, opts Options, login, ghes string) (string, error) {
	if owner := acct.Owner(); owner != "" {
		return acct.String(), checkOwner(owner, opts.Repositories)
	}
	lacksCalls := ghes != "" && opts.Repositories != nil
	switch {
	case lacksCalls && opts.Start.LockRepositories:
		return "", fmt.Errorf("LockRepositories: GitHub Enterprise Server %s has no call to unlock the repositories of a user", ghes)
	case lacksCalls && opts.DeleteArchives:
		return "", fmt.Errorf("DeleteArchives: GitHub Enterprise Server %s has no call to delete the archives of a user", ghes)
	}
	return acct.String() + "/" + strings.ToLower(login), nil
}

// latest opens the newest run whose journal has the whole plan. If the run is
// unfinished, latest sets r.journal to its journal. Otherwise latest closes and returns
// it. Then r.journal is the journal of a newer run without the whole plan, or nil.
func (r *run) latest(folders []string) (before *journal, err error) {
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
		if !r.takesOver(j) {
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
		return j, j.close()
	}
	return nil, nil
}

// takesOver reports whether a journal belongs to this account. In a journal of a
// former name, takesOver renames the repositories in memory.
func (r *run) takesOver(j *journal) bool {
	if j.header.Account == r.account {
		return true
	}
	above, owner := path.Split(r.account)
	for _, former := range r.opts.FormerNames {
		if j.header.Account != above+strings.ToLower(former) {
			continue
		}
		if r.acct.Owner() != "" {
			owner = r.acct.Owner()
		}
		renamed := func(name string) string {
			if of, repo, _ := strings.Cut(name, "/"); strings.EqualFold(of, former) {
				return owner + "/" + repo
			}
			return name
		}
		for _, job := range j.jobs {
			s := &job.State
			for _, names := range [][]string{job.Repositories, job.lineage.Family, s.Named, s.Absent, s.Others, s.Missing, s.Condemned, s.Released, s.Locked} {
				for i, name := range names {
					names[i] = renamed(name)
				}
			}
			for i, fault := range s.Faults {
				s.Faults[i].Repository = renamed(fault.Repository)
			}
			fates := s.Fates
			s.Fates = nil
			for name, fate := range fates {
				job.addFates(map[string]string{renamed(name): fate})
			}
		}
		return true
	}
	return false
}

// adopt sets the fields of a job that the journal does not have, and counts its
// repositories.
func (r *run) adopt(job *Job) {
	job.Dir, job.Store, job.Progress, job.disk = r.dir, r.opts.Store, r.emit, r.opts.disk
	if job.isPlanned() {
		r.all += len(job.Repositories)
	}
	r.newest = max(r.newest, job.State.Migration, slices.Max(append(job.State.Twins, 0)))
}

// resume continues the run in r.journal.
func (r *run) resume() error {
	if reason := r.optionDifference(r.journal.header); reason != "" {
		return fmt.Errorf("%w: %s: %s", ErrUnfinished, r.dir, reason)
	}
	r.resumed = true
	*r.tally = r.journal.tally
	r.tally.Resume()
	now := time.Now()
	for _, job := range r.journal.jobs {
		r.adopt(job)
		if err := job.Clear(); err != nil {
			r.emit(Event{Kind: EventWaiting, Err: err}) // finish tries again
		}
		lost := job.State.Intent == EffectStart
		if job.Resume(now); lost {
			if err := r.journal.save(job); err != nil {
				return err
			}
		}
	}
	// A crash may have come between the end of a job and its successors.
	for _, job := range slices.Clone(r.journal.jobs) {
		if err := r.plan(r.unknown(job.Successors())); err != nil {
			return err
		}
	}
	return r.plan(allTwinUnlocks(r.journal.jobs, false))
}

// header describes the run that the options ask for.
func (r *run) header() header {
	return header{
		Version:        journalVersion,
		Account:        r.account,
		Name:           r.opts.Run,
		Begun:          time.Now().UTC(),
		Repositories:   len(r.opts.Repositories),
		BatchSize:      r.opts.BatchSize,
		Start:          r.opts.Start,
		DeleteArchives: r.opts.DeleteArchives,
		KeepLocked:     r.opts.KeepLocked,
		Store:          r.opts.Store != nil,
		Stream:         r.opts.Stream,
	}
}

// optionDifference returns a sentence about the first difference between the options
// and the options of an unfinished run, or "". Without Repositories, only the Store
// must be the same.
func (r *run) optionDifference(was *header) string {
	is := r.header()
	switch {
	case was.Store && !is.Store:
		return "its archives go to a Store"
	case is.Store && !was.Store:
		return "its archives go to no Store"
	case r.opts.Repositories == nil:
		return ""
	}
	for _, d := range []struct {
		what    string
		was, is any
	}{
		{"Start", optionNames(was.Start), optionNames(is.Start)},
		{"BatchSize", was.BatchSize, is.BatchSize},
		{"DeleteArchives", was.DeleteArchives, is.DeleteArchives},
		{"KeepLocked", was.KeepLocked, is.KeepLocked},
		{"Stream", was.Stream, is.Stream},
		{"number of repositories", was.Repositories, is.Repositories},
	} {
		if !reflect.DeepEqual(d.was, d.is) {
			return fmt.Sprintf("its %s is %v, not %v", d.what, d.was, d.is)
		}
	}
	before := map[string]bool{}
	for _, name := range requested(r.journal.jobs) {
		before[strings.ToLower(name)] = true
	}
	for _, name := range r.opts.Repositories {
		if !before[strings.ToLower(name)] {
			return name + " is not among its repositories"
		}
	}
	return ""
}

// begin begins a new run. Before is the journal of the previous run, or nil.
func (r *run) begin(ctx context.Context, folders []string, before *journal) error {
	newest := ""
	if len(folders) > 0 {
		newest = folders[len(folders)-1]
	}
	name := runName(time.Now(), newest)
	if r.journal != nil {
		name = filepath.Base(r.dir)
	}
	r.opts.Run = path.Join(storePrefix(r.account), name)
	if err := tryStore(ctx, r.opts.Store, r.account); err != nil {
		return err
	}
	if r.journal == nil {
		r.dir = filepath.Join(r.opts.Dir, name)
		if err := r.opts.disk.MkdirAll(r.dir); err != nil {
			return err
		}
		j, err := openJournal(r.opts.disk, r.dir)
		if err != nil {
			return err
		}
		r.journal = j
	}
	// Sync the folders even if the journal existed already: the call that created it
	// may have crashed before this.
	for _, dir := range []string{r.dir, r.opts.Dir, filepath.Dir(r.opts.Dir)} {
		if err := r.opts.disk.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	if before != nil && r.opts.Previous == nil {
		r.opts.Previous = NewManifest(before.header.Account, before.header.Start, before.jobs)
	}
	tally, jobs, err := Plan(r.opts)
	if err != nil {
		return err
	}
	r.tally = tally
	if before != nil {
		jobs = slices.Concat(Debts(before.jobs, r.opts.Run), jobs)
	}
	if err := r.journal.begin(r.header(), jobs); err != nil {
		return err
	}
	for _, job := range r.journal.jobs {
		r.adopt(job)
	}
	return nil
}

const runLayout = "20060102T150405Z"

// isRunName reports whether the name of a folder is the name of a run.
func isRunName(name string) bool {
	stem, suffix, _ := strings.Cut(name, "-")
	_, err := time.Parse(runLayout, stem)
	_, hexErr := hex.DecodeString(suffix)
	return err == nil && hexErr == nil && (suffix == "" || len(suffix) == 6)
}

// NameRun returns a unique name for a run, for Options.Run and [Plan]. Account is the
// result of [Identify]. The names of an account sort by time, to the second.
func NameRun(account string, now time.Time) string {
	return path.Join(storePrefix(account), runName(now, ""))
}

// runName returns a name for a run at the time now. The name sorts after the name of
// the newest run, even if the clock was set back. The random suffix makes it unique
// across folders and machines.
func runName(now time.Time, newest string) string {
	stem, _, _ := strings.Cut(newest, "-")
	if before, err := time.Parse(runLayout, stem); err == nil && !now.After(before.Add(time.Second)) {
		now = before.Add(time.Second)
	}
	var unique [3]byte
	_, _ = rand.Read(unique[:])
	return now.UTC().Format(runLayout) + "-" + hex.EncodeToString(unique[:])
}
