// Export starts an export on a Temporal server, follows it, or cancels it. Workers
// perform it: see the program worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/ghmigrate/ghmigrate/temporal/cmd/internal/cli"
)

// The exit status of the program.
const (
	statusDone = iota
	statusFailed
	statusMisused
	statusUnfinished
)

const introduction = `Usage: export [--org NAME]... [flags]

Export exports organizations into the bucket of the workers: all repositories, or only the
repositories of --repos. Without --org, it exports the repositories of the token's owner.

The first Ctrl-C cancels the export: the program waits until all locks are released. The
second Ctrl-C ends the program, and the workers go on.

Standard output gets the summary as JSON. Exit status: 0 every repository is in an archive;
1 the export failed, or repositories are missing; 2 wrong usage; 3 not finished.

` + cli.Environment

func main() {
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "export: %v\nThe flag --help prints the usage.\n", err)
		os.Exit(statusMisused)
	}
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt) // SIGTERM ends the program and not the export
	status, err := run(context.Background(), o, interrupts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
	}
	os.Exit(status)
}

// run does what the flags say, and returns the exit status.
func run(ctx context.Context, o *options, interrupts <-chan os.Signal) (status int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	conn, err := o.Dial(ctx, client.Options{Logger: sdklog.NewStructuredLogger(log)})
	if err != nil {
		return statusFailed, err
	}
	defer conn.Close()
	f := &follower{Client: conn, id: o.id, out: os.Stdout, errw: os.Stderr}
	switch {
	case o.cancel:
		if err := conn.CancelWorkflow(ctx, o.id, ""); err != nil {
			return statusFailed, fmt.Errorf("cancel %s: %w", o.id, err)
		}
		f.say("%s: canceling", o.id)
	case !o.attach:
		if err := o.start(ctx, conn); err != nil {
			return statusFailed, err
		}
		f.say("%s: started", o.id)
	}
	if o.detach {
		return statusDone, nil
	}
	return f.follow(ctx, interrupts)
}
