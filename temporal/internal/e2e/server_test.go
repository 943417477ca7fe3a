//go:build e2e && unix

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// namespaces is the number of namespaces of a server: each test takes one.
const namespaces = 40

// A server is a process with a Temporal server.
type server struct {
	dir     string
	port    int
	used    atomic.Int32 // namespaces that tests have taken
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

// newNamespace returns a namespace that no other test has.
func (s *server) newNamespace() string { return namespace(int(s.used.Add(1)) - 1) }

func namespace(i int) string { return fmt.Sprintf("test-%d", i) }

// freePorts finds n consecutive ports that no process listens on, below the ports that
// the system assigns.
func freePorts(n int) (first int, err error) {
	for first = 20000 + os.Getpid()%1000*10; first < 32000; first += n {
		if err = tryPorts(first, n); err == nil {
			return first, nil
		}
	}
	return 0, err
}

// tryPorts listens on n ports for a moment.
func tryPorts(first, n int) error {
	for port := first; port < first+n; port++ {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}
