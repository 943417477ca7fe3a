package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
)

// explain prints an error and a way out, and returns the exit status.
func (a *app) explain(cmd *cobra.Command, err error) int {
	status, advice := statusFailed, a.advice(err)
	if s, ok := errors.AsType[statusError](err); ok {
		status = s.status
		advice = append([]string{s.advice}, advice...)
	}
	switch _, isMisuse := errors.AsType[misuse](err); {
	case isMisuse || errors.Is(err, backups.ErrPlace):
		status = statusMisused
		advice = append(advice, fmt.Sprintf("Run %s --help for help.", cmd.CommandPath()))
	case errors.Is(err, context.Canceled):
		status = statusUnfinished
	}
	a.complain(err.Error(), advice...)
	return status
}

// complain prints an error, whatever the progress is.
func (a *app) complain(message string, advice ...string) {
	a.show.End()
	advice = trim(advice)
	if a.log != nil && a.logFormat == "json" {
		a.log.Error(message, "advice", strings.Join(advice, " "))
		return
	}
	fmt.Fprintf(a.errw, "ghmigrate: %s\n", message)
	for _, line := range advice {
		fmt.Fprintln(a.errw, line)
	}
}

// trim leaves out empty lines.
func trim(lines []string) []string {
	var all []string
	for _, line := range lines {
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

// advice says what mends an error.
func (a *app) advice(err error) (lines []string) {
	refusal, refused := errors.AsType[*ghmigrate.APIError](err)
	switch {
	case errors.Is(err, ghmigrate.ErrSSORequired) && refused && refusal.SSOURL != "":
		return []string{"Authorize the token for single sign-on: " + refusal.SSOURL}
	case errors.Is(err, ghmigrate.ErrUnauthorized):
		return []string{fmt.Sprintf("Check the token: it came from %s.", a.token.Source)}
	case errors.Is(err, ghmigrate.ErrRateLimited) && refused:
		return []string{fmt.Sprintf("Try again in %s.", refusal.RetryAfter.Round(time.Second))}
	case errors.Is(err, ghmigrate.ErrArchiveNotReady):
		return []string{"Wait for the export first: " + a.again("wait", "ID")}
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		return []string{"GitHub deletes archives after seven days. Start a new export: " + a.again("start", "REPOSITORY…")}
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		return []string{"GitHub gives no reason. Size is the usual one: try with fewer repositories, then with --exclude-releases, then with --exclude-attachments."}
	case errors.Is(err, export.ErrInUse), errors.Is(err, ghmigrate.ErrInUse):
		return []string{"Another process is at work there. Wait for its end."}
	case errors.Is(err, export.ErrDamaged):
		return []string{"To begin anew, move that folder away, and unlock the repositories that it has locked: " + a.again("unlock", "--all")}
	case strings.Contains(err.Error(), "DeleteArchives: GitHub Enterprise Server"):
		return []string{"Add --keep: the server deletes the archives by itself."}
	case strings.Contains(err.Error(), "LockRepositories: GitHub Enterprise Server"):
		return []string{"Leave out --lock."}
	case errors.Is(err, export.ErrUnfinished):
		return []string{"Finish that run with the flags that it was begun with, or give another --out."}
	case refused && refusal.StatusCode < 500:
		if kind := a.token.Kind(); kind != "" {
			lines = append(lines, fmt.Sprintf("%s holds %s. GitHub's migrations need a personal access token (classic).", a.token.Source, kind))
		}
		if errors.Is(err, ghmigrate.ErrNotFound) {
			lines = append(lines, "Check the name or the ID. GitHub says the same of what the token may not see.")
		}
		return append(lines, "To see whether the token is the reason: "+a.again("preflight"))
	}
	return nil
}
