package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"

	"github.com/google/go-github/v93/github"

	"github.com/ghmigrate/ghmigrate"
)

// A call is one that both libraries have.
type call struct {
	name        string
	turns       int // between two looks at the clock
	ours, peers func(ctx context.Context) error
}

func calls(base string) ([]call, error) {
	ours, err := ghmigrate.NewClient(ghmigrate.WithBaseURL(base), ghmigrate.WithToken("made-up"),
		ghmigrate.WithHTTPClient(&http.Client{Transport: &http.Transport{}}))
	if err != nil {
		return nil, err
	}
	root := base + "/"
	peers, err := github.NewClient(github.WithURLs(&root, &root), github.WithAuthToken("made-up"),
		github.WithHTTPClient(&http.Client{Transport: &http.Transport{}}))
	if err != nil {
		return nil, err
	}
	return []call{{
		name: fmt.Sprintf("a list page: %d migrations of %d repositories", pageMigrations, pageRepositories), turns: 1,
		ours: func(ctx context.Context) error {
			got, err := ghmigrate.Collect(ours.OrgMigrations.List(ctx, organization, nil))
			return expect(err, len(got) == pageMigrations && len(got[pageMigrations-1].Repositories) == pageRepositories)
		},
		peers: func(ctx context.Context) error {
			got, _, err := peers.Migrations.ListMigrations(ctx, organization, nil)
			return expect(err, len(got) == pageMigrations && len(got[pageMigrations-1].Repositories) == pageRepositories)
		},
	}, {
		name: "a call with a small answer: the status of a migration", turns: 100,
		ours: func(ctx context.Context) error {
			got, err := ours.OrgMigrations.Get(ctx, organization, migration, nil)
			return expect(err, got != nil && got.ID == migration)
		},
		peers: func(ctx context.Context) error {
			got, _, err := peers.Migrations.MigrationStatus(ctx, organization, migration)
			return expect(err, got.GetID() == migration)
		},
	}, {
		name: "a call without one: unlocking", turns: 100,
		ours: func(ctx context.Context) error {
			return ours.OrgMigrations.UnlockRepository(ctx, organization, migration, "hello-world")
		},
		peers: func(ctx context.Context) error {
			_, err := peers.Migrations.UnlockRepo(ctx, organization, migration, "hello-world")
			return err
		},
	}}, nil
}

func expect(err error, right bool) error {
	if err == nil && !right {
		return errors.New("something is missing in the answer")
	}
	return err
}

// cost is what a call takes.
type cost struct{ ns, bytes, allocs float64 }

// measureDecoding prints a table of calls.
func measureDecoding(ctx context.Context, o options, stdout io.Writer) error {
	server, err := startSource(ctx, "-fixture", o.fixture)
	if err != nil {
		return err
	}
	defer server.stop()
	all, err := calls(server.base)
	if err != nil {
		return err
	}
	rows := [][]string{{"call", "library", "µs", "bytes allocated", "allocations", "time ratio", "bytes ratio", "allocations ratio"}}
	for _, c := range all {
		ours, peers, err := c.measure(ctx, o.runs)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rows = append(rows,
			[]string{c.name, "ghmigrate", number(ours.ns / 1e3), number(ours.bytes), number(ours.allocs),
				ratio(ours.ns, peers.ns), ratio(ours.bytes, peers.bytes), ratio(ours.allocs, peers.allocs)},
			[]string{c.name, "go-github", number(peers.ns / 1e3), number(peers.bytes), number(peers.allocs), "1", "1", "1"})
	}
	writeTable(stdout, 2, rows...)
	return nil
}

// rounds are within a run.
const rounds = 5

// measure makes both calls in turns, so that the machine is equally busy for
// both.
func (c call) measure(ctx context.Context, runs int) (ours, peers cost, err error) {
	both := [2]func(context.Context) error{c.ours, c.peers}
	var ns, bytes, allocs [2][]float64
	var before, after runtime.MemStats
	for round := range 2 + runs*rounds {
		for side, call := range both {
			runtime.ReadMemStats(&before)
			began := time.Now()
			for range c.turns {
				if err := call(ctx); err != nil {
					return cost{}, cost{}, err
				}
			}
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if round < 2 {
				continue // connections are made, and caches filled
			}
			ns[side] = append(ns[side], float64(took.Nanoseconds())/float64(c.turns))
			bytes[side] = append(bytes[side], float64(after.TotalAlloc-before.TotalAlloc)/float64(c.turns))
			allocs[side] = append(allocs[side], float64(after.Mallocs-before.Mallocs)/float64(c.turns))
		}
	}
	return cost{median(ns[0]), median(bytes[0]), median(allocs[0])}, cost{median(ns[1]), median(bytes[1]), median(allocs[1])}, nil
}
