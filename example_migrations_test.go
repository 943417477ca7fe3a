package ghmigrate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// The migration locks the repositories until they are unlocked. After a 502 the
// migration may exist nevertheless: package export finds it.
func ExampleOrgMigrations_Start() {
	ctx := context.Background()
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(time.Hour))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	github.AddRepository("octo-org/spoon-knife")
	client := clientOf(github)

	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories:     []string{"octo-org/hello-world", "octo-org/spoon-knife"},
		LockRepositories: true,
		ExcludeReleases:  true,
	})
	check(err)
	fmt.Println("migration", m.ID, "of", len(m.Repositories), "repositories is", m.State)
	// Output: migration 79 of 2 repositories is pending
}

// The context limits how long an export may take.
func ExampleOrgMigrations_Wait() {
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Hour)
	defer cancel()

	m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
	check(err)
	m, err = client.OrgMigrations.Wait(ctx, "octo-org", m.ID)
	switch {
	case errors.Is(err, ghmigrate.ErrMigrationFailed):
		fmt.Println("the export failed; try fewer repositories, or without releases")
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("still", m.State, "after six hours") // m is the migration of the last poll
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(m.State)
	}
	// Output: exported
}

// A list requests a page when the loop reaches it: here only the first page.
func ExampleOrgMigrations_List() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	exportAndWait(ctx, client, "octo-org/hello-world", false)
	exportAndWait(ctx, client, "octo-org/hello-world", false)

	opts := &ghmigrate.ListOrgMigrationsOptions{OmitRepositories: true} // much smaller responses
	for m, err := range client.OrgMigrations.List(ctx, "octo-org", opts) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if m.State == ghmigrate.StateExported {
			fmt.Println("migration", m.ID, "has the newest archive")
			break
		}
	}
	// Output: migration 80 has the newest archive
}

// Collect returns a list as a slice.
func ExampleCollect() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	m := exportAndWait(ctx, client, "octo-org/hello-world", false)

	repositories, err := ghmigrate.Collect(client.OrgMigrations.ListRepositories(ctx, "octo-org", m.ID, nil))
	check(err)
	fmt.Println(len(repositories), repositories[0].FullName)
	// Output: 1 octo-org/hello-world
}

// unlockAll unlocks all repositories of a migration that is done.
func unlockAll(ctx context.Context, client *ghmigrate.Client, id int64) error {
	for repo, err := range client.OrgMigrations.ListRepositories(ctx, "octo-org", id, nil) {
		if err != nil {
			return err
		}
		err = client.OrgMigrations.UnlockRepository(ctx, "octo-org", id, repo.Name)
		if err != nil && !errors.Is(err, ghmigrate.ErrNotFound) { // ErrNotFound: the repository is not locked
			return err
		}
		fmt.Println(repo.FullName, "is unlocked")
	}
	return nil
}

// Repositories stay locked until they are unlocked.
func ExampleOrgMigrations_UnlockRepository() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	m := exportAndWait(ctx, client, "octo-org/hello-world", true)

	if err := unlockAll(ctx, client, m.ID); err != nil {
		fmt.Println(err)
	}
	// Output: octo-org/hello-world is unlocked
}

// UserMigrations has the same methods for the token's own account.
func ExampleUserMigrations() {
	ctx := context.Background()
	github, client := fakeGitHub("octocat/hello-world")
	defer github.Close()

	m, err := client.UserMigrations.Start(ctx, ghmigrate.StartMigrationRequest{
		Repositories: []string{"octocat/hello-world"},
	})
	check(err)
	m, err = client.UserMigrations.Wait(ctx, m.ID)
	check(err)
	fmt.Println(m.Owner.Login, m.State)
	// Output: octocat exported
}

// One loop follows many exports. A failed export does not end the loop.
func ExampleOrgMigrations_Watch() {
	ctx := context.Background()
	github, client := fakeGitHub("octo-org/hello-world")
	defer github.Close()
	github.AddRepository("octo-org/too-large", ghmigratetest.PoisonsExport())

	var ids []int64
	for _, name := range []string{"octo-org/hello-world", "octo-org/too-large"} {
		m, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{Repositories: []string{name}})
		check(err)
		ids = append(ids, m.ID)
	}

	for m, err := range client.OrgMigrations.Watch(ctx, "octo-org", ids) {
		switch {
		case err != nil && m == nil:
			check(err) // an outage, or the end of the context
		case err != nil:
			fmt.Println("migration", m.ID, "cannot be watched:", err)
		case m.State.Done():
			fmt.Println("migration", m.ID, "ended:", m.State)
		}
	}

	// Unordered output:
	// migration 79 ended: exported
	// migration 80 ended: failed
}

// follow logs the states of an organization's unfinished and new migrations until
// the context ends.
func follow(ctx context.Context, client *ghmigrate.Client, log *slog.Logger) error {
	for m, err := range client.OrgMigrations.WatchAll(ctx, "octo-org") {
		switch {
		case m == nil: // an outage, or the end of the context
			return err
		case err != nil: // only about this migration
			log.WarnContext(ctx, "migration is no longer followed", "id", m.ID, "error", err)
		default:
			log.InfoContext(ctx, "migration", "id", m.ID, "state", m.State)
		}
	}
	return nil
}

// A service follows the migrations of an organization.
func ExampleOrgMigrations_WatchAll() {
	ctx, stop := context.WithCancel(context.Background())
	github := ghmigratetest.NewServer(ghmigratetest.WithExportDuration(time.Hour))
	defer github.Close()
	github.AddRepository("octo-org/hello-world")
	client := clientOf(github)
	_, err := client.OrgMigrations.Start(ctx, "octo-org", ghmigrate.StartMigrationRequest{
		Repositories: []string{"octo-org/hello-world"},
	})
	check(err)

	log := slog.New(untilExported{github.Clock(), stop})
	fmt.Println(follow(ctx, client, log))
	// Output:
	// exported
	// context canceled
}

// untilExported is a log handler. When an export is pending, it advances the clock
// of the fake GitHub by an hour. When the export is done, it stops the service.
type untilExported struct {
	clock *ghmigratetest.Clock
	stop  context.CancelFunc
}

func (untilExported) Enabled(context.Context, slog.Level) bool { return true }
func (l untilExported) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l untilExported) WithGroup(string) slog.Handler          { return l }

func (l untilExported) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		switch a.Value.String() {
		case string(ghmigrate.StatePending):
			l.clock.Advance(time.Hour)
		case string(ghmigrate.StateExported):
			fmt.Println(a.Value)
			l.stop()
		}
		return true
	})
	return nil
}
