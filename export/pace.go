package export

import (
	"context"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A paced account sends what changes something one at a time, and a second
// apart, as GitHub asks for.
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
type paced struct {
	Account
	turn chan time.Time // holds when the latest of them ended
}

const changeGap = time.Second

func newPaced(acct Account) paced {
	p := paced{acct, make(chan time.Time, 1)}
	p.turn <- time.Time{}
	return p
}

// take waits for the turn; done ends it.
func (p paced) take(ctx context.Context) (done func(), err error) {
	select {
	case latest := <-p.turn:
		if err := sleepUntil(ctx, latest.Add(changeGap)); err != nil {
			p.turn <- latest
			return nil, err
		}
		return func() { p.turn <- time.Now() }, nil
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
}

func (p paced) Start(ctx context.Context, req ghmigrate.StartMigrationRequest) (*ghmigrate.Migration, error) {
	done, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return p.Account.Start(ctx, req)
}

func (p paced) UnlockRepository(ctx context.Context, id int64, repo string) error {
	done, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	return p.Account.UnlockRepository(ctx, id, repo)
}

func (p paced) DeleteArchive(ctx context.Context, id int64) error {
	done, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	return p.Account.DeleteArchive(ctx, id)
}
