package cli

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/backups"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/table"
)

// A selection has the flags that select the repositories to export.
type selection struct {
	all          bool
	repos        []string
	skip         []string // patterns, or @FILE
	skipArchived bool
	skipForks    bool
	visibility   []string
	changedSince string

	patterns []string  // of skip and its files
	since    time.Time // of changedSince
}

func (s *selection) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&s.all, "all", false, "export all repositories of the account")
	flags.Var((*nameList)(&s.repos), "repos", "export these `REPOSITORIES`, separated by commas or line ends; repeatable")
	flags.StringArrayVar(&s.skip, "skip", nil, "skip repositories that match `PATTERN`, such as 'tmp-*'; @FILE has a pattern in each line; repeatable")
	flags.BoolVar(&s.skipArchived, "skip-archived", false, "skip archived repositories")
	flags.BoolVar(&s.skipForks, "skip-forks", false, "skip forks")
	flags.Var((*nameList)(&s.visibility), "visibility", "export only repositories of this `KIND`: public, private or internal; repeatable")
	flags.StringVar(&s.changedSince, "changed-since", "", "export only repositories with a push since `TIME`: 2026-11-01, 36h or 7d. "+
		"New issues and comments do not count as a change: export everything from time to time")
}

// check rejects flags that do not fit each other, parses the values, and reads the
// files of patterns.
func (s *selection) check(now time.Time) error {
	switch {
	case s.all && len(s.repos) > 0:
		return misused("--all and --repos exclude each other")
	case !s.all && len(s.repos) == 0:
		return misused("no repositories are selected: use --all or --repos")
	case !s.all && (s.skipArchived || s.skipForks || len(s.visibility) > 0 || s.changedSince != "" || len(s.skip) > 0):
		return misused("--skip, --skip-archived, --skip-forks, --visibility and --changed-since need --all")
	}
	for _, kind := range s.visibility {
		if !slices.Contains([]string{"public", "private", "internal"}, kind) {
			return misused("--visibility is %q: want public, private or internal", kind)
		}
	}
	for _, pattern := range s.skip {
		if err := s.addPattern(pattern); err != nil {
			return err
		}
	}
	if s.changedSince == "" {
		return nil
	}
	since, err := parseSince(s.changedSince, now)
	s.since = since
	return err
}

func (s *selection) addPattern(pattern string) error {
	lines := []string{pattern}
	if name, isFile := strings.CutPrefix(pattern, "@"); isFile {
		data, err := os.ReadFile(name)
		if err != nil {
			return misused("--skip: %w", err)
		}
		lines = strings.Split(string(data), "\n")
	}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := path.Match(line, ""); err != nil {
			return misused("--skip: %q is not a pattern: %w", line, err)
		}
		s.patterns = append(s.patterns, line)
	}
	return nil
}

// parseSince parses a date, a time, or a duration before now.
func parseSince(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, misused("--changed-since is %q: want a date such as 2026-11-01, or a duration such as 36h or 7d", text)
}

// A skipped repository, as JSON.
type skipped struct {
	Repository string `json:"repository"`
	Reason     string `json:"reason"`
}

// skipReason returns why a repository is skipped, or "" if it is exported.
func (s *selection) skipReason(repo *ghmigrate.Repository) string {
	switch {
	case backups.MatchAny(s.patterns, repo.FullName):
		return "--skip"
	case s.skipArchived && repo.Archived:
		return "archived"
	case s.skipForks && repo.Fork:
		return "fork"
	case len(s.visibility) > 0 && !slices.Contains(s.visibility, visibility(repo)):
		return visibility(repo)
	case !s.since.IsZero() && repo.PushedAt.Before(s.since):
		return "not changed"
	}
	return ""
}

// visibility returns the visibility of a repository. Older servers send only Private.
func visibility(repo *ghmigrate.Repository) string {
	switch {
	case repo.Visibility != "":
		return repo.Visibility
	case repo.Private:
		return "private"
	}
	return "public"
}

// names returns the repositories to export, and the skipped repositories.
func (s *selection) names(ctx context.Context, a *app, acct export.Account) (names []string, skips []skipped, err error) {
	if !s.all {
		names, err = a.repositoryNames(s.repos)
		return names, nil, err
	}
	names = []string{}
	for repo, err := range export.Repositories(ctx, acct) {
		if err != nil {
			return nil, nil, fmt.Errorf("list the repositories: %w", err)
		}
		if reason := s.skipReason(repo); reason != "" {
			skips = append(skips, skipped{repo.FullName, reason})
			continue
		}
		names = append(names, repo.FullName)
	}
	if len(names)+len(skips) == 0 {
		return nil, nil, fmt.Errorf("%s has no repositories that the token can see", acct)
	}
	return names, skips, nil
}

// saySkips prints how many repositories are skipped for each reason.
func (a *app) saySkips(skips []skipped) {
	if len(skips) == 0 {
		return
	}
	counts := map[string]int{}
	var reasons []string
	for _, s := range skips {
		if counts[s.Reason]++; counts[s.Reason] == 1 {
			reasons = append(reasons, s.Reason)
		}
	}
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", counts[reason], reason)
	}
	a.show.Say("skipping %s: %s", table.Plural(len(skips), "repository"), strings.Join(reasons, ", "))
}
