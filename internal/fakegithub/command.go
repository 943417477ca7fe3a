package fakegithub

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// hidden are the variables with other hosts and other tokens, which clients prefer to
// GITHUB_API_URL and GITHUB_TOKEN.
var hidden = []string{"GH_HOST", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"}

// runCommand runs a command with the URL and the token of the fake in its environment,
// and returns the command's exit status.
func runCommand(ctx context.Context, args []string, fake *ghmigratetest.Server, stdout, stderr io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the user asks for this command
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(hidden, strings.ToUpper(name)) // Windows ignores the case
	})
	cmd.Env = append(cmd.Env, "GITHUB_TOKEN="+fake.Token(), "GITHUB_API_URL="+fake.URL())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // lets the command clean up
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
