package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// Check before an export whether it can succeed.
func ExamplePreflight() {
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	server.SetRole("octo-org", "member")

	report, err := export.Preflight(context.Background(), acct, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if !report.OK() {
		fmt.Println(strings.Join(report.Problems, "\n"))
	}
	// Output: octocat is a member of the organization octo-org: only its owners can export it
}

// One repository cannot be exported. Run exports the others, and the error lists the
// missing repository.
func ExamplePartialError() {
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()

	manifest, err := export.Run(context.Background(), acct, export.Options{
		Repositories: []string{"octo-org/gone", "octo-org/hello-world"},
		Dir:          dir,
	})
	partial, ok := errors.AsType[*export.PartialError](err)
	if !ok {
		fmt.Println(err) // nil, or the reason why Run has started nothing
		return
	}
	fmt.Println(manifest.Covered, "of", manifest.Requested)
	for _, row := range partial.Repositories {
		fmt.Println(row.Repository, "is missing") // row.Error says why
	}
	fmt.Println("call Run again:", partial.Err != nil)
	// Output:
	// 1 of 2
	// octo-org/gone is missing
	// call Run again: false
}

// Unlock a repository, whichever migration has locked it.
func ExampleUnlock() {
	ctx := context.Background()
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	check(startLocking(ctx, acct, "octo-org/hello-world"))

	fmt.Println("locked:", server.Locked("octo-org/hello-world"))
	if err := export.Unlock(ctx, acct, "octo-org/hello-world"); err != nil {
		fmt.Println(err)
	}
	fmt.Println("locked:", server.Locked("octo-org/hello-world"))
	// Output:
	// locked: true
	// locked: false
}

// Unlock all repositories that a crashed script has left locked.
func ExampleUnlockAll() {
	ctx := context.Background()
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	check(startLocking(ctx, acct, "octo-org/hello-world"))

	if err := export.UnlockAll(ctx, acct); err != nil {
		fmt.Println(err)
	}
	fmt.Println("locked:", server.Locked("octo-org/hello-world"))
	// Output: locked: false
}

// startLocking starts a migration that locks a repository.
func startLocking(ctx context.Context, acct export.Account, name string) error {
	_, err := acct.Start(ctx, ghmigrate.StartMigrationRequest{Repositories: []string{name}, LockRepositories: true})
	return err
}

// Log the progress of a run.
func ExampleLogTo() {
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: stable}))

	_, err := export.Run(context.Background(), acct, export.Options{
		Repositories: []string{"octo-org/hello-world"},
		Dir:          dir,
		Progress:     export.LogTo(log),
	})
	check(err)
	// Output:
	// msg=export kind=begun repositories=1 done=0 all=1
	// msg=export kind=starting batch=1 repositories=1 done=0 all=1
	// msg=export kind=started batch=1 migration=79 repositories=1 done=0 all=1
	// msg=export kind=exported batch=1 migration=79 repositories=1 done=0 all=1
	// msg=export kind=downloaded batch=1 migration=79 repositories=1 done=0 all=1
	// msg=export kind=verified batch=1 migration=79 repositories=1 done=0 all=1
	// msg=export kind=over batch=1 migration=79 repositories=1 done=1 all=1
	// msg=export kind=ended repositories=1 done=1 all=1
}

// stable omits the attributes that differ between two runs.
func stable(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, "bytes", "size", "level":
		return slog.Attr{}
	}
	return a
}

// A workflow engine keeps the state of a job as JSON, and performs one effect at a time.
// Each effect may happen in another process.
func ExampleStep() {
	ctx := context.Background()
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	_, jobs, err := export.Plan(export.Options{Repositories: []string{"octo-org/hello-world"}, DeleteArchives: true})
	check(err)
	state, err := json.Marshal(jobs[0])
	check(err)

	for {
		var job export.Job
		check(json.Unmarshal(state, &job))
		effect, at := job.Next(time.Now())
		if effect == export.EffectNone && at.IsZero() {
			break // the job is over or parked
		}
		time.Sleep(time.Until(at))
		fmt.Println(effect)
		job.Dir = filepath.Join(dir, "archives")
		job.Save = func(j *export.Job) error { // called before and after an effect
			state, err = json.Marshal(j)
			return err
		}
		if err := export.Step(ctx, acct, &job); err != nil {
			fmt.Println(err) // the state of the job says when to retry
		}
	}
	// Output:
	// start
	// wait
	// list
	// download
	// verify
	// store
	// delete
}
