// Worker performs the exports of a Temporal server: it sends requests to GitHub, and
// moves archives into a bucket. Run as many workers, on as many machines, as the
// transfers need.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/s3blob"    // s3://

	"github.com/ghmigrate/ghmigrate/temporal/cmd/internal/cli"
)

const introduction = `Usage: worker --bucket URL [flags]

Worker performs exports: see https://github.com/ghmigrate/ghmigrate/blob/main/docs/temporal.md

GITHUB_TOKEN is a personal access token (classic). GHMIGRATE_TOKEN_ACME_2 is the token for
orders that name the token "acme-2". GH_HOST or GITHUB_API_URL names a GitHub other than
github.com.

` + cli.Environment + `
On SIGTERM, the worker takes no new work and hands its transfers over to other workers.
`

// options are the flags of the program.
type options struct {
	cli.Connection
	queue     string
	bucket    string
	scratch   string
	requests  int
	transfers int
	metrics   string
	drain     time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(2)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, o, os.Getenv, log); err != nil {
		log.Error("worker failed", "error", err)
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("worker", flag.ContinueOnError)
	cli.Usage(flags, os.Stderr, introduction)
	o.Flags(flags)
	flags.StringVar(&o.queue, "queue", "ghmigrate", "`name` of the task queue; the task queue for transfers is NAME-transfers")
	flags.StringVar(&o.bucket, "bucket", "", "`URL` of the bucket for archives and manifests: s3://, azblob:// or file://")
	flags.StringVar(&o.scratch, "scratch", filepath.Join(os.TempDir(), "ghmigrate"), "`folder` for archives between download and upload; workers that share it resume each other's downloads")
	flags.IntVar(&o.requests, "requests", 20, "`number` of requests at the same time; 0: this worker only moves archives")
	flags.IntVar(&o.transfers, "transfers", 3, "`number` of archives at the same time; 0: this worker moves no archives")
	flags.StringVar(&o.metrics, "metrics", "", "`host:port` to serve /metrics for Prometheus, and /healthz")
	flags.DurationVar(&o.drain, "drain", 10*time.Second, "how long the worker waits for its activities after SIGTERM")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.bucket == "":
		return nil, errors.New("--bucket is missing")
	case o.requests < 0 || o.transfers < 0:
		return nil, errors.New("--requests and --transfers must not be negative")
	case o.requests+o.transfers == 0:
		return nil, errors.New("--requests 0 --transfers 0 leaves nothing to do")
	case o.drain <= 0:
		return nil, errors.New("--drain must be positive")
	}
	return o, nil
}
