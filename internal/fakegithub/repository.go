package fakegithub

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// add adds a repository: a clone of the Git repository at path, or a made-up
// one if path is empty.
func add(fake *ghmigratetest.Server, fullName, path string, opts ...ghmigratetest.RepositoryOption) error {
	if path != "" {
		opts = append(opts, ghmigratetest.FromGit(path))
	}
	return rescue(func() { fake.AddRepository(fullName, opts...) })
}

// AddCheckout adds a repository: a clone of the Git checkout around the working
// directory, with this content besides. It returns the checkout's folder, or why
// the repository had to be made up.
func AddCheckout(fake *ghmigratetest.Server, fullName string, content ...ghmigratetest.RepositoryOption) (checkout string, err error) {
	checkout, err = findCheckout()
	if err == nil {
		err = add(fake, fullName, checkout, slices.Clone(content)...)
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
			return "", fmt.Errorf("%s is not in a git checkout", dir)
		}
	}
}

// rescue turns a panic of the fake, which is made for tests, into an error.
func rescue(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	do()
	return nil
}
