package report

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"

	"github.com/ghmigrate/ghmigrate/archive"
)

// statistics are the sizes, people and attachments of an archive, which a
// verification does not return.
type statistics struct {
	bytes       map[string]int64 // by part, as in Report
	people      map[archive.URL]*Person
	attachments []*Attachment
	sizes       map[string]int64 // of the files of attachments, by name
}

// gather reads an archive to its end and returns its statistics. It ignores faults,
// since the verification finds them.
func gather(ctx context.Context, r io.Reader) (*statistics, error) {
	s := &statistics{
		bytes:  map[string]int64{"git": 0, "attachments": 0, "repository_files": 0, "release_assets": 0, "records": 0, "other": 0},
		people: make(map[archive.URL]*Person),
		sizes:  make(map[string]int64),
	}
	reader, err := archive.NewReader(r, nil)
	if err != nil {
		return s, ignoreFault(err)
	}
	for e, err := range reader.Entries() {
		if err == nil {
			err = s.addEntry(e)
		}
		if err := cmp.Or(ctx.Err(), ignoreFault(err)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// ignoreFault returns nil for a fault of the archive, and err otherwise.
func ignoreFault(err error) error {
	if _, ok := errors.AsType[*archive.Fault](err); ok {
		return nil
	}
	return err
}

// partNames are the keys of Report.Bytes.
var partNames = map[archive.EntryKind]string{
	archive.KindGit: "git", archive.KindRecords: "records", archive.KindReleaseAsset: "release_assets",
	archive.KindAttachment: "attachments", archive.KindRepositoryFile: "repository_files",
}

// addEntry adds the size of an entry, and its records if it is a file of records.
func (s *statistics) addEntry(e *archive.Entry) error {
	if e.Mode.IsDir() {
		return nil
	}
	part := cmp.Or(partNames[e.Kind], "other")
	if e.Kind == archive.KindAttachment || e.Kind == archive.KindRepositoryFile {
		s.sizes[e.Name] = e.Size
	}
	s.bytes[part] += e.Size
	if e.RecordType == "issue_event" {
		return nil // the most numerous records, which no statistic counts
	}
	for record, err := range e.Records() {
		if err := ignoreFault(err); err != nil {
			return err
		}
		s.addRecord(record)
	}
	return nil
}

// addRecord counts a record for its author.
func (s *statistics) addRecord(record archive.Record) {
	switch v := record.(type) {
	case *archive.User:
		p := s.person(v.URL)
		p.Login, p.Name, p.Known = v.Login, v.Name, true
	case *archive.Issue:
		s.author(v.User, v.Body).Issues++
	case *archive.PullRequest:
		s.author(v.User, v.Body).PullRequests++
	case *archive.IssueComment:
		s.author(v.User, v.Body).Comments++
	case *archive.CommitComment:
		s.author(v.User, v.Body).Comments++
	case *archive.PullRequestReviewComment:
		s.author(v.User, v.Body).Comments++
	case *archive.PullRequestReview:
		s.author(v.User, v.Body).Reviews++
	case *archive.Release:
		s.author(v.User, v.Body).Others++
	case *archive.Discussion:
		s.author(v.User, v.Body).Others++
	case *archive.Attachment:
		s.addAttachment(v.AssetURL, Attachment{
			Name: v.AssetName, ContentType: v.AssetContentType, URL: v.URL, Parent: v.Parent(),
		})
	case *archive.RepositoryFile:
		s.addAttachment(v.FileURL, Attachment{
			Name: v.FileName, ContentType: v.FileContentType, URL: v.URL, Parent: v.Repository,
		})
	}
}

// person returns the person with a URL.
func (s *statistics) person(url archive.URL) *Person {
	p := s.people[url]
	if p == nil {
		p = &Person{URL: url}
		s.people[url] = p
	}
	return p
}

// author returns the person with a URL, and counts a text of that person.
func (s *statistics) author(url archive.URL, text string) *Person {
	p := s.person(url)
	p.Text += int64(len(text))
	return p
}

// addAttachment adds a file by the link to its entry.
func (s *statistics) addAttachment(link string, a Attachment) {
	a.Path, _ = archive.EntryName(link) // a malformed link is a fault
	s.attachments = append(s.attachments, &a)
}

// sortedPeople returns the people. The person with the most records is the first.
func (s *statistics) sortedPeople() []*Person {
	people := slices.AppendSeq([]*Person{}, maps.Values(s.people)) // not nil, which is null as JSON
	slices.SortFunc(people, func(a, b *Person) int {
		return cmp.Or(cmp.Compare(b.Wrote(), a.Wrote()), cmp.Compare(b.Text, a.Text), cmp.Compare(a.URL, b.URL))
	})
	return people
}

// largestAttachments returns the n largest attachments. It sets their sizes at the
// end of the archive, since a file may come before or after its record.
func (s *statistics) largestAttachments(n int) []*Attachment {
	for _, a := range s.attachments {
		if _, ok := s.sizes[a.Path]; !ok { // some exporters percent-encode names in links
			if plain, err := url.PathUnescape(a.Path); err == nil {
				a.Path = plain
			}
		}
		a.Size = s.sizes[a.Path]
	}
	slices.SortStableFunc(s.attachments, func(a, b *Attachment) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
	})
	return append([]*Attachment{}, s.attachments[:min(n, len(s.attachments))]...)
}
