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

// Step performs the next effect of a job that is due, and applies its result:
// it is [Job.Next], [Job.Begin], [Perform] and [Job.Apply], with Job.Save around
// the effect. If an earlier process may have performed the effect already, Step
// checks that first. If nothing is due, Step does nothing.
//
// Step returns the error of the context, of Save, or of the effect. The job's state
// says what follows: a driver calls Step again when Next says so. Between effects
// that change something, a driver keeps the pause of a second that GitHub asks for;
// within an effect, Perform does.
func Step(ctx context.Context, acct Account, job *Job) error {
	if err := check(ctx, acct); err != nil {
		return err
	}
	if job == nil {
		return errors.New("export: the Job is nil")
	}
	if job.State.Intent == EffectStart { // of a process that died
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
// the job: one process may perform an effect, and another process apply the result.
// An unlock may run beside another effect. Save the intent of a start before: see
// [Job.Begin].
//
// A context that ends makes Perform return soon: the result is then of
// [ClassRetry], or of a part of the effect. A start that was sent gets ten seconds
// more for its response.
func Perform(ctx context.Context, acct Account, job *Job, effect Effect) Result {
	if err := check(ctx, acct); err != nil {
		return resultOf(err)
	}
	p := &performance{Account: pace(acct), job: job, disk: cmp.Or[disk](job.disk, durable.OS{})}
	perform := map[Effect]func(context.Context) Result{
		EffectStart: p.start, EffectSearch: p.search, EffectWait: p.wait, EffectList: p.list, EffectUnlock: p.unlock,
		EffectDownload: p.download, EffectVerify: p.verify, EffectStore: p.store, EffectTransfer: p.transfer, EffectDelete: p.delete,
	}[effect]
	if perform == nil {
		return Result{}
	}
	return perform(ctx)
}

// A performance is one effect while it is performed.
type performance struct {
	Account
	job  *Job
	disk disk
}

// responseGrace is how long a start may take after its context has ended. Without
// its response, the migration would have to be searched for.
const responseGrace = 10 * time.Second

func (p *performance) start(ctx context.Context) Result {
	p.job.emit(p.job.event(EventStarting))
	req := p.job.Start
	req.Repositories, req.OmitRepositories = p.job.Repositories, true
	m, err := p.Start(ctx, req)
	if err == nil && m.ID <= 0 {
		err = ghmigrate.ErrUnexpectedAnswer
	}
	r := resultOf(err)
	if err != nil {
		r.Named = refusedNames(err, p.job.Repositories)
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

// wait looks once whether the export has ended.
func (p *performance) wait(ctx context.Context) Result {
	m, err := p.Get(ctx, p.job.State.Migration, &ghmigrate.GetOptions{OmitRepositories: true})
	if err != nil {
		return p.notFound(ctx, err)
	}
	if m.State.Done() {
		return Result{Outcome: Outcome(m.State)} // they are called the same
	}
	return Result{}
}

// notFound is the result of an effect that ended with an error about one
// migration. To a token that has lost its rights GitHub says "not found" too, but
// then it shows no migrations at all: that error says more.
func (p *performance) notFound(ctx context.Context, err error) Result {
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

// list reads the migration's repositories: the second proof of coverage, and
// what has to be unlocked.
func (p *performance) list(ctx context.Context) Result {
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

// delete deletes the archive at GitHub. An archive that is gone already was
// deleted by an earlier process, or is past its time.
func (p *performance) delete(ctx context.Context) Result {
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
	u := &unlocking{Account: p, id: p.job.State.Migration}
	done, doneErr := u.meansNone(ctx)
	if doneErr == nil && !done {
		doneErr = errors.Join(err, errNotDone)
	}
	return resultOf(doneErr)
}
