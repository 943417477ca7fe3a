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
	"slices"
	"syscall"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv("GITHUB_TOKEN"), os.Stdout, os.Stderr))
}

// run is the program: what becomes of it goes to stdout, how it goes to stderr.
// Tests have options for the client.
func run(ctx context.Context, args []string, token string, stdout, stderr io.Writer, client ...ghmigrate.Option) int {
	misuse := func(err error) int {
		fmt.Fprintf(stderr, "backup: %v\nRun it with -h for help.\n", err)
		return 2
	}
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err == nil && !o.demo && token == "" {
		err = errors.New("GITHUB_TOKEN is not set: want a personal access token (classic)")
	}
	if err != nil {
		return misuse(err)
	}
	told := stderr
	if o.quiet {
		stdout, told = io.Discard, io.Discard
	}
	c := &command{options: o, stdout: stdout, show: newDisplay(told, o.verbose), extra: client}
	if o.demo {
		var end func()
		if token, end, err = c.startDemo(); err != nil {
			return c.fail(stderr, err)
		}
		defer end()
	}
	if c.client, err = c.connect(token, stderr); err != nil {
		return misuse(err)
	}
	stop := context.AfterFunc(ctx, func() {
		c.show.say("Stopping as soon as what can be unlocked is. A second Ctrl-C stops at once.")
	})
	defer stop()
	if err := c.do(ctx); err != nil {
		return c.fail(stderr, err)
	}
	return 0
}

// A command is what the command line asks for, and what it takes.
type command struct {
	options
	extra  []ghmigrate.Option // for the client
	client *ghmigrate.Client
	stdout io.Writer
	show   *display
}

func (c *command) connect(token string, log io.Writer) (*ghmigrate.Client, error) {
	client := append(slices.Clone(c.extra), ghmigrate.WithToken(token), ghmigrate.WithUserAgent("ghmigrate-backup"))
	if c.host != "" {
		client = append(client, ghmigrate.WithHost(c.host))
	}
	if c.baseURL != "" {
		client = append(client, ghmigrate.WithBaseURL(c.baseURL))
	}
	c.opts.Progress = c.show.event
	if c.verbose {
		logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		client = append(client, ghmigrate.WithLogger(logger))
		c.opts.Progress = export.LogTo(logger)
	}
	return ghmigrate.NewClient(client...)
}

func (c *command) do(ctx context.Context) (err error) {
	acct := account{export.OrgAccount(c.client, c.org), map[string]bool{}}
	if c.user {
		acct.Account = export.UserAccount(c.client)
	}
	switch {
	case c.preflight:
		return preflight(ctx, acct, c.stdout)
	case c.unlock:
		return unlock(ctx, acct, c.opts.Repositories, c.stdout)
	}
	if c.opts.Dir, err = filepath.Abs(c.opts.Dir); err != nil {
		return err
	}
	if !c.all {
		return c.export(ctx, acct, c.opts)
	}
	if c.opts.Repositories, err = repositories(ctx, c.client, c.org); err != nil {
		return err
	}
	err = c.export(ctx, acct, c.opts)
	if !errors.Is(err, export.ErrUnfinished) {
		return err
	}
	// Most likely the repositories are not those of the night before.
	c.show.say("%v.\nThat run is finished first, as it was asked for.", err)
	old := c.opts
	old.Repositories = nil
	if err := c.export(ctx, acct, old); err != nil && status(err) != failed {
		return err
	}
	return c.export(ctx, acct, c.opts)
}

// export does a run and reports it.
func (c *command) export(ctx context.Context, acct export.Account, opts export.Options) error {
	begun := time.Now()
	manifest, err := export.Run(ctx, acct, opts)
	c.show.end()
	if manifest != nil {
		report(c.stdout, c.show, manifest, time.Since(begun))
	}
	return err
}

// fail explains an error and returns the exit status for it.
func (c *command) fail(w io.Writer, err error) int {
	of := "-org " + c.org
	if c.user {
		of = "-user"
	}
	explain(w, err, of)
	return status(err)
}

const (
	failed     = 1
	unfinished = 3
)

func status(err error) int {
	if partial, ok := errors.AsType[*export.PartialError](err); ok && partial.Err != nil {
		return unfinished
	}
	return failed
}
