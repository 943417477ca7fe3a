package ghmigrate

import (
	"context"
	"errors"
	"slices"
)

// mayLackStatus reports whether the account's migrations may have no status
// endpoint.
func (a account) mayLackStatus() bool { return a.user && !a.c.isCloud() }

// serverUserPolls polls a user's migrations on a GitHub Enterprise Server. Some
// servers respond 404 to every request for the status of a user's migration. The
// polls then use the list of migrations.
type serverUserPolls struct {
	listPolls
	onlyList bool // the status of a migration in the list was a 404
}

func (p *serverUserPolls) poll(ctx context.Context, id int64, seen *pollResult[Migration]) error {
	if p.onlyList {
		if err := p.findInList(ctx, id, seen); !errors.Is(err, errNotListed) {
			return err
		}
	}
	err := p.pollStatus(p.budget)(ctx, id, seen)
	if !p.onlyList && errors.Is(err, ErrNotFound) {
		if listErr := p.findInList(ctx, id, seen); !errors.Is(listErr, errNotListed) {
			p.onlyList = listErr == nil
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
