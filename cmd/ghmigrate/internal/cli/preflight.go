package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/locks"
	"github.com/ghmigrate/ghmigrate/export"
)

// A preflightResult has the findings of preflight, as JSON.
type preflightResult struct {
	OK               bool      `json:"ok"`
	Account          string    `json:"account"`
	Login            string    `json:"login"`
	TokenFrom        string    `json:"token_from"`
	Scopes           []string  `json:"scopes"`
	Expires          time.Time `json:"expires,omitzero"`
	Role             string    `json:"role,omitempty"`
	APIVersion       string    `json:"api_version"`
	EnterpriseServer string    `json:"enterprise_server,omitempty"`
	Problems         []string  `json:"problems"`
	Warnings         []string  `json:"warnings"`
	Locked           []string  `json:"locked"` // null if not known
}

func (a *app) preflight() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "preflight [flags]",
		Short: "Check whether an export would succeed, and list locks",
		Long: `Preflight checks whether an export would succeed: the token, its scopes, the role of
its owner, single sign-on. It changes nothing at GitHub. It prints each problem and
how to fix it. Then it lists the repositories that migrations have locked; this takes
a request for each repository that may be locked. If GraphQL refuses, preflight warns
that the locks are not known. With --out, it also writes a small object into the
bucket, or a file into the folder, which it removes. Exit status 1 means that an
export would fail.`,
		Example: "  ghmigrate preflight --org octo-org --out \"s3://octo-backups?region=eu-central-1\"",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			acct, err := a.account(ctx)
			if err != nil {
				return err
			}
			var place *backups.Place
			var store export.Store
			if out != "" {
				if place, err = backups.Open(ctx, out); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, place.Close()) }()
				if err := place.Check(ctx); err != nil {
					return err
				}
				store = place.Store()
			}
			checker := locks.New(acct)
			report, err := export.Preflight(ctx, checker, store)
			if err != nil {
				return err
			}
			if place != nil && report.OK() {
				name, err := accountPath(ctx, acct)
				if err == nil {
					err = place.CheckFolder(name)
				}
				if err != nil {
					report.Problems = append(report.Problems, err.Error())
				}
			}
			var names []string // nil if not known
			if report.OK() {
				locked, err := checker.Locked(ctx)
				switch {
				case err == nil:
					names = slices.AppendSeq([]string{}, maps.Keys(locked))
					slices.Sort(names)
				case ctx.Err() != nil:
					return err
				case errors.Is(err, locks.ErrUnknown):
					report.Warnings = append(report.Warnings, locks.ErrUnknown.Error())
				default:
					report.Warnings = append(report.Warnings, fmt.Sprintf("the locked repositories are not known: %v", err))
				}
			}
			return a.reportPreflight(report, names)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "check the `DIR` or the URL of the bucket that the export will use")
	return a.accountFlags(a.jsonFlag(cmd, "the findings"))
}

// reportPreflight prints the findings. Locked is nil if not known.
func (a *app) reportPreflight(r *export.Report, locked []string) error {
	if warning := a.tokenWarning(); warning != "" {
		r.Warnings = append(r.Warnings, warning)
	}
	if a.json {
		err := a.print("", preflightResult{
			r.OK(), r.Account, r.Login, a.token.Source, append([]string{}, r.Scopes...), r.Expires, r.Role, r.APIVersion, r.EnterpriseServer,
			append([]string{}, r.Problems...), append([]string{}, r.Warnings...), locked,
		})
		if err != nil {
			return err
		}
	} else {
		var text strings.Builder
		fmt.Fprintf(&text, "token from: %s\n%s", a.token.Source, r)
		for _, name := range locked {
			fmt.Fprintf(&text, "locked: %s\n", name)
		}
		if locked == nil && r.OK() {
			text.WriteString("locked: not known, see the warning\n")
		}
		if len(locked) > 0 {
			fmt.Fprintf(&text, "to unlock them when no export needs the locks: %s\n", a.commandLine("unlock", "--all"))
		}
		if _, err := fmt.Fprintln(a.out, strings.TrimRight(text.String(), "\n")); err != nil {
			return err
		}
	}
	if !r.OK() {
		return errors.New("an export would fail")
	}
	a.show.Say("no problems found: an export can start")
	return nil
}
