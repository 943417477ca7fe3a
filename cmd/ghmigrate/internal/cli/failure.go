package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
)

// explain prints an error and advice, and returns the exit status.
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

// complain prints an error and advice, in every progress mode.
func (a *app) complain(message string, advice ...string) {
	a.show.End()
	advice = slices.DeleteFunc(advice, func(line string) bool { return line == "" })
	if a.log != nil && a.logFormat == "json" {
		a.log.Error(message, "advice", strings.Join(advice, " "))
		return
	}
	fmt.Fprintf(a.errw, "ghmigrate: %s\n", message)
	for _, line := range advice {
		fmt.Fprintln(a.errw, line)
	}
}

// advice returns lines that say how to fix an error, or what to do next.
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
		return []string{"Wait for the export first: " + a.commandLine("wait", "ID")}
	case errors.Is(err, ghmigrate.ErrArchiveGone):
		return []string{"GitHub deletes archives after seven days. Start a new export: " + a.commandLine("start", "REPOSITORY…")}
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		return []string{"GitHub gives no reason. The usual one is size: try fewer repositories, then --exclude-releases, then --exclude-attachments."}
	case errors.Is(err, export.ErrInUse), errors.Is(err, ghmigrate.ErrInUse):
		return []string{"Another process is using it. Wait until that process ends."}
	case errors.Is(err, export.ErrDamaged):
		return []string{"To start over, move that folder away, and unlock the repositories of the run: " + a.commandLine("unlock", "--all")}
	case strings.Contains(err.Error(), "DeleteArchives: GitHub Enterprise Server"):
		return []string{"Add --keep: the server deletes the archives later."}
	case strings.Contains(err.Error(), "LockRepositories: GitHub Enterprise Server"):
		return []string{"Leave out --lock."}
	case errors.Is(err, export.ErrUnfinished):
		return []string{"Finish that run with its own flags, or use another --out."}
	case refused && refusal.StatusCode < 500:
		if warning := a.tokenWarning(); warning != "" {
			lines = append(lines, warning+".")
		}
		if errors.Is(err, ghmigrate.ErrNotFound) {
			lines = append(lines, "Check the name or the ID. GitHub also returns 404 if the token has no access.")
		}
		return append(lines, "To check the token: "+a.commandLine("preflight"))
	}
	return nil
}

// tokenWarning returns a warning if GitHub's migrations do not accept the kind of the
// token, otherwise "".
func (a *app) tokenWarning() string {
	kind := a.token.UnsupportedKind()
	if kind == "" {
		return ""
	}
	return fmt.Sprintf("%s holds %s: GitHub's migrations need a personal access token (classic)", a.token.Source, kind)
}
