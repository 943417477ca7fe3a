package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A recipe is a block of docs/recipes.md below a "run" comment.
type recipe struct{ heading, language, text string }

// readRecipes returns the recipes of docs/recipes.md.
func readRecipes(t *testing.T) []recipe {
	t.Helper()
	var found []recipe
	heading := ""
	block := regexp.MustCompile("(?m)^(?:## (.*)|<!-- run -->\n```(\\w+)\n((?s:.*?))```)$")
	for _, m := range block.FindAllStringSubmatch(readFile(t, "../../docs/recipes.md"), -1) {
		if m[1] != "" {
			heading = m[1]
			continue
		}
		found = append(found, recipe{heading, m[2], m[3]})
	}
	return found
}

// afterRecipe has checks of the state after a recipe, by its heading.
var afterRecipe = map[string]func(t *testing.T, n *internet, m *machine){
	"One repository, from its export to `git clone`": func(t *testing.T, n *internet, m *machine) {
		assert.False(t, n.github.Locked("octo-org/hello-world"))
	},
	"A backup every night to S3, with cron": func(t *testing.T, n *internet, m *machine) {
		assert.Len(t, archives(n.objects(t)), 3, "each night stores an archive")
		assert.Equal(t, 3, strings.Count(m.read("var/log/github-backup.sha256"), "s3://octo-backups/github/api.github.com/orgs/octo-org/"))
	},
	"A backup every night to a disk that cannot fill up": func(t *testing.T, n *internet, m *machine) {
		assert.Len(t, filesBelow(t, m.path("var"), ".tar.gz"), 3)
	},
	"Several organizations": func(t *testing.T, n *internet, m *machine) {
		assert.Contains(t, m.read("page.html"), "hubot-org/tool")
	},
	"GitHub Actions: a backup every night": func(t *testing.T, n *internet, m *machine) {
		assert.Len(t, archives(n.objects(t)), 1)
		assert.FileExists(t, m.outputs["steps.export.outputs.page"])
		assert.Equal(t, "2", m.outputs["steps.export.outputs.covered"], "tmp-1 is skipped")
		assert.Equal(t, "true", m.outputs["steps.export.outputs.finished"])
		assert.Contains(t, m.read("summary.md"), "### 2 of 2 repositories exported")
	},
	"GitHub Actions: a matrix of organizations": func(t *testing.T, n *internet, m *machine) {
		assert.Len(t, archives(n.objects(t)), 2)
	},
	"GitHub Actions: start in one job, wait in another": func(t *testing.T, n *internet, m *machine) {
		assert.Equal(t, []string{"single/migration-79.tar.gz"}, n.objects(t))
		assert.True(t, n.github.Migration(79).ArchiveDeleted)
	},
	"GitHub Enterprise Server behind a proxy": func(t *testing.T, n *internet, m *machine) {
		assert.Len(t, n.server.Migrations(), 1)
		assert.Empty(t, n.github.Requests())
	},
	"GHE.com": func(t *testing.T, n *internet, m *machine) {
		assert.Len(t, n.tenant.Migrations(), 1)
		assert.Empty(t, n.github.Requests())
	},
	"Repositories that a script left locked": func(t *testing.T, n *internet, m *machine) {
		assert.False(t, n.github.Locked("octo-org/app"))
	},
}

// archives returns the keys of archives.
func archives(keys []string) (found []string) {
	for _, key := range keys {
		if strings.HasSuffix(key, ".tar.gz") {
			found = append(found, key)
		}
	}
	return found
}

// TestRecipes runs every recipe.
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
			m := newMachine(t, n)
			nights := 1
			if strings.HasPrefix(r.heading, "A backup every night") {
				nights = 3
			}
			if strings.HasPrefix(r.heading, "Repositories that a script left locked") {
				m.lock()
			}
			for range nights {
				if r.language == "yaml" {
					m.workflow(r.text)
				} else {
					m.script(r.text)
				}
			}
			if after := afterRecipe[r.heading]; after != nil {
				after(t, n, m)
			}
			assert.NotEmpty(t, n.reached, "the recipe sends requests")
		})
		if afterRecipe[r.heading] != nil {
			checked++
		}
	}
	assert.GreaterOrEqual(t, checked, len(afterRecipe))
}

// TestRecipesReportFailures runs every script of the recipes with stubs, once for each
// command of ghmigrate, and for df. If the command fails, the script has to fail.
func TestRecipesReportFailures(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the recipes are for Linux")
	}
	command := regexp.MustCompile(`(?m)(.*)\b(?:ghmigrate|df) ([-=a-z]+) `)
	for _, r := range readRecipes(t) {
		for _, s := range r.scripts(t) {
			m := newStubs(t)
			script := m.localize(s.Run)
			out, err := m.command(script, s.shell(), nil).CombinedOutput()
			require.NoError(t, err, "%s\n%s", script, out)
			for _, found := range command.FindAllStringSubmatch(script, -1) {
				if strings.HasPrefix(found[1], "if ") { // inspect, before the first backup
					continue
				}
				err := m.command(script, s.shell(), map[string]string{"FAILING": found[2]}).Run()
				assert.Error(t, err, "%s: %s fails\n%s", r.heading, found[2], script)
			}
		}
	}
}

func TestTheRecipeForADiskNeedsRoomForTwoRuns(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the recipes are for Linux")
	}
	recipes := readRecipes(t)
	i := slices.IndexFunc(recipes, func(r recipe) bool { return r.heading == "A backup every night to a disk that cannot fill up" })
	m := newStubs(t)
	for free, needed := range map[string]string{"150": "150 bytes left, and an export needs 200: nothing was exported", "200": ""} {
		out, err := m.command(m.localize(recipes[i].text), []string{"sh"}, map[string]string{"FREE": free}).CombinedOutput()
		assert.Equal(t, needed == "", err == nil, "%s", out)
		assert.Contains(t, string(out), needed)
	}
}

// newStubs returns a machine with stubs of ghmigrate and of other programs. The last
// run has 100 bytes. FREE is the room on the disk, and FAILING the first argument of a
// program that fails.
func newStubs(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t, &internet{})
	stubs := t.TempDir()
	for name, output := range map[string]string{
		"ghmigrate": `'{"size":100}'`, "git": "", "sha256sum": "", "df": `"     Avail\n      ${FREE:-1000}"`,
	} {
		stub := "#!/bin/sh\n[ \"$1\" != \"$FAILING\" ] && echo " + output + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(stubs, name), []byte(stub), 0o700))
	}
	m.env = append(m.env, "PATH="+stubs+string(os.PathListSeparator)+os.Getenv("PATH"), "GITHUB_OUTPUT="+m.path("output"))
	return m
}

// scripts returns the shell scripts of a recipe as steps.
func (r recipe) scripts(t *testing.T) (scripts []step) {
	t.Helper()
	if r.language != "yaml" {
		return []step{{Run: r.text, Shell: "sh"}}
	}
	for _, j := range readJobs(t, r.text) {
		for _, s := range j.Steps {
			if s.Run != "" && !s.installs() {
				scripts = append(scripts, s)
			}
		}
	}
	return scripts
}

// A machine has the program and an environment to run recipes in.
type machine struct {
	t       *testing.T
	home    string
	env     []string
	outputs map[string]string // values of the expressions of workflows
	proxy   string            // URL
	ca      string            // file
}

func newMachine(t *testing.T, n *internet) *machine {
	t.Helper()
	m := &machine{t: t, home: t.TempDir(), outputs: map[string]string{}, proxy: n.proxy, ca: n.ca}
	m.env = []string{
		"HOME=" + m.home, "PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"), "TMPDIR=" + m.home,
		"HTTPS_PROXY=" + n.proxy, "SSL_CERT_FILE=" + n.ca, "GH_TOKEN=" + dotcomToken,
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
	}
	require.NoError(t, os.MkdirAll(m.path("var", "log"), 0o700))
	require.NoError(t, os.Mkdir(m.path("etc"), 0o700))
	require.NoError(t, os.WriteFile(m.path("etc", "github-backup.token"), []byte(dotcomToken+"\n"), 0o600))
	return m
}

func (m *machine) path(elements ...string) string {
	return filepath.Join(append([]string{m.home}, elements...)...)
}

func (m *machine) read(name string) string {
	m.t.Helper()
	return readFile(m.t, m.path(name))
}

// script runs a shell script on the machine.
func (m *machine) script(text string) {
	m.t.Helper()
	m.run(m.localize(text), step{Shell: "sh"}.shell(), nil)
}

// localize puts the folders, the proxy, the CA and the token of the machine into a
// script.
func (m *machine) localize(text string) string {
	token := dotcomToken
	switch {
	case strings.Contains(text, "ghes.example.com"):
		token = serverToken
	case strings.Contains(text, "octocorp.ghe.com"):
		token = tenantToken
	}
	return strings.NewReplacer(" /var/", " "+m.path("var")+"/", "=/var/", "="+m.path("var")+"/", ">>/var/", ">>"+m.path("var")+"/",
		"/etc/ssl/octo-ca.pem", m.ca, "/etc/github-backup.token", m.path("etc", "github-backup.token"),
		"http://proxy.example.com:3128", m.proxy, "ghp_…", token).Replace(text)
}

// run runs a script in a shell.
func (m *machine) run(text string, shell []string, env map[string]string) {
	m.t.Helper()
	out, err := m.command(text, shell, env).CombinedOutput()
	require.NoError(m.t, err, "%s\n%s", text, out)
	assertNoSecrets(m.t, string(out), dotcomToken, tenantToken, serverToken, secretKey)
}

// command returns the command that runs a script in a shell.
func (m *machine) command(text string, shell []string, env map[string]string) *exec.Cmd {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), 2*time.Minute)
	m.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, shell[0], append(slices.Clone(shell[1:]), "-c", text)...)
	cmd.Dir, cmd.Env = m.home, slices.Clone(m.env)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// lock locks a repository, as a script that does not unlock.
func (m *machine) lock() {
	m.t.Helper()
	m.script("ghmigrate wait --org octo-org $(ghmigrate start --org octo-org --lock app)")
}
