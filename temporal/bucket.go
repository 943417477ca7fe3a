package temporal

// The bucket has what is too large for a history: of a run RUN, such as
// "api.github.com/orgs/octo-org/20261129T100000Z-5f1c2a",
//
//	RUN/migration-79.tar.gz   archives
//	RUN/plan/0000.json        the jobs that were planned, in pages
//	RUN/jobs/000001.json      each job that is over
//	RUN/manifest.json         at the end
//
// and latest.json beside RUN, which names the newest run that has a manifest.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/ghmigrate/ghmigrate/export"
)

func planName(run string, page int) string { return fmt.Sprintf("%s/plan/%04d.json", run, page) }
func jobName(run string, n int) string     { return fmt.Sprintf("%s/jobs/%06d.json", run, n) }
func manifestName(run string) string       { return run + "/manifest.json" }
func latestName(run string) string         { return path.Dir(run) + "/latest.json" }

func (a *Activities) read(ctx context.Context, name string, v any) error {
	data, err := a.Bucket.ReadAll(ctx, name)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func (a *Activities) write(ctx context.Context, name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		err = a.Bucket.WriteAll(ctx, name, data, &blob.WriterOptions{ContentType: "application/json"})
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func isAbsent(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// readers is how many objects are read at the same time.
const readers = 16

// batches reads the batches of a run that are over, in the order in which they
// were made.
func (a *Activities) batches(ctx context.Context, run string) ([]*batch, error) {
	var names []string
	list := a.Bucket.List(&blob.ListOptions{Prefix: run + "/jobs/"})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list the jobs of %s: %w", run, err)
		}
		names = append(names, object.Key)
	}
	slices.Sort(names)
	batches, failures := make([]*batch, len(names)), make([]error, readers)
	var wg sync.WaitGroup
	for r := range readers {
		wg.Go(func() {
			for i := r; i < len(names) && failures[r] == nil; i += readers {
				failures[r] = a.read(ctx, names[i], &batches[i])
			}
		})
	}
	wg.Wait()
	return batches, errors.Join(failures...)
}

func jobsOf(batches []*batch) []*export.Job {
	jobs := make([]*export.Job, len(batches))
	for i, b := range batches {
		jobs[i] = b.Job
	}
	return jobs
}

// beatEvery is how often an activity tells Temporal that its worker lives.
const beatEvery = 3 * time.Second

// beat records heartbeats, with details, until the returned function is called.
func beat(ctx context.Context, details ...func() Transfer) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			values := make([]any, len(details))
			for i, get := range details {
				values[i] = get()
			}
			activity.RecordHeartbeat(ctx, values...)
			select {
			case <-ticker.C:
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// A Transfer is the heartbeat of an activity that moves an archive.
type Transfer struct {
	Migration int64 `json:"migration"`
	Bytes     int64 `json:"bytes"` // that were fetched
	Size      int64 `json:"size"`  // -1 if GitHub does not tell
}

// moved is the latest progress of a transfer.
type moved struct {
	mu sync.Mutex
	at Transfer
}

func (m *moved) set(e export.Event) {
	if e.Kind != export.EventProgress {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = Transfer{e.Migration, e.Bytes, e.Size}
}

func (m *moved) get() Transfer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}
