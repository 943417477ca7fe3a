package browse

import (
	"errors"
	"html/template"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

func isNotFound(err error) bool { return errors.Is(err, errNotFound) }

// Bounds of a page, which hostile texts would exceed: the time for its Markdown, and
// the references that are looked up.
const (
	markdownTime  = 3 * time.Second
	maxReferences = 5000
)

// render returns a text of this repository as HTML.
func (p *repositoryPage) render(text string, at *place) template.HTML {
	if p.markdownSpent > markdownTime {
		return plainText(text)
	}
	begun := time.Now()
	defer func() { p.markdownSpent += time.Since(begun) }()
	var commits []string
	for _, sha := range commitPattern.FindAllString(text, maxReferences) {
		if strings.Trim(sha, "0123456789") != "" {
			commits = append(commits, sha)
		}
	}
	p.git.learn(p.ctx, p.repo.name, commits)
	return p.markdown.render(text, at)
}

var commitPattern = regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)

// place returns how the references in a text of this repository are read.
func (p *repositoryPage) place() *place {
	return &place{link: p.inside, image: p.image, reference: func(text string) string {
		address, known := p.references[text]
		if !known && len(p.references) < maxReferences {
			address = p.reference(text)
			if p.references == nil {
				p.references = map[string]string{}
			}
			p.references[text] = address
		}
		return address
	}}
}

// inside returns the page of the record with a URL; empty if the archive has none.
func (r *request) inside(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return ""
	}
	e, err := r.store.lookup(r.ctx, archive.URL(u.String()))
	if err == nil {
		if e.kind == kindAttachment || e.kind == kindRepositoryFile {
			href, _ := r.fileOf(e)
			return href
		}
		return r.addressOf(e)
	}
	if n, isComment := strings.CutPrefix(u.Fragment, "discussion_r"); isComment { // as GitHub's pages call a review comment
		u.Fragment = ""
		if e, err := r.store.lookup(r.ctx, archive.URL(u.String()+"/files#r"+n)); err == nil {
			return r.addressOf(e)
		}
	}
	if u.Fragment != "" || u.RawQuery != "" { // a place on a page
		u.Fragment, u.RawFragment, u.RawQuery = "", "", ""
		return r.inside(u.String())
	}
	if above, isFiles := strings.CutSuffix(u.String(), "/files"); isFiles {
		return r.inside(above)
	}
	if before, sha, ok := strings.Cut(u.String(), "/commit/"); ok && isSHA(sha) {
		repo, err := r.store.repository(r.ctx, `key = ?`, keyOf(archive.URL(before)))
		if err == nil && r.git.has(r.ctx, repo.name, sha) {
			return r.links.page(repo.slug + "/commit/" + sha)
		}
	}
	return ""
}

// image returns the address of an image of the archive that a text shows.
func (r *request) image(address string) string {
	e, err := r.store.lookup(r.ctx, archive.URL(strings.TrimSpace(address)))
	if err != nil {
		return ""
	}
	href, raster := r.fileOf(e)
	if !raster {
		return ""
	}
	return href
}

// fileOf returns the address of the file of an attachment, and whether it is shown.
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
	default: // it has no file
	}
	return "", false
}

// reference returns the address of #12, owner/repo#12, GH-12, @user or a commit.
func (p *repositoryPage) reference(text string) string {
	switch {
	case strings.HasPrefix(text, "@"):
		n, err := p.store.count(p.ctx, `SELECT 1 FROM record WHERE author = ? AND kind = 15 LIMIT 1`, text[1:])
		if err != nil || n == 0 {
			return ""
		}
		return p.links.page(userPath(text[1:]))
	case strings.HasPrefix(text, "GH-"):
		return p.numbered(p.repo, text[3:])
	case strings.HasPrefix(text, "#"):
		return p.numbered(p.repo, text[1:])
	case strings.Contains(text, "#"):
		name, n, _ := strings.Cut(text, "#")
		repo, err := p.store.repository(p.ctx, `name = ? COLLATE NOCASE`, name)
		if err != nil {
			return ""
		}
		return p.numbered(repo, n)
	case strings.Trim(text, "0123456789") == "": // a number, and no commit that people would name
		return ""
	case p.git.has(p.ctx, p.repo.name, text):
		return p.links.page(p.repo.slug + "/commit/" + text)
	default:
		return ""
	}
}

// numbered returns the address of an issue, a pull request or a discussion.
func (r *request) numbered(repo *repository, n string) string {
	e, err := r.store.one(r.ctx, `repo = ? AND kind IN (?, ?, ?) AND number = ? AND kind BETWEEN 1 AND 5 AND number <> 0 ORDER BY kind`,
		repo.key, kindIssue, kindPull, kindDiscussion, number(n))
	if err != nil {
		return ""
	}
	return r.links.page(itemPath(repo, e))
}

// readmePlace returns how the references in a README are read: relative links lead
// nowhere, because the pages have no files of the repository.
func (p *repositoryPage) readmePlace() *place {
	at := p.place()
	at.document = true
	at.link = func(address string) string {
		if strings.HasPrefix(address, "#") || path.IsAbs(address) {
			return ""
		}
		return p.inside(address)
	}
	return at
}
