package export_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ghmigrate/ghmigrate/export"
)

// A folder is a Store in a folder, such as the mount point of another disk.
type folder string

// Put returns nil only if the whole file is on disk, because Run then deletes the
// archive at GitHub.
func (dir folder) Put(_ context.Context, name string, r io.Reader, size int64) error {
	path := filepath.Join(string(dir), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	n, err := io.Copy(f, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	// The names of the file and of the run's folder must survive a power cut too.
	return errors.Join(syncFolder(filepath.Dir(path)), syncFolder(string(dir)))
}

func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil // Windows syncs folders by itself
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Move verified archives from the run's folder into a Store.
func ExampleStore() {
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()

	vault := filepath.Join(dir, "vault")
	_, err := export.Run(context.Background(), acct, export.Options{
		Repositories:   []string{"octo-org/hello-world"},
		Dir:            filepath.Join(dir, "runs"),
		Store:          folder(vault),
		DeleteArchives: true, // at GitHub, after the Store has them
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	archives, _ := filepath.Glob(filepath.Join(vault, "*", "orgs", "octo-org", "*", "*.tar.gz"))
	fmt.Println(len(archives), filepath.Base(archives[0]))
	// Output: 1 migration-79.tar.gz
}
