package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A workflow of GitHub Actions, with the properties that the recipes use.
type workflow struct {
	Jobs yaml.Node `yaml:"jobs"` // a node keeps the order of the jobs
}

type job struct {
	name     string
	Strategy struct {
		Matrix map[string][]string `yaml:"matrix"`
	} `yaml:"strategy"`
	Env     map[string]string `yaml:"env"`
	Outputs map[string]string `yaml:"outputs"`
	Steps   []step            `yaml:"steps"`
}

type step struct {
	ID    string            `yaml:"id"`
	Uses  string            `yaml:"uses"`
	Run   string            `yaml:"run"`
	Shell string            `yaml:"shell"`
	Env   map[string]string `yaml:"env"`
	With  map[string]string `yaml:"with"`
}

// installs reports whether the step installs ghmigrate.
func (s step) installs() bool {
	return strings.HasPrefix(s.Run, "go install github.com/ghmigrate/ghmigrate/cmd/ghmigrate@")
}

// shell returns the shell of a step, with the options of GitHub Actions. The step of a
// recipe without a workflow has the shell sh, without options.
func (s step) shell() []string {
	switch s.Shell {
	case "sh":
		return []string{"sh"}
	case "bash":
		return []string{"bash", "--noprofile", "--norc", "-eo", "pipefail"}
	}
	return []string{"bash", "-e"}
}

// workflow runs the jobs of a workflow, in their order.
func (m *machine) workflow(text string) {
	m.t.Helper()
	m.outputs["secrets.MIGRATION_TOKEN"] = dotcomToken
	m.outputs["secrets.AWS_ACCESS_KEY_ID"], m.outputs["secrets.AWS_SECRET_ACCESS_KEY"] = "key", secretKey
	m.hide("GH_TOKEN", "AWS_SECRET_ACCESS_KEY")
	for _, j := range readJobs(m.t, text) {
		if len(j.Strategy.Matrix) == 0 {
			m.job(j)
		}
		for key, values := range j.Strategy.Matrix {
			for _, value := range values {
				m.outputs["matrix."+key] = value
				m.job(j)
			}
		}
	}
}

// readJobs returns the jobs of a workflow, in their order.
func readJobs(t *testing.T, text string) (jobs []*job) {
	t.Helper()
	var w workflow
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	for i := 0; i < len(w.Jobs.Content); i += 2 {
		j := &job{name: w.Jobs.Content[i].Value}
		require.NoError(t, w.Jobs.Content[i+1].Decode(j))
		jobs = append(jobs, j)
	}
	return jobs
}

// hide removes variables from the environment, so that the workflow has to set them.
func (m *machine) hide(names ...string) {
	m.env = slices.DeleteFunc(m.env, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(names, name)
	})
}

// job runs the steps of a job.
func (m *machine) job(j *job) {
	m.t.Helper()
	for _, s := range j.Steps {
		env := maps.Clone(j.Env)
		if env == nil {
			env = map[string]string{}
		}
		maps.Copy(env, s.Env)
		for key, value := range env {
			env[key] = m.evaluate(value)
		}
		switch {
		case strings.HasPrefix(s.Uses, "ghmigrate/ghmigrate/action@"):
			m.action(s, env)
		case s.Uses != "", s.installs(): // ghmigrate is installed
		default:
			m.step(s, env)
		}
	}
	for key, value := range j.Outputs {
		m.outputs["needs."+j.name+".outputs."+key] = m.evaluate(value)
	}
}

// evaluate replaces expressions by their values.
func (m *machine) evaluate(text string) string {
	m.t.Helper()
	return regexp.MustCompile(`\$\{\{ *(\S+) *\}\}`).ReplaceAllStringFunc(text, func(expression string) string {
		name := strings.Trim(expression, "${} ")
		value, ok := m.outputs[name]
		assert.True(m.t, ok, "no value of %s", name)
		return value
	})
}

// step runs the script of a step, and keeps its outputs.
func (m *machine) step(s step, env map[string]string) {
	m.t.Helper()
	output := filepath.Join(m.t.TempDir(), "output")
	require.NoError(m.t, os.WriteFile(output, nil, 0o600))
	defaults := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_API_URL": "https://api.github.com", "GITHUB_OUTPUT": output,
		"GITHUB_STEP_SUMMARY": m.path("summary.md"), "RUNNER_TEMP": m.home,
	}
	maps.Copy(defaults, env)
	m.run(s.Run, s.shell(), defaults)
	for line := range strings.Lines(readFile(m.t, output)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		m.outputs["steps."+s.ID+".outputs."+name] = value
	}
}
