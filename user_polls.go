package ghmigrate

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
)

// listPolls polls page after page of an account's list of migrations.
type listPolls struct {
	account
	budget *retryBudget
	pages  map[string]*pollResult[page[Migration]] // by query
}

func newListPolls(a account, budget *retryBudget) listPolls {
	return listPolls{account: a, budget: budget}
}

// list yields the pages without repositories. It remembers the pages that it
// read, for conditional requests, unless the list ends with an error.
func (p *listPolls) list(ctx context.Context) iter.Seq2[*pollResult[page[Migration]], error] {
	return func(yield func(*pollResult[page[Migration]], error) bool) {
		r := p.listing(ListOptions{}, !p.user) // GitHub's list of a user's migrations takes no exclude
		r.budget = p.budget
		read := map[string]*pollResult[page[Migration]]{}
		var latest *pollResult[page[Migration]]
		fetch := func(r request) (*page[Migration], error) {
			key := r.query.Encode()
			latest = cmp.Or(p.pages[key], &pollResult[page[Migration]]{})
			if err := latest.poll(ctx, p.c, r, decodePage[Migration]); err != nil {
				return nil, err
			}
			for i := range latest.value.items {
				latest.value.items[i].Repositories = nil
			}
			read[key] = latest
			return latest.value, nil
		}
		for _, err := range pages(r, fetch) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(latest, nil) {
				break
			}
		}
		p.pages = read
	}
}

// hasNoUserStatus reports whether the account's migrations may have no status
// endpoint.
func (a account) hasNoUserStatus() bool { return a.user && !a.c.isCloud() }

// serverUserPolls asks a GitHub Enterprise Server for a user's migrations. Such
// a server has no endpoint for a migration's status, or answers 404 as if it had
// none. Then the list serves.
type serverUserPolls struct {
	listPolls
	listServes bool // learned from a 404 for a migration that the list has
}

func (p *serverUserPolls) poll(ctx context.Context, id int64, seen *pollResult[Migration]) error {
	if p.listServes {
		if err := p.findInList(ctx, id, seen); !errors.Is(err, errNotListed) {
			return err
		}
	}
	err := p.pollStatus(p.budget)(ctx, id, seen)
	if !p.listServes && errors.Is(err, ErrNotFound) {
		if listErr := p.findInList(ctx, id, seen); !errors.Is(listErr, errNotListed) {
			p.listServes = listErr == nil
			return listErr
		}
	}
	return err
}

var errNotListed = errors.New("not in the list")

func (p *serverUserPolls) findInList(ctx context.Context, id int64, seen *pollResult[Migration]) error {
	for page, err := range p.list(ctx) {
		if err != nil {
			return err
		}
		items := page.value.items
		if i := slices.IndexFunc(items, func(m Migration) bool { return m.ID == id }); i >= 0 {
			found := items[i]
			seen.value, seen.date = &found, page.date
			return nil
		}
	}
	return errNotListed
}
