package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// startFake starts a GitHub that has the checkout around the working directory
// as a repository, and makes it the one to back up. Close it.
func startFake(o *options, show *display) *ghmigratetest.Server {
	const rate = 8 << 20
	fake := ghmigratetest.NewServer(
		ghmigratetest.WithExportDuration(2*time.Second),
		ghmigratetest.WithStorageRate(rate), // so that there is a download to be seen
	)
	o.org = "octo-org"
	o.request.LockRepositories = true
	o.request.Repositories = []string{"octo-org/checkout"}
	o.baseURL = fake.URL()
	o.client = []ghmigrate.Option{
		ghmigrate.WithHTTPClient(fake.Client()),
		ghmigrate.WithPollInterval(200*time.Millisecond, 200*time.Millisecond),
	}
	show.say("This is a demonstration: the GitHub that it talks to is a fake in this process. For the real one, see -h.")
	add := func(from ...ghmigratetest.RepositoryOption) {
		fake.AddRepository(o.request.Repositories[0],
			append(from, ghmigratetest.WithIssues(3), ghmigratetest.Payload(rate))...)
	}
	dir, err := checkout()
	if err == nil {
		err = rescue(func() { add(ghmigratetest.FromGit(dir)) })
	}
	if err != nil {
		show.say("Its repository %s is made up: %v.", o.request.Repositories[0], err)
		add()
		return fake
	}
	show.say("Its repository %s is a clone of %s.", o.request.Repositories[0], dir)
	return fake
}

// checkout finds the git checkout around the working directory.
func checkout() (string, error) {
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

// rescue turns the panic of a fake that cannot use a checkout into an error.
func rescue(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	do()
	return nil
}
