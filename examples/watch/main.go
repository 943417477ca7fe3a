// Watch logs the states of the migrations of an organization until SIGTERM or Ctrl-C.
// The token comes from GITHUB_TOKEN. Without a token, Watch logs an export of a fake
// GitHub in its process.
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
	org := flag.String("org", "octo-org", "the organization `NAME`")
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
		log.Error("watch failed", "error", err)
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

// watch logs the changes of all migrations, and calls changed for each. It returns nil
// when ctx is canceled.
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

// demonstrate watches an export of a fake GitHub.
func demonstrate(ctx context.Context, log *slog.Logger, org string) error {
	log.Info("GITHUB_TOKEN is not set: watching an export of a fake GitHub")
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
			log.Info("the demonstration ends here; with a token, watch runs until Ctrl-C")
			stop()
		}
	})
}
