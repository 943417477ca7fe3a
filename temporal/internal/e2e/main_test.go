//go:build e2e && unix

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// bin has the programs under test.
var bin string

// shared is the Temporal server of all tests that kill no server.
var shared *server

// parallel is how many tests run at the same time: they mostly wait.
const parallel = 24

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

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

// build builds the programs into a folder that later runs use again.
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

// namespaces is how many namespaces a server has: one for each test.
const namespaces = 40

// A server is a Temporal server.
type server struct {
	dir     string
	port    int
	used    atomic.Int32 // namespaces
	process *process
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// newServer starts a server whose database is in a new folder.
func newServer(dir string) (*server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	port, err := freePorts(8)
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, port: port}
	return s, s.start()
}

// start starts the server, or starts it again.
func (s *server) start() error {
	names := make([]string, namespaces)
	for i := range names {
		names[i] = namespace(i)
	}
	p, err := startProcess("devserver", nil, "--port", strconv.Itoa(s.port), "--db", filepath.Join(s.dir, "temporal.db"), "--namespace", strings.Join(names, ","))
	if err != nil {
		return err
	}
	s.process = p
	return p.await(s.address(), 2*time.Minute)
}

func (s *server) kill() { s.process.kill() }

// newNamespace returns the name of a namespace that no other test uses.
func (s *server) newNamespace() string { return namespace(int(s.used.Add(1)) - 1) }

func namespace(i int) string { return fmt.Sprintf("test-%d", i) }

// freePorts finds consecutive ports that nothing listens on, below the ports that the
// system gives to connections.
func freePorts(n int) (first int, err error) {
	for first = 20000 + os.Getpid()%1000*10; first < 32000; first += n {
		if err = listenable(first, n); err == nil {
			return first, nil
		}
	}
	return 0, err
}

func listenable(first, n int) error {
	for port := first; port < first+n; port++ {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}
