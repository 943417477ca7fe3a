package browse

import "strings"

// A labelRow is a label and the number of its items.
type labelRow struct {
	label
	Count int64
}

// labels makes the list of the labels of a repository.
func (p *repositoryPage) labels() (*page, error) {
	labels, err := queryAll(p.ctx, p.store, scanLabel, `SELECT key, name, color, description FROM label WHERE repo = ? ORDER BY name COLLATE NOCASE LIMIT 5000`, p.repo.key)
	if err != nil {
		return nil, err
	}
	var rows []labelRow
	for _, l := range labels {
		n, err := p.store.count(p.ctx, `SELECT count(*) FROM item_label WHERE label = ?`, l.key)
		if err != nil {
			return nil, err
		}
		l.Href = p.links.page(p.labelPath(l.key))
		rows = append(rows, labelRow{l, n})
	}
	return p.page("labels", &page{Template: "labels", Title: "Labels", Crumbs: p.crumbs(), Data: rows})
}

// A labelPage is the page of a label: the items that have it.
type labelPage struct {
	Label label
	Items []itemRow
	Pager pager
}

// label makes the page of a label.
func (p *repositoryPage) label(key int64) (*page, error) {
	labels, err := queryAll(p.ctx, p.store, scanLabel, `SELECT key, name, color, description FROM label WHERE repo = ? AND key = ?`, p.repo.key, key)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		return nil, errNotFound
	}
	v := labelPage{Label: labels[0]}
	items, more, err := p.paged(perPage, `id IN (SELECT item FROM item_label WHERE label = ?) ORDER BY id DESC`, key)
	if err != nil {
		return nil, err
	}
	if v.Items, err = p.itemRows(items, false); err != nil {
		return nil, err
	}
	v.Pager = p.pagerOf(p.labelPath(key), more)
	return p.page("labels", &page{
		Template: "label", Title: v.Label.Name, Crumbs: p.crumbs(link{"Labels", p.links.page(p.repo.slug + "/labels")}), Data: &v,
	})
}

func (p *repositoryPage) labelPath(key int64) string { return p.repo.slug + "/labels/" + itoa(key) }

// labelColor returns the color of a label for SVG; gray for an invalid color.
func labelColor(hex string) string {
	hex = strings.TrimPrefix(hex, "#")
	if (len(hex) == 3 || len(hex) == 6) && strings.Trim(strings.ToLower(hex), "0123456789abcdef") == "" {
		return "#" + hex
	}
	return "gray"
}
