// Fakegithub runs the fake GitHub of package ghmigratetest as a process of its
// own, for scripts, other languages and crash tests.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ghmigrate/ghmigrate/examples/internal/demo"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

const usage = `Fakegithub is a fake GitHub that has the Migrations API.

  fakegithub [flags]
        until it is stopped
  fakegithub [flags] COMMAND [ARGUMENT...]
        as long as the command runs, with GITHUB_TOKEN and GITHUB_API_URL in
        its environment

  -addr HOST:PORT           where its API listens; a free port of 127.0.0.1
                            otherwise
  -repo OWNER/NAME=PATH     a repository with a clone of the git repository at
                            PATH; OWNER/NAME alone is made up; may be repeated;
                            octo-org/hello-world if none is given; octocat is
                            the user, other owners are organizations
  -payload N                put N bytes that do not compress into each
                            repository, so that archives are large
  -rate N                   send archives at N bytes a second per connection
  -export-duration TIME     how long exports take, 2s otherwise
  -token TOKEN              the token that it takes; a new one otherwise
  -ghes                     be a GitHub Enterprise Server
  -faults FILE              fail as the JSON in FILE says; docs/fake.md in the
                            repository describes it
  -strict                   refuse what GitHub forgives: a request without an
                            API version, an unknown parameter, and the like

Archives come from an address of their own, which only this machine reaches. A
client that reaches the API by another host name, or through a proxy that sets
X-Forwarded-Host and X-Forwarded-Proto, gets archives from there, below /storage.

Without a command, standard output is a shell script that sets GITHUB_TOKEN and
GITHUB_API_URL. Standard error gets a line for each request, with the name of
the fault that the request suffered. Everything is forgotten when it stops.

Exit status: that of the command; 2 if the flags or the faults make no sense; 1
if it cannot run.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	repos := map[string]string{} // full name to path
	fs := flag.NewFlagSet("fakegithub", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	addr := fs.String("addr", "127.0.0.1:0", "")
	rate := fs.Int64("rate", 0, "")
	payload := fs.Int64("payload", 0, "")
	exportDuration := fs.Duration("export-duration", 2*time.Second, "")
	token := fs.String("token", "", "")
	ghes := fs.Bool("ghes", false, "")
	faultsFile := fs.String("faults", "", "")
	strict := fs.Bool("strict", false, "")
	fs.Func("repo", "", func(value string) error {
		name, path, _ := strings.Cut(value, "=")
		repos[name] = path
		return nil
	})
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err == nil && (*rate < 0 || *payload < 0 || *exportDuration < 0) {
		err = errors.New("a negative number")
	}
	var faults []ghmigratetest.Fault
	if err == nil && *faultsFile != "" {
		faults, err = readFaults(*faultsFile)
	}
	if err != nil {
		fmt.Fprintf(stderr, "fakegithub: %v\nRun it with -h for help.\n", err)
		return 2
	}
	if len(repos) == 0 {
		repos["octo-org/hello-world"] = ""
	}

	opts := []ghmigratetest.Option{
		ghmigratetest.WithAddr(*addr), ghmigratetest.WithExportDuration(*exportDuration), ghmigratetest.WithStorageRate(*rate),
		ghmigratetest.WithRequestLog(0), // it may run for weeks
		ghmigratetest.WithObserver(logger(stderr)),
	}
	if *token != "" {
		opts = append(opts, ghmigratetest.WithToken(*token))
	}
	if *ghes {
		opts = append(opts, ghmigratetest.WithGHES())
	}
	if !*strict {
		opts = append(opts, ghmigratetest.Lenient())
	}
	var fake *ghmigratetest.Server
	err = demo.Rescue(func() { fake = ghmigratetest.NewServer(opts...) })
	if err != nil {
		fmt.Fprintf(stderr, "fakegithub: %v\n", err)
		return 1
	}
	defer fake.Close()
	names := slices.Sorted(maps.Keys(repos))
	for _, name := range names {
		opts := []ghmigratetest.RepositoryOption{ghmigratetest.WithIssues(3), ghmigratetest.Payload(*payload)}
		if repos[name] != "" {
			opts = append(opts, ghmigratetest.FromGit(repos[name]))
		}
		if err := demo.Rescue(func() { fake.AddRepository(name, opts...) }); err != nil {
			fmt.Fprintf(stderr, "fakegithub: %v\n", err)
			return 1
		}
	}
	fake.Inject(faults...)
	if fs.NArg() > 0 {
		return during(ctx, fs.Args(), fake, stdout, stderr)
	}
	fmt.Fprintf(stdout, "export GITHUB_TOKEN=%s\nexport GITHUB_API_URL=%s\n", fake.Token(), fake.URL())
	for _, name := range names {
		fmt.Fprintf(stdout, "# %s is %s\n", name, cmp.Or(repos[name], "made up"))
	}
	fmt.Fprint(stdout, help(names[0]))
	<-ctx.Done()
	return 0
}

// during runs a command that finds the fake in its environment, and returns the
// command's exit status.
func during(ctx context.Context, args []string, fake *ghmigratetest.Server, stdout, stderr io.Writer) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // running it is what was asked for
	cmd.Env = append(os.Environ(), "GITHUB_TOKEN="+fake.Token(), "GITHUB_API_URL="+fake.URL())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it may have to clean up
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintf(stderr, "fakegithub: %v\n", err)
		return 1
	}
	return 0
}

func help(fullName string) string {
	owner, _, _ := strings.Cut(fullName, "/")
	account, path := "-org "+owner, "/orgs/"+owner
	if owner == "octocat" {
		account, path = "-user", "/user"
	}
	return fmt.Sprintf("# In another shell, after these lines:\n"+
		"#   curl -H \"Authorization: Bearer $GITHUB_TOKEN\" $GITHUB_API_URL%s/migrations\n"+
		"#   go run -C examples ./backup -base-url $GITHUB_API_URL %s -repos %s -out $(mktemp -d)\n"+
		"# Stop it with Ctrl-C.\n", path, account, fullName)
}

// readFaults reads the file of -faults.
func readFaults(name string) ([]ghmigratetest.Fault, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	faults, err := ghmigratetest.ReadFaults(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return faults, nil
}

// logger writes a line for each request. The line lacks the query, which may
// hold a signature.
func logger(w io.Writer) func(ghmigratetest.Request) {
	var mu sync.Mutex
	return func(r ghmigratetest.Request) {
		line := fmt.Sprintf("%s %s %s %d %d bytes", time.Now().Format(time.TimeOnly), r.Method, r.Path, r.Status, r.Size)
		if part := r.Header.Get("Range"); part != "" {
			line += ", asked for " + part
		}
		if r.Fault != "" {
			line += ", fault: " + r.Fault
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, line)
	}
}
