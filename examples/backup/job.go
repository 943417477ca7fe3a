package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

// A job is one backup, from the start of the export to its traces' removal.
type job struct {
	account account
	dir     string
	keep    bool
	record  *record
	show    *display
	report  report

	resumed bool // an earlier run started the migration
	done    bool // the export has ended, well or not
}

func (j *job) run(ctx context.Context) error {
	j.report.begun = time.Now()
	err := j.step("start", func() (string, error) { return j.start(ctx) })
	if j.record.Migration == 0 {
		return err
	}
	if err == nil {
		err = j.fetch(ctx)
	}
	if j.record.Locked { // also after a failure: nobody else would
		err = errors.Join(err, j.step("unlock", func() (string, error) { return j.unlock(ctx) }))
	}
	if err == nil && !j.keep {
		err = j.step("delete", func() (string, error) { return j.delete(ctx) })
	}
	hopeless := errors.Is(err, ghmigrate.ErrMigrationFailed) || errors.Is(err, ghmigrate.ErrArchiveGone)
	if err == nil || hopeless && !j.record.Locked {
		err = errors.Join(err, j.record.remove())
		j.record = &record{}
	}
	return err
}

// step does one thing and notes for the report what it did and how long that
// took.
func (j *job) step(name string, do func() (string, error)) error {
	begun := time.Now()
	note, err := do()
	if err != nil {
		note = "not done"
	}
	j.report.steps = append(j.report.steps, step{name, time.Since(begun), note})
	return err
}

// start starts the export, unless an earlier run did.
func (j *job) start(ctx context.Context) (string, error) {
	if j.record.Migration != 0 {
		j.resumed = true
		return fmt.Sprintf("going on with migration %d", j.record.Migration), nil
	}
	_, end := j.show.doing("Starting the export")
	defer end()
	// Stopping in the midst of this would leave a migration behind that nobody
	// knows of.
	patient, cancel := outlive(ctx, 10*time.Second)
	defer cancel()
	if err := j.record.save(); err != nil { // while nothing has happened yet
		return "", err
	}
	m, err := j.account.Start(patient, j.record.Asked.Request)
	if err != nil {
		if answer, ok := errors.AsType[*ghmigrate.APIError](err); !ok || answer.StatusCode >= 500 {
			err = fmt.Errorf("%w; if this reached GitHub, a migration may have started: see gh api %s/migrations", err, j.record.apiPath())
		}
		return "", errors.Join(err, j.record.remove())
	}
	j.record.Migration, j.record.Locked = m.ID, j.record.Asked.Request.LockRepositories
	note := fmt.Sprintf("migration %d of %s", m.ID, strings.Join(j.record.Asked.Request.Repositories, ", "))
	return note, j.record.save()
}

// outlive returns a context that ends the given time after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() { stop(); cancel() }
}

func (j *job) fetch(ctx context.Context) error {
	if err := j.step("wait", func() (string, error) { return j.wait(ctx) }); err != nil {
		return err
	}
	if j.record.Archive != nil {
		info, err := os.Stat(j.record.archive(j.dir))
		if err == nil && info.Size() == j.record.Archive.Size {
			j.report.archive = j.record.Archive
			j.report.archive.Path = j.record.archive(j.dir) // the folder may have another name now
			return nil
		}
	}
	return j.step("download", func() (string, error) { return j.download(ctx) })
}

// wait waits until the export has ended.
func (j *job) wait(ctx context.Context) (string, error) {
	id := j.record.Migration
	set, end := j.show.doing(fmt.Sprintf("Waiting for migration %d", id))
	defer end()
	var states []string
	for m, err := range j.account.Watch(ctx, []int64{id}) {
		if err != nil {
			return "", fmt.Errorf("wait for migration %d: %w", id, err)
		}
		set(fmt.Sprintf("Migration %d is %s", id, m.State))
		states = append(states, string(m.State))
		j.done = m.State.Done()
		if m.State == ghmigrate.StateFailed {
			return "", fmt.Errorf("migration %d: %w; GitHub gives no reason, size is the usual one: "+
				"try fewer repositories, -exclude-releases, -exclude-attachments", id, ghmigrate.ErrMigrationFailed)
		}
	}
	return strings.Join(states, ", "), nil
}

func (j *job) download(ctx context.Context) (string, error) {
	progress, end := j.show.download()
	defer end()
	begun := time.Now()
	result, err := j.account.DownloadArchive(ctx, j.record.Migration, j.record.archive(j.dir),
		&ghmigrate.DownloadOptions{Progress: progress})
	if err != nil {
		return "", err
	}
	j.record.Archive, j.report.archive = result, result
	fetched := result.Size - result.Resumed
	note := fmt.Sprintf("%s at %s/s", size(fetched), size(int64(float64(fetched)/time.Since(begun).Seconds())))
	if result.Resumed > 0 {
		note += fmt.Sprintf("; resumed %d bytes of an earlier run", result.Resumed)
	}
	return note, j.record.save()
}

// unlock unlocks all that the migration holds, even if the job was stopped.
func (j *job) unlock(ctx context.Context) (string, error) {
	if !j.done {
		return "", fmt.Errorf("still locked, as only ended exports can be unlocked: %s",
			strings.Join(j.record.Asked.Request.Repositories, ", "))
	}
	patient, cancel := outlive(ctx, 30*time.Second)
	defer cancel()
	set, end := j.show.doing(fmt.Sprintf("Unlocking what migration %d locked", j.record.Migration))
	defer end()
	var failures []error
	count := 0
	for repo, err := range j.account.ListRepositories(patient, j.record.Migration, nil) {
		if err != nil {
			failures = append(failures, fmt.Errorf("still locked, perhaps: %w", err))
			break
		}
		set("Unlocking " + repo.FullName)
		err := j.account.UnlockRepository(patient, j.record.Migration, repo.Name)
		switch {
		case err == nil:
			count++
		case errors.Is(err, ghmigrate.ErrNotFound) && j.resumed: // the earlier run may have unlocked it
		case errors.Is(err, ghmigrate.ErrNotFound): // not locked, no permission, or a server that has no such call
			failures = append(failures, fmt.Errorf("%s may still be locked: %w", repo.FullName, err))
		default:
			failures = append(failures, fmt.Errorf("%s is still locked: %w", repo.FullName, err))
		}
	}
	if len(failures) > 0 {
		return "", errors.Join(failures...)
	}
	j.record.Locked = false
	return plural(count, "repository", "repositories"), j.record.save()
}

// delete deletes the archive at GitHub.
func (j *job) delete(ctx context.Context) (string, error) {
	_, end := j.show.doing("Deleting the archive at GitHub")
	defer end()
	err := j.account.DeleteArchive(ctx, j.record.Migration)
	if err != nil && !(j.resumed && errors.Is(err, ghmigrate.ErrNotFound)) { // the earlier run may have come to this
		return "", err
	}
	return "the archive at GitHub", nil
}

// advice says how to mend what a failure left behind.
func (j *job) advice() string {
	r := j.record
	if r.path == "" || r.Migration == 0 {
		return ""
	}
	text := fmt.Sprintf("Run it again with the same flags and -out %s: it goes on with migration %d.\n", j.dir, r.Migration)
	if r.Locked {
		text += fmt.Sprintf("Or unlock each repository yourself once the export has ended:\n"+
			"  gh api -X DELETE %s/migrations/%d/repos/NAME/lock\n", r.apiPath(), r.Migration)
	}
	return text + fmt.Sprintf("To begin anew instead, delete %s.\n", r.path)
}
