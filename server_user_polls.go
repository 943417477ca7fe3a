package ghmigrate

import (
	"context"
	"errors"
	"slices"
)

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
