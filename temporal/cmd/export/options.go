package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/ghmigrate/ghmigrate/temporal"
	"github.com/ghmigrate/ghmigrate/temporal/cmd/internal/cli"
)

// options are the flags of the program.
type options struct {
	cli.Connection
	queue       string
	id          string
	orgs        []string
	order       temporal.Order // without the organization
	concurrency int            // of ExportAll
	hasOrgsFile bool
	detach      bool
	attach      bool
	cancel      bool
}

// parse reads the command line.
func parse(args []string) (*options, error) {
	o := new(options)
	var orgsFile string
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	cli.Usage(flags, os.Stderr, introduction)
	o.Flags(flags)
	flags.StringVar(&o.queue, "queue", "ghmigrate", "`name` of the workers' task queue")
	flags.StringVar(&o.id, "id", "", "`ID` of the workflow; by default a name such as ghmigrate/orgs/octo-org, or ghmigrate/all for several organizations")
	flags.Func("org", "`names` of organizations, separated by commas; repeatable", appendTo(&o.orgs))
	flags.StringVar(&orgsFile, "orgs-file", "", "`file` with the name of an organization in each line")
	flags.IntVar(&o.concurrency, "orgs-at-once", 0, "at most `N` organizations at the same time (default 10)")
	o.orderFlags(flags)
	flags.BoolVar(&o.detach, "detach", false, "do not wait for the end of the export")
	flags.BoolVar(&o.attach, "attach", false, "follow a running export instead of starting one")
	flags.BoolVar(&o.cancel, "cancel", false, "cancel a running export, and follow it until all locks are released")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.attach && (o.detach || o.cancel):
		return nil, errors.New("--attach excludes --detach and --cancel")
	case o.order.KeepLocked && !o.order.Start.LockRepositories:
		return nil, errors.New("--keep-locked needs --lock")
	}
	if orgsFile != "" {
		names, err := readLines(orgsFile)
		if err != nil {
			return nil, fmt.Errorf("--orgs-file: %w", err)
		}
		o.orgs, o.hasOrgsFile = append(o.orgs, names...), true
	}
	for _, org := range o.orgs {
		if org == "" || strings.ContainsAny(org, "/ ") {
			return nil, fmt.Errorf("%q is not the name of an organization", org)
		}
	}
	switch {
	case o.hasOrgsFile && len(o.orgs) == 0:
		return nil, errors.New("--orgs-file has no names")
	case o.isAll() && (len(o.order.Repositories) > 0 || o.order.RepositoriesObject != ""):
		return nil, errors.New("--repos and --repos-object are for one account")
	}
	if o.id == "" {
		o.id = "ghmigrate/all"
		if !o.isAll() {
			o.id = o.orders().Orders[0].WorkflowID()
		}
	}
	return o, nil
}

// appendTo returns a function that appends the names of a flag, separated by commas.
func appendTo(names *[]string) func(string) error {
	return func(s string) error {
		*names = append(*names, strings.Split(s, ",")...)
		return nil
	}
}

// orderFlags adds the flags of the order.
func (o *options) orderFlags(flags *flag.FlagSet) {
	order, start := &o.order, &o.order.Start
	flags.StringVar(&order.Token, "token", "", "`name` of a token of the workers, not the token itself")
	flags.Func("repos", "export these `repositories`, as OWNER/NAME, separated by commas; repeatable", appendTo(&order.Repositories))
	flags.StringVar(&order.RepositoriesObject, "repos-object", "", "`name` of an object in the bucket with a JSON list of repositories")
	flags.BoolVar(&order.SkipArchived, "skip-archived", false, "skip archived repositories")
	flags.BoolVar(&order.SkipForks, "skip-forks", false, "skip forks")
	flags.BoolVar(&start.LockRepositories, "lock", false, "lock the repositories while GitHub exports them")
	flags.BoolVar(&order.KeepLocked, "keep-locked", false, "with --lock: leave exported repositories locked, as for a move to another host")
	flags.BoolVar(&start.ExcludeMetadata, "exclude-metadata", false, "leave out issues, pull requests and other metadata: only Git data")
	flags.BoolVar(&start.ExcludeGitData, "exclude-git-data", false, "leave out Git repositories")
	flags.BoolVar(&start.ExcludeAttachments, "exclude-attachments", false, "leave out files attached to issues and pull requests")
	flags.BoolVar(&start.ExcludeReleases, "exclude-releases", false, "leave out releases")
	flags.BoolVar(&start.ExcludeOwnerProjects, "exclude-owner-projects", false, "leave out projects of the organization or user")
	flags.IntVar(&order.BatchSize, "batch", 0, "export at most `N` repositories in a migration (default 100)")
	flags.IntVar(&order.Concurrency, "concurrency", 0, "at most `N` migrations of an account at GitHub at the same time (default 10)")
	flags.IntVar(&order.Transfers, "transfers", 0, "transfer at most `N` archives of an account at the same time (default 3)")
	flags.BoolVar(&order.DeleteArchives, "delete-archives", false, "delete each archive at GitHub when the bucket has it")
	flags.BoolVar(&order.Stream, "stream", false, "move archives to the bucket without a copy on the worker's disk")
	flags.DurationVar(&order.Pause, "pause", 0, "`time` until the next attempt after an hour of errors (default 1h)")
	flags.StringVar(&order.SearchAttribute, "search-attribute", "", "`name` of a search attribute of type Keyword, which is set to the account")
}

// isAll reports whether to start ExportAll instead of Export.
func (o *options) isAll() bool { return o.hasOrgsFile || len(o.orgs) > 1 }

// orders returns an order for each account.
func (o *options) orders() temporal.Orders {
	all := temporal.Orders{Concurrency: o.concurrency}
	for _, org := range o.orgs {
		order := o.order
		order.Organization = org
		all.Orders = append(all.Orders, order)
	}
	if len(o.orgs) == 0 {
		all.Orders = append(all.Orders, o.order)
	}
	return all
}

// start starts the workflow, unless it runs already.
func (o *options) start(ctx context.Context, conn client.Client) error {
	opts := client.StartWorkflowOptions{
		ID: o.id, TaskQueue: o.queue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
	}
	var err error
	if orders := o.orders(); o.isAll() {
		_, err = conn.ExecuteWorkflow(ctx, opts, temporal.ExportAllWorkflow, orders)
	} else {
		_, err = conn.ExecuteWorkflow(ctx, opts, temporal.ExportWorkflow, orders.Orders[0])
	}
	if _, running := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); running {
		return fmt.Errorf("%s is running already: follow it with --attach", o.id)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", o.id, err)
	}
	return nil
}

// readLines returns the lines of a file that are not empty.
func readLines(name string) (lines []string, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
