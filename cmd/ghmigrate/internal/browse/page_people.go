package browse

import (
	"errors"

	"github.com/ghmigrate/ghmigrate/archive"
)

// A peopleList is the page of all users.
type peopleList struct {
	People []person
	Pager  pager
}

// people makes the list of the users.
func (r *request) people() (*page, error) {
	found, more, err := r.paged(500, `kind = ? ORDER BY title`, kindUser)
	if err != nil {
		return nil, err
	}
	list := peopleList{Pager: r.pagerOf("-/users", more)}
	for _, e := range found {
		list.People = append(list.People, r.personOf(e.author))
	}
	return &page{Template: "people", Title: "Users", Data: list}, nil
}

// A personPage is the page of a user.
type personPage struct {
	Login, Name, Bio, Company, Location, Website string
	Emails                                       []string
	HasRecord                                    bool
	Raw                                          string
	Items                                        []itemRow
	Pager                                        pager
}

// person makes the page of a user: the account, and the items that the user opened.
func (r *request) person(name string) (*page, error) {
	p := personPage{Login: name}
	e, err := r.store.one(r.ctx, `author = ? AND kind = 15`, name)
	if err != nil && !errors.Is(err, errNotFound) {
		return nil, err
	}
	if err == nil {
		p.HasRecord, p.Raw = true, r.rawLink(e)
		if u, err := read[archive.User](r.ctx, r.store, e.id); err == nil {
			p.Name, p.Bio, p.Company = truncate(u.Name, 200), truncate(u.Bio, 2000), truncate(u.Company, 200)
			p.Location, p.Website = truncate(u.Location, 200), truncate(u.Website, 200)
			for _, m := range u.Emails {
				if len(p.Emails) < 20 {
					p.Emails = append(p.Emails, truncate(m.Address, 200))
				}
			}
		}
	}
	items, more, err := r.paged(perPage, `author = ? AND `+isItem+` ORDER BY created DESC, id DESC`, name)
	if err != nil {
		return nil, err
	}
	if !p.HasRecord && len(items) == 0 {
		n, err := r.store.count(r.ctx, `SELECT 1 FROM record WHERE author = ? LIMIT 1`, name)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, errNotFound
		}
	}
	if p.Items, err = r.itemRows(items, true); err != nil {
		return nil, err
	}
	p.Pager = r.pagerOf(userPath(name), more)
	return &page{Template: "person", Title: name, Crumbs: []link{{"Users", r.links.page("-/users")}}, Data: &p}, nil
}

// A person is the name of a user, and a link to the page of the user.
type person struct{ Name, Href string }

// personOf returns the user with a login. An empty login means a deleted account.
func (r *request) personOf(login string) person {
	if login == "" {
		return person{Name: "deleted account"}
	}
	return person{login, r.links.page(userPath(login))}
}
