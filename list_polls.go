package ghmigrate

import (
	"cmp"
	"context"
	"iter"
)

// listPolls polls an account's list of migrations.
type listPolls struct {
	account
	budget *retryBudget
	pages  map[string]*pollResult[page[Migration]] // of the previous poll, by query
}

func newListPolls(a account, budget *retryBudget) listPolls {
	return listPolls{account: a, budget: budget}
}

// list yields the pages of the list, without repositories. Unless the list ends
// with an error, it keeps the pages for the conditional requests of the next poll.
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
