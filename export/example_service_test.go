package export_test

import (
	"context"
	"expvar"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
)

// A service backs up an organization at intervals.
type service struct {
	client   *ghmigrate.Client
	org, dir string
	every    time.Duration
	log      *slog.Logger
	metrics  *expvar.Map // or another metrics library
	alive    func()      // resets the alarm that is raised when no backup succeeds for too long
}

// run backs up until the context ends. It returns up to two minutes and ten seconds
// later: export.Run waits for the response to a start, and unlocks repositories. The
// next run, in this process or another, continues.
func (s *service) run(ctx context.Context) {
	next := time.NewTicker(s.every)
	defer next.Stop()
	for ctx.Err() == nil {
		switch err := s.backUp(ctx); {
		case err == nil:
			s.alive()
		case ctx.Err() == nil:
			s.metrics.Add("failures", 1)
			s.log.ErrorContext(ctx, "backup", "org", s.org, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-next.C:
		}
	}
}

func (s *service) backUp(ctx context.Context) error {
	acct, names := export.OrgAccount(s.client, s.org), []string{}
	for repo, err := range export.Repositories(ctx, acct) {
		if err != nil {
			return err
		}
		names = append(names, repo.FullName)
	}
	manifest, err := export.Run(ctx, acct, export.Options{
		Repositories:   names,
		Dir:            s.dir,
		DeleteArchives: true,
		FinishFirst:    true, // an interrupted run may have had other repositories
		Progress:       s.progress,
	})
	if manifest != nil {
		s.metrics.Set("last_covered", intVar(manifest.Covered))
	}
	return err
}

func (s *service) progress(e export.Event) {
	if e.Kind == export.EventProgress { // ten times a second
		return
	}
	s.metrics.Add(string(e.Kind), 1)
	if e.Kind == export.EventDownloaded {
		s.metrics.Add("bytes", e.Size)
	}
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "export", e.Attrs()...)
}

func intVar(n int) *expvar.Int {
	v := new(expvar.Int)
	v.Set(int64(n))
	return v
}

// A service with a log, metrics and a graceful shutdown.
func Example_service() {
	server, _, dir := exampleServer("octo-org/hello-world", "octo-org/spoon-knife")
	defer server.Close()
	defer func() { check(os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(context.Background()) // or signal.NotifyContext
	s := &service{
		client:  exampleClient(server),
		org:     "octo-org",
		dir:     dir,
		every:   24 * time.Hour,
		log:     slog.New(slog.DiscardHandler),
		metrics: new(expvar.Map),
		alive:   stop, // this example ends after the first backup
	}
	s.run(ctx)

	archives, err := filepath.Glob(filepath.Join(dir, "*", "*.tar.gz"))
	check(err)
	fmt.Println(len(archives), "archive;", s.metrics.Get("last_covered"), "repositories;", s.metrics.Get("failures"))
	// Output: 1 archive; 2 repositories; <nil>
}
