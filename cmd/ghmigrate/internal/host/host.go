// Package host decides which GitHub the command talks to, and with which token.
// It follows the rules of gh, and is stricter in one point: a token goes to the
// host that it is meant for, and to no other.
//
// # Hosts
//
// The first of these names the host:
//
//	--host, --base-url
//	GH_HOST
//	GITHUB_API_URL     as GitHub Actions sets it
//	github.com
//
// # Tokens
//
// The first of these variables that is set has the token:
//
//	github.com, *.ghe.com        GH_TOKEN, GITHUB_TOKEN
//	GitHub Enterprise Server     GH_ENTERPRISE_TOKEN, GITHUB_ENTERPRISE_TOKEN, GITHUB_TOKEN
//
// GITHUB_TOKEN belongs to the host of GITHUB_API_URL if that is set, and else to
// github.com and *.ghe.com. The other variables belong to GH_HOST if that names a
// host of their kind, and else to every host of their kind. A variable that
// belongs to another host is not used, and the error says so.
package host

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

const dotcom = "github.com"

// A Choice is what the command line says about the host.
type Choice struct {
	Host    string // such as "ghes.example.com"; empty: not given
	BaseURL string // of the API; empty: not given
}

// A Target is the GitHub to talk to.
type Target struct {
	Name    string // as gh names it: "github.com", "octocorp.ghe.com", "ghes.example.com"
	BaseURL string // of the API; empty if Name tells it
	Source  string // what has named it, such as "GH_HOST"; empty: nothing has
}

// Find returns the GitHub to talk to. Getenv is [os.Getenv].
func Find(choice Choice, getenv func(string) string) (Target, error) {
	switch {
	case choice.Host != "" && choice.BaseURL != "":
		return Target{}, fmt.Errorf("--host and --base-url exclude each other")
	case choice.Host != "":
		return named(choice.Host, "--host")
	case choice.BaseURL != "":
		return at(choice.BaseURL, "--base-url")
	case getenv("GH_HOST") != "":
		return named(getenv("GH_HOST"), "GH_HOST")
	case getenv("GITHUB_API_URL") != "":
		return at(getenv("GITHUB_API_URL"), "GITHUB_API_URL")
	}
	return Target{Name: dotcom}, nil
}

func named(host, source string) (Target, error) {
	if strings.Contains(host, "/") {
		return Target{}, fmt.Errorf("%s is not a bare name such as ghes.example.com: a whole URL goes to --base-url", source)
	}
	return Target{Name: normalize(host), Source: source}, nil
}

func at(rawURL, source string) (Target, error) {
	name, ok := nameOf(rawURL)
	if !ok { // the URL may hold a password
		return Target{}, fmt.Errorf("%s is not a URL such as https://ghes.example.com/api/v3", source)
	}
	if name == dotcom || isTenant(name) { // https://api.github.com and the like: the name says it
		if u, _ := url.Parse(rawURL); u.Scheme == "https" && strings.Trim(u.Path, "/") == "" && u.User == nil {
			return Target{Name: name, Source: source}, nil
		}
	}
	return Target{Name: name, BaseURL: rawURL, Source: source}, nil
}

// nameOf returns the name of the GitHub whose API is at a URL.
func nameOf(rawURL string) (string, bool) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return "", false
	}
	return normalize(u.Host), true
}

// normalize returns the name of a host as gh does: the name of the web site,
// not of the API.
func normalize(host string) string {
	host = strings.ToLower(host)
	if bare, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		host = bare
	}
	if host == "api."+dotcom || host == "www."+dotcom {
		return dotcom
	}
	if tenant, ok := strings.CutPrefix(host, "api."); ok && isTenant(tenant) {
		return tenant
	}
	return host
}

// isTenant reports whether a host is one of GHE.com.
func isTenant(name string) bool {
	tenant, ok := strings.CutSuffix(name, ".ghe.com")
	return ok && tenant != "" && !strings.Contains(tenant, ".")
}

// isCloud reports whether a host is GitHub.com or one of GHE.com.
func isCloud(name string) bool { return name == dotcom || isTenant(name) }
