// Watch is a service that logs what becomes of the migrations of an
// organization, with the token in GITHUB_TOKEN, until it is told to stop.
// Without a token it watches an export at a fake GitHub that it brings along.
package main

import (
	"cmp"
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
	log := slog.Default()
	var err error
	if token := os.Getenv("GITHUB_TOKEN"); token != "" {
		err = serve(ctx, log, token, *org)
	} else {
		err = demonstrate(ctx, log, *org)
	}
	if err != nil {
		log.Error("the watch has ended", "error", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, log *slog.Logger, token, org string) error {
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(token),
		ghmigrate.WithBaseURL(cmp.Or(os.Getenv("GITHUB_API_URL"), "https://api.github.com")), // or a fake one
	)
	if err != nil {
		return err
	}
	return watch(ctx, log, client, org, func(*ghmigrate.Migration) {})
}

// watch ends without an error only when ctx does. It tells changed of every
// change.
func watch(ctx context.Context, log *slog.Logger, client *ghmigrate.Client, org string, changed func(*ghmigrate.Migration)) error {
	for m, err := range client.OrgMigrations.WatchAll(ctx, org) {
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case m == nil:
			return err
		case err != nil:
			log.Warn("no longer followed", "migration", m.ID, "error", err)
		default:
			log.Info("changed", "migration", m.ID, "state", m.State, "since", m.UpdatedAt)
			changed(m)
		}
	}
	return nil
}

// demonstrate watches one export.
func demonstrate(ctx context.Context, log *slog.Logger, org string) error {
	log.Info("GITHUB_TOKEN is not set: watching an export at a fake GitHub")
	fake := ghmigratetest.NewServer(ghmigratetest.InMemory())
	defer fake.Close()
	name := org + "/hello-world"
	fake.AddRepository(name)
	client, err := ghmigrate.NewClient(
		ghmigrate.WithToken(fake.Token()),
		ghmigrate.WithBaseURL(fake.URL()),
		ghmigrate.WithHTTPClient(fake.Client()),
		ghmigrate.WithPollInterval(time.Second, time.Second),
	)
	if err != nil {
		return err
	}
	if _, err := client.OrgMigrations.Start(ctx, org, ghmigrate.StartMigrationRequest{Repositories: []string{name}}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return watch(ctx, log, client, org, func(m *ghmigrate.Migration) {
		if m.State.Done() {
			log.Info("that is all; a watch with a token goes on until Ctrl-C")
			stop()
		}
	})
}
