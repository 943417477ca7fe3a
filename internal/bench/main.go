// Command bench compares downloads of this library with curl and aria2c, in one
// run and on one machine, and prints the first table of docs/measurements.md:
//
//	go run -C internal/bench .                                  # four minutes, 4 GB of disk
//	go run -C internal/bench . -only 'a cut every.*/(curl|ghmigrate)'
//
// The benchmarks of this package compare calls with go-github:
//
//	go test -C internal/bench -run '^$' -bench .
//
// A server on the loopback interface, in a process of its own, sends the
// archives. This command requests the signed URL for a program that cannot ask the
// API, and syncs the file of a program that does not. The time for this counts. The
// content of the file is checked after the clock has stopped.
//
// With the first argument serve or download, the command is the server, or one
// download by this library.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"

	"github.com/ghmigrate/ghmigrate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == "serve":
		return serve(ctx, args[1:], stdin, stdout)
	case len(args) > 0 && args[0] == "download":
		return download(ctx, args[1:], stdout)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return measureAims(ctx, o, stdout, stderr)
}

// options choose the measurements.
type options struct {
	size int64          // bytes of the largest archive
	runs int            // of each program on a fast line
	only *regexp.Regexp // the line/program to measure
}

func parse(args []string, stderr io.Writer) (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	mib := flags.Int64("size", 2048, "the size of the largest archive, in `MiB`")
	runs := flags.Int("runs", 3, "runs of each program, of which the median counts; slow lines run once")
	only := flags.String("only", "", "a regular `expression` for the line/program to measure")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 || *runs < 1 || *mib < 1 || *mib > 1<<20 {
		return options{}, fmt.Errorf("want no arguments but flags, a positive number of runs and a size of at most a TiB: %q", args)
	}
	return options{size: *mib << 20, runs: *runs, only: pattern}, nil
}

// printSetup prints the machine and the versions of the programs.
func printSetup(w io.Writer, runs int) {
	_, _ = fmt.Fprintf(w, "Median of %d, in turns, on %d cores, %s/%s, %s, %s, %s.\n", runs, runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), toolVersion("curl"), toolVersion("aria2c"))
}

const (
	organization = "octo-org"
	migration    = 79
)

// download downloads the archive with this library, and prints the result. The
// arguments are BASE-URL PATH CONCURRENCY.
func download(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("want a base URL, a path and a number: %q", args)
	}
	concurrency, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	client, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(args[0]), ghmigrate.WithToken("made-up"))
	if err != nil {
		return err
	}
	result, err := client.OrgMigrations.DownloadArchive(ctx, organization, migration, args[1], &ghmigrate.DownloadOptions{Concurrency: concurrency})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}
