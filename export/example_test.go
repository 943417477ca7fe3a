package export_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// exampleServer is a GitHub for examples, with the organization octo.
func exampleServer(repositories ...string) (*ghmigratetest.Server, export.Account, string) {
	server := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(0))
	for _, name := range repositories {
		server.AddRepository(name)
	}
	client, err := ghmigrate.NewClient(
		ghmigrate.WithBaseURL(server.URL()),
		ghmigrate.WithToken(server.Token()),
		ghmigrate.WithHTTPClient(server.Client()),
	)
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "backups-")
	if err != nil {
		panic(err)
	}
	return server, export.OrgAccount(client, "octo"), dir
}

func ExampleRun() {
	server, acct, dir := exampleServer("octo/hello", "octo/world")
	defer server.Close()
	defer func() { _ = os.RemoveAll(dir) }()

	backUp := func(ctx context.Context) error {
		manifest, err := export.Run(ctx, acct, export.Options{
			Repositories:   []string{"octo/hello", "octo/world"},
			Dir:            dir,
			Start:          ghmigrate.StartMigrationRequest{LockRepositories: true},
			DeleteArchives: true, // at GitHub, when they are safe here
		})
		switch partial, ok := errors.AsType[*export.PartialError](err); {
		case ok:
			for _, row := range partial.Repositories {
				fmt.Println("not exported:", row.Repository, row.Error)
			}
			fmt.Println("perhaps still locked:", partial.Locked)
		case err != nil:
			return err // nothing was begun
		}
		for _, row := range manifest.Repositories {
			fmt.Println(row.Repository, "is in", row.Archive)
		}
		return err
	}
	if err := backUp(context.Background()); err != nil {
		panic(err)
	}

	// Output:
	// octo/hello is in migration-79.tar.gz
	// octo/world is in migration-79.tar.gz
}

// A folder is a Store on a disk that is mounted elsewhere.
type folder string

func (dir folder) Put(_ context.Context, name string, r io.Reader, _ int64) error {
	path := filepath.Join(string(dir), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	// The name, and that of the run's folder, must survive a power cut too:
	// Run deletes its own copy, and GitHub's, on the word of Put.
	return errors.Join(syncFolder(filepath.Dir(path)), syncFolder(string(dir)), syncFolder(filepath.Dir(string(dir))))
}

func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil // it needs no such thing, and cannot do it
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ExampleStore() {
	server, acct, dir := exampleServer("octo/hello")
	defer server.Close()
	defer func() { _ = os.RemoveAll(dir) }()

	vault := filepath.Join(dir, "vault")
	_, err := export.Run(context.Background(), acct, export.Options{
		Repositories:   []string{"octo/hello"},
		Dir:            filepath.Join(dir, "runs"),
		Store:          folder(vault),
		DeleteArchives: true, // at GitHub, when the Store has them
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	archives, _ := filepath.Glob(filepath.Join(vault, "*", "*.tar.gz"))
	fmt.Println(len(archives), filepath.Base(archives[0]))
	// Output: 1 migration-79.tar.gz
}

func ExamplePreflight() {
	server, acct, dir := exampleServer("octo/hello")
	defer server.Close()
	defer func() { _ = os.RemoveAll(dir) }()
	server.SetRole("octo", "member")

	report, err := export.Preflight(context.Background(), acct)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(report.Problems, "\n"))
	// Output: octocat is a member of the organization octo: only its owners can export it
}
