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

// A gathering collects what a verification does not count.
type gathering struct {
	bytes    map[string]int64
	people   map[archive.URL]*Person
	attached []*Attachment
	sizes    map[string]int64 // of files that may be attached to something
}

// gather reads records and sizes. It passes over faults: the check finds them.
func gather(ctx context.Context, r io.Reader) (*gathering, error) {
	g := &gathering{
		bytes:  map[string]int64{"git": 0, "attachments": 0, "repository_files": 0, "release_assets": 0, "records": 0, "other": 0},
		people: make(map[archive.URL]*Person),
		sizes:  make(map[string]int64),
	}
	reader, err := archive.NewReader(r, nil)
	if err != nil {
		return g, passFault(err)
	}
	for e, err := range reader.Entries() {
		if err == nil {
			err = g.entry(e)
		}
		if err := cmp.Or(ctx.Err(), passFault(err)); err != nil {
			return g, err
		}
	}
	return g, nil
}

// passFault returns an error that is not about the archive.
func passFault(err error) error {
	if _, ok := errors.AsType[*archive.Fault](err); ok {
		return nil
	}
	return err
}

// owners names what the bytes of entries belong to.
var owners = map[archive.EntryKind]string{
	archive.KindGit: "git", archive.KindRecords: "records", archive.KindReleaseAsset: "release_assets",
	archive.KindAttachment: "attachments", archive.KindRepositoryFile: "repository_files",
}

func (g *gathering) entry(e *archive.Entry) error {
	if e.Mode.IsDir() {
		return nil
	}
	owner := cmp.Or(owners[e.Kind], "other")
	if e.Kind == archive.KindAttachment || e.Kind == archive.KindRepositoryFile {
		g.sizes[e.Name] = e.Size
	}
	g.bytes[owner] += e.Size
	if e.RecordType == "issue_event" {
		return nil // the most numerous records, and nobody looks for one of them
	}
	for record, err := range e.Records() {
		if err := passFault(err); err != nil {
			return err
		}
		g.record(record)
	}
	return nil
}

// record notes who wrote what.
func (g *gathering) record(record archive.Record) {
	switch v := record.(type) {
	case *archive.User:
		p := g.person(v.URL)
		p.Login, p.Name, p.Known = v.Login, v.Name, true
	case *archive.Issue:
		g.author(v.User, v.Body).Issues++
	case *archive.PullRequest:
		g.author(v.User, v.Body).PullRequests++
	case *archive.IssueComment:
		g.author(v.User, v.Body).Comments++
	case *archive.CommitComment:
		g.author(v.User, v.Body).Comments++
	case *archive.PullRequestReviewComment:
		g.author(v.User, v.Body).Comments++
	case *archive.PullRequestReview:
		g.author(v.User, v.Body).Reviews++
	case *archive.Release:
		g.author(v.User, v.Body).Others++
	case *archive.Discussion:
		g.author(v.User, v.Body).Others++
	case *archive.Attachment:
		g.attach(v.AssetURL, Attachment{
			Name: v.AssetName, ContentType: v.AssetContentType, URL: v.URL, Parent: v.Parent(),
		})
	case *archive.RepositoryFile:
		g.attach(v.FileURL, Attachment{
			Name: v.FileName, ContentType: v.FileContentType, URL: v.URL, Parent: v.Repository,
		})
	}
}

func (g *gathering) person(url archive.URL) *Person {
	p := g.people[url]
	if p == nil {
		p = &Person{URL: url}
		g.people[url] = p
	}
	return p
}

func (g *gathering) author(url archive.URL, text string) *Person {
	p := g.person(url)
	p.Text += int64(len(text))
	return p
}

// attach notes a file by the link to its entry.
func (g *gathering) attach(link string, a Attachment) {
	a.Path, _ = archive.EntryName(link) // a wrong link is a fault
	g.attached = append(g.attached, &a)
}

func (g *gathering) byDiligence() []*Person {
	return slices.SortedFunc(maps.Values(g.people), func(a, b *Person) int {
		return cmp.Or(cmp.Compare(b.Wrote(), a.Wrote()), cmp.Compare(b.Text, a.Text), cmp.Compare(a.URL, b.URL))
	})
}

// largest returns the n largest attachments. Their sizes are known only now: a
// file may come before its record or after it.
func (g *gathering) largest(n int) []*Attachment {
	for _, a := range g.attached {
		if _, ok := g.sizes[a.Path]; !ok { // an exporter that percent-encodes names
			if plain, err := url.PathUnescape(a.Path); err == nil {
				a.Path = plain
			}
		}
		a.Size = g.sizes[a.Path]
	}
	slices.SortStableFunc(g.attached, func(a, b *Attachment) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
	})
	return append([]*Attachment{}, g.attached[:min(n, len(g.attached))]...)
}
