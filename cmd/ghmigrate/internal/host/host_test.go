package host_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/host"
)

// env returns a getenv for variables such as "A=1 B=2".
func env(text string) func(string) string {
	set := map[string]string{}
	for pair := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(pair, "=")
		set[name] = value
	}
	return func(name string) string { return set[name] }
}

func TestWhichHost(t *testing.T) {
	for name, test := range map[string]struct {
		choice host.Choice
		env    string
		want   host.Target
	}{
		"nothing":             {want: host.Target{Name: "github.com"}},
		"--host":              {host.Choice{Host: "GHES.example.com"}, "", host.Target{Name: "ghes.example.com", Source: "--host"}},
		"--host, of the API":  {host.Choice{Host: "api.octocorp.ghe.com"}, "", host.Target{Name: "octocorp.ghe.com", Source: "--host"}},
		"--base-url":          {host.Choice{BaseURL: "https://ghes.example.com/api/v3"}, "", host.Target{Name: "ghes.example.com", BaseURL: "https://ghes.example.com/api/v3", Source: "--base-url"}},
		"--base-url, a port":  {host.Choice{BaseURL: "http://127.0.0.1:8080"}, "", host.Target{Name: "127.0.0.1:8080", BaseURL: "http://127.0.0.1:8080", Source: "--base-url"}},
		"GH_HOST":             {env: "GH_HOST=octocorp.ghe.com", want: host.Target{Name: "octocorp.ghe.com", Source: "GH_HOST"}},
		"GITHUB_API_URL":      {env: "GITHUB_API_URL=https://ghes.example.com/api/v3", want: host.Target{Name: "ghes.example.com", BaseURL: "https://ghes.example.com/api/v3", Source: "GITHUB_API_URL"}},
		"GitHub.com's":        {env: "GITHUB_API_URL=https://api.github.com", want: host.Target{Name: "github.com", Source: "GITHUB_API_URL"}},
		"GHE.com's":           {env: "GITHUB_API_URL=https://api.octocorp.ghe.com/", want: host.Target{Name: "octocorp.ghe.com", Source: "GITHUB_API_URL"}},
		"--host, GH_HOST":     {host.Choice{Host: "a.example.com"}, "GH_HOST=b.example.com", host.Target{Name: "a.example.com", Source: "--host"}},
		"--host, the API":     {host.Choice{Host: "github.com"}, "GITHUB_API_URL=https://b.example.com/api/v3", host.Target{Name: "github.com", Source: "--host"}},
		"--base-url, GH_HOST": {host.Choice{BaseURL: "https://a.example.com/api/v3"}, "GH_HOST=b.example.com", host.Target{Name: "a.example.com", BaseURL: "https://a.example.com/api/v3", Source: "--base-url"}},
		"GH_HOST, the API":    {env: "GH_HOST=a.example.com GITHUB_API_URL=https://api.github.com", want: host.Target{Name: "a.example.com", Source: "GH_HOST"}},
	} {
		t.Run(name, func(t *testing.T) {
			target, err := host.Find(test.choice, env(test.env))
			require.NoError(t, err)
			assert.Equal(t, test.want, target)
		})
	}
}

func TestInvalidHosts(t *testing.T) {
	for name, test := range map[string]struct {
		choice host.Choice
		env    string
		says   string
	}{
		"both flags":         {host.Choice{Host: "a", BaseURL: "https://a"}, "", "--host and --base-url exclude each other"},
		"a URL as a name":    {host.Choice{Host: "https://a.example.com"}, "", "--host is not a bare name"},
		"GH_HOST with a URL": {host.Choice{}, "GH_HOST=https://a.example.com", "GH_HOST is not a bare name"},
		"a name as a URL":    {host.Choice{BaseURL: "ghes.example.com"}, "", "--base-url is not a URL"},
		"an invalid URL":     {host.Choice{}, "GITHUB_API_URL=https://me:hunter2@%zz", "GITHUB_API_URL is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := host.Find(test.choice, env(test.env))
			require.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

const (
	cloud  = "GH_TOKEN=gh GITHUB_TOKEN=github "
	server = "GH_ENTERPRISE_TOKEN=ghe GITHUB_ENTERPRISE_TOKEN=githube "
)

// TestWhichToken tests each variable alone, each pair of variables, and each variable
// together with GITHUB_API_URL and GH_HOST.
func TestWhichToken(t *testing.T) {
	const dotcom, tenant, ghes, other = "github.com", "octocorp.ghe.com", "ghes.example.com", "other.example.com"
	for _, test := range []struct {
		host, env string
		want      string // the variable; empty if there is no token
	}{
		{dotcom, "GH_TOKEN=x", "GH_TOKEN"},
		{dotcom, "GITHUB_TOKEN=x", "GITHUB_TOKEN"},
		{dotcom, "GH_ENTERPRISE_TOKEN=x", ""},
		{dotcom, "GITHUB_ENTERPRISE_TOKEN=x", ""},
		{tenant, "GH_TOKEN=x", "GH_TOKEN"},
		{tenant, "GITHUB_TOKEN=x", "GITHUB_TOKEN"},
		{tenant, "GH_ENTERPRISE_TOKEN=x", ""},
		{tenant, "GITHUB_ENTERPRISE_TOKEN=x", ""},
		{ghes, "GH_TOKEN=x", ""},
		{ghes, "GITHUB_TOKEN=x", ""},
		{ghes, "GH_ENTERPRISE_TOKEN=x", "GH_ENTERPRISE_TOKEN"},
		{ghes, "GITHUB_ENTERPRISE_TOKEN=x", "GITHUB_ENTERPRISE_TOKEN"},

		{dotcom, cloud + server, "GH_TOKEN"},
		{dotcom, "GITHUB_TOKEN=x " + server, "GITHUB_TOKEN"},
		{tenant, cloud + server, "GH_TOKEN"},
		{ghes, cloud + server, "GH_ENTERPRISE_TOKEN"},
		{ghes, cloud + "GITHUB_ENTERPRISE_TOKEN=x", "GITHUB_ENTERPRISE_TOKEN"},

		// GITHUB_TOKEN is for the host of GITHUB_API_URL: GitHub Actions sets both.
		{dotcom, "GITHUB_TOKEN=x GITHUB_API_URL=https://api.github.com", "GITHUB_TOKEN"},
		{dotcom, "GITHUB_TOKEN=x GITHUB_API_URL=https://ghes.example.com/api/v3", ""},
		{dotcom, "GITHUB_TOKEN=x GITHUB_API_URL=https://api.octocorp.ghe.com", ""},
		{tenant, "GITHUB_TOKEN=x GITHUB_API_URL=https://api.octocorp.ghe.com", "GITHUB_TOKEN"},
		{tenant, "GITHUB_TOKEN=x GITHUB_API_URL=https://api.github.com", ""},
		{ghes, "GITHUB_TOKEN=x GITHUB_API_URL=https://ghes.example.com/api/v3", "GITHUB_TOKEN"},
		{ghes, "GITHUB_TOKEN=x GITHUB_API_URL=https://other.example.com/api/v3", ""},
		{ghes, "GITHUB_TOKEN=x GITHUB_API_URL=https://api.github.com", ""},
		{"127.0.0.1:8080", "GITHUB_TOKEN=x GITHUB_API_URL=http://127.0.0.1:8080", "GITHUB_TOKEN"},
		{"127.0.0.1:8080", "GITHUB_TOKEN=x GITHUB_API_URL=http://127.0.0.1:8081", ""},
		{ghes, cloud + server + "GITHUB_API_URL=https://ghes.example.com/api/v3", "GH_ENTERPRISE_TOKEN"},
		{dotcom, cloud + "GITHUB_API_URL=https://ghes.example.com/api/v3", "GH_TOKEN"},
		{ghes, cloud + "GITHUB_API_URL=https://api.github.com", ""},

		// The other variables are for GH_HOST, if it names a host of their kind.
		{ghes, server + "GH_HOST=ghes.example.com", "GH_ENTERPRISE_TOKEN"},
		{ghes, "GITHUB_ENTERPRISE_TOKEN=x GH_HOST=GHES.example.com", "GITHUB_ENTERPRISE_TOKEN"},
		{other, server + "GH_HOST=ghes.example.com", ""},
		{other, "GITHUB_ENTERPRISE_TOKEN=x GH_HOST=ghes.example.com", ""},
		{dotcom, cloud + "GH_HOST=ghes.example.com", "GH_TOKEN"},
		{ghes, server + "GH_HOST=github.com", "GH_ENTERPRISE_TOKEN"},
		{dotcom, "GH_TOKEN=x GH_HOST=octocorp.ghe.com", ""},
		{dotcom, "GITHUB_TOKEN=x GH_HOST=octocorp.ghe.com", ""},
		{tenant, "GH_TOKEN=x GH_HOST=github.com", ""},
		{tenant, cloud + "GH_HOST=octocorp.ghe.com", "GH_TOKEN"},
		{dotcom, cloud + "GH_HOST=octocorp.ghe.com GITHUB_API_URL=https://api.github.com", "GITHUB_TOKEN"},
	} {
		t.Run(test.host+" "+test.env, func(t *testing.T) {
			token, err := host.FindToken(host.Target{Name: test.host}, env(test.env))
			if test.want == "" {
				require.ErrorContains(t, err, "no token for "+test.host)
				assert.Contains(t, err.Error(), "is not used: it is for ", "the error says which variable is set, and why it is not used")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, token.Source)
			assert.Equal(t, env(test.env)(test.want), token.Value)
		})
	}
}

func TestNoToken(t *testing.T) {
	_, err := host.FindToken(host.Target{Name: "ghes.example.com", Source: "GITHUB_API_URL"}, env("GITHUB_TOKEN=x GH_TOKEN=y"))
	assert.EqualError(t, err, "no token for ghes.example.com (GITHUB_API_URL): set GH_ENTERPRISE_TOKEN to a personal access token (classic), "+
		"or use --gh-auth for the token of gh\n"+
		"  GITHUB_TOKEN is not used: it is for github.com and *.ghe.com\n"+
		"  GH_TOKEN is not used: it is for github.com and *.ghe.com")
}

func TestGHToken(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the gh of this test is a shell script")
	}
	bin := t.TempDir()
	script := "#!/bin/sh\n" +
		`[ "$*" = "auth token --hostname ghes.example.com" ] || { echo "no oauth token found for $4" >&2; exit 1; }` + "\n" +
		`echo "gho_stored$GH_TOKEN$GITHUB_TOKEN$GH_ENTERPRISE_TOKEN$GITHUB_ENTERPRISE_TOKEN"` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gh"), []byte(script), 0o700))
	t.Setenv("PATH", bin)
	for _, name := range []string{"GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"} {
		t.Setenv(name, "of-another-host")
	}
	token, err := host.GHToken(t.Context(), host.Target{Name: "ghes.example.com"})
	require.NoError(t, err)
	assert.Equal(t, host.Token{Value: "gho_stored", Source: "gh auth token"}, token)

	_, err = host.GHToken(t.Context(), host.Target{Name: "github.com"})
	require.EqualError(t, err, "gh has no token for github.com: no oauth token found for github.com")

	t.Setenv("PATH", t.TempDir())
	_, err = host.GHToken(t.Context(), host.Target{Name: "github.com"})
	require.ErrorContains(t, err, "gh, which is not installed")
}

func TestUnsupportedKind(t *testing.T) {
	assert.Empty(t, host.Token{Value: "ghp_x"}.UnsupportedKind())
	assert.Empty(t, host.Token{Value: "gho_x"}.UnsupportedKind())
	assert.Contains(t, host.Token{Value: "github_pat_x"}.UnsupportedKind(), "fine-grained")
	assert.Contains(t, host.Token{Value: "ghs_x"}.UnsupportedKind(), "installation")
	assert.Contains(t, host.Token{Value: "ghu_x"}.UnsupportedKind(), "GitHub App")
}
