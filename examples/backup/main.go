// Backup exports repositories from GitHub into verified archives: all of an
// organization, or some. Without arguments it does so with a fake GitHub that it
// brings along.
//
// Stopped or killed, it goes on where it was when it is run again with the same
// flags. Its help tells what its exit status means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/examples/internal/locks"
	"github.com/ghmigrate/ghmigrate/examples/internal/progress"
	"github.com/ghmigrate/ghmigrate/export"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv("GITHUB_TOKEN"), os.Stdout, os.Stderr))
}

// The exit status; 0 if all was done.
const (
	failed     = 1
	misused    = 2
	unfinished = 3
)

// run is the program: what becomes of it goes to stdout, how it goes to stderr.
// Tests have options for the client.
func run(ctx context.Context, args []string, token string, stdout, stderr io.Writer, client ...ghmigrate.Option) int {
	o, err := parse(args, token)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, help)
		return 0
	}
	if err != nil {
		return misuse(stderr, err)
	}
	c := &command{options: o, stdout: stdout, stderr: stderr}
	c.progress = progress.New(stderr, progress.IsTerminal(stderr) && !o.verbose)
	if o.quiet {
		c.stdout, c.progress = io.Discard, progress.New(io.Discard, false)
	}
	if o.demo() {
		fake, end, err := c.startDemo()
		if err != nil {
			return c.explain(stderr, err)
		}
		defer end()
		token, client = fake.Token(), []ghmigrate.Option{ghmigrate.WithHTTPClient(fake.Client())}
	}
	if err := c.connect(stderr, append(client, ghmigrate.WithToken(token))); err != nil {
		return misuse(stderr, err)
	}
	stop := context.AfterFunc(ctx, func() {
		c.progress.Say("Stopping: unlocking what can be unlocked first. A second Ctrl-C stops at once.")
	})
	defer stop()
	if err := c.do(ctx); err != nil {
		return c.explain(stderr, err)
	}
	return 0
}

func misuse(w io.Writer, err error) int {
	fmt.Fprintf(w, "backup: %v\nRun it with -h for help.\n", err)
	return misused
}

// A command is what the command line asks for, and what it takes.
type command struct {
	options
	client   *ghmigrate.Client
	stdout   io.Writer
	stderr   io.Writer
	progress *progress.Progress
}

func (c *command) connect(log io.Writer, client []ghmigrate.Option) (err error) {
	client = append(client, ghmigrate.WithUserAgent("ghmigrate-backup"))
	if c.host != "" {
		client = append(client, ghmigrate.WithHost(c.host))
	}
	if c.baseURL != "" {
		client = append(client, ghmigrate.WithBaseURL(c.baseURL))
	}
	c.export.Progress = c.progress.Event
	if c.verbose {
		logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		client = append(client, ghmigrate.WithLogger(logger))
		c.export.Progress = export.LogTo(logger)
	}
	c.client, err = ghmigrate.NewClient(client...)
	return err
}

func (c *command) do(ctx context.Context) (err error) {
	acct := export.OrgAccount(c.client, c.org)
	if c.user {
		acct = export.UserAccount(c.client)
	}
	opts := c.export
	switch {
	case c.preflight:
		return preflight(ctx, locks.Ask(acct), c.stdout, c.account()+" -unlock")
	case c.unlock:
		return unlock(ctx, locks.Ask(acct), opts.Repositories, c.stdout)
	}
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return err
	}
	if c.all {
		opts.FinishFirst = true // most likely the repositories are not those of the night before
		if opts.Repositories, err = repositories(ctx, acct); err != nil {
			return err
		}
	}
	return c.run(ctx, acct, opts)
}

// repositories lists all repositories of an account.
func repositories(ctx context.Context, acct export.Account) ([]string, error) {
	names := []string{}
	for repo, err := range export.Repositories(ctx, acct) {
		if err != nil {
			return nil, err
		}
		names = append(names, repo.FullName)
	}
	return names, nil
}

// run exports, and reports what has become of it.
func (c *command) run(ctx context.Context, acct export.Account, opts export.Options) error {
	begun := time.Now()
	manifest, err := export.Run(ctx, acct, opts)
	c.progress.End()
	if manifest != nil && manifest.Earlier != nil {
		c.progress.Say("An unfinished run was finished first: %d of %s, in %s", manifest.Earlier.Covered,
			progress.Repositories(manifest.Earlier.Requested), manifest.Earlier.Dir)
	}
	if manifest != nil {
		c.report(manifest, time.Since(begun))
	}
	return err
}
