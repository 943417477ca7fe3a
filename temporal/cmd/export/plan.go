package main

import (
	"bufio"
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

// A plan is what the command line says.
type plan struct {
	cli.Connection
	queue       string
	id          string
	orgs        []string
	order       temporal.Order // without the organization
	accounts    int            // at the same time
	hasOrgsFile bool
	detach      bool
	attach      bool
	cancel      bool
}

// parse reads the command line.
func parse(args []string) (*plan, error) {
	p := new(plan)
	var orgsFile string
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	cli.Usage(flags, os.Stderr, introduction)
	p.Flags(flags)
	flags.StringVar(&p.queue, "queue", "ghmigrate", "`name` of the workers' task queue")
	flags.StringVar(&p.id, "id", "", "`ID` of the workflow; by default such as ghmigrate/orgs/octo-org, or ghmigrate/all for several organizations")
	flags.Func("org", "`name` of an organization; repeatable, and with commas", func(s string) error {
		p.orgs = append(p.orgs, strings.Split(s, ",")...)
		return nil
	})
	flags.StringVar(&orgsFile, "orgs-file", "", "`file` with the name of an organization a line")
	flags.IntVar(&p.accounts, "orgs-at-once", 0, "at most `N` organizations at the same time (default 10)")
	p.orderFlags(flags)
	flags.BoolVar(&p.detach, "detach", false, "do not wait for the end of the export")
	flags.BoolVar(&p.attach, "attach", false, "follow the export that runs, instead of starting one")
	flags.BoolVar(&p.cancel, "cancel", false, "cancel the export that runs, and follow it until all locks are released")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case p.attach && (p.detach || p.cancel):
		return nil, errors.New("--attach excludes --detach and --cancel")
	case p.order.KeepLocked && !p.order.Start.LockRepositories:
		return nil, errors.New("--keep-locked needs --lock")
	}
	if orgsFile != "" {
		names, err := readLines(orgsFile)
		if err != nil {
			return nil, fmt.Errorf("--orgs-file: %w", err)
		}
		p.orgs, p.hasOrgsFile = append(p.orgs, names...), true
	}
	for _, org := range p.orgs {
		if org == "" || strings.ContainsAny(org, "/ ") {
			return nil, fmt.Errorf("%q is not the name of an organization", org)
		}
	}
	switch {
	case p.hasOrgsFile && len(p.orgs) == 0:
		return nil, errors.New("--orgs-file has no names")
	case len(p.order.Repositories) > 0 && p.isAll():
		return nil, errors.New("--repos is for one account")
	}
	if p.id == "" {
		p.id = "ghmigrate/all"
		if !p.isAll() {
			p.id = p.orders().Orders[0].WorkflowID()
		}
	}
	return p, nil
}

// orderFlags adds the flags that say what to export, and how.
func (p *plan) orderFlags(flags *flag.FlagSet) {
	o, start := &p.order, &p.order.Start
	flags.StringVar(&o.Token, "token", "", "`name` of the workers' token; not the token itself")
	flags.Func("repos", "these `repositories` only, \"owner/name\"; repeatable, and with commas", func(s string) error {
		o.Repositories = append(o.Repositories, strings.Split(s, ",")...)
		return nil
	})
	flags.StringVar(&o.RepositoriesObject, "repos-object", "", "`name` of an object in the bucket with a JSON list of repositories")
	flags.BoolVar(&o.SkipArchived, "skip-archived", false, "leave out archived repositories")
	flags.BoolVar(&o.SkipForks, "skip-forks", false, "leave out forks")
	flags.BoolVar(&start.LockRepositories, "lock", false, "lock the repositories while GitHub exports them")
	flags.BoolVar(&o.KeepLocked, "keep-locked", false, "with --lock: leave exported repositories locked, as for a move to another host")
	flags.BoolVar(&start.ExcludeMetadata, "exclude-metadata", false, "no issues, pull requests and the like, only Git data")
	flags.BoolVar(&start.ExcludeGitData, "exclude-git-data", false, "no Git repositories")
	flags.BoolVar(&start.ExcludeAttachments, "exclude-attachments", false, "no files attached to issues and pull requests")
	flags.BoolVar(&start.ExcludeReleases, "exclude-releases", false, "no releases")
	flags.BoolVar(&start.ExcludeOwnerProjects, "exclude-owner-projects", false, "no projects of the organization or user")
	flags.IntVar(&o.BatchSize, "batch", 0, "at most `N` repositories in an archive (default 100)")
	flags.IntVar(&o.Concurrency, "concurrency", 0, "at most `N` exports of an account under way at GitHub (default 10)")
	flags.IntVar(&o.Transfers, "transfers", 0, "at most `N` archives of an account that move at the same time (default 3)")
	flags.BoolVar(&o.DeleteArchives, "delete-archives", false, "delete each archive at GitHub when the bucket has it")
	flags.BoolVar(&o.Stream, "stream", false, "archives go to the bucket without a copy on the worker's disk")
	flags.DurationVar(&o.Pause, "pause", 0, "`time` until the next attempt after an hour of trouble (default 1h)")
	flags.StringVar(&o.SearchAttribute, "search-attribute", "", "`name` of a search attribute of type Keyword that gets the account")
}

// isAll reports whether the plan is for ExportAll.
func (p *plan) isAll() bool { return p.hasOrgsFile || len(p.orgs) > 1 }

// orders returns an order for each account.
func (p *plan) orders() temporal.Orders {
	all := temporal.Orders{Concurrency: p.accounts}
	for _, org := range p.orgs {
		order := p.order
		order.Organization = org
		all.Orders = append(all.Orders, order)
	}
	if len(p.orgs) == 0 {
		all.Orders = append(all.Orders, p.order)
	}
	return all
}

// start starts the workflow.
func (p *plan) start(ctx context.Context, conn client.Client) error {
	opts := client.StartWorkflowOptions{
		ID: p.id, TaskQueue: p.queue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
	}
	var err error
	if orders := p.orders(); p.isAll() {
		_, err = conn.ExecuteWorkflow(ctx, opts, temporal.ExportAllWorkflow, orders)
	} else {
		_, err = conn.ExecuteWorkflow(ctx, opts, temporal.ExportWorkflow, orders.Orders[0])
	}
	if _, running := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); running {
		return fmt.Errorf("%s is running already: --attach follows it", p.id)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", p.id, err)
	}
	return nil
}

// readLines reads the lines of a file that are not empty.
func readLines(name string) (lines []string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, scanner.Err()
}
