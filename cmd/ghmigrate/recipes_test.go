package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A recipe is a block of docs/recipes.md that is marked to be run.
type recipe struct{ heading, language, text string }

func readRecipes(t *testing.T) []recipe {
	t.Helper()
	page, err := os.ReadFile("../../docs/recipes.md")
	require.NoError(t, err)
	var found []recipe
	heading := ""
	block := regexp.MustCompile("(?m)^(?:## (.*)|<!-- run -->\n```(\\w+)\n((?s:.*?))```)$")
	for _, m := range block.FindAllStringSubmatch(string(page), -1) {
		if m[1] != "" {
			heading = m[1]
			continue
		}
		found = append(found, recipe{heading, m[2], m[3]})
	}
	return found
}

// What is left after the recipe of a heading, beyond its success.
var afterRecipe = map[string]func(t *testing.T, n *internet, k *kitchen){
	"One repository, from its export to `git clone`": func(t *testing.T, n *internet, k *kitchen) {
		assert.False(t, n.github.Locked("octo-org/hello-world"))
	},
	"A backup every night to S3, with cron": func(t *testing.T, n *internet, k *kitchen) {
		assert.Len(t, archives(n.objects(t)), 3, "each night has its archive")
		assert.Equal(t, 3, strings.Count(k.read("var/log/github-backup.sha256"), "s3://octo-backups/github/api.github.com/orgs/octo-org/"))
	},
	"A backup every night to a disk that cannot fill up": func(t *testing.T, n *internet, k *kitchen) {
		assert.Len(t, filesBelow(t, k.path("var"), ".tar.gz"), 3)
	},
	"Several organizations": func(t *testing.T, n *internet, k *kitchen) {
		assert.Contains(t, k.read("page.html"), "hubot-org/tool")
	},
	"GitHub Actions: a backup every night": func(t *testing.T, n *internet, k *kitchen) {
		assert.Len(t, archives(n.objects(t)), 1)
		assert.FileExists(t, k.outputs["steps.export.outputs.page"])
		assert.Equal(t, "2", k.outputs["steps.export.outputs.covered"], "and tmp-1 is skipped")
		assert.Equal(t, "true", k.outputs["steps.export.outputs.finished"])
		assert.Contains(t, k.read("summary.md"), "### 2 of 2 repositories exported")
	},
	"GitHub Actions: a matrix of organizations": func(t *testing.T, n *internet, k *kitchen) {
		assert.Len(t, archives(n.objects(t)), 2)
	},
	"GitHub Actions: start in one job, wait in another": func(t *testing.T, n *internet, k *kitchen) {
		assert.Equal(t, []string{"single/migration-79.tar.gz"}, n.objects(t))
		assert.True(t, n.github.Migration(79).ArchiveDeleted)
	},
	"GitHub Enterprise Server behind a proxy": func(t *testing.T, n *internet, k *kitchen) {
		assert.Len(t, n.server.Migrations(), 1)
		assert.Empty(t, n.github.Requests())
	},
	"GHE.com": func(t *testing.T, n *internet, k *kitchen) {
		assert.Len(t, n.tenant.Migrations(), 1)
		assert.Empty(t, n.github.Requests())
	},
	"Repositories that a script left locked": func(t *testing.T, n *internet, k *kitchen) {
		assert.False(t, n.github.Locked("octo-org/app"))
	},
}

func archives(keys []string) (found []string) {
	for _, key := range keys {
		if strings.HasSuffix(key, ".tar.gz") {
			found = append(found, key)
		}
	}
	return found
}

// Whoever copies a recipe has one that works.
func TestRecipes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the recipes are for Linux")
	}
	checked := 0
	for _, r := range readRecipes(t) {
		t.Run(r.heading, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t)
			k := newKitchen(t, n)
			nights := 1
			if strings.HasPrefix(r.heading, "A backup every night") {
				nights = 3
			}
			if strings.HasPrefix(r.heading, "Repositories that a script left locked") {
				k.lock()
			}
			for range nights {
				if r.language == "yaml" {
					k.workflow(r.text)
				} else {
					k.script(r.text)
				}
			}
			if after := afterRecipe[r.heading]; after != nil {
				after(t, n, k)
			}
			assert.NotEmpty(t, n.reached, "nobody was asked")
		})
		if afterRecipe[r.heading] != nil {
			checked++
		}
	}
	assert.GreaterOrEqual(t, checked, len(afterRecipe))
}

// A kitchen is a machine with the program, where recipes are tried.
type kitchen struct {
	t       *testing.T
	home    string
	env     []string
	outputs map[string]string // of steps and jobs, by their expressions
}

func newKitchen(t *testing.T, n *internet) *kitchen {
	t.Helper()
	k := &kitchen{t: t, home: t.TempDir(), outputs: map[string]string{}}
	k.env = []string{
		"HOME=" + k.home, "PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"), "TMPDIR=" + k.home,
		"HTTPS_PROXY=" + n.proxy, "SSL_CERT_FILE=" + n.ca, "GH_TOKEN=" + dotcomToken,
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
	}
	require.NoError(t, os.MkdirAll(k.path("var", "log"), 0o700))
	require.NoError(t, os.Mkdir(k.path("etc"), 0o700))
	require.NoError(t, os.WriteFile(k.path("etc", "github-backup.token"), []byte(dotcomToken+"\n"), 0o600))
	k.outputs["proxy"], k.outputs["ca"] = n.proxy, n.ca
	return k
}

func (k *kitchen) path(elements ...string) string {
	return filepath.Join(append([]string{k.home}, elements...)...)
}

func (k *kitchen) read(name string) string {
	k.t.Helper()
	data, err := os.ReadFile(k.path(name))
	require.NoError(k.t, err)
	return string(data)
}

// script runs a shell script. What is particular to a machine is replaced: its
// folders, its proxy, its CA, its token.
func (k *kitchen) script(text string) {
	k.t.Helper()
	token := dotcomToken
	switch {
	case strings.Contains(text, "ghes.example.com"):
		token = serverToken
	case strings.Contains(text, "octocorp.ghe.com"):
		token = tenantToken
	}
	text = strings.NewReplacer(" /var/", " "+k.path("var")+"/", "=/var/", "="+k.path("var")+"/", ">>/var/", ">>"+k.path("var")+"/",
		"/etc/ssl/octo-ca.pem", k.outputs["ca"], "/etc/github-backup.token", k.path("etc", "github-backup.token"),
		"http://proxy.example.com:3128", k.outputs["proxy"], "ghp_…", token).Replace(text)
	k.bash(text, nil)
}

// bash runs a script as GitHub Actions does.
func (k *kitchen) bash(text string, env map[string]string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.t.Context()), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", text)
	cmd.Dir, cmd.Env = k.home, k.env
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(k.t, err, "%s\n%s", text, out)
	for _, secret := range []string{dotcomToken, tenantToken, serverToken, secretKey} {
		assert.NotContains(k.t, string(out), secret)
	}
	assert.NotRegexp(k.t, `X-Amz-Signature=[^R]`, string(out))
}

// lock leaves a repository locked.
func (k *kitchen) lock() {
	k.t.Helper()
	k.bash("ghmigrate wait --org octo-org $(ghmigrate start --org octo-org --lock app)", nil)
}
