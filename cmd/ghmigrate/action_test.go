package main_test

import (
	"os"
	"os/exec"
	signals "os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// action runs the last step of action/action.yml, which exports.
func (m *machine) action(s step, env map[string]string) {
	m.t.Helper()
	a := readAction(m.t)
	for name, input := range a.Inputs {
		value, given := s.With[name]
		assert.True(m.t, given || !input.Required, "the input %s is missing", name)
		if !given {
			value = input.Default
		}
		m.outputs["inputs."+name] = m.evaluate(value)
	}
	for name := range s.With {
		assert.Contains(m.t, a.Inputs, name, "the action has no such input")
	}
	exporting := a.Runs.Steps[len(a.Runs.Steps)-1]
	folder, err := filepath.Abs("../../action")
	require.NoError(m.t, err)
	env["GITHUB_ACTION_PATH"] = folder
	for name, value := range exporting.Env {
		env[name] = m.evaluate(value)
	}
	m.step(exporting, env)
	for name, output := range a.Outputs {
		m.outputs["steps."+s.ID+".outputs."+name] = m.evaluate(output.Value)
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
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "../../action/action.yml")), &a))
	require.Equal(t, "composite", a.Runs.Using)
	return a
}

// TestInputsOfTheAction checks which flags each input of the action becomes, and which
// outputs it sets.
func TestInputsOfTheAction(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the recipes are for Linux")
	}
	const finished = `{"location": "backups/run", "finished": true, "manifest": {"covered": 1, "requested": 2, "repositories": [{"repository": "o/a"}, {"repository": "o/b", "error": "too large"}]}}`
	for name, test := range map[string]struct {
		inputs map[string]string
		stub   string // script of the ghmigrate that the action runs
		status int
		args   string // of ghmigrate
		output string
	}{
		"required inputs": {
			inputs: map[string]string{"out": "backups"},
			args:   "export --json --progress lines --out backups --timeout=5h --all",
		},
		"all inputs": {
			inputs: map[string]string{
				"org": "octo-org", "out": "s3://b?region=x", "state": "journals", "host": "ghes.example.com", "lock": "true", "timeout": "1h",
				"skip": "tmp-*\n\n a b \n", "flags": "--skip-archived\n--changed-since=7d\r\n",
			},
			args: "export --json --progress lines --out s3://b?region=x --skip-archived --changed-since=7d --org=octo-org --state=journals " +
				"--host=ghes.example.com --timeout=1h --all --skip=tmp-* --skip=_a_b_ --lock",
		},
		"some repositories": {
			inputs: map[string]string{"out": "d", "repos": "octo-org/a\nocto-org/b", "skip": "ignored with repos"},
			args:   "export --json --progress lines --out d --timeout=5h --repos=octo-org/a --repos=octo-org/b",
		},
		"not finished, with many errors": {
			inputs: map[string]string{"out": "d"},
			stub: `jq -n '{location: "l", finished: false, manifest: {covered: 0, requested: 2000, repositories:
				[range(2000) | {repository: "o/\(.)", error: "a long reason that does not fit into the buffer of a pipe if there are many"}]}}'; exit 3`,
			status: 3, args: "export --json --progress lines --out d --timeout=5h --all", output: "::warning::the export is not finished",
		},
		"thousands of missing repositories": {
			inputs: map[string]string{"out": "d"},
			stub: `echo '{"location":"l","finished":false,"manifest":{"covered":0,"requested":5000,"repositories":['; ` +
				`seq -s, -f '{"repository":"o/repository-%05g","error":"not started"}' 5000; echo ']}}'; exit 3`,
			status: 3, args: "export --json --progress lines --out d --timeout=5h --all", output: "::warning::the export is not finished",
		},
		"failed before the export": {
			inputs: map[string]string{"out": "d"}, stub: "exit 2",
			status: 2, args: "export --json --progress lines --out d --timeout=5h --all", output: "::error::the export failed with exit status 2",
		},
		"an input that is not a boolean": {inputs: map[string]string{"out": "d", "lock": "yes"}, status: 2, output: "::error::the input lock is yes: want true or false"},
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
			assert.Contains(t, string(out), test.output)
			args, _ := os.ReadFile(filepath.Join(home, "args"))
			assert.Equal(t, test.args, strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(string(args), "\n"), " ", "_"), "\n", " "))
			switch test.status {
			case 3:
				assert.Equal(t, 100, strings.Count(readFile(t, filepath.Join(home, "summary")), "\n- o/"))
			case 0:
				assert.Regexp(t, "^location=backups/run\nfinished=true\ncovered=1\nrequested=2\npage="+regexp.QuoteMeta(home)+`/ghmigrate\.\w+/export\.html\n$`,
					readFile(t, filepath.Join(home, "output")), "a second use of the action does not overwrite the page")
				assert.Contains(t, readFile(t, filepath.Join(home, "summary")), "- o/b: too large")
				assert.Equal(t, "ghp_x ghp_x  \n", readFile(t, filepath.Join(home, "token")), "GH_HOST and INPUT_TOKEN are unset")
			}
		})
	}
}

// TestCanceledAction sends signals to the process of the step only, as a runner does when
// a workflow is canceled. The step ends after ghmigrate.
func TestCanceledAction(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the recipes are for Linux")
	}
	for name, signal := range map[string]os.Signal{"SIGINT": os.Interrupt, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t, ghmigratetest.WithExportDuration(time.Hour))
			fake.AddRepository("octo-org/a")
			u := newUser(t, fake)
			require.NoError(t, os.Mkdir(u.path("ghmigrate-bin"), 0o700))
			require.NoError(t, os.Symlink(binary, u.path("ghmigrate-bin", "ghmigrate")))
			folder, err := filepath.Abs("../../action")
			require.NoError(t, err)
			steps := readAction(t).Runs.Steps
			require.NoError(t, os.WriteFile(u.path("step.sh"), []byte(steps[len(steps)-1].Run), 0o600))
			cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh")
			printed := new(output)
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = u.home, u.env, printed, printed
			cmd.Env = append(cmd.Env, "GITHUB_ACTION_PATH="+folder, "GITHUB_OUTPUT=output", "GITHUB_STEP_SUMMARY=summary", "RUNNER_TEMP="+u.home,
				"INPUT_TOKEN="+fake.Token(), "INPUT_ORG=octo-org", "INPUT_OUT=backups", "INPUT_LOCK=true")
			caught := make(chan os.Signal, 1)
			signals.Notify(caught, os.Interrupt) // otherwise the step ignores SIGINT if this process does
			require.NoError(t, cmd.Start())
			signals.Stop(caught)
			eventually(t, "GitHub exports", printed, func() bool { return strings.Contains(printed.String(), "migration 79") })
			require.NoError(t, cmd.Process.Signal(signal))
			_ = cmd.Wait()
			assert.Equal(t, 3, cmd.ProcessState.ExitCode(), printed)
			assert.Contains(t, printed.String(), "not finished: context canceled")
			assert.Contains(t, printed.String(), "::warning::the export is not finished")
			assert.Contains(t, u.read("output"), "finished=false\ncovered=0\nrequested=1\n")
		})
	}
}
