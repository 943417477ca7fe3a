package browse

import "cmp"

// perThread is the number of posts on a page of a conversation.
const perThread = 200

// maxParts bounds the records of a conversation that its pages show.
const maxParts = 200_000

// A threadPage is a page of a conversation: an issue, a pull request, a discussion or a
// release.
type threadPage struct {
	Kind, State, Number string
	First               *post
	Facts               []fact
	Labels              []label
	Assets              []fileView
	Posts               []*post
	Pager               pager
	Note                string
}

// A fact is a line beside a conversation, such as the assignees.
type fact struct {
	Name  string
	Links []link
}

// A thread is a request for a page of a conversation.
type thread struct {
	*repositoryPage
	top *entry // the issue, pull request, discussion or release
}

// thread makes a page of a conversation.
func (p *repositoryPage) thread(k kind, arg string) (*page, error) {
	top, err := p.find(k, arg)
	if err != nil {
		return nil, err
	}
	t := &thread{repositoryPage: p, top: top}
	v := threadPage{Kind: k.String(), State: top.state.String()}
	if top.number > 0 {
		v.Number = "#" + itoa(top.number)
	}
	tree, err := t.tree()
	if err != nil {
		return nil, err
	}
	from := min(int((p.pageNumber()-1)*perThread), len(tree))
	to := min(from+perThread, len(tree))
	if v.First, err = t.firstPost(&v); err != nil {
		return nil, err
	}
	if v.Posts, err = t.fill(tree[from:to]); err != nil {
		return nil, err
	}
	v.Pager = p.pagerOf(itemPath(p.repo, top), to < len(tree))
	if k == kindDiscussion && len(tree) == 0 {
		v.Note = "GitHub does not export the comments on discussions."
	}
	if p.isFull() {
		v.Note = fullNote
	}
	section := map[kind]string{kindIssue: "issues", kindPull: "pulls", kindDiscussion: "discussions", kindRelease: "releases"}[k]
	title := cmp.Or(top.title, "(no title)")
	return p.page(section, &page{
		Template: "thread", Title: title, Crumbs: p.crumbs(link{capitalized(k.plural()), p.links.page(p.repo.slug + "/" + section)}), Data: &v,
	})
}

// tree returns the posts of a conversation, without their content, in the order in which
// they happened. The posts of a review or of a review thread are inside it.
func (t *thread) tree() ([]*post, error) {
	parts, err := t.store.entries(t.ctx, `thread = ? AND thread <> 0 AND id <> ? AND kind BETWEEN ? AND ? ORDER BY created, id LIMIT ?`,
		t.top.key, t.top.id, kindComment, kindReviewComment, maxParts)
	if err != nil || t.top.key == 0 {
		return nil, err
	}
	byKey := make(map[int64]*post, len(parts))
	posts := make([]*post, len(parts))
	for i, e := range parts {
		posts[i] = &post{e: e}
		if e.key != 0 && byKey[e.key] == nil {
			byKey[e.key] = posts[i]
		}
	}
	var roots []*post
	for _, x := range posts {
		parent := byKey[x.e.parent]
		if parent == nil || leadsTo(byKey, parent, x) {
			roots = append(roots, x)
			continue
		}
		if parent.e.kind == kindReviewComment { // a reply inside a review thread is not nested
			if above := byKey[parent.e.parent]; above != nil && above.e.kind == kindThread {
				parent = above
			}
		}
		parent.Inside = append(parent.Inside, x)
	}
	return roots, nil
}

// leadsTo reports whether the parents of from lead to x. It also reports true after 8
// parents, because the parents in a hostile archive may form a circle.
func leadsTo(byKey map[int64]*post, from, x *post) bool {
	for range 8 {
		if from == nil {
			return false
		}
		if from == x {
			return true
		}
		from = byKey[from.e.parent]
	}
	return true
}

// maxPlaces bounds the posts whose pages a request caches.
const maxPlaces = 1_000_000

// threadPageOf returns the number of the page of a conversation that shows a record;
// empty for the first page.
func (r *request) threadPageOf(top, e *entry) string {
	if _, known := r.places[top.id]; !known {
		if len(r.places) > maxPlaces || r.places == nil {
			r.places = map[int64]int64{}
		}
		r.places[top.id] = 1
		r.findPlaces(top)
	}
	if n := r.places[e.id]; n > 1 {
		return itoa(n)
	}
	return ""
}

// findPlaces caches the pages of the posts of a conversation that has several pages.
func (r *request) findPlaces(top *entry) {
	n, err := r.store.count(r.ctx, `SELECT count(*) FROM record WHERE thread = ? AND thread <> 0 AND kind BETWEEN ? AND ?`, top.key, kindComment, kindReviewComment)
	if err != nil || n <= perThread {
		return
	}
	t := &thread{repositoryPage: &repositoryPage{request: r, repo: &repository{}}, top: top}
	tree, err := t.tree()
	if err != nil {
		return
	}
	var place func(posts []*post, page int)
	place = func(posts []*post, page int) {
		for _, x := range posts {
			r.places[x.e.id] = int64(page)
			place(x.Inside, page)
		}
	}
	for i := range tree {
		place(tree[i:i+1], i/perThread+1)
	}
}
