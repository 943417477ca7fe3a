// Export starts an export on a Temporal server, follows it, and cancels it. Workers
// carry it out: see the program worker.
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

Export exports organizations into the bucket of the workers: all repositories, or those of
--repos. Without --org, it exports the repositories of the token's owner.

The first Ctrl-C cancels the export: the program waits until all locks are released. The
second Ctrl-C leaves that to the workers.

Standard output gets the summary as JSON. Exit status: 0 every repository is in an archive;
1 failed, or some are missing; 2 wrong usage; 3 not finished.

` + cli.Environment

func main() {
	p, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "export: %v\nRun export --help for help.\n", err)
		os.Exit(statusMisused)
	}
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt) // SIGTERM ends the program, and not the export
	status, err := run(context.Background(), p, interrupts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
	}
	os.Exit(status)
}

// run does what the flags say, and returns the exit status.
func run(ctx context.Context, p *plan, interrupts <-chan os.Signal) (status int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	conn, err := p.Dial(ctx, client.Options{Logger: sdklog.NewStructuredLogger(log)})
	if err != nil {
		return statusFailed, err
	}
	defer conn.Close()
	f := &follower{Client: conn, id: p.id, out: os.Stdout, errw: os.Stderr}
	switch {
	case p.cancel:
		if err := conn.CancelWorkflow(ctx, p.id, ""); err != nil {
			return statusFailed, fmt.Errorf("cancel %s: %w", p.id, err)
		}
		f.say("%s: canceling", p.id)
	case !p.attach:
		if err := p.start(ctx, conn); err != nil {
			return statusFailed, err
		}
		f.say("%s: started", p.id)
	}
	if p.detach {
		return statusDone, nil
	}
	return f.follow(ctx, interrupts)
}
