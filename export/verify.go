package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

const (
	// maxDamaged is how often an archive may not read back as it was fetched.
	maxDamaged = 2
	// maxFaults is how many faults of an archive are told one by one.
	maxFaults = 20
)

// verify reads the archive from disk: is it what was fetched, is it sound, is
// everything there? The last is the third of the three proofs of coverage.
func (j *Job) verify(ctx context.Context) error {
	f, err := j.disk().Open(j.path())
	if errors.Is(err, fs.ErrNotExist) {
		return j.damaged(err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	want := j.State.Archive
	summary, err := archive.Verify(ctx, io.NewSectionReader(f, 0, info.Size()), &archive.VerifyOptions{
		ExcludeMetadata:    j.Start.ExcludeMetadata,
		ExcludeGitData:     j.Start.ExcludeGitData,
		ExcludeAttachments: j.Start.ExcludeAttachments,
		ExcludeReleases:    j.Start.ExcludeReleases,
		SkipReferences:     true,
	})
	faults, faulty := errors.AsType[*archive.FaultError](err)
	switch {
	case ctx.Err() != nil:
		return contextError(ctx)
	case err != nil && !faulty:
		return err
	case info.Size() != want.Size || summary.SHA256 != want.SHA256:
		return j.damaged(errNotFetched)
	}
	missing := j.missing(summary)
	err = j.settle(func(s *State) {
		s.Verified, s.Missing, s.Faults = true, missing, faultsInWords(faults)
	})
	j.emit(EventVerified, func(e *Event) {
		e.Bytes, e.Size = want.Size, want.Size
		switch {
		case faulty:
			e.Err = faults
		case len(missing) > 0:
			e.Err = fmt.Errorf("not in the archive: %s", strings.Join(missing, ", "))
		}
	})
	return err
}

var errNotFetched = errors.New("the archive on disk is not what was fetched")

// damaged fetches the archive again: it was whole when it came.
func (j *Job) damaged(reason error) error {
	if j.State.Damaged >= maxDamaged {
		return fmt.Errorf("%s: %w", j.path(), reason)
	}
	j.emit(EventDamaged, withError(reason))
	if err := removeFile(j.disk(), j.path()); err != nil {
		return err
	}
	return j.settle(func(s *State) {
		s.Archive, s.Verified, s.Stored = nil, false, false
		s.Missing, s.Faults = nil, nil
		s.Damaged++
	})
}

// missing lists what was asked for and is not in the archive, with its record
// and its Git data.
func (j *Job) missing(summary *archive.Summary) []string {
	whole := map[string]bool{}
	for _, r := range summary.Repositories {
		whole[strings.ToLower(r.Name)] = (r.Record || j.Start.ExcludeMetadata) && (r.Git || j.Start.ExcludeGitData)
	}
	var missing []string
	for _, name := range j.Repositories {
		if !whole[strings.ToLower(name)] {
			missing = append(missing, name)
		}
	}
	return missing
}

func faultsInWords(e *archive.FaultError) []string {
	if e == nil {
		return nil
	}
	var words []string
	for _, fault := range e.Faults[:min(len(e.Faults), maxFaults)] {
		words = append(words, brief(fault.Error()))
	}
	if more := len(e.Faults) + e.More - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return words
}
