package temporal

// The bucket has the data that is too large for a history. These are the objects of a
// run RUN, such as "api.github.com/orgs/octo-org/20261129T100000Z-5f1c2a":
//
//	RUN/migration-79.tar.gz   an archive
//	RUN/plan/0000.json        a page of the jobs that were planned
//	RUN/jobs/000001.json      a job that is over
//	RUN/manifest.json         the manifest, at the end of the run
//
// The object latest.json beside RUN names the newest run that has a manifest.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

func planName(run string, page int) string { return fmt.Sprintf("%s/plan/%04d.json", run, page) }

func jobName(run string, n int) string { return fmt.Sprintf("%s/jobs/%06d.json", run, n) }

func manifestName(run string) string { return run + "/manifest.json" }

func latestName(run string) string { return path.Dir(run) + "/latest.json" }

// read decodes an object.
func (a *Activities) read(ctx context.Context, name string, v any) error {
	data, err := a.Bucket.ReadAll(ctx, name)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, netx.CleanURLError(err))
	}
	return nil
}

// write encodes a value into an object.
func (a *Activities) write(ctx context.Context, name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		err = a.Bucket.WriteAll(ctx, name, data, &blob.WriterOptions{ContentType: "application/json"})
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, netx.CleanURLError(err))
	}
	return nil
}

// isAbsent reports whether an error says that an object does not exist.
func isAbsent(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// readers is the number of objects that readAll reads at the same time.
const readers = 16

// saved reads the batches of a run that are saved, in the order of their numbers.
func (a *Activities) saved(ctx context.Context, run string) ([]*batch, error) {
	return readAll[*batch](ctx, a, run+"/jobs/")
}

// batches reads all batches of a run that has ended, in the order of their numbers.
// Batches that are not saved are on pages of the plan that the run did not load.
func (a *Activities) batches(ctx context.Context, run string) ([]*batch, error) {
	batches, err := a.saved(ctx, run)
	if err != nil {
		return nil, err
	}
	pages, err := readAll[[]*export.Job](ctx, a, run+"/plan/")
	if err != nil {
		return nil, err
	}
	known := map[int]bool{}
	for _, b := range batches {
		known[b.N] = true
	}
	for page, jobs := range pages {
		for _, b := range pageBatches(page, jobs) {
			if !known[b.N] {
				batches = append(batches, b)
			}
		}
	}
	slices.SortFunc(batches, func(a, b *batch) int { return cmp.Compare(a.N, b.N) })
	return batches, nil
}

// readAll decodes the objects whose names begin with a prefix, in the order of their
// names.
func readAll[T any](ctx context.Context, a *Activities, prefix string) ([]T, error) {
	var names []string
	list := a.Bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, netx.CleanURLError(err))
		}
		names = append(names, object.Key)
	}
	slices.Sort(names)
	values, failures := make([]T, len(names)), make([]error, readers)
	var wg sync.WaitGroup
	for r := range readers {
		wg.Go(func() {
			for i := r; i < len(names) && failures[r] == nil; i += readers {
				failures[r] = a.read(ctx, names[i], &values[i])
			}
		})
	}
	wg.Wait()
	return values, errors.Join(failures...)
}

// jobsOf returns the jobs of batches.
func jobsOf(batches []*batch) []*export.Job {
	jobs := make([]*export.Job, len(batches))
	for i, b := range batches {
		jobs[i] = b.Job
	}
	return jobs
}
