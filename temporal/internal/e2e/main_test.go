//go:build e2e && unix

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// bin is the folder of the programs under test.
var bin string

// shared is the Temporal server of the tests that kill no server.
var shared *server

// parallel is the number of tests that run at the same time: they mostly wait.
const parallel = 24

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

// run builds the programs, starts the shared server and runs the tests.
func run(m *testing.M) int {
	if testing.Short() || flag.Lookup("test.list").Value.String() != "" {
		return m.Run()
	}
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "ghmigrate-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if shared, err = newServer(filepath.Join(dir, "shared")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.kill()
	return m.Run()
}

// build builds the programs into a folder in the user's cache, where later runs find
// them.
func build() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	bin = filepath.Join(cache, "ghmigrate-e2e")
	for program, module := range map[string]string{"devserver": "../../devserver", "worker": "../../cmd/worker", "export": "../../cmd/export"} {
		cmd := exec.CommandContext(context.Background(), "go", "build", "-ldflags=-s -w", "-o", filepath.Join(bin, program), ".")
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return nil
}
