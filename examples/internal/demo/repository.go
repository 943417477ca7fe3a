// Package demo is what the examples share that bring a fake GitHub along.
package demo

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// AddRepository adds a repository to a fake GitHub: a clone of the git checkout
// around the working directory, with this content besides. It returns where that
// is, or why the repository had to be made up.
func AddRepository(fake *ghmigratetest.Server, fullName string, content ...ghmigratetest.RepositoryOption) (checkout string, err error) {
	checkout, err = findCheckout()
	if err == nil {
		clone := append([]ghmigratetest.RepositoryOption{ghmigratetest.FromGit(checkout)}, content...)
		err = Rescue(func() { fake.AddRepository(fullName, clone...) })
	}
	if err != nil {
		fake.AddRepository(fullName, content...)
	}
	return checkout, err
}

func findCheckout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at, ghmigratetest.CheckGit(at)
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is in no git checkout", dir)
		}
	}
}

// Rescue turns a panic of the fake, which is made for tests, into an error.
func Rescue(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	do()
	return nil
}
