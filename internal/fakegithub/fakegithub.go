// Package fakegithub implements the command "ghmigrate fake", which runs the fake
// GitHub of package ghmigratetest as a process.
package fakegithub

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
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// Options are the options of the command.
type Options struct {
	Quiet bool // Run writes no line for each request

	addr           string
	repositories   repositories
	payload, rate  int64
	exportDuration time.Duration
	token          string
	ghes           bool
	faults         string
	strict         bool
}

// Flags registers a flag for each option.
func (o *Options) Flags(fs *flag.FlagSet) {
	o.repositories = repositories{}
	fs.StringVar(&o.addr, "addr", "127.0.0.1:0", "`HOST:PORT` on which the API listens; port 0 selects a free port")
	fs.Var(o.repositories, "repo", "a repository `OWNER/NAME[=PATH]`: a clone of the Git repository at PATH, or a made-up commit; repeatable. "+
		"octocat is the user, and other owners are organizations (default octo-org/hello-world)")
	fs.Int64Var(&o.payload, "payload", 0, "add `BYTES` that do not compress to each repository, so that archives are large")
	fs.Int64Var(&o.rate, "rate", 0, "send archives at `BYTES` a second per connection")
	fs.DurationVar(&o.exportDuration, "export-duration", 2*time.Second, "an export takes `TIME`")
	fs.StringVar(&o.token, "token", "", "the `TOKEN` that the API accepts; a random token if empty")
	fs.BoolVar(&o.ghes, "ghes", false, "act as a GitHub Enterprise Server")
	fs.StringVar(&o.faults, "faults", "", "inject the faults in the JSON `FILE`; docs/fake.md in the repository describes the format")
	fs.BoolVar(&o.strict, "strict", false, "refuse mistakes that GitHub tolerates, such as a request without an API version")
}

// repositories maps full names to paths of Git repositories. The path of a made-up
// repository is empty.
type repositories map[string]string

// String implements [flag.Value].
func (r repositories) String() string { return strings.Join(slices.Sorted(maps.Keys(r)), ",") }

// Set implements [flag.Value].
func (r repositories) Set(value string) error {
	name, path, _ := strings.Cut(value, "=")
	r[name] = path
	return nil
}

// ErrUsage means that the options are invalid.
var ErrUsage = errors.New("usage")

// Run runs the server. With a command, Run serves while the command runs, and returns
// the command's exit status. The command has GITHUB_TOKEN and GITHUB_API_URL in its
// environment, and no variable that names another host or token. Without a command,
// Run serves until ctx ends, and writes a shell script for the same environment to
// stdout. Unless Quiet is set, Run writes a line for each request to stderr.
func Run(ctx context.Context, o *Options, command []string, stdout, stderr io.Writer) (status int, err error) {
	faults, err := o.check()
	if err != nil {
		return 2, err
	}
	fake, err := o.start(stderr)
	if err != nil {
		return 1, err
	}
	defer fake.Close()
	names := slices.Sorted(maps.Keys(o.repositories))
	for _, name := range names {
		if err := add(fake, name, o.repositories[name], ghmigratetest.WithIssues(3), ghmigratetest.Payload(o.payload)); err != nil {
			return 1, err
		}
	}
	fake.Inject(faults...)
	if len(command) > 0 {
		return runCommand(ctx, command, fake, stdout, stderr)
	}
	fmt.Fprintf(stdout, "export GITHUB_TOKEN=%s\nexport GITHUB_API_URL=%s\nunset %s\n", fake.Token(), fake.URL(), strings.Join(hidden, " "))
	for _, name := range names {
		fmt.Fprintf(stdout, "# %s is %s\n", name, cmp.Or(o.repositories[name], "made up"))
	}
	fmt.Fprint(stdout, hint(names[0]))
	<-ctx.Done()
	return 0, nil
}

// check returns an error for invalid options. Otherwise it sets the default
// repository, and reads the file of faults.
func (o *Options) check() ([]ghmigratetest.Fault, error) {
	if o.rate < 0 || o.payload < 0 || o.exportDuration < 0 {
		return nil, fmt.Errorf("%w: --payload, --rate and --export-duration must not be negative", ErrUsage)
	}
	if len(o.repositories) == 0 {
		o.repositories = repositories{"octo-org/hello-world": ""}
	}
	if o.faults == "" {
		return nil, nil
	}
	faults, err := ReadFaults(o.faults)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return faults, nil
}

// ReadFaults reads a file of faults.
func ReadFaults(name string) ([]ghmigratetest.Fault, error) {
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

// start starts the server, which keeps no requests because it may run for weeks.
func (o *Options) start(log io.Writer) (fake *ghmigratetest.Server, err error) {
	opts := []ghmigratetest.Option{
		ghmigratetest.WithAddr(o.addr),
		ghmigratetest.WithExportDuration(o.exportDuration),
		ghmigratetest.WithStorageRate(o.rate),
		ghmigratetest.WithRequestLog(0),
	}
	if !o.Quiet {
		opts = append(opts, ghmigratetest.WithObserver(logger(log)))
	}
	if o.token != "" {
		opts = append(opts, ghmigratetest.WithToken(o.token))
	}
	if o.ghes {
		opts = append(opts, ghmigratetest.WithGHES())
	}
	if !o.strict {
		opts = append(opts, ghmigratetest.Lenient())
	}
	err = rescue(func() { fake = ghmigratetest.NewServer(opts...) })
	return fake, err
}

// hint returns shell comments with commands to try in another shell.
func hint(fullName string) string {
	owner, _, _ := strings.Cut(fullName, "/")
	account, path := "--org "+owner+" ", "/orgs/"+owner
	if owner == "octocat" {
		account, path = "", "/user"
	}
	return fmt.Sprintf("# Run these lines in another shell, then for example:\n"+
		"#   curl -H \"Authorization: Bearer $GITHUB_TOKEN\" $GITHUB_API_URL%s/migrations\n"+
		"#   ghmigrate export %s--repos %s --out \"$(mktemp -d)\"\n"+
		"# Ctrl-C stops the server.\n", path, account, fullName)
}

// logger returns an observer that writes a line for each request. The line lacks the
// query, which may have a signature.
func logger(w io.Writer) func(ghmigratetest.Request) {
	var mu sync.Mutex
	return func(r ghmigratetest.Request) {
		line := fmt.Sprintf("%s %s %s %d %d bytes", time.Now().Format(time.TimeOnly), r.Method, r.Path, r.Status, r.Size)
		if byteRange := r.Header.Get("Range"); byteRange != "" {
			line += ", range: " + byteRange
		}
		if r.Fault != "" {
			line += ", fault: " + r.Fault
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, line)
	}
}
