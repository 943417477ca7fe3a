// Package cli is the command ghmigrate: its subcommands, what they print, and
// their exit status.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/host"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/progress"
)

// The exit status of the program.
const (
	statusDone       = 0
	statusFailed     = 1 // running the command again begins anew
	statusMisused    = 2
	statusUnfinished = 3 // running the command again goes on
)

// An app is one run of the program.
type app struct {
	out, errw io.Writer
	in        io.Reader
	getenv    func(string) string

	json         bool
	quiet        bool
	verbose      bool
	logFormat    string
	progressMode string
	choice       host.Choice
	ghAuth       bool
	org          string
	pollInterval time.Duration

	eventsTell bool       // what is tried again: the client's log would repeat it
	token      host.Token // that was found
	target     host.Target
	started    bool // the command line made sense
	show       *progress.Show
	log        *slog.Logger // nil unless a log was asked for
}

// Run runs the program and returns its exit status. Results go to out, and
// everything else to errw.
func Run(ctx context.Context, args []string, out, errw io.Writer) int {
	a := &app{in: os.Stdin, out: out, errw: errw, getenv: os.Getenv, show: progress.New(errw, progress.None, nil)}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errw)
	cmd, err := root.ExecuteContextC(ctx)
	a.show.End()
	var exit exitError
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &exit):
		return int(exit)
	case !a.started:
		err = misuse{err}
	}
	return a.explain(cmd, err)
}

// misuse is an error of the command line.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

func misused(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// exitError ends the program with a status; everything is said already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// statusError gives an error the status of the program, and advice.
type statusError struct {
	error
	status int
	advice string
}

func (w statusError) Unwrap() error { return w.error }

// prepare makes ready what all commands use.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := checkEmpty(cmd); err != nil {
		return err
	}
	switch a.logFormat {
	case "text", "json":
	default:
		return misused("--log-format is %q: want text or json", a.logFormat)
	}
	mode := progress.Mode(a.progressMode)
	switch mode {
	case progress.Auto, progress.Bars, progress.Lines, progress.None:
	default:
		return misused("--progress is %q: want auto, bars, lines or none", a.progressMode)
	}
	if a.quiet && a.verbose {
		return misused("--quiet and --verbose exclude each other")
	}
	if a.quiet {
		mode = progress.None
	}
	level := slog.LevelInfo
	if a.verbose {
		level = slog.LevelDebug
	}
	switch opts := (&slog.HandlerOptions{Level: level}); {
	case a.logFormat == "json":
		a.log = slog.New(slog.NewJSONHandler(a.errw, opts))
	case a.verbose:
		a.log = slog.New(slog.NewTextHandler(a.errw, opts))
	}
	a.show = progress.New(a.errw, mode, a.log)
	a.started = true
	return nil
}

// print prints a line, or a value as JSON if --json is given.
func (a *app) print(line string, value any) error {
	if !a.json {
		_, err := fmt.Fprintln(a.out, line)
		return err
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

// jsonFlag adds --json to a command that prints results.
func (a *app) jsonFlag(cmd *cobra.Command, what string) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print "+what+" as JSON, one object a line")
	return cmd
}
