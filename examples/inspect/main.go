// Inspect tells what is in a migration archive, and whether it is whole.
// Without an archive it makes one, with a fake GitHub that it brings along.
//
// Its exit status is 0 if the archive has no fault, 2 if what was asked for
// makes no sense, and 1 otherwise.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = `Inspect tells what is in a migration archive, and whether it is whole.

  inspect [flags] [FILE]

Without a FILE it inspects an archive of the git checkout around the working
directory, exported from a fake GitHub in this process.

  -json           print JSON instead of text, as described below
  -extract DIR    unpack the archive into DIR, too
  -sha256 HEX     what the SHA-256 of the archive has to be

The keys of the JSON stay as they are; later versions may add some. Sizes are
in bytes.

  file         the archive
  extracted    the folder of -extract, absolute
  summary      as archive.Summary of the SDK has it: sha256, size, unpacked,
               entries, schema, records by type, unknown, repositories,
               dangling (references to records that are not there, by type)
  bytes        unpacked, by what they belong to: git, attachments,
               repository_files, release_assets, records, other
  people       who is in it, those first who wrote most: url, login, name, and
               how many issues, pull_requests, comments, reviews and others
               (releases, discussions) they wrote, with text, the bytes of it;
               known is false if the archive has no record of the account,
               url is null for all accounts that are gone
  attachments  the ten largest: name, size, content_type, url, path (in the
               archive), parent (the URL of what it is attached to)
  faults       entry, offset (-1 if it has none) and error of each
  more_faults  how many more there are

Exit status: 0 if there are no faults, 2 if the flags make no sense, 1 otherwise.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: what is in the archive goes to stdout, all else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fail := func(status int, err error, advice string) int {
		fmt.Fprintf(stderr, "inspect: %v\n%s", err, advice)
		return status
	}
	opts, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil {
		return fail(2, err, "Run it with -h for help.\n")
	}
	demo := opts.file == ""
	if demo {
		dir, err := os.MkdirTemp("", "ghmigrate-")
		if err != nil {
			return fail(1, err, "")
		}
		defer func() { _ = os.RemoveAll(dir) }()
		opts.file = filepath.Join(dir, "octo-org.tar.gz")
		if err := export(ctx, opts.file, stderr); err != nil {
			return fail(1, err, "")
		}
	}
	r, err := inspect(ctx, opts)
	if err != nil {
		return fail(1, err, "")
	}
	if demo {
		r.File = filepath.Base(r.File) // its folder does not stay
	}
	if opts.json {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		err = r.write(stdout)
	}
	if err != nil {
		return fail(1, err, "")
	}
	if len(r.Faults) > 0 {
		return 1
	}
	return 0
}

// options are what the command line says.
type options struct {
	file    string // empty: one is made
	json    bool
	extract string // absolute; empty: nothing is unpacked
	sha256  string
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("inspect", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&o.json, "json", false, "")
	fs.StringVar(&o.extract, "extract", "", "")
	fs.StringVar(&o.sha256, "sha256", "", "")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	var err error
	fs.Visit(func(f *flag.Flag) {
		if f.Value.String() == "" { // an unset variable of a script
			err = fmt.Errorf("-%s is empty", f.Name)
		}
	})
	if err != nil {
		return o, err
	}
	if sum, err := hex.DecodeString(o.sha256); err != nil || o.sha256 != "" && len(sum) != 32 {
		return o, fmt.Errorf("-sha256 is %q: want 64 hexadecimal digits", o.sha256)
	}
	if o.extract != "" {
		if o.extract, err = filepath.Abs(o.extract); err != nil {
			return o, err
		}
	}
	switch o.file = fs.Arg(0); {
	case fs.NArg() > 1:
		return o, fmt.Errorf("unexpected argument %q: flags come before the one FILE", fs.Arg(1))
	case fs.NArg() == 1 && o.file == "":
		return o, errors.New("the name of the archive is empty")
	case fs.NArg() == 0 && o.sha256 != "":
		return o, errors.New("-sha256 is given, but no archive")
	}
	return o, nil
}
