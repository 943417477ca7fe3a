package ghmigrate_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// follow reports what becomes of the migrations of an organization, those
// under way and every new one, until the context ends.
func follow(ctx context.Context, client *ghmigrate.Client, log *slog.Logger) error {
	for m, err := range client.OrgMigrations.WatchAll(ctx, "octo-org") {
		switch {
		case m == nil: // the context has ended, or GitHub refuses
			return err
		case err != nil: // about this one alone; the others go on
			log.WarnContext(ctx, "no longer followed", "id", m.ID, "error", err)
		default:
			log.InfoContext(ctx, "migration", "id", m.ID, "state", m.State)
		}
	}
	return nil
}

// A service that follows an organization.
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

// untilExported is a log that lets an hour pass when it sees an export that is
// pending, and waits for its end.
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
