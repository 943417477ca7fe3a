package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdktemporal "go.temporal.io/sdk/temporal"

	"github.com/ghmigrate/ghmigrate/internal/table"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// A follower prints the progress of a workflow, and its result.
type follower struct {
	client.Client
	id        string
	out, errw io.Writer

	all     bool              // the workflow is ExportAll
	printed map[string]string // the latest line about each export, by workflow ID
}

// progressEvery is how often the follower asks for progress.
const progressEvery = 5 * time.Second

// An outcome is the end of the workflow.
type outcome struct {
	result any // *temporal.Summary or *temporal.Summaries; nil if the workflow failed
	ok     bool
	err    error
}

// follow waits for the end of the workflow, and returns the exit status. The first
// interrupt cancels the workflow, and the second one ends the wait.
func (f *follower) follow(ctx context.Context, interrupts <-chan os.Signal) (status int, err error) {
	info, err := f.DescribeWorkflow(ctx, f.id, "")
	if err != nil {
		return statusFailed, fmt.Errorf("follow %s: %w", f.id, err)
	}
	f.all = info.RawResponse.GetWorkflowExecutionInfo().GetType().GetName() == temporal.ExportAllWorkflow
	ended := make(chan outcome, 1)
	go func() { ended <- f.wait(ctx) }()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	canceled := false
	for {
		select {
		case o := <-ended:
			return f.report(o)
		case <-ticker.C:
			f.progress(ctx)
		case <-interrupts:
			if canceled {
				return statusUnfinished, fmt.Errorf("%s goes on: follow it with --attach", f.id)
			}
			canceled = true
			if err := f.CancelWorkflow(ctx, f.id, ""); err != nil {
				return statusFailed, fmt.Errorf("cancel %s: %w", f.id, err)
			}
			f.say("%s: canceling; the export releases its locks first (a second Ctrl-C does not wait)", f.id)
		}
	}
}

// wait returns the outcome of the workflow, after all runs that continue it as new.
func (f *follower) wait(ctx context.Context) outcome {
	run := f.GetWorkflow(ctx, f.id, "")
	if f.all {
		s := new(temporal.Summaries)
		return outcomeOf(run.Get(ctx, s), s, s.OK)
	}
	s := new(temporal.Summary)
	return outcomeOf(run.Get(ctx, s), s, s.OK)
}

// outcomeOf returns the outcome of a workflow. The summary of a canceled workflow is in
// the error.
func outcomeOf(err error, summary any, ok func() bool) outcome {
	if err == nil {
		return outcome{result: summary, ok: ok()}
	}
	if canceled, is := errors.AsType[*sdktemporal.CanceledError](err); is && canceled.HasDetails() && canceled.Details(summary) == nil {
		return outcome{result: summary, err: err}
	}
	return outcome{err: err}
}

// report prints the summary, and returns the exit status.
func (f *follower) report(o outcome) (status int, err error) {
	if o.result != nil {
		data, err := json.MarshalIndent(o.result, "", "  ")
		if err != nil {
			return statusFailed, err
		}
		fmt.Fprintln(f.out, string(data))
	}
	switch {
	case sdktemporal.IsCanceledError(o.err):
		return statusUnfinished, fmt.Errorf("%s was canceled", f.id)
	case o.err != nil:
		return statusFailed, fmt.Errorf("%s: %w", f.id, cause(o.err))
	case !o.ok:
		return statusFailed, fmt.Errorf("%s: not every repository is in an archive: see the problems in the summary", f.id)
	}
	return statusDone, nil
}

// cause returns the error of the workflow without the names that Temporal adds.
func cause(err error) error {
	if failed, ok := errors.AsType[*sdktemporal.ApplicationError](err); ok {
		return errors.New(failed.Message()) //nolint:err113 // for people
	}
	return err
}

// progress prints the progress of each export, if it has changed. It ignores errors:
// the next query may succeed.
func (f *follower) progress(ctx context.Context) {
	ids := []string{f.id}
	if f.all {
		value, err := f.QueryWorkflow(ctx, f.id, "", temporal.ProgressQuery)
		if err != nil || value.Get(&ids) != nil {
			return
		}
	}
	for _, id := range ids {
		var p temporal.Progress
		value, err := f.QueryWorkflow(ctx, id, "", temporal.ProgressQuery)
		if err != nil || value.Get(&p) != nil {
			continue
		}
		line := describe(&p, f.transfers(ctx, id))
		if f.printed == nil {
			f.printed = map[string]string{}
		}
		if f.printed[id] != line {
			f.say("%s: %s", id, line)
		}
		f.printed[id] = line
	}
}

// transfers returns the transfers of an export that are under way.
func (f *follower) transfers(ctx context.Context, id string) (all []temporal.Transfer) {
	info, err := f.DescribeWorkflow(ctx, id, "")
	if err != nil {
		return nil
	}
	for _, a := range info.RawResponse.GetPendingActivities() {
		var t temporal.Transfer
		if converter.GetDefaultDataConverter().FromPayloads(a.GetHeartbeatDetails(), &t) == nil && t.Migration != 0 {
			all = append(all, t)
		}
	}
	return all
}

// describe returns a line about the progress of an export.
func describe(p *temporal.Progress, transfers []temporal.Transfer) string {
	parts := []string{fmt.Sprintf("%d of %d repositories, %s", p.Done, p.All, table.Size(p.Bytes))}
	for _, count := range []struct {
		n    int
		what string
	}{{p.Pending, "not started"}, {p.Waiting, "under way at GitHub"}} {
		if count.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	for _, t := range transfers {
		of := ""
		if t.Size > 0 {
			of = " of " + table.Size(t.Size)
		}
		parts = append(parts, fmt.Sprintf("migration %d: %s%s", t.Migration, table.Size(t.Bytes), of))
	}
	if p.Paused > 0 {
		parts = append(parts, fmt.Sprintf("paused for %v", p.Paused.Round(time.Minute)))
	}
	if p.Problem != "" {
		parts = append(parts, p.Problem)
	}
	return strings.Join(parts, "; ")
}

// say prints a line for people.
func (f *follower) say(format string, args ...any) {
	fmt.Fprintf(f.errw, format+"\n", args...)
}
