package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A report is what an archive holds; -json prints it.
type report struct {
	File        string           `json:"file"`
	Extracted   string           `json:"extracted,omitzero"`
	Summary     *archive.Summary `json:"summary"`
	Bytes       map[string]int64 `json:"bytes"`
	People      []*person        `json:"people"`
	Attachments []*attachment    `json:"attachments"`
	Faults      []fault          `json:"faults"`
	MoreFaults  int              `json:"more_faults"`
}

// A person is an account, and how much it wrote.
type person struct {
	URL          archive.URL `json:"url"`
	Login        string      `json:"login"`
	Name         string      `json:"name"`
	Known        bool        `json:"known"`
	Issues       int64       `json:"issues"`
	PullRequests int64       `json:"pull_requests"`
	Comments     int64       `json:"comments"`
	Reviews      int64       `json:"reviews"`
	Others       int64       `json:"others"`
	Text         int64       `json:"text"`
}

func (p *person) wrote() int64 {
	return p.Issues + p.PullRequests + p.Comments + p.Reviews + p.Others
}

// An attachment is a file that somebody attached to something.
type attachment struct {
	Name        string      `json:"name"`
	Size        int64       `json:"size"`
	ContentType string      `json:"content_type"`
	URL         archive.URL `json:"url"`
	Path        string      `json:"path"`
	Parent      archive.URL `json:"parent"`
}

type fault struct {
	Entry  string `json:"entry"`
	Offset int64  `json:"offset"`
	Error  string `json:"error"`
	text   string // all of that
}

// inspect reads an archive twice: once to check it, once for what only this
// program wants to know. A report comes of an archive with faults, too.
func inspect(ctx context.Context, o options) (*report, error) {
	f, err := os.Open(o.file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	r := &report{File: o.file, Extracted: o.extract, Faults: []fault{}}
	if err := r.check(ctx, f, o); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return r, r.gather(ctx, f)
}

// check verifies the archive, and unpacks it if that is asked for. What is
// wrong with the archive is no error but in the report.
func (r *report) check(ctx context.Context, in io.Reader, o options) error {
	var err error
	opts := archive.VerifyOptions{SHA256: o.sha256}
	if o.extract == "" {
		r.Summary, err = archive.Verify(ctx, in, &opts)
	} else {
		r.Summary, err = archive.Extract(ctx, in, o.extract, &opts)
	}
	faults, ok := errors.AsType[*archive.FaultError](err)
	if !ok {
		return err
	}
	for _, f := range faults.Faults {
		r.Faults = append(r.Faults, fault{f.Entry, f.Offset, f.Err.Error(), f.Error()})
	}
	r.MoreFaults = faults.More
	return nil
}

// gather reads records and sizes. Faults are passed over: check found them.
func (r *report) gather(ctx context.Context, in io.Reader) error {
	reader, err := archive.NewReader(in, nil)
	if err != nil {
		return passFault(err)
	}
	g := gathering{
		bytes:  map[string]int64{"git": 0, "attachments": 0, "repository_files": 0, "release_assets": 0, "records": 0, "other": 0},
		people: make(map[archive.URL]*person),
		sizes:  make(map[string]int64),
	}
	for e, err := range reader.Entries() {
		if err == nil {
			err = g.entry(e)
		}
		if err := cmp.Or(ctx.Err(), passFault(err)); err != nil {
			return err
		}
	}
	r.Bytes = g.bytes
	r.People = g.byDiligence()
	r.Attachments = g.largest(10)
	return nil
}

// passFault returns an error that is not about the archive.
func passFault(err error) error {
	if _, ok := errors.AsType[*archive.Fault](err); ok {
		return nil
	}
	return err
}

// A gathering is what the second pass collects.
type gathering struct {
	bytes    map[string]int64
	people   map[archive.URL]*person
	attached []*attachment
	sizes    map[string]int64 // of files that may be attached to something
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
		return nil // the most numerous records, of which none is looked for
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
		g.attach(v.AssetURL, attachment{
			Name: v.AssetName, ContentType: v.AssetContentType, URL: v.URL, Parent: v.Parent(),
		})
	case *archive.RepositoryFile:
		g.attach(v.FileURL, attachment{
			Name: v.FileName, ContentType: v.FileContentType, URL: v.URL, Parent: v.Repository,
		})
	}
}

func (g *gathering) person(url archive.URL) *person {
	p := g.people[url]
	if p == nil {
		p = &person{URL: url}
		g.people[url] = p
	}
	return p
}

func (g *gathering) author(url archive.URL, text string) *person {
	p := g.person(url)
	p.Text += int64(len(text))
	return p
}

// attach notes a file by the link to its entry.
func (g *gathering) attach(link string, a attachment) {
	a.Path, _ = archive.EntryName(link) // a wrong link is a fault
	g.attached = append(g.attached, &a)
}

func (g *gathering) byDiligence() []*person {
	return slices.SortedFunc(maps.Values(g.people), func(a, b *person) int {
		return cmp.Or(cmp.Compare(b.wrote(), a.wrote()), cmp.Compare(b.Text, a.Text), cmp.Compare(a.URL, b.URL))
	})
}

// largest returns the n largest attachments. Their sizes are known only now: a
// file may come before its record or after it.
func (g *gathering) largest(n int) []*attachment {
	for _, a := range g.attached {
		if _, ok := g.sizes[a.Path]; !ok { // an exporter that percent-encodes names
			if plain, err := url.PathUnescape(a.Path); err == nil {
				a.Path = plain
			}
		}
		a.Size = g.sizes[a.Path]
	}
	slices.SortStableFunc(g.attached, func(a, b *attachment) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
	})
	return append([]*attachment{}, g.attached[:min(n, len(g.attached))]...)
}
