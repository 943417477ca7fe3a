package main

import (
	"cmp"
	"os"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/examples/internal/demo"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// startDemo starts a fake GitHub that has the checkout around the working
// directory as a repository, and makes that what is backed up. Call end.
func (c *command) startDemo() (token string, end func(), err error) {
	// A folder of its own, as the fake forgets all when it ends: nothing could
	// go on with this run.
	parent := cmp.Or(c.opts.Dir, os.TempDir())
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(parent, "ghmigrate-")
	if err != nil {
		return "", nil, err
	}
	const org, repository, rate = "octo-org", "octo-org/checkout", 8 << 20
	fake := ghmigratetest.NewServer(
		ghmigratetest.InMemory(),
		ghmigratetest.WithExportDuration(0),
		ghmigratetest.WithStorageRate(rate), // so that there is a download to be seen
	)
	end = fake.Close
	c.show.say("This is a demonstration: the GitHub that it talks to is a fake in this process. For the real one, see -h.")
	checkout, err := demo.AddRepository(fake, repository, ghmigratetest.WithIssues(3), ghmigratetest.Payload(rate))
	if err != nil {
		c.show.say("Its repository %s is made up: %v.", repository, err)
	} else {
		c.show.say("Its repository %s is a clone of %s.", repository, checkout)
	}
	if c.opts.Dir == "" {
		end = func() {
			fake.Close()
			_ = os.RemoveAll(dir)
			c.show.say("That folder was removed again: with -out DIR it stays.")
		}
	}
	c.org, c.baseURL, c.extra = org, fake.URL(), []ghmigrate.Option{ghmigrate.WithHTTPClient(fake.Client())}
	c.opts.Dir, c.opts.Repositories, c.opts.Start.LockRepositories = dir, []string{repository}, true
	return fake.Token(), end, nil
}
