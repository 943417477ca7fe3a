package temporal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/export"
)

// A task is an effect of a job, for an activity.
type task struct {
	Order  Order         `json:"order"`
	Job    *export.Job   `json:"job"`
	Effect export.Effect `json:"effect"`
	Now    time.Time     `json:"now"` // the time of the workflow
}

// An effectResult is the result of one effect of a task.
type effectResult struct {
	Effect export.Effect `json:"effect"`
	Result export.Result `json:"result"`
}

// A taskResult has the results of a task: a transfer performs several effects.
type taskResult struct {
	Results []effectResult `json:"results"`
	Wait    time.Duration  `json:"wait,omitzero"` // how long all exports with the token must pause

	// Elsewhere says that the worker does not have the archive, which an earlier task
	// has downloaded. The first result is of another download.
	Elsewhere bool `json:"elsewhere,omitzero"`
}

// perform performs one effect, except for the effects that move an archive.
func (a *Activities) perform(ctx context.Context, t task) (*taskResult, error) {
	stop := heartbeat(ctx)
	defer stop()
	acct, err := a.account(ctx, t.Order)
	if err != nil {
		return nil, err
	}
	c := t.clock(ctx)
	r := c.perform(ctx, acct, t.Job, t.Effect)
	if ctx.Err() != nil && r.Class != export.ClassNone {
		return nil, context.Cause(ctx)
	}
	return &taskResult{Results: []effectResult{{t.Effect, r}}, Wait: max(r.After, quotaPause(acct))}, nil
}

var errStopping = errors.New("the worker stops and hands the transfer over")

// transfer downloads, verifies and stores an archive. It is one activity because these
// effects need the same disk. If the worker stops, another worker continues at once.
func (a *Activities) transfer(ctx context.Context, t task) (*taskResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	progress := new(transferProgress)
	stop := heartbeat(ctx, progress.get)
	defer stop()
	acct, err := a.account(ctx, t.Order)
	if err != nil {
		return nil, err
	}
	job := t.Job
	job.Dir = filepath.Join(a.Scratch, filepath.FromSlash(job.Run))
	job.Store = blobstore.New(a.Bucket)
	log := logTo(activity.GetLogger(ctx).Info)
	job.Progress = func(e export.Event) {
		progress.set(e)
		log(e)
	}
	result, c, effect := new(taskResult), t.clock(ctx), t.Effect
	if archive := job.State.Archive; archive != nil && !exists(filepath.Join(job.Dir, archive.Name)) {
		forgetArchive(job)
		result.Elsewhere, effect = true, export.EffectDownload
	}
	for {
		r := c.perform(ctx, acct, job, effect)
		if err := context.Cause(ctx); err != nil && r.Class != export.ClassNone {
			return nil, handOver(err)
		}
		job.Apply(effect, r, c.now())
		result.Results = append(result.Results, effectResult{effect, r})
		result.Wait = max(r.After, quotaPause(acct))
		if err := job.Clear(); err != nil {
			activity.GetLogger(ctx).Warn("remove an archive that the bucket has", "error", err)
		}
		effect, _ = job.Next(c.now(), export.EffectUnlock, export.EffectDelete, export.EffectList)
		if r.Class != export.ClassNone || !slices.Contains(transfers, effect) {
			return result, nil
		}
	}
}

// forgetArchive makes a job download its archive again. Nothing has damaged the archive,
// so that the job counts no damage.
func forgetArchive(job *export.Job) { job.State.Archive, job.State.Verified = nil, false }

// exists reports whether a file exists. If the disk fails, exists returns true, and the
// next effect returns the error.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// handOver makes Temporal retry at once, if the error is that the worker stops.
func handOver(err error) error {
	if !errors.Is(err, errStopping) {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), "stopping", temporal.ApplicationErrorOptions{
		NextRetryDelay: time.Millisecond, Category: temporal.ApplicationErrorCategoryBenign, // no alert
	})
}

// A newestResult has the ID of the newest migration of the account, 0 if the account has no migration.
type newestResult struct {
	Newest int64         `json:"newest"`
	Wait   time.Duration `json:"wait,omitzero"`   // how long a rate limit lasts
	Failed export.Result `json:"failed,omitzero"` // why a start must wait; zero after a success
}

// newest asks GitHub once for the newest migration of the account. The export has the
// lease of the token meanwhile, so that all errors are in the result.
func (a *Activities) newest(ctx context.Context, order Order) (*newestResult, error) {
	stop := heartbeat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	id, err := export.Newest(ctx, acct)
	if wait := rateLimitPause(err); wait > 0 {
		return &newestResult{Wait: wait}, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return &newestResult{Failed: notSent(export.Classify(err), err)}, nil
	}
	return &newestResult{Newest: id, Wait: quotaPause(acct)}, nil
}

// notSent returns the result of a start that was not sent, because the search for the
// newest migration failed. A refusal of the search says nothing about the batch, so that
// the result is a refusal of the token.
func notSent(class export.Class, err error) export.Result {
	if class != export.ClassRetry {
		class = export.ClassRun
	}
	return export.Result{Class: class, Unsent: true, Reason: fmt.Sprintf("find the newest migration: %v", err)}
}

// A clock tells the time of the workflow, for the times in jobs. The clock of this
// machine may be ahead.
type clock struct{ ahead time.Duration }

// clock compares the clocks when the activity starts.
func (t task) clock(ctx context.Context) clock {
	info := activity.GetInfo(ctx)
	return clock{time.Since(t.Now.Add(info.StartedTime.Sub(info.ScheduledTime)))}
}

func (c clock) now() time.Time { return time.Now().Add(-c.ahead) }

// perform calls export.Perform, which uses the clock of this machine, and converts the
// times that it reads and returns.
func (c clock) perform(ctx context.Context, acct export.Account, job *export.Job, effect export.Effect) export.Result {
	dated := *job
	if !dated.State.Ended.IsZero() {
		dated.State.Ended = dated.State.Ended.Add(c.ahead)
	}
	r := export.Perform(ctx, acct, &dated, effect)
	if !r.Asked.IsZero() {
		r.Asked = r.Asked.Add(-c.ahead)
	}
	return r
}
