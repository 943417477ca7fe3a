package browse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ghmigrate/ghmigrate/archive"
	"github.com/ghmigrate/ghmigrate/internal/durable"
	"github.com/ghmigrate/ghmigrate/internal/report"
)

// An extraction unpacks the archives into the cache folder in the background, while the
// server shows their records. archive.Extract verifies an archive as it unpacks it.
type extraction struct {
	lib    *Library
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	ready []bool // which archives are unpacked
	found []extractionResult
	err   error // a failed write, read or lock: no more archives are unpacked
}

// An extractionResult is the JSON file that the extraction of an archive leaves.
type extractionResult struct {
	Faults []string `json:"faults"`
	More   int      `json:"more"` // faults that are not in Faults
}

// errUnpacking means that an archive is not unpacked yet.
var errUnpacking = errors.New("the archive is still being unpacked")

// startExtraction unpacks the archives that are not in the cache folder yet.
func startExtraction(ctx context.Context, l *Library, opts Options) *extraction {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	x := &extraction{
		lib: l, cancel: cancel, done: make(chan struct{}),
		ready: make([]bool, len(l.archives)), found: make([]extractionResult, len(l.archives)),
	}
	var missing []int
	for i := range l.archives {
		if x.load(i) != nil {
			missing = append(missing, i)
		}
	}
	go func() {
		defer close(x.done)
		for _, i := range missing {
			err := x.extract(ctx, i, opts)
			if err == nil {
				continue
			}
			x.mu.Lock()
			x.err = fmt.Errorf("unpack %s: %w", l.archives[i].path, err)
			x.mu.Unlock()
			if ctx.Err() == nil {
				opts.Say("%v", x.err)
			}
			return
		}
	}()
	return x
}

// stop stops the extraction. The next extraction removes an incomplete folder.
func (x *extraction) stop() {
	x.cancel()
	<-x.done
}

// wait waits until the extraction ends.
func (x *extraction) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-x.done:
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.err
	}
}

func (x *extraction) dir(i int) string {
	return filepath.Join(x.lib.dir, fmt.Sprintf("files-%d", i+1))
}

// load reads the result of a complete extraction.
func (x *extraction) load(i int) error {
	data, err := os.ReadFile(x.dir(i) + ".json")
	if err != nil {
		return err
	}
	var result extractionResult
	if err := json.Unmarshal(data, &result); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ready[i], x.found[i] = true, result
	return nil
}

// extract unpacks an archive. It writes the result beside the folder last: the result
// means that the folder is complete.
func (x *extraction) extract(ctx context.Context, i int, opts Options) error {
	lock, err := lockWhenFree(ctx, filepath.Join(x.lib.dir, "files.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if x.load(i) == nil { // another process has unpacked it
		return nil
	}
	dir := x.dir(i)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	a := x.lib.archives[i]
	f, err := os.Open(a.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	name := filepath.Base(a.path)
	r := &progressReader{Reader: f, update: opts.Progress("unpacking " + name), size: a.size}
	verify, err := x.excluded(ctx, i)
	if err != nil {
		return err
	}
	_, err = archive.Extract(ctx, r, dir, verify)
	faults, more, err := report.Faults(err)
	if err != nil {
		return err
	}
	result := extractionResult{More: more}
	for _, f := range faults {
		result.Faults = append(result.Faults, truncate(f.Text, 2000))
	}
	if len(result.Faults) > 0 {
		opts.Say("%s has %d faults: the first page shows them", name, len(result.Faults)+result.More)
	}
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(durable.OS{}, dir+".json", data); err != nil {
		return err
	}
	return x.load(i)
}

// excluded returns the options for verifying an archive. A part of which the archive has
// nothing counts as excluded from the export, and not as a fault. The first page says so.
func (x *extraction) excluded(ctx context.Context, i int) (*archive.VerifyOptions, error) {
	opts := &archive.VerifyOptions{SkipReferences: true}
	for _, part := range []struct {
		excluded *bool
		count    string
	}{
		{&opts.ExcludeGitData, `SELECT count(*) FROM git WHERE archive = ?`},
		{&opts.ExcludeMetadata, `SELECT count(*) FROM record WHERE archive = ? AND kind BETWEEN 1 AND 13`},
		{&opts.ExcludeAttachments, `SELECT count(*) FROM file WHERE archive = ? AND name NOT LIKE 'releases/%'`},
		{&opts.ExcludeReleases, `SELECT count(*) FROM file WHERE archive = ? AND name LIKE 'releases/%'`},
	} {
		n, err := x.lib.store.count(ctx, part.count, i)
		if err != nil {
			return nil, err
		}
		*part.excluded = n == 0
	}
	return opts, nil
}

// isReady reports whether an archive is unpacked. The error says why the unpacking failed.
func (x *extraction) isReady(i int64) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i < 0 || i >= int64(len(x.ready)) {
		return false, errNotFound
	}
	return x.ready[i], x.err
}

// check returns an error for an archive that is not unpacked.
func (x *extraction) check(i int64) error {
	ready, err := x.isReady(i)
	if ready {
		return nil
	}
	return cmp.Or(err, errUnpacking)
}

// open opens an unpacked file.
func (x *extraction) open(i int64, name string) (fs.File, error) {
	if err := x.check(i); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(x.dir(int(i)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotFound
	}
	return f, err
}

// repository returns the folder of a bare repository.
func (x *extraction) repository(i int64, name string) (string, error) {
	if err := x.check(i); err != nil {
		return "", err
	}
	dir := filepath.Join(x.dir(int(i)), "repositories", filepath.FromSlash(name)+".git")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", errNotFound
	}
	return dir, nil
}

// faults returns the faults of the archives, the number of further faults, and whether
// all archives are unpacked.
func (x *extraction) faults() (faults []string, more int, all bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all = true
	for i, r := range x.found {
		faults, more, all = append(faults, r.Faults...), more+r.More, all && x.ready[i]
	}
	return faults, more, all
}
