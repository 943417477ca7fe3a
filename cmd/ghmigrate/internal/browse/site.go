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

// A site makes the pages of a library, for the server and for an export.
type site struct {
	lib       *Library
	store     *store
	git       *git
	markdown  *markdown
	templates *template.Template
	title     string
}

func newSite(ctx context.Context, l *Library) (*site, error) {
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
	s := &site{lib: l, store: l.store, git: newGit(ctx, l), markdown: newMarkdown(), templates: t}
	s.title = filepath.Base(l.archives[0].path)
	if len(l.archives) > 1 {
		s.title = filepath.Base(filepath.Dir(l.archives[0].path))
	}
	return s, nil
}

// A page is what a template shows.
type page struct {
	Template string
	Title    string
	Site     string
	Crumbs   []link
	Tabs     []tab
	Data     any

	Home, Style, Icon, Search, Script string // addresses
	Query                             string // what was searched for
	Static                            bool   // a page of an export
	HasForm                           bool   // a script of the export's search is on the page
}

// A link leads to a page. An empty Href is text alone.
type link struct{ Text, Href string }

// A tab leads to a part of a repository.
type tab struct {
	link
	Count   int64
	More    bool // there are more than Count
	Current bool
}

// A request is for one page.
type request struct {
	*site
	ctx   context.Context //nolint:containedctx // it lives as long as the request
	links *links
	query url.Values
}

// make returns the page with a path, which has no slash at its ends.
func (s *site) make(ctx context.Context, l *links, path string, query url.Values) (*page, error) {
	r := &request{site: s, ctx: ctx, links: l, query: query}
	p, err := r.route(path)
	if err != nil {
		return nil, err
	}
	r.complete(p)
	return p, nil
}

func (r *request) complete(p *page) {
	p.Site, p.Static = r.title, r.links.written
	p.Home, p.Search = r.links.page(""), r.links.page("-/search")
	p.Style, p.Icon, p.Script = r.links.asset("style.css"), r.links.asset("icon.svg"), r.links.asset("search.js")
}

// write writes a page as HTML.
func (s *site) write(w io.Writer, p *page) error { return s.templates.ExecuteTemplate(w, "layout", p) }

// route finds the function for a path.
func (r *request) route(path string) (*page, error) {
	if path == "" {
		return r.overview()
	}
	parts := strings.Split(path, "/")
	if parts[0] == "-" {
		return r.routeOwn(parts[1:])
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

// routeOwn finds the pages that belong to no repository.
func (r *request) routeOwn(parts []string) (*page, error) {
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

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// itemPath returns the path of an issue, a pull request, a discussion, a release or a
// milestone. The path has the number or tag that names the item, or else its number in
// the index.
func itemPath(repo *repository, e *entry) string {
	section := map[kind]string{
		kindIssue: "issues", kindPull: "pull", kindDiscussion: "discussions", kindRelease: "releases", kindMilestone: "milestones",
	}[e.kind]
	if e.number > 0 {
		return repo.slug + "/" + section + "/" + itoa(e.number)
	}
	return repo.slug + "/" + section + "/id-" + itoa(e.id)
}

// userPath returns the path of a user's page.
func userPath(login string) string { return "-/users/" + pathPart(login) }

// A person is a user, for a template.
type person struct{ Name, Href string }

func (r *request) personOf(login string) person {
	if login == "" {
		return person{Name: "deleted account"}
	}
	return person{login, r.links.page(userPath(login))}
}

// labelColor returns the color of a label as SVG takes it.
func labelColor(hex string) string {
	hex = strings.TrimPrefix(hex, "#")
	if (len(hex) == 3 || len(hex) == 6) && strings.Trim(strings.ToLower(hex), "0123456789abcdef") == "" {
		return "#" + hex
	}
	return "gray"
}

// searchedKinds are the kinds that a search can be narrowed to.
func searchedKinds() []string {
	var all []string
	for _, k := range []kind{kindIssue, kindPull, kindComment, kindReview, kindReviewComment, kindDiscussion, kindRelease, kindMilestone, kindCommitComment, kindAttachment, kindUser} {
		all = append(all, k.plural())
	}
	return all
}
