// Package report describes the content of a migration archive: repositories,
// counts, sizes, people, attachments and faults.
package report

import (
	"context"
	"errors"
	"io"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A Report describes the content of an archive. Later versions may add JSON keys,
// but do not change or remove any.
type Report struct {
	File        string           `json:"file"`
	Summary     *archive.Summary `json:"summary"`
	Bytes       map[string]int64 `json:"bytes"`       // by part: git, attachments, repository_files, release_assets, records, other
	People      []*Person        `json:"people"`      // sorted by Wrote, the largest first; "…" counts all beyond 50,000
	Attachments []*Attachment    `json:"attachments"` // the ten largest
	Faults      []Fault          `json:"faults"`
	MoreFaults  int              `json:"more_faults"` // the number of faults that are not in Faults
}

// A Person is an account, and counts the records that it wrote.
type Person struct {
	URL          archive.URL `json:"url"` // null for all deleted accounts together
	Login        string      `json:"login"`
	Name         string      `json:"name"`
	Known        bool        `json:"known"` // the archive has a record of the account
	Issues       int64       `json:"issues"`
	PullRequests int64       `json:"pull_requests"`
	Comments     int64       `json:"comments"`
	Reviews      int64       `json:"reviews"`
	Others       int64       `json:"others"` // releases and discussions
	Text         int64       `json:"text"`   // bytes
}

// Wrote returns the number of records that the person wrote.
func (p *Person) Wrote() int64 {
	return p.Issues + p.PullRequests + p.Comments + p.Reviews + p.Others
}

// An Attachment is a file that is attached to an issue, a comment or a repository.
type Attachment struct {
	Name        string      `json:"name"`
	Size        int64       `json:"size"`
	ContentType string      `json:"content_type"`
	URL         archive.URL `json:"url"`
	Path        string      `json:"path"`   // in the archive
	Parent      archive.URL `json:"parent"` // the issue, comment or repository with the attachment
}

// A Fault is an [archive.Fault] as JSON.
type Fault struct {
	Entry  string `json:"entry"`
	Offset int64  `json:"offset"` // -1 if not known
	Error  string `json:"error"`
	Text   string `json:"-"` // Entry, Offset and Error
}

// Of reads an archive to its end and reports its content. Faults of the archive are
// in the report. Of fails only if the reader fails or the context ends. Name becomes
// Report.File.
func Of(ctx context.Context, name string, r io.Reader, opts *archive.VerifyOptions) (*Report, error) {
	return of(ctx, name, r, func(ctx context.Context, r io.Reader) (*archive.Summary, error) {
		return archive.Verify(ctx, r, opts)
	})
}

// of verifies an archive and gathers its statistics at the same time, since a
// stream can be read only once.
func of(ctx context.Context, name string, r io.Reader, verify func(context.Context, io.Reader) (*archive.Summary, error)) (*Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read, write := io.Pipe()
	var stats *statistics
	gathered := make(chan error, 1)
	go func() {
		var err error
		stats, err = gather(ctx, read)
		_, _ = io.Copy(io.Discard, read) // so that verify does not block
		gathered <- err
	}()
	summary, err := verify(ctx, io.TeeReader(r, write))
	_ = write.Close()
	gatherErr := <-gathered
	report := &Report{
		File:        name,
		Summary:     summary,
		Bytes:       stats.bytes,
		People:      stats.sortedPeople(),
		Attachments: stats.largestAttachments(),
	}
	report.Faults, report.MoreFaults, err = Faults(err)
	return report, errors.Join(err, gatherErr)
}

// Faults returns the faults in err, and the number of faults beyond them. Other is the
// rest of err: the error of a read or write, which [archive.Verify] and
// [archive.Extract] join with the faults that they found before.
func Faults(err error) (faults []Fault, more int, other error) {
	faults = []Fault{}
	found, ok := errors.AsType[*archive.FaultError](err)
	if !ok {
		return faults, 0, err
	}
	for _, f := range found.Faults {
		faults = append(faults, Fault{f.Entry, f.Offset, f.Err.Error(), f.Error()})
	}
	return faults, found.More, withoutFaults(err)
}

// withoutFaults removes each [archive.FaultError] from err, which may be joined errors.
func withoutFaults(err error) error {
	if _, ok := errors.AsType[*archive.FaultError](err); !ok {
		return err
	}
	var rest []error
	switch err := err.(type) { //nolint:errorlint // it unwraps the joined errors itself
	case *archive.FaultError:
	case interface{ Unwrap() []error }:
		for _, joined := range err.Unwrap() {
			rest = append(rest, withoutFaults(joined))
		}
	case interface{ Unwrap() error }:
		return withoutFaults(err.Unwrap())
	}
	return errors.Join(rest...)
}

// FaultCount returns the number of all faults.
func (r *Report) FaultCount() int { return len(r.Faults) + r.MoreFaults }
