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

// A Token is a token and where it comes from.
type Token struct {
	Value  string
	Source string // such as "GH_TOKEN"
}

// FindToken returns the token for the target from the environment.
func FindToken(target Target, getenv func(string) string) (Token, error) {
	var refused []string
	for _, v := range variables(target.Name) {
		switch value := getenv(v); {
		case value == "":
		case belongs(v, target.Name, getenv) == "":
			return Token{value, v}, nil
		default:
			refused = append(refused, fmt.Sprintf("%s is not used: it is for %s", v, belongs(v, target.Name, getenv)))
		}
	}
	return Token{}, missing(target, refused, getenv)
}

// variables returns the variables that may have a token for a host, in gh's order.
func variables(name string) []string {
	if isCloud(name) {
		return []string{"GH_TOKEN", "GITHUB_TOKEN"}
	}
	return []string{"GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITHUB_TOKEN"}
}

// belongs returns the host that a variable's token is for; empty if that is the
// target.
func belongs(variable, target string, getenv func(string) string) string {
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

// missing says which variable would have the token, and why others have not.
func missing(target Target, refused []string, getenv func(string) string) error {
	if !isCloud(target.Name) && getenv("GH_TOKEN") != "" {
		refused = append(refused, "GH_TOKEN is not used: it is for "+dotcom+" and *.ghe.com")
	}
	if isCloud(target.Name) {
		for _, v := range []string{"GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"} {
			if getenv(v) != "" {
				refused = append(refused, v+" is not used: it is for a GitHub Enterprise Server")
			}
		}
	}
	where := ""
	if target.Source != "" {
		where = " (" + target.Source + ")"
	}
	lines := append([]string{fmt.Sprintf("no token for %s%s: set %s to a personal access token (classic), or say --gh-auth to use that of gh",
		target.Name, where, variables(target.Name)[0])}, refused...)
	return errors.New(strings.Join(lines, "\n  "))
}

// GHToken asks gh for the token that it has stored for the target. Tokens in
// variables are hidden from gh: they may be for other hosts.
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

// Kind says what is wrong with the kind of a token; empty if nothing is known.
// GitHub's migration endpoints accept personal access tokens (classic) and tokens
// of OAuth apps.
func (t Token) Kind() string {
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
