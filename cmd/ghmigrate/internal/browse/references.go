package browse

import (
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// Bounds for each page, against hostile texts.
const (
	markdownTime  = 3 * time.Second // for rendering Markdown: later texts are plain text, and later addresses are not looked up
	maxReferences = 5000            // references, links and images that are looked up: further ones are not
)

// render renders a text of this repository as HTML.
func (p *repositoryPage) render(text string, resolve *resolver) (rendered template.HTML) {
	defer func() { p.size += len(rendered) }()
	if p.markdownSpent > markdownTime {
		return plainText(text)
	}
	p.markdownBegun = time.Now()
	defer func() { p.markdownSpent += time.Since(p.markdownBegun) }()
	var commits []string
	for _, sha := range commitPattern.FindAllString(text, maxReferences) {
		if strings.Trim(sha, "0123456789") != "" {
			commits = append(commits, sha)
		}
	}
	p.git.learn(p.ctx, p.repo.name, commits)
	return p.markdown.render(text, resolve)
}

var commitPattern = regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)

// resolver returns the resolver for a text of this repository.
func (p *repositoryPage) resolver() *resolver {
	return &resolver{link: p.bounded("link", p.inside), image: p.bounded("image", p.image), reference: p.bounded("reference", p.reference)}
}

// bounded returns a function that looks up addresses within the bounds of the page. It
// caches them. It returns an empty address when a bound is reached.
func (p *repositoryPage) bounded(kind string, lookUp func(string) string) func(string) string {
	return func(text string) string {
		key := kind + " " + text
		address, known := p.addresses[key]
		if !known && len(p.addresses) < maxReferences && p.markdownSpent+time.Since(p.markdownBegun) <= markdownTime {
			address = lookUp(text)
			if p.addresses == nil {
				p.addresses = map[string]string{}
			}
			p.addresses[key] = address
		}
		return address
	}
}

// inside returns the address of the page for a URL, or "" if the archive has no such
// page.
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
	if n, isComment := strings.CutPrefix(u.Fragment, "discussion_r"); isComment { // the form of a review comment in the addresses of GitHub's pages
		u.Fragment = ""
		if e, err := r.store.lookup(r.ctx, archive.URL(u.String()+"/files#r"+n)); err == nil {
			return r.addressOf(e)
		}
	}
	if u.Fragment != "" || u.RawQuery != "" { // try the URL of the page alone
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

// image returns the address of the image with a URL, or "" if the archive has no such
// image.
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

// reference returns the address of the page for #12, owner/repo#12, GH-12, @user or a
// commit, or "" if the archive has no such page.
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
	case strings.Trim(text, "0123456789") == "": // only digits: a number rather than a commit
		return ""
	case p.git.has(p.ctx, p.repo.name, text):
		return p.links.page(p.repo.slug + "/commit/" + text)
	default:
		return ""
	}
}

// numbered returns the address of the issue, pull request or discussion with a number.
func (r *request) numbered(repo *repository, n string) string {
	e, err := r.store.one(r.ctx, `repo = ? AND kind IN (?, ?, ?) AND number = ? AND `+isItem+` AND number <> 0 ORDER BY kind`,
		repo.key, kindIssue, kindPull, kindDiscussion, number(n))
	if err != nil {
		return ""
	}
	return r.links.page(itemPath(repo, e))
}
