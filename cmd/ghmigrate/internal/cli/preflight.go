package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/locks"
	"github.com/ghmigrate/ghmigrate/export"
)

// A preflightResult is what --json prints.
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
	Locked           []string  `json:"locked"`
}

func (a *app) preflight() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "preflight [flags]",
		Short: "Check whether an export would succeed, and list locks",
		Long: `Preflight sends a few requests that change nothing, and prints what would keep an
export from succeeding and how to mend it: the token, its scopes, the role of its
owner, single sign-on. With --out it puts a small object into the bucket, too. Exit status 1 means that an export would fail.`,
		Example: "  ghmigrate preflight --org octo-org --out \"s3://octo-backups?region=eu-central-1\"",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			acct, err := a.account(ctx)
			if err != nil {
				return err
			}
			var store export.Store
			if out != "" {
				place, err := backups.Open(ctx, out)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, place.Close()) }()
				if err := place.Check(ctx); err != nil {
					return err
				}
				store = place.Store()
			}
			asking := locks.Ask(acct)
			report, err := export.Preflight(ctx, asking, store)
			if err != nil {
				return err
			}
			locked := map[string]int64{}
			if report.OK() {
				if locked, err = asking.Locked(ctx); err != nil && !errors.Is(err, ghmigrate.ErrNotFound) {
					return err
				}
			}
			return a.reportPreflight(report, slices.Sorted(maps.Keys(locked)), err == nil)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the `DIR` or the URL of a bucket of the export")
	return a.accountFlags(a.jsonFlag(cmd, "the findings"))
}

// reportPreflight prints the findings.
func (a *app) reportPreflight(r *export.Report, locked []string, lockedKnown bool) error {
	if kind := a.token.Kind(); kind != "" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s holds %s: GitHub's migrations need a personal access token (classic)", a.token.Source, kind))
	}
	if a.json {
		err := a.print("", preflightResult{
			r.OK(), r.Account, r.Login, a.token.Source, r.Scopes, r.Expires, r.Role, r.APIVersion, r.EnterpriseServer,
			append([]string{}, r.Problems...), append([]string{}, r.Warnings...), append([]string{}, locked...),
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
		if !lockedKnown {
			text.WriteString("locked: not known, because there is no GraphQL at this address\n")
		}
		if len(locked) > 0 {
			fmt.Fprintf(&text, "to unlock what no export needs any more: %s\n", a.again("unlock", "--all"))
		}
		if _, err := fmt.Fprintln(a.out, strings.TrimRight(text.String(), "\n")); err != nil {
			return err
		}
	}
	if !r.OK() {
		return errors.New("an export would fail")
	}
	a.show.Say("Nothing stands in the way of an export.")
	return nil
}
