// Package host chooses the host and the token of the command. The variables of gh have
// the order of gh. GITHUB_API_URL, and GITHUB_TOKEN for a GitHub Enterprise Server, are
// for GitHub Actions. Unlike with gh, a token goes only to the host that the token
// belongs to.
//
// # Hosts
//
// The host comes from the first of these that is set:
//
//	--host, --base-url
//	GH_HOST
//	GITHUB_API_URL     as GitHub Actions sets it
//	github.com
//
// # Tokens
//
// The token comes from the first of these variables that is set:
//
//	github.com, *.ghe.com        GH_TOKEN, GITHUB_TOKEN
//	GitHub Enterprise Server     GH_ENTERPRISE_TOKEN, GITHUB_ENTERPRISE_TOKEN, GITHUB_TOKEN
//
// GITHUB_TOKEN belongs to the host of GITHUB_API_URL if this variable is set, otherwise
// to github.com and *.ghe.com. The other variables belong to GH_HOST if GH_HOST names a
// host of their kind, otherwise to every host of their kind. FindToken skips variables
// that belong to another host; its error lists them.
package host

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

const dotcom = "github.com"

// A Choice has the flags that name the host.
type Choice struct {
	Host    string // such as "ghes.example.com"; empty if not set
	BaseURL string // of the API; empty if not set
}

// A Target is the GitHub that gets the requests.
type Target struct {
	Name    string // as gh names it: "github.com", "octocorp.ghe.com", "ghes.example.com"
	BaseURL string // of the API; empty if it follows from Name
	Source  string // flag or variable that names the host, such as "GH_HOST"; empty for the default
}

// Find returns the target of the flags, the environment, or the default. Getenv is
// [os.Getenv].
func Find(choice Choice, getenv func(string) string) (Target, error) {
	switch {
	case choice.Host != "" && choice.BaseURL != "":
		return Target{}, fmt.Errorf("--host and --base-url exclude each other")
	case choice.Host != "":
		return targetByName(choice.Host, "--host")
	case choice.BaseURL != "":
		return targetByURL(choice.BaseURL, "--base-url")
	case getenv("GH_HOST") != "":
		return targetByName(getenv("GH_HOST"), "GH_HOST")
	case getenv("GITHUB_API_URL") != "":
		return targetByURL(getenv("GITHUB_API_URL"), "GITHUB_API_URL")
	}
	return Target{Name: dotcom}, nil
}

func targetByName(host, source string) (Target, error) {
	if strings.Contains(host, "/") {
		return Target{}, fmt.Errorf("%s is not a bare name such as ghes.example.com: use --base-url for a URL", source)
	}
	return Target{Name: normalize(host), Source: source}, nil
}

func targetByURL(rawURL, source string) (Target, error) {
	name, ok := nameOf(rawURL)
	if !ok { // the error leaves out the URL, which may hold a password
		return Target{}, fmt.Errorf("%s is not a URL such as https://ghes.example.com/api/v3", source)
	}
	if name == dotcom || isTenant(name) { // the URL of the API follows from the name, unless it is unusual
		if u, _ := url.Parse(rawURL); u.Scheme == "https" && strings.Trim(u.Path, "/") == "" && u.User == nil {
			return Target{Name: name, Source: source}, nil
		}
	}
	return Target{Name: name, BaseURL: rawURL, Source: source}, nil
}

// nameOf returns the name of the host whose API has the URL.
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

// isTenant reports whether a host is below ghe.com.
func isTenant(name string) bool {
	tenant, ok := strings.CutSuffix(name, ".ghe.com")
	return ok && tenant != "" && !strings.Contains(tenant, ".")
}

// isCloud reports whether a host is github.com or below ghe.com.
func isCloud(name string) bool { return name == dotcom || isTenant(name) }
