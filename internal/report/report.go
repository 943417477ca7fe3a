// Package report tells what is in a migration archive: repositories, counts,
// sizes, people, attachments and faults.
package report

import (
	"context"
	"errors"
	"io"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A Report is what an archive holds. Its JSON keys stay; later versions may add some.
type Report struct {
	File        string           `json:"file"`
	Summary     *archive.Summary `json:"summary"`
	Bytes       map[string]int64 `json:"bytes"` // by owner: git, attachments, repository_files, release_assets, records, other
	People      []*Person        `json:"people"`
	Attachments []*Attachment    `json:"attachments"` // the largest ones
	Faults      []Fault          `json:"faults"`
	MoreFaults  int              `json:"more_faults"` // that are not in Faults
}

// A Person is an account, and how much it wrote.
type Person struct {
	URL          archive.URL `json:"url"` // null for all accounts that are gone
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

// Wrote returns how much the person wrote.
func (p *Person) Wrote() int64 {
	return p.Issues + p.PullRequests + p.Comments + p.Reviews + p.Others
}

// An Attachment is a file that somebody attached to something.
type Attachment struct {
	Name        string      `json:"name"`
	Size        int64       `json:"size"`
	ContentType string      `json:"content_type"`
	URL         archive.URL `json:"url"`
	Path        string      `json:"path"`   // in the archive
	Parent      archive.URL `json:"parent"` // what it is attached to
}

// A Fault is something wrong with the archive.
type Fault struct {
	Entry  string `json:"entry"`
	Offset int64  `json:"offset"` // -1 if it has none
	Error  string `json:"error"`
	Text   string `json:"-"` // all of that
}

// Of reads an archive to its end and reports what it holds. Faults of the archive
// are in the report. An error is about the reader or the context. Name is the
// archive's, for the report.
func Of(ctx context.Context, name string, r io.Reader, opts *archive.VerifyOptions) (*Report, error) {
	return of(ctx, name, r, func(ctx context.Context, r io.Reader) (*archive.Summary, error) {
		return archive.Verify(ctx, r, opts)
	})
}

// of passes what the check reads on to the gathering: the archive may be a stream
// that can be read only once.
func of(ctx context.Context, name string, r io.Reader, check func(context.Context, io.Reader) (*archive.Summary, error)) (*Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read, write := io.Pipe()
	gathered := make(chan *gathering, 1)
	failed := make(chan error, 1)
	go func() {
		g, err := gather(ctx, read)
		_, _ = io.Copy(io.Discard, read) // or the check would wait
		gathered <- g
		failed <- err
	}()
	summary, err := check(ctx, io.TeeReader(r, write))
	_ = write.Close()
	g, gatherErr := <-gathered, <-failed
	report := &Report{
		File:        name,
		Summary:     summary,
		Bytes:       g.bytes,
		People:      g.byDiligence(),
		Attachments: g.largest(10),
		Faults:      []Fault{},
	}
	report.Faults, report.MoreFaults, err = Faults(err)
	return report, errors.Join(err, gatherErr)
}

// Faults separates the faults of an archive from errors of another kind.
func Faults(err error) (faults []Fault, more int, other error) {
	faults = []Fault{}
	found, ok := errors.AsType[*archive.FaultError](err)
	if !ok {
		return faults, 0, err
	}
	for _, f := range found.Faults {
		faults = append(faults, Fault{f.Entry, f.Offset, f.Err.Error(), f.Error()})
	}
	return faults, found.More, nil
}

// FaultCount returns the number of faults.
func (r *Report) FaultCount() int { return len(r.Faults) + r.MoreFaults }
