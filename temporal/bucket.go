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
		return fmt.Errorf("read %s: %w", name, err)
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
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// isAbsent reports whether an error says that an object does not exist.
func isAbsent(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }

// readers is the number of objects that batches reads at the same time.
const readers = 16

// batches reads the batches of a run from the bucket, in the order of their numbers.
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

// jobsOf returns the jobs of batches.
func jobsOf(batches []*batch) []*export.Job {
	jobs := make([]*export.Job, len(batches))
	for i, b := range batches {
		jobs[i] = b.Job
	}
	return jobs
}
