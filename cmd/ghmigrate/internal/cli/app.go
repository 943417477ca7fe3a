// Package cli implements the command ghmigrate: its subcommands, their output, and
// their exit status.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/host"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/progress"
)

// The exit status of the program.
const (
	statusDone       = 0
	statusFailed     = 1
	statusMisused    = 2
	statusUnfinished = 3 // the next call continues
)

// An app is one call of the program.
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

	hideWarnings bool // of the client: the events of an export report retries
	token        host.Token
	target       host.Target
	parsed       bool // the command line has no mistake that prepare finds
	show         *progress.Show
	log          *slog.Logger // nil without --verbose and --log-format json
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
	case !a.parsed:
		err = misuse{err}
	}
	return a.explain(cmd, err)
}

// misuse marks an error of the command line, which has the exit status 2.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

func misused(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// exitError ends the program with a status. The reason is already printed.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// statusError adds an exit status and advice to an error.
type statusError struct {
	error
	status int
	advice string
}

func (e statusError) Unwrap() error { return e.error }

// prepare checks the flags that all commands share, and sets up progress and the
// log.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := errors.Join(checkEmpty(cmd), checkNumbers(cmd)); err != nil {
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
	switch {
	case a.verbose:
		level = slog.LevelDebug
	case a.quiet:
		level = slog.LevelError
	}
	switch opts := (&slog.HandlerOptions{Level: level}); {
	case a.logFormat == "json":
		a.log = slog.New(slog.NewJSONHandler(a.errw, opts))
	case a.verbose:
		a.log = slog.New(slog.NewTextHandler(a.errw, opts))
	}
	a.show = progress.New(a.errw, mode, a.log)
	a.parsed = true
	return nil
}

// print prints a line, or with --json the value.
func (a *app) print(line string, value any) error {
	if a.json {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(value); err != nil {
			return err
		}
		line = escapeControls(strings.TrimSuffix(b.String(), "\n"))
	}
	_, err := fmt.Fprintln(a.out, line)
	return err
}

// escapeControls escapes the control characters in JSON that package encoding/json leaves
// as they are: DEL, and U+0080 to U+009F, which control some terminals.
func escapeControls(line string) string {
	var b strings.Builder
	for _, r := range line {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// jsonFlag adds --json to a command that prints results.
func (a *app) jsonFlag(cmd *cobra.Command, what string) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print "+what+" as JSON, one object per line")
	return cmd
}
