package temporal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/export"
)

// pageSize is how many jobs a page of the plan has.
const pageSize = 20

// A planResult describes the plan that is in the bucket.
type planResult struct {
	Account      string `json:"account"`
	Run          string `json:"run"`
	Jobs         int    `json:"jobs"`
	Pages        int    `json:"pages"`
	Repositories int    `json:"repositories"`
}

// plan checks the order, the account, the token and the bucket, and puts the plan of
// the run into the bucket.
func (a *Activities) plan(ctx context.Context, order Order) (*planResult, error) {
	stop := heartbeat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	names, err := a.namedRepositories(ctx, order)
	if err != nil {
		return nil, err
	}
	account, err := identify(ctx, acct, order.options(names))
	if err != nil {
		return nil, err
	}
	store := blobstore.New(a.Bucket)
	report, err := export.Preflight(ctx, acct, store)
	if err != nil {
		return nil, retryOrFail(err)
	}
	if !report.OK() {
		return nil, fatal(errors.New(strings.Join(report.Problems, "; "))) //nolint:err113 // for people
	}
	if order.isForAll() {
		if names, err = listRepositories(ctx, acct, order); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, fatal(fmt.Errorf("%s: no repositories to export", acct))
	}
	opts := order.options(names)
	opts.Run, opts.Store, opts.Stream = export.NameRun(account, time.Now()), store, order.Stream
	debts, err := a.previous(ctx, &opts)
	if err != nil {
		return nil, err
	}
	_, jobs, err := export.Plan(opts)
	if err != nil {
		return nil, fatal(err)
	}
	jobs = append(debts, jobs...)
	p := &planResult{Account: account, Run: opts.Run, Jobs: len(jobs), Repositories: len(names)}
	for page := range slices.Chunk(jobs, pageSize) {
		if err := a.write(ctx, planName(opts.Run, p.Pages), page); err != nil {
			return nil, err
		}
		p.Pages++
	}
	return p, nil
}

// namedRepositories returns the repositories that an order names, itself or in an
// object. If the order is for all repositories, the list is empty and not nil.
func (a *Activities) namedRepositories(ctx context.Context, order Order) ([]string, error) {
	names := append([]string{}, order.Repositories...)
	if order.RepositoriesObject != "" {
		if err := a.read(ctx, order.RepositoriesObject, &names); err != nil {
			return nil, fatal(fmt.Errorf("RepositoriesObject: %w", err))
		}
	}
	return names, nil
}

// listRepositories returns all repositories of the account that the order does not skip.
func listRepositories(ctx context.Context, acct export.Account, order Order) (names []string, err error) {
	for repo, err := range export.Repositories(ctx, acct) {
		if err != nil {
			return nil, retryOrFail(err)
		}
		if owner, _, _ := strings.Cut(repo.FullName, "/"); acct.Owner() != "" && !strings.EqualFold(owner, acct.Owner()) {
			return nil, fatal(fmt.Errorf("GitHub lists the repositories of %s for %s: if the organization was renamed, order an export of %s", owner, acct.Owner(), owner))
		}
		if (!order.SkipArchived || !repo.Archived) && (!order.SkipForks || !repo.Fork) {
			names = append(names, repo.FullName)
		}
	}
	return names, nil
}

// identify returns the name of the account. Options that are wrong, or do not fit the
// account, are a fatal error.
func identify(ctx context.Context, acct export.Account, opts export.Options) (string, error) {
	if _, _, err := export.Plan(opts); err != nil {
		return "", fatal(err)
	}
	account, err := export.Identify(ctx, acct, opts)
	if err == nil {
		return account, nil
	}
	if acct.Owner() != "" { // Identify has sent no request, so the options are wrong
		return "", fatal(err)
	}
	if _, without := export.Identify(ctx, acct, export.Options{}); without == nil { // the request succeeds, so the options are wrong
		return "", fatal(err)
	}
	return "", retryOrFail(err)
}

// A latestRun names the newest run of an account that has a manifest.
type latestRun struct {
	Run string `json:"run"`
}

// previous reads the manifest of the latest run into opts, so that Plan isolates the
// repositories that failed. It returns jobs that release the locks of that run.
func (a *Activities) previous(ctx context.Context, opts *export.Options) ([]*export.Job, error) {
	var l latestRun
	switch err := a.read(ctx, latestName(opts.Run), &l); {
	case isAbsent(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var m export.Manifest
	if err := a.read(ctx, manifestName(l.Run), &m); err != nil {
		return nil, err
	}
	opts.Previous = &m
	if len(m.Locked) == 0 {
		return nil, nil
	}
	batches, err := a.batches(ctx, l.Run)
	if err != nil {
		return nil, err
	}
	return export.Debts(jobsOf(batches), opts.Run), nil
}

// page returns a page of the plan.
func (a *Activities) page(ctx context.Context, run string, n int) (jobs []*export.Job, err error) {
	stop := heartbeat(ctx)
	defer stop()
	return jobs, a.read(ctx, planName(run, n), &jobs)
}

// pageBatches returns the batches of a page. Planned jobs have the first numbers of the
// run.
func pageBatches(page int, jobs []*export.Job) []*batch {
	batches := make([]*batch, len(jobs))
	for i, job := range jobs {
		batches[i] = &batch{N: page*pageSize + i + 1, Job: job}
	}
	return batches
}

// save is the activity that puts batches into the bucket.
func (a *Activities) save(ctx context.Context, run string, batches []*batch) error {
	stop := heartbeat(ctx)
	defer stop()
	return a.writeBatches(ctx, run, batches)
}

// writeBatches puts batches into the bucket.
func (a *Activities) writeBatches(ctx context.Context, run string, batches []*batch) error {
	for _, b := range batches {
		if err := a.write(ctx, jobName(run, b.N), b); err != nil {
			return err
		}
	}
	return nil
}

// remaining returns jobs that unlock late twins. If no job is live, it also returns jobs
// that export failed repositories without releases or attachments. Live jobs are not
// over, and so not in the bucket.
func (a *Activities) remaining(ctx context.Context, order Order, run string, tally *export.Tally, live []*export.Job) ([]*export.Job, error) {
	stop := heartbeat(ctx)
	defer stop()
	acct, err := a.account(ctx, order)
	if err != nil {
		return nil, err
	}
	over, err := a.saved(ctx, run)
	if err != nil {
		return nil, err
	}
	twins := map[int]int{}
	for _, b := range over {
		twins[b.N] = len(b.Job.State.Twins)
	}
	all := append(jobsOf(over), live...)
	jobs, err := export.LateTwins(ctx, acct, all) // adds twins to the jobs
	if err != nil {
		return nil, retryRefusal(ctx, err)
	}
	changed := slices.DeleteFunc(over, func(b *batch) bool { return len(b.Job.State.Twins) == twins[b.N] })
	if err := a.writeBatches(ctx, run, changed); err != nil {
		return nil, err
	}
	if len(live) == 0 {
		jobs = append(jobs, tally.Rest(all)...)
	}
	return jobs[:min(len(jobs), 2*pageSize)], nil // the history has them
}
