package export

import "context"

// surroundings are what a run lends its jobs.
type surroundings struct {
	disk    disk
	known   func(migration int64) bool                             // is it in the journal?
	highest func(ctx context.Context, acct Account) (int64, error) // below the ID of any migration that is yet to be started
	emit    func(Event)
	pacer   pacer
	wire    *wire
}

// around is what the job lives in. One that is driven by Step alone has as
// much of it as there is without a run.
func (j *Job) around() *surroundings {
	if j.run == nil {
		wire := &wire{}
		j.run = &surroundings{
			disk:  osDisk{},
			known: func(int64) bool { return false },
			highest: func(ctx context.Context, acct Account) (int64, error) {
				ctx, _ = wire.watch(ctx)
				return newest(ctx, acct)
			},
			emit:  func(Event) {},
			pacer: newPacer(),
			wire:  wire,
		}
	}
	return j.run
}

func (j *Job) disk() disk { return j.around().disk }

// change sends a request that changes something, when it is its turn.
func (j *Job) change(ctx context.Context, send func() error) error {
	return j.around().pacer.do(ctx, send)
}

func (j *Job) emit(kind EventKind, edit ...func(*Event)) {
	e := Event{Kind: kind, Job: j.Number, Migration: j.State.Migration, Repositories: len(j.Repositories)}
	for _, f := range edit {
		f(&e)
	}
	j.around().emit(e)
}

// save keeps the state, as an effect has changed it or is about to.
func (j *Job) save() error {
	if j.Save == nil {
		return nil
	}
	return j.Save(j)
}

// intend says what is about to happen. If that cannot be saved it does not
// happen.
func (j *Job) intend(e Effect, changes ...func(*State)) error {
	before := j.State
	j.State.Intent = e
	for _, change := range changes {
		change(&j.State)
	}
	err := j.save()
	if err != nil {
		j.State = before
	}
	return err
}

// settle says what has happened. That stays true if it cannot be saved.
func (j *Job) settle(change func(*State)) error {
	j.State.Intent = EffectNone
	change(&j.State)
	return j.save()
}
