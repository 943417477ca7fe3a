// Backup does the whole job of a migration: it exports repositories, waits,
// fetches the archive, unlocks the repositories and deletes the archive at
// GitHub. Without arguments it does so with a fake GitHub that it brings along.
//
// Stopped or killed, it goes on where it was when it is run again with the same
// flags. Its exit status is 0 only if everything that was asked for was done, 2
// if what was asked for makes no sense, and 1 otherwise.
package main

import (
	"cmp"
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

	"github.com/ghmigrate/ghmigrate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv("GITHUB_TOKEN"), os.Stdout, os.Stderr))
}

// run is the program: what becomes of it goes to stdout, how it goes to stderr.
func run(ctx context.Context, args []string, token string, stdout, stderr io.Writer) int {
	fail := func(status int, err error, advice string) int {
		fmt.Fprintf(stderr, "backup: %v\n%s", err, advice)
		return status
	}
	opts, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err == nil && !opts.demo && token == "" {
		err = errors.New("GITHUB_TOKEN is not set: want a personal access token (classic)")
	}
	if err != nil {
		return fail(2, err, "Run it with -h for help.\n")
	}

	show := newDisplay(stderr, opts.verbose)
	if opts.demo {
		if token != "" {
			show.say("GITHUB_TOKEN is not used: name an account with -org or -user to back up from GitHub.")
		}
		fake := startFake(&opts, show)
		defer fake.Close()
		token = fake.Token()
	}
	client, err := opts.connect(token, stderr)
	if err != nil {
		return fail(2, err, "Run it with -h for help.\n")
	}
	dir, err := folder(opts.out)
	if err != nil {
		return fail(1, err, "")
	}
	record, err := openRecord(dir, opts)
	if err != nil {
		return fail(1, err, "")
	}
	if opts.out == "" && !opts.demo {
		show.say("The archive goes to %s. If this run is cut short, go on with -out %[1]s.", dir)
	}

	j := &job{account: opts.account(client), dir: dir, keep: opts.keep, record: record, show: show}
	err = j.run(ctx)
	if len(j.report.steps) > 1 { // else the error says it all
		j.report.write(stdout)
	}
	if err == nil {
		return 0
	}
	switch { // of what is left in a fresh folder, nothing serves a later run
	case opts.out == "" && opts.demo:
		_ = os.RemoveAll(dir)
	case opts.out == "":
		_ = os.Remove(dir) // fails if anything came into it
	}
	return fail(1, err, j.advice())
}

func (o options) connect(token string, log io.Writer) (*ghmigrate.Client, error) {
	client := slices.Concat(o.client, []ghmigrate.Option{
		ghmigrate.WithToken(token),
		ghmigrate.WithUserAgent("ghmigrate-backup"),
	})
	if o.host != "" {
		client = append(client, ghmigrate.WithHost(o.host))
	}
	if o.baseURL != "" {
		client = append(client, ghmigrate.WithBaseURL(o.baseURL))
	}
	if o.verbose {
		handler := slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})
		client = append(client, ghmigrate.WithLogger(slog.New(handler)))
	}
	return ghmigrate.NewClient(client...)
}

// folder makes sure that there is a folder to write to, of this name or a
// fresh one, and returns its absolute path.
func folder(name string) (string, error) {
	if name == "" {
		return os.MkdirTemp("", "ghmigrate-")
	}
	name, err := filepath.Abs(name)
	return name, cmp.Or(err, os.MkdirAll(name, 0o700))
}
