package browse

import (
	"cmp"
	"errors"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A fileList is the page of the files of a repository.
type fileList struct {
	Files []fileView
	Pager pager
}

// files makes the list of the files of a repository. Attachments of issues and comments
// are not among them.
func (p *repositoryPage) files() (*page, error) {
	found, more, err := p.paged(200, `repo = ? AND kind = ? AND `+isOther+` ORDER BY id`, p.repo.key, kindRepositoryFile)
	if err != nil {
		return nil, err
	}
	v := fileList{Pager: p.pagerOf(p.repo.slug+"/files", more)}
	for _, e := range found {
		f, err := read[archive.RepositoryFile](p.ctx, p.store, e.id)
		if err != nil {
			continue
		}
		view, err := p.fileView(f.FileURL, f.FileName, f.FileContentType)
		if err != nil {
			return nil, err
		}
		view.Author, view.At = p.personOf(e.author), e.at()
		v.Files = append(v.Files, view)
	}
	return p.page("files", &page{Template: "files", Title: "Files", Crumbs: p.crumbs(), Data: &v})
}

// A fileView is a file that a page shows or offers for download.
type fileView struct {
	Name, Href, Type string
	Size             int64
	Image            bool // the page shows the file
	Missing          bool // the archive has the record, but not the file
	Author           person
	At               time.Time
}

// fileView returns the file to which a link of a record leads.
func (r *request) fileView(href, name, contentType string) (fileView, error) {
	v := fileView{Name: cmp.Or(truncate(name, maxTitle), "file"), Type: truncate(mediaType(contentType), 100)}
	f, err := r.store.fileOf(r.ctx, href)
	if errors.Is(err, errNotFound) {
		v.Missing = true
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Href, v.Size, v.Image = r.links.file(f), f.size, rasterTypes[v.Type]
	return v, nil
}

// attachments returns the attachments of a record.
func (r *request) attachments(of *entry) ([]fileView, error) {
	if of.key == 0 {
		return nil, nil
	}
	found, err := r.store.entries(r.ctx, `parent = ? AND kind = ? AND kind IN (12, 17) ORDER BY created, id LIMIT 200`, of.key, kindAttachment)
	if err != nil {
		return nil, err
	}
	var all []fileView
	for _, e := range found {
		a, err := read[archive.Attachment](r.ctx, r.store, e.id)
		if err != nil {
			continue // a record that does not fit its type: its own page shows it
		}
		v, err := r.fileView(a.AssetURL, a.AssetName, a.AssetContentType)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// fileOf returns the address of the file of a record, and whether it is an image that
// pages show.
func (r *request) fileOf(e *entry) (href string, raster bool) {
	switch e.kind {
	case kindAttachment:
		if a, err := read[archive.Attachment](r.ctx, r.store, e.id); err == nil {
			v, _ := r.fileView(a.AssetURL, a.AssetName, a.AssetContentType)
			return v.Href, v.Image
		}
	case kindRepositoryFile:
		if f, err := read[archive.RepositoryFile](r.ctx, r.store, e.id); err == nil {
			v, _ := r.fileView(f.FileURL, f.FileName, f.FileContentType)
			return v.Href, v.Image
		}
	default: // records of other kinds have no file
	}
	return "", false
}
