// Command bench measures this library side by side with its peers, in one run
// and on one machine, and prints the tables of docs/measurements.md:
//
//	go run -C internal/bench .              # all of it: hours, and 9 GB of disk
//	go run -C internal/bench . -quick       # the aims of downloads: four minutes
//	go run -C internal/bench . -decoding    # seconds
//	go run -C internal/bench . -downloads -only 'a cut every.*/(curl|ghmigrate)' -size 1GiB -runs 1
//
// Downloads come from a server on the loopback interface, which is a process of
// its own and the same for all. This program does the rest of the work for the
// others. It asks the API for the archive's URL where a program cannot, and
// syncs the file where a program does not. Both count. Whether the right bytes
// came is looked at when the clock has stopped.
//
// With a first argument of serve, download or copy it is the server, this library,
// or a plain io.Copy, each in a process of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
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
	if child, ok := children[first(args)]; ok {
		return child(ctx, args[1:], stdin, stdout)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	about(stdout, o)
	if o.downloads {
		if err := measureDownloads(ctx, o, stdout, stderr); err != nil {
			return err
		}
	}
	if o.decoding {
		return measureDecoding(ctx, o, stdout)
	}
	return nil
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// children are what this program is besides, when it is run by itself.
var children = map[string]func(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error{
	"serve":    serve,
	"download": download,
	"copy":     plainCopy,
}

type options struct {
	downloads, decoding bool

	size    amount
	rate    amount
	latency time.Duration
	cut     amount
	runs    int
	quick   bool

	shortCut amount
	only     *regexp.Regexp
	dir      string
	fixture  string
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{size: 4 << 30, rate: 25e6, cut: 64e6, shortCut: 9e5}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.downloads, "downloads", false, "measure downloads (all, if nothing is chosen)")
	flags.BoolVar(&o.decoding, "decoding", false, "measure decoding and calls")
	flags.Var(&o.size, "size", "of the archive; half of it where a line is held to a rate or cut")
	flags.Var(&o.rate, "rate", "of one connection, in bytes a second, where it is held to one")
	flags.DurationVar(&o.latency, "latency", 80*time.Millisecond, "to the first byte of an answer, where there is one")
	flags.Var(&o.cut, "cut", "after how many bytes a connection is cut, where it is")
	flags.Var(&o.shortCut, "short-cut", "the same, where all connections are short")
	flags.BoolVar(&o.quick, "quick", false, "measure the aims of downloads alone, in four minutes and 2 GB")
	flags.IntVar(&o.runs, "runs", 5, "of each program, of which the median counts; 3 with -quick")
	only := flags.String("only", "", "a regular `expression` for the line/program to measure")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "where to write; nothing is left there")
	flags.StringVar(&o.fixture, "fixture", "../../testdata/get-status-for-org.json", "a migration, as GitHub sends one")
	err := flags.Parse(args)
	if err != nil {
		return o, err
	}
	if o.quick {
		given := map[string]bool{}
		flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		if !given["size"] {
			o.size = 2 << 30
		}
		if !given["runs"] {
			o.runs = 3
		}
		o.downloads = true
	}
	if !o.downloads && !o.decoding {
		o.downloads, o.decoding = true, true
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.runs < 1 || o.size < 4 || o.rate < 1 || o.cut < 1 {
		return o, fmt.Errorf("want no arguments but flags, and positive numbers: %q", args)
	}
	return o, nil
}

// about says what was measured where.
func about(w io.Writer, o options) {
	_, _ = fmt.Fprintf(w, "Median of %d, in turns, on %d cores, %s/%s, %s", o.runs, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if o.downloads {
		for _, tool := range []string{"curl", "aria2c"} {
			_, _ = fmt.Fprintf(w, ", %s", toolVersion(tool))
		}
	}
	if o.decoding {
		_, _ = fmt.Fprintf(w, ", go-github %s", moduleVersion("google/go-github"))
	}
	_, _ = fmt.Fprint(w, ".\n")
}

func moduleVersion(name string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if strings.Contains(module.Path, name) {
			return module.Version
		}
	}
	return ""
}
