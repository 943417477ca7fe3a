package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

// Step performs the next effect of a job, and applies its result. It calls
// [Job.Next], [Job.Begin], [Perform], [Job.Apply] and [Job.Report], and Job.Save
// before and after the effect. If an earlier process may have sent the start of the
// job, Step schedules the search for its migration first. If no effect is due, Step
// does nothing.
//
// Step returns the error of the context, of Save, or of the effect. An error of the
// effect is also in the state of the job: the driver calls Step again when Next says
// so. GitHub asks for a pause of a second between requests that change something.
// Perform pauses within an effect, and the driver pauses between two effects.
func Step(ctx context.Context, acct Account, job *Job) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if job == nil {
		return errors.New("export: the Job is nil")
	}
	if job.State.Intent == EffectStart { // a process ended before it saved the result
		job.Interrupted(time.Now())
		if err := job.save(); err != nil {
			return err
		}
	}
	effect, _ := job.Next(time.Now())
	if effect == EffectNone {
		return nil
	}
	newest := int64(0)
	if effect == EffectStart {
		var err error
		if newest, err = Newest(ctx, acct); err != nil {
			return fmt.Errorf("batch %s: %s: %w", job.ID, effect, err)
		}
	}
	saved := *job
	job.Begin(effect, newest)
	if err := job.save(); err != nil {
		job.State = saved.State
		return err
	}
	r := Perform(ctx, acct, job, effect)
	if ctx.Err() != nil && r.Class != ClassNone && !r.Unsent {
		job.Interrupted(time.Now())
		return errors.Join(contextError(ctx), job.save())
	}
	before := job.State
	job.Apply(effect, r, time.Now())
	err := job.save()
	job.Report(effect, r, &before)
	if r.err != nil {
		err = errors.Join(fmt.Errorf("batch %s: %s: %w", job.ID, effect, r.err), err)
	}
	return err
}

func (j *Job) save() error {
	if j.Save == nil {
		return nil
	}
	return j.Save(j)
}

// Perform performs one effect of a job and returns the result. It does not change
// the job: one process may perform an effect, and another process may apply the
// result. An unlock may run at the same time as another effect of the job. Before a
// start, the caller saves the intent: see [Job.Begin].
//
// If the context ends, Perform returns soon, with a result of [ClassRetry] or the
// result of a part of the effect. After a start was sent, Perform waits up to ten
// seconds longer for the response.
func Perform(ctx context.Context, acct Account, job *Job, effect Effect) Result {
	if err := check(ctx, acct); err != nil {
		return resultOf(err)
	}
	p := &performer{Account: pace(acct), job: job, disk: cmp.Or[disk](job.disk, durable.OS{})}
	perform := map[Effect]func(context.Context) Result{
		EffectStart: p.start, EffectSearch: p.search, EffectWait: p.wait, EffectList: p.list, EffectUnlock: p.unlock,
		EffectDownload: p.download, EffectVerify: p.verify, EffectStore: p.store, EffectTransfer: p.transfer, EffectDelete: p.delete,
	}[effect]
	if perform == nil {
		return Result{}
	}
	return perform(ctx)
}

// A performer performs one effect of a job. Its Account is a pacedAccount.
type performer struct {
	Account
	job  *Job
	disk disk
}

// responseGrace limits the time that a start may take after its context has ended.
// Without the response, the job would have to search for the migration.
const responseGrace = 10 * time.Second

func (p *performer) start(ctx context.Context) Result {
	p.job.emit(p.job.event(EventStarting))
	req := p.job.Start
	req.Repositories, req.OmitRepositories = p.job.Repositories, true
	m, err := p.Start(ctx, req)
	if err == nil && m.ID <= 0 {
		err = ghmigrate.ErrUnexpectedAnswer
	}
	r := resultOf(err)
	if err != nil {
		r.Named = refusedIndexes(err, p.job.Repositories)
		var names []string
		for _, i := range r.Named {
			names = append(names, p.job.Repositories[i])
		}
		r.Fates = fatesOf(ctx, p, names)
		return r
	}
	r.Migration = m.ID
	return r
}

// wait polls once whether the export has ended.
func (p *performer) wait(ctx context.Context) Result {
	m, err := p.Get(ctx, p.job.State.Migration, &ghmigrate.GetOptions{OmitRepositories: true})
	if err != nil {
		return p.notFound(ctx, err)
	}
	if m.State.Done() {
		return Result{Outcome: Outcome(m.State)} // the outcomes have the names of GitHub's states
	}
	return Result{}
}

// notFound returns the result of an effect that ended with err, an error about one
// migration. GitHub responds 404 also to a token that has lost its rights. That token
// cannot list the migrations either, and then the error of the list explains more.
func (p *performer) notFound(ctx context.Context, err error) Result {
	r := resultOf(err)
	if r.Class != ClassAbsent && r.Outcome != OutcomeGone {
		return r
	}
	if _, listErr := Newest(ctx, p); listErr != nil {
		r = resultOf(listErr)
		if r.Class == ClassAbsent {
			r.Class = ClassDenied
		}
	}
	return r
}

// list reads the migration's repositories. They are the second proof of coverage, and
// the repositories to be unlocked.
func (p *performer) list(ctx context.Context) Result {
	names, err := repositoryNames(ctx, p, p.job.State.Migration)
	if err != nil {
		return p.notFound(ctx, err)
	}
	r := Result{Repositories: names}
	if !p.job.UnlockOnly {
		r.Fates = fatesOf(ctx, p, without(p.job.Repositories, names))
	}
	return r
}

// delete deletes the archive at GitHub. An archive that no longer exists
// counts as deleted.
func (p *performer) delete(ctx context.Context) Result {
	if !p.job.mayDelete() {
		return resultOf(errors.New("the archive is not verified and stored yet"))
	}
	if !p.job.State.InStore {
		if r, ok := p.onDisk(); !ok {
			return r
		}
	}
	err := p.DeleteArchive(ctx, p.job.State.Migration)
	if !isAbsent(err) {
		return resultOf(err)
	}
	u := &unlocker{Account: p, id: p.job.State.Migration}
	confirmed, confirmErr := u.confirmsAbsence(ctx)
	if confirmErr == nil && !confirmed {
		confirmErr = errors.Join(err, errNotDone)
	}
	return resultOf(confirmErr)
}
