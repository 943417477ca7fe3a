package main_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A workflow of GitHub Actions, as far as the recipes need it.
type workflow struct {
	Jobs yaml.Node `yaml:"jobs"` // in their order
}

type job struct {
	Strategy struct {
		Matrix map[string][]string `yaml:"matrix"`
	} `yaml:"strategy"`
	Env     map[string]string `yaml:"env"`
	Outputs map[string]string `yaml:"outputs"`
	Steps   []step            `yaml:"steps"`
}

type step struct {
	ID   string            `yaml:"id"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	Env  map[string]string `yaml:"env"`
	With map[string]string `yaml:"with"`
}

// workflow runs the jobs of a workflow, one after the other.
func (k *kitchen) workflow(text string) {
	k.t.Helper()
	var w workflow
	require.NoError(k.t, yaml.Unmarshal([]byte(text), &w))
	k.outputs["secrets.MIGRATION_TOKEN"] = dotcomToken
	k.outputs["secrets.AWS_ACCESS_KEY_ID"], k.outputs["secrets.AWS_SECRET_ACCESS_KEY"] = "key", secretKey
	k.hide("GH_TOKEN", "AWS_SECRET_ACCESS_KEY")
	for i := 0; i < len(w.Jobs.Content); i += 2 {
		var j job
		require.NoError(k.t, w.Jobs.Content[i+1].Decode(&j))
		name := w.Jobs.Content[i].Value
		if len(j.Strategy.Matrix) == 0 {
			k.job(name, &j)
		}
		for key, values := range j.Strategy.Matrix {
			for _, value := range values {
				k.outputs["matrix."+key] = value
				k.job(name, &j)
			}
		}
	}
}

// hide takes variables away, so that only what a workflow sets is set.
func (k *kitchen) hide(names ...string) {
	var left []string
	for _, pair := range k.env {
		name, _, _ := strings.Cut(pair, "=")
		if !slices.Contains(names, name) {
			left = append(left, pair)
		}
	}
	k.env = left
}

func (k *kitchen) job(name string, j *job) {
	k.t.Helper()
	for _, s := range j.Steps {
		env := maps.Clone(j.Env)
		if env == nil {
			env = map[string]string{}
		}
		maps.Copy(env, s.Env)
		for key, value := range env {
			env[key] = k.evaluate(value)
		}
		switch {
		case strings.HasPrefix(s.Uses, "ghmigrate/ghmigrate/action@"):
			k.action(s, env)
		case s.Uses != "", strings.HasPrefix(s.Run, "go install github.com/ghmigrate/ghmigrate/cmd/ghmigrate@"): // it is here
		default:
			k.step(s.ID, s.Run, env)
		}
	}
	for key, value := range j.Outputs {
		k.outputs["needs."+name+".outputs."+key] = k.evaluate(value)
	}
}

// evaluate puts values in the place of expressions.
func (k *kitchen) evaluate(text string) string {
	k.t.Helper()
	return regexp.MustCompile(`\$\{\{ *(\S+) *\}\}`).ReplaceAllStringFunc(text, func(expression string) string {
		name := strings.Trim(expression, "${} ")
		value, ok := k.outputs[name]
		assert.True(k.t, ok, "no value of %s", name)
		return value
	})
}

// step runs a script and keeps its outputs.
func (k *kitchen) step(id, script string, env map[string]string) {
	k.t.Helper()
	output := filepath.Join(k.t.TempDir(), "output")
	require.NoError(k.t, os.WriteFile(output, nil, 0o600))
	defaults := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_API_URL": "https://api.github.com", "GITHUB_OUTPUT": output,
		"GITHUB_STEP_SUMMARY": k.path("summary.md"), "RUNNER_TEMP": k.home,
	}
	maps.Copy(defaults, env)
	k.bash(script, defaults)
	data, err := os.ReadFile(output)
	require.NoError(k.t, err)
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		k.outputs["steps."+id+".outputs."+name] = value
	}
}

// action runs the step of action/action.yml that exports.
func (k *kitchen) action(s step, env map[string]string) {
	k.t.Helper()
	a := readAction(k.t)
	for name, input := range a.Inputs {
		value, given := s.With[name]
		assert.True(k.t, given || !input.Required, "the input %s is missing", name)
		if !given {
			value = input.Default
		}
		k.outputs["inputs."+name] = k.evaluate(value)
	}
	for name := range s.With {
		assert.Contains(k.t, a.Inputs, name, "the action has no such input")
	}
	exporting := a.Runs.Steps[len(a.Runs.Steps)-1]
	folder, err := filepath.Abs("../../action")
	require.NoError(k.t, err)
	env["GITHUB_ACTION_PATH"] = folder
	for name, value := range exporting.Env {
		env[name] = k.evaluate(value)
	}
	k.step(exporting.ID, exporting.Run, env)
	for name, output := range a.Outputs {
		k.outputs["steps."+s.ID+".outputs."+name] = k.evaluate(output.Value)
	}
}

type compositeAction struct {
	Inputs map[string]struct {
		Description string `yaml:"description"`
		Default     string `yaml:"default"`
		Required    bool   `yaml:"required"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Description string `yaml:"description"`
		Value       string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

func readAction(t *testing.T) (a compositeAction) {
	t.Helper()
	text, err := os.ReadFile("../../action/action.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &a))
	require.Equal(t, "composite", a.Runs.Using)
	return a
}

// Each input of the action becomes the flags that it stands for.
func TestInputsOfTheAction(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the recipes are for Linux")
	}
	const finished = `{"location": "backups/run", "finished": true, "manifest": {"covered": 1, "requested": 2, "repositories": [{"repository": "o/a"}, {"repository": "o/b", "error": "too large"}]}}`
	for name, test := range map[string]struct {
		inputs map[string]string
		stub   string // what ghmigrate does
		status int
		args   string // one a line
		says   string
	}{
		"the least": {
			inputs: map[string]string{"out": "backups"},
			args:   "export --json --progress lines --out backups --timeout=5h --all",
		},
		"everything": {
			inputs: map[string]string{
				"org": "octo-org", "out": "s3://b?region=x", "state": "journals", "host": "ghes.example.com", "lock": "true", "timeout": "1h",
				"skip": "tmp-*\n\n a b \n", "flags": "--skip-archived\n--changed-since=7d\r\n",
			},
			args: "export --json --progress lines --out s3://b?region=x --skip-archived --changed-since=7d --org=octo-org --state=journals " +
				"--host=ghes.example.com --timeout=1h --all --skip=tmp-* --skip=_a_b_ --lock",
		},
		"some repositories": {
			inputs: map[string]string{"out": "d", "repos": "octo-org/a\nocto-org/b", "skip": "does not count"},
			args:   "export --json --progress lines --out d --timeout=5h --repos=octo-org/a --repos=octo-org/b",
		},
		"not finished": {
			inputs: map[string]string{"out": "d"}, stub: "echo '{\"location\":\"l\",\"finished\":false,\"manifest\":{\"covered\":0,\"requested\":1,\"repositories\":[]}}'; exit 3",
			status: 3, args: "export --json --progress lines --out d --timeout=5h --all", says: "::warning::the export is not finished",
		},
		"failed at once": {
			inputs: map[string]string{"out": "d"}, stub: "exit 2",
			status: 2, args: "export --json --progress lines --out d --timeout=5h --all", says: "::error::the export failed with exit status 2",
		},
		"neither true nor false": {inputs: map[string]string{"out": "d", "lock": "yes"}, status: 2, says: "::error::the input lock is yes: want true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			stub := test.stub
			if stub == "" {
				stub = "echo '" + finished + "'"
			}
			script := "#!/bin/sh\n[ \"$1\" = inspect ] && exit 0\nprintf '%s\\n' \"$@\" >args\necho \"$GH_TOKEN $GH_ENTERPRISE_TOKEN $GH_HOST $INPUT_TOKEN\" >token\n" + stub + "\n"
			require.NoError(t, os.WriteFile(filepath.Join(home, "ghmigrate"), []byte(script), 0o700))
			a := readAction(t)
			cmd := exec.CommandContext(t.Context(), "bash", "../../action/export.sh")
			path, err := filepath.Abs(cmd.Args[1])
			require.NoError(t, err)
			cmd.Args[1], cmd.Dir = path, home
			cmd.Env = []string{"PATH=" + home + string(os.PathListSeparator) + os.Getenv("PATH"), "GITHUB_OUTPUT=output", "GITHUB_STEP_SUMMARY=summary", "RUNNER_TEMP=" + home, "GH_HOST=elsewhere"}
			test.inputs["token"] = "ghp_x"
			for name, input := range a.Inputs {
				value, given := test.inputs[name]
				if !given {
					value = input.Default
				}
				variable := "INPUT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
				assert.Equal(t, "${{ inputs."+name+" }}", a.Runs.Steps[len(a.Runs.Steps)-1].Env[variable])
				cmd.Env = append(cmd.Env, variable+"="+value)
			}
			out, _ := cmd.CombinedOutput()
			assert.Equal(t, test.status, cmd.ProcessState.ExitCode(), string(out))
			assert.Contains(t, string(out), test.says)
			args, _ := os.ReadFile(filepath.Join(home, "args"))
			assert.Equal(t, test.args, strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(string(args), "\n"), " ", "_"), "\n", " "))
			if test.status == 0 {
				output, err := os.ReadFile(filepath.Join(home, "output"))
				require.NoError(t, err)
				assert.Equal(t, "location=backups/run\nfinished=true\ncovered=1\nrequested=2\npage="+filepath.Join(home, "export.html")+"\n", string(output))
				summary, err := os.ReadFile(filepath.Join(home, "summary"))
				require.NoError(t, err)
				assert.Contains(t, string(summary), "- o/b: too large")
				token, err := os.ReadFile(filepath.Join(home, "token"))
				require.NoError(t, err)
				assert.Equal(t, "ghp_x ghp_x  \n", string(token), "the token is for the host of the export alone")
			}
		})
	}
}
