package browse

import (
	"html/template"
	"time"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A milestonePage is the page of a milestone and its items.
type milestonePage struct {
	State           string
	Body            template.HTML
	Due, Closed     time.Time
	Author          person
	Raw             string
	Open, ClosedNum int64 // the numbers of items
	Items           []itemRow
	Pager           pager
}

// milestone makes the page of a milestone.
func (p *repositoryPage) milestone(arg string) (*page, error) {
	e, err := p.find(kindMilestone, arg)
	if err != nil {
		return nil, err
	}
	m, err := read[archive.Milestone](p.ctx, p.store, e.id)
	if err != nil {
		return nil, err
	}
	v := milestonePage{State: e.state.String(), Due: m.DueOn.Time, Closed: m.ClosedAt.Time, Author: p.personOf(e.author), Raw: p.rawLink(e)}
	v.Body = p.render(m.Description, p.resolver())
	if v.Open, err = p.store.count(p.ctx, `SELECT count(*) FROM record WHERE milestone = ? AND milestone <> 0 AND state IN (?, ?)`, e.key, stateOpen, stateDraft); err != nil {
		return nil, err
	}
	if v.ClosedNum, err = p.store.count(p.ctx, `SELECT count(*) FROM record WHERE milestone = ? AND milestone <> 0 AND state IN (?, ?)`, e.key, stateClosed, stateMerged); err != nil {
		return nil, err
	}
	items, more, err := p.paged(perPage, `milestone = ? AND milestone <> 0 ORDER BY created DESC, id DESC`, e.key)
	if err != nil {
		return nil, err
	}
	if v.Items, err = p.itemRows(items, false); err != nil {
		return nil, err
	}
	v.Pager = p.pagerOf(itemPath(p.repo, e), more)
	return p.page("milestones", &page{
		Template: "milestone", Title: e.title, Crumbs: p.crumbs(link{"Milestones", p.links.page(p.repo.slug + "/milestones")}), Data: &v,
	})
}
