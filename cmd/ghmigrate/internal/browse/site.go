package browse

import (
	"context"
	"embed"
	"html/template"
	"io"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate/internal/table"
)

//go:embed templates/*.html
var templateFiles embed.FS

// A site makes the pages of a Library, for a Server and for an export.
type site struct {
	lib       *Library
	store     *store
	git       *gitRunner
	markdown  *markdown
	templates *template.Template
	title     string
}

func newSite(l *Library) (*site, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"count": table.Count,
		"size":  table.Size,
		"color": labelColor,
		"plural": func(n int64, thing string) string {
			if n == 1 {
				return "1 " + thing
			}
			return table.Count(n) + " " + thing + "s"
		},
		"num":   func(list any) int64 { return int64(reflect.ValueOf(list).Len()) },
		"kinds": searchedKinds,
		"date":  func(t time.Time) string { return t.Format("2 Jan 2006") },
		"full":  func(t time.Time) string { return t.Format("2 January 2006, 15:04:05 MST") },
		"iso":   func(t time.Time) string { return t.Format(time.RFC3339) },
	}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	s := &site{lib: l, store: l.store, git: newGitRunner(l), markdown: newMarkdown(), templates: t}
	s.title = filepath.Base(l.archives[0].path)
	if len(l.archives) > 1 {
		s.title = filepath.Base(filepath.Dir(l.archives[0].path))
	}
	return s, nil
}

// A page is the data of a template and of the layout around it.
type page struct {
	Template string
	Title    string
	Site     string
	Crumbs   []link
	Tabs     []tab
	Data     any

	Home, Style, Icon, Search, Script string // addresses
	Query                             string // the words of a search
	Static                            bool   // the page is part of an export
	HasForm                           bool   // the page has the search of an export, and its script
}

// A link leads to a page. Without an Href, it is plain text.
type link struct{ Text, Href string }

// A tab leads to a part of a repository.
type tab struct {
	link
	Count   int64
	More    bool // Count is a lower bound
	Current bool
}

// A request is for one page.
type request struct {
	*site
	ctx   context.Context //nolint:containedctx // a request lives as long as its context
	links *links
	query url.Values

	places map[int64]int64 // the pages of posts in conversations, by ID; also the IDs of the conversations
}

// pageAt makes the page at a path. The path neither begins nor ends with a slash.
func (s *site) pageAt(ctx context.Context, l *links, path string, query url.Values) (*page, error) {
	r := &request{site: s, ctx: ctx, links: l, query: query}
	p, err := r.route(path)
	if err != nil {
		return nil, err
	}
	r.fillLayout(p)
	return p, nil
}

// fillLayout sets the fields of a page that the layout shows.
func (r *request) fillLayout(p *page) {
	p.Site, p.Static = r.title, r.links.written
	p.Home, p.Search = r.links.page(""), r.links.page("-/search")
	p.Style, p.Icon, p.Script = r.links.asset("style.css"), r.links.asset("icon.svg"), r.links.asset("search.js")
}

// writePage writes a page as HTML.
func (s *site) writePage(w io.Writer, p *page) error {
	return s.templates.ExecuteTemplate(w, "layout", p)
}

// route calls the function that makes the page at a path.
func (r *request) route(path string) (*page, error) {
	if path == "" {
		return r.overview()
	}
	parts := strings.Split(path, "/")
	if parts[0] == "-" {
		return r.routeGeneral(parts[1:])
	}
	if len(parts) < 2 {
		return r.owner(parts[0])
	}
	repo, err := r.store.repository(r.ctx, `slug = ?`, parts[0]+"/"+parts[1])
	if err != nil {
		return nil, err
	}
	return r.routeRepository(&repositoryPage{request: r, repo: repo}, parts[2:])
}

// routeGeneral makes the pages below "-/", which belong to no repository.
func (r *request) routeGeneral(parts []string) (*page, error) {
	switch {
	case len(parts) == 1 && parts[0] == "search":
		return r.search()
	case len(parts) == 1 && parts[0] == "users":
		return r.people()
	case len(parts) == 1 && parts[0] == "records":
		return r.records()
	case len(parts) == 2 && parts[0] == "users":
		return r.person(fromPart(parts[1]))
	case len(parts) == 2 && parts[0] == "records":
		return r.recordsOf(parts[1])
	case len(parts) == 2 && parts[0] == "record":
		return r.record(number(parts[1]))
	default:
		return nil, errNotFound
	}
}

// routeRepository makes the pages of a repository. Parts is the path below it.
func (r *request) routeRepository(p *repositoryPage, parts []string) (*page, error) {
	name, arg := "", ""
	if len(parts) > 0 {
		name = parts[0]
	}
	if len(parts) == 2 {
		arg = parts[1]
	}
	switch {
	case len(parts) > 2:
		return nil, errNotFound
	case name == "":
		return p.home()
	case arg == "":
		return p.list(name)
	}
	switch name {
	case "issues":
		return p.thread(kindIssue, arg)
	case "pull":
		return p.thread(kindPull, arg)
	case "discussions":
		return p.thread(kindDiscussion, arg)
	case "releases":
		return p.thread(kindRelease, arg)
	case "milestones":
		return p.milestone(arg)
	case "labels":
		return p.label(number(arg))
	case "commit":
		return p.commit(arg)
	default:
		return nil, errNotFound
	}
}

// number returns the number in an address, or 0 for anything else.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
