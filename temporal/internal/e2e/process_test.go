//go:build e2e && unix

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A process is a program that a test has started.
type process struct {
	cmd    *exec.Cmd
	output *output       // standard output and standard error
	stdout *output       // standard output alone
	ended  chan struct{} // closed when the process is over
}

// startProcess starts one of the programs. Of the environment of the test, the program
// gets only PATH.
func startProcess(program string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(context.Background(), filepath.Join(bin, program), args...), output: new(output), stdout: new(output), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = io.MultiWriter(p.output, p.stdout), p.output
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}, env...)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // the exit status is in ProcessState
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill kills the process, even if it is frozen, and waits for its end.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait waits for the end of the process, and returns its exit status.
func (p *process) wait(limit time.Duration) (status int, err error) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return 0, fmt.Errorf("%s still runs after %v:\n%s", p.cmd.Path, limit, p.output)
	}
}

// await waits until the output of the process has a text.
func (p *process) await(text string, limit time.Duration) error {
	deadline := time.After(limit)
	for !strings.Contains(p.output.String(), text) {
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended:\n%s", p.cmd.Path, p.output)
		case <-deadline:
			return fmt.Errorf("%s has not written %q in %v:\n%s", p.cmd.Path, text, limit, p.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// An output collects what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
