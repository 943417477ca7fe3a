package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A program fetches an archive.
type program struct {
	name     string
	tool     string // empty for this library, which a process of this command runs
	args     func(base, url, path string) []string
	signed   bool // it gets the signed URL, because it cannot ask the API
	unsynced bool // it does not sync its file
}

func programs() []program {
	all := []program{{
		name: "curl", tool: "curl", signed: true, unsynced: true,
		args: func(_, url, path string) []string { return []string{"-fsS", "-C", "-", "-o", path, url} },
	}}
	for _, n := range []string{"8", "16"} {
		all = append(all, program{
			name: "aria2c -x" + n + " -s" + n, tool: "aria2c", signed: true, unsynced: true,
			args: func(_, url, path string) []string {
				return []string{
					"-x" + n, "-s" + n, "-q", "--no-conf", "-c", "--max-tries=0", "--retry-wait=1", "--file-allocation=none",
					"-d", filepath.Dir(path), "-o", filepath.Base(path), url,
				}
			},
		})
	}
	return append(all, ghmigrateWith(byDefault, "0"), ghmigrateWith(oneRange, "1"), ghmigrateWith(sixteen, "16"))
}

// ghmigrateWith returns this library with a number of parallel ranges.
func ghmigrateWith(name, ranges string) program {
	return program{name: name, args: func(base, _, path string) []string { return []string{"download", base, path, ranges} }}
}

// missing returns an error if the program is not installed.
func (p program) missing() error {
	if p.tool == "" {
		return nil
	}
	if _, err := exec.LookPath(p.tool); err != nil {
		return fmt.Errorf("%s is not installed", p.tool)
	}
	return nil
}

// command returns a command that downloads the archive of the server at base into
// a file.
func (p program) command(ctx context.Context, base, path string) (*exec.Cmd, error) {
	tool, url := p.tool, ""
	var err error
	if tool == "" {
		if tool, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if p.signed {
		if url, err = signedURL(ctx, base); err != nil {
			return nil, err
		}
	}
	return exec.CommandContext(ctx, tool, p.args(base, url, path)...), nil //nolint:gosec // the programs of this list
}

// fetch runs the program until the archive is complete and synced, and returns its
// peak memory in bytes. If the server cuts connections, a program that gives up is
// run again, as long as it makes progress.
func (p program) fetch(ctx context.Context, s *source, path string) (peak int64, err error) {
	for last := int64(-1); ; {
		peaked, err := p.once(ctx, s, path)
		peak = max(peak, peaked)
		if err == nil {
			break
		}
		now, statErr := s.counters(ctx)
		if s.line.cut == 0 || statErr != nil || now.Sent == last {
			return peak, err
		}
		last = now.Sent
	}
	if !p.unsynced {
		return peak, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return peak, err
	}
	defer func() { _ = file.Close() }()
	return peak, file.Sync()
}

func (p program) once(ctx context.Context, s *source, path string) (int64, error) {
	cmd, err := p.command(ctx, s.base, path)
	if err != nil {
		return 0, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	stop := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	peak := stop()
	if err != nil {
		return peak, fmt.Errorf("%s: %w: %s", p.name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return peak, s.checkSum(stdout.Bytes())
}

// checkSum compares the SHA-256 that a program prints with the checksum of the
// archive. Only this library prints its SHA-256.
func (s *source) checkSum(printed []byte) error {
	if len(printed) == 0 {
		return nil
	}
	var result struct{ SHA256 string }
	if err := json.Unmarshal(printed, &result); err != nil {
		return err
	}
	if result.SHA256 != s.sum {
		return fmt.Errorf("the SHA-256 is %s, and should be %s", result.SHA256, s.sum)
	}
	return nil
}

// errTooFast is the error of a program that ends before it is killed.
var errTooFast = errors.New("the program ended before it was killed")

// interrupt runs the program and kills it when half of the archive is sent. It
// returns the speed of the line until then, in bytes a second.
func (p program) interrupt(ctx context.Context, s *source, path string) (float64, error) {
	before, err := s.counters(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	cmd, err := p.command(ctx, s.base, path)
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return 0, cmp.Or(err, errTooFast)
		case <-tick.C:
		}
		now, err := s.counters(ctx)
		if err == nil && now.Sent-before.Sent < s.archive.size/2 {
			continue
		}
		rate := float64(now.Sent-before.Sent) / time.Since(began).Seconds()
		_ = cmd.Process.Kill()
		if <-ended == nil {
			err = errTooFast
		}
		return rate, err
	}
}

// toolVersion returns the name and version of a program, if it is installed.
func toolVersion(tool string) string {
	text, err := exec.Command(tool, "--version").Output() //nolint:noctx // it ends by itself
	if err != nil {
		return "no " + tool
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return tool + " " + regexp.MustCompile(`\d+(\.\d+)+`).FindString(line)
}
