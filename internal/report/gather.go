package report

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/archive"
)

// statistics are the sizes, people and attachments of an archive, which a
// verification does not return.
type statistics struct {
	bytes       map[string]int64 // by part, as in Report
	people      map[archive.URL]*Person
	attachments []*attachment
	sizes       map[uint64]int64 // of the files of attachments, by the hash of the name
	seed        maphash.Seed
}

// An attachment is an Attachment, and the hashes of the names that its file may have.
type attachment struct {
	Attachment
	name, plain uint64 // some exporters percent-encode names in links
}

// An archive may be hostile. These constants bound the memory of its statistics.
const (
	maxText        = 300    // the bytes of a text
	maxPeople      = 50_000 // the others are counted together
	maxAttachments = 50_000
)

// others is the URL of all people beyond maxPeople together.
const others archive.URL = "…"

// shorten limits the length of a text from the archive.
func shorten[T ~string](text T) T {
	if len(text) <= maxText {
		return text
	}
	return T(strings.ToValidUTF8(string(text[:maxText]), "")) + "…"
}

// gather reads an archive to its end and returns its statistics. It ignores faults,
// since the verification finds them.
func gather(ctx context.Context, r io.Reader) (*statistics, error) {
	s := &statistics{
		bytes:  map[string]int64{"git": 0, "attachments": 0, "repository_files": 0, "release_assets": 0, "records": 0, "other": 0},
		people: make(map[archive.URL]*Person),
		sizes:  make(map[uint64]int64),
		seed:   maphash.MakeSeed(),
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
		s.sizes[s.hash(e.Name)] = e.Size
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
		if p := s.person(v.URL); p.URL != others {
			p.Login, p.Name, p.Known = shorten(v.Login), shorten(v.Name), true
		}
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
			Name: shorten(v.AssetName), ContentType: shorten(v.AssetContentType), URL: shorten(v.URL), Parent: shorten(v.Parent()),
		})
	case *archive.RepositoryFile:
		s.addAttachment(v.FileURL, Attachment{
			Name: shorten(v.FileName), ContentType: shorten(v.FileContentType), URL: shorten(v.URL), Parent: shorten(v.Repository),
		})
	}
}

// person returns the person with a URL.
func (s *statistics) person(url archive.URL) *Person {
	url = shorten(url)
	p := s.people[url]
	if p == nil && len(s.people) >= maxPeople {
		url = others
		p = s.people[url]
	}
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

func (s *statistics) hash(name string) uint64 { return maphash.String(s.seed, name) }

// addAttachment adds a file by the link to its entry.
func (s *statistics) addAttachment(link string, a Attachment) {
	if len(s.attachments) == maxAttachments {
		s.dropAttachments()
	}
	name, _ := archive.EntryName(link) // a malformed link is a fault
	plain, err := url.PathUnescape(name)
	if err != nil {
		plain = name
	}
	a.Path = shorten(name)
	s.attachments = append(s.attachments, &attachment{a, s.hash(name), s.hash(plain)})
}

// dropAttachments drops at least half of the attachments. It keeps the largest, and then
// attachments whose files may come later.
func (s *statistics) dropAttachments() {
	s.sortAttachments()
	rest := slices.DeleteFunc(s.attachments[attachmentsShown:], func(a *attachment) bool { return a.Size > 0 })
	n := min(attachmentsShown+len(rest), maxAttachments/2)
	clear(s.attachments[n:])
	s.attachments = s.attachments[:n]
}

// sortedPeople returns the people. The person with the most records is the first.
func (s *statistics) sortedPeople() []*Person {
	people := slices.AppendSeq([]*Person{}, maps.Values(s.people)) // not nil, which is null as JSON
	slices.SortFunc(people, func(a, b *Person) int {
		return cmp.Or(cmp.Compare(b.Wrote(), a.Wrote()), cmp.Compare(b.Text, a.Text), cmp.Compare(a.URL, b.URL))
	})
	return people
}

// attachmentsShown is the length of Report.Attachments.
const attachmentsShown = 10

// largestAttachments returns the largest attachments. It is called at the end of the
// archive, since a file may come before or after its record.
func (s *statistics) largestAttachments() []*Attachment {
	s.sortAttachments()
	largest := []*Attachment{} // not nil, which is null as JSON
	for _, a := range s.attachments[:min(attachmentsShown, len(s.attachments))] {
		if _, ok := s.sizes[a.name]; !ok {
			if plain, err := url.PathUnescape(a.Path); err == nil {
				a.Path = plain
			}
		}
		largest = append(largest, &a.Attachment)
	}
	return largest
}

// sortAttachments sets the sizes of the attachments whose files have come, and sorts the
// attachments. The largest is the first.
func (s *statistics) sortAttachments() {
	for _, a := range s.attachments {
		var ok bool
		if a.Size, ok = s.sizes[a.name]; !ok {
			a.Size = s.sizes[a.plain]
		}
	}
	slices.SortStableFunc(s.attachments, func(a, b *attachment) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
	})
}
