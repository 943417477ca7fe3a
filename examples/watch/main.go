// Watch is a service that logs what becomes of the migrations of an
// organization: with the token in GITHUB_TOKEN, or, without one, at a fake
// GitHub that it brings along.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

func main() {
	org := flag.String("org", "octo-org", "whose migrations")
	flag.Parse()
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if err := watch(ctx, os.Getenv("GITHUB_TOKEN"), *org); err != nil {
		slog.Error("the watch has ended", "error", err)
		os.Exit(1)
	}
}

// watch ends without an error only when the service is told to stop.
func watch(ctx context.Context, token, org string) error {
	client, err := ghmigrate.NewClient(ghmigrate.WithToken(token))
	if token == "" {
		slog.Info("GITHUB_TOKEN is not set: starting an export at a fake GitHub; stop with Ctrl-C")
		fake := ghmigratetest.NewServer()
		defer fake.Close()
		fake.AddRepository(org + "/hello-world")
		if client, err = ghmigrate.NewClient(ghmigrate.WithToken(fake.Token()), ghmigrate.WithBaseURL(fake.URL()),
			ghmigrate.WithHTTPClient(fake.Client()), ghmigrate.WithPollInterval(time.Second, time.Second)); err == nil {
			_, err = client.OrgMigrations.Start(ctx, org, ghmigrate.StartMigrationRequest{Repositories: []string{org + "/hello-world"}})
		}
	}
	if err != nil {
		return err
	}
	for m, err := range client.OrgMigrations.WatchAll(ctx, org) {
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case m == nil:
			return err
		case err != nil:
			slog.Warn("no longer followed", "migration", m.ID, "error", err)
		default:
			slog.Info("changed", "migration", m.ID, "state", m.State, "since", m.UpdatedAt)
		}
	}
	return nil
}
