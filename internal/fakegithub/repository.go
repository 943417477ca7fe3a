package fakegithub

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// add adds a repository with a clone of the Git repository at path. If path is empty,
// the repository is made up.
func add(fake *ghmigratetest.Server, fullName, path string, opts ...ghmigratetest.RepositoryOption) error {
	if path != "" {
		opts = append(opts, ghmigratetest.FromGit(path))
	}
	return rescue(func() { fake.AddRepository(fullName, opts...) })
}

// AddCheckout adds a repository with a clone of the Git checkout that contains the
// working directory. It returns the directory of the checkout. If there is no usable
// checkout, AddCheckout adds a made-up repository and returns the reason as an error.
// content applies to the repository in both cases.
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

// findCheckout returns the directory of the Git checkout that contains the working
// directory.
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
			return "", fmt.Errorf("%s is not in a Git checkout", dir)
		}
	}
}

// rescue returns a panic of do as an error. The fake panics because it is made for
// tests.
func rescue(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	do()
	return nil
}
