package main

import (
	"cmp"
	"os"

	"github.com/ghmigrate/ghmigrate/examples/internal/demo"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// startDemo starts a fake GitHub that has the checkout around the working
// directory as a repository, and makes that what is backed up. Call end.
func (c *command) startDemo() (fake *ghmigratetest.Server, end func(), err error) {
	// A folder of its own, as the fake forgets all when it ends: nothing could
	// go on with this run.
	parent := cmp.Or(c.export.Dir, os.TempDir())
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(parent, "ghmigrate-")
	if err != nil {
		return nil, nil, err
	}
	const repository, rate = "octo-org/checkout", 8 << 20
	fake = ghmigratetest.NewServer(
		ghmigratetest.InMemory(),
		ghmigratetest.WithExportDuration(0),
		ghmigratetest.WithStorageRate(rate), // so that there is a download to be seen
	)
	c.progress.Say("This is a demonstration: the GitHub that it talks to is a fake in this process. For the real one, see -h.")
	checkout, err := demo.AddRepository(fake, repository, ghmigratetest.WithIssues(3), ghmigratetest.Payload(rate))
	if err != nil {
		c.progress.Say("Its repository %s is made up: %v.", repository, err)
	} else {
		c.progress.Say("Its repository %s is a clone of %s.", repository, checkout)
	}
	end = fake.Close
	if c.export.Dir == "" {
		end = func() {
			fake.Close()
			_ = os.RemoveAll(dir)
			c.progress.Say("That folder was removed again: with -out DIR it stays.")
		}
	}
	c.org, c.baseURL, c.export.Dir = "octo-org", fake.URL(), dir
	c.export.Repositories, c.export.Start.LockRepositories = []string{repository}, true
	return fake, end, nil
}
