package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A Token is a token and its source.
type Token struct {
	Value  string
	Source string // such as "GH_TOKEN"
}

// FindToken returns the token for the target from the environment.
func FindToken(target Target, getenv func(string) string) (Token, error) {
	var skipped []string
	for _, v := range variables(target.Name) {
		switch value := getenv(v); {
		case value == "":
		case otherHost(v, target.Name, getenv) == "":
			return Token{value, v}, nil
		default:
			skipped = append(skipped, fmt.Sprintf("%s is not used: it is for %s", v, otherHost(v, target.Name, getenv)))
		}
	}
	return Token{}, noToken(target, skipped, getenv)
}

// variables returns the variables that may have a token for a host, in gh's order.
func variables(name string) []string {
	if isCloud(name) {
		return []string{"GH_TOKEN", "GITHUB_TOKEN"}
	}
	return []string{"GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITHUB_TOKEN"}
}

// otherHost returns the host that a variable's token belongs to, or "" if the token
// may go to the target.
func otherHost(variable, target string, getenv func(string) string) string {
	api, hasAPI := nameOf(getenv("GITHUB_API_URL"))
	host := getenv("GH_HOST")
	switch {
	case variable == "GITHUB_TOKEN" && hasAPI && api != target:
		return api + " (GITHUB_API_URL)"
	case variable == "GITHUB_TOKEN" && hasAPI:
		return ""
	case variable == "GITHUB_TOKEN" && !isCloud(target):
		return dotcom + " and *.ghe.com"
	case host != "" && isCloud(normalize(host)) == isCloud(target) && normalize(host) != target:
		return normalize(host) + " (GH_HOST)"
	}
	return ""
}

// noToken returns the error for a target without a token. It names the variable to
// set, and says why other variables are not used.
func noToken(target Target, skipped []string, getenv func(string) string) error {
	if !isCloud(target.Name) && getenv("GH_TOKEN") != "" {
		skipped = append(skipped, "GH_TOKEN is not used: it is for "+dotcom+" and *.ghe.com")
	}
	if isCloud(target.Name) {
		for _, v := range []string{"GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"} {
			if getenv(v) != "" {
				skipped = append(skipped, v+" is not used: it is for a GitHub Enterprise Server")
			}
		}
	}
	where := ""
	if target.Source != "" {
		where = " (" + target.Source + ")"
	}
	lines := append([]string{fmt.Sprintf("no token for %s%s: set %s to a personal access token (classic), or use --gh-auth for the token of gh",
		target.Name, where, variables(target.Name)[0])}, skipped...)
	return errors.New(strings.Join(lines, "\n  "))
}

// GHToken returns the token that gh has stored for the target. It hides variables with
// tokens from gh, because they may belong to other hosts.
func GHToken(ctx context.Context, target Target) (Token, error) {
	cmd := exec.CommandContext(ctx, "gh", "auth", "token", "--hostname", target.Name) //nolint:gosec // no shell: the name is one argument
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch strings.ToUpper(name) {
		case "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN":
		default:
			cmd.Env = append(cmd.Env, v)
		}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	token := strings.TrimSpace(string(out))
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return Token{}, errors.New("--gh-auth needs gh, which is not installed: see https://cli.github.com")
	case err != nil:
		reason := strings.TrimSpace(stderr.String())
		if reason == "" {
			reason = err.Error()
		}
		return Token{}, fmt.Errorf("gh has no token for %s: %s", target.Name, strings.ReplaceAll(reason, "\n", "; "))
	case token == "":
		return Token{}, fmt.Errorf("gh has no token for %s: run gh auth login --hostname %s", target.Name, target.Name)
	}
	return Token{token, "gh auth token"}, nil
}

// UnsupportedKind describes the kind of a token that GitHub's migration endpoints do
// not accept. It is empty for other tokens: personal access tokens (classic) and
// tokens of OAuth apps.
func (t Token) UnsupportedKind() string {
	for prefix, kind := range map[string]string{
		"github_pat_": "a fine-grained personal access token",
		"ghs_":        "an installation token, such as GitHub Actions gives to a job",
		"ghu_":        "a user token of a GitHub App",
	} {
		if strings.HasPrefix(t.Value, prefix) {
			return kind
		}
	}
	return ""
}
