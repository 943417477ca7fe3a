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

// A folder is a Store on a disk that is mounted elsewhere.
type folder string

// Put returns nil only when the file is there whole and synced: the archive at
// GitHub is deleted on its word.
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
	// The name, and the name of the run's folder, must survive a power cut too.
	return errors.Join(syncFolder(filepath.Dir(path)), syncFolder(string(dir)))
}

func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil // which keeps names by itself
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Archives go elsewhere when they are verified, and leave the folder.
func ExampleStore() {
	server, acct, dir := exampleServer("octo-org/hello-world")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()

	vault := filepath.Join(dir, "vault")
	_, err := export.Run(context.Background(), acct, export.Options{
		Repositories:   []string{"octo-org/hello-world"},
		Dir:            filepath.Join(dir, "runs"),
		Store:          folder(vault),
		DeleteArchives: true, // at GitHub, when the Store has them
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	archives, _ := filepath.Glob(filepath.Join(vault, "*", "orgs", "octo-org", "*", "*.tar.gz"))
	fmt.Println(len(archives), filepath.Base(archives[0]))
	// Output: 1 migration-79.tar.gz
}
