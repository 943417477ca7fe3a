package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

const (
	journalName    = "journal"
	journalVersion = 1
	// planLine is how much of a plan goes into one line, in bytes.
	planLine = durable.MaxLine / 4
)

// A line is one line of the journal: exactly one of its kinds.
type line struct {
	Run   *header `json:"run,omitzero"`  // the first one
	Plan  []*Job  `json:"plan,omitzero"` // jobs, as they are made
	Job   int     `json:"job,omitzero"`  // whose state that is now
	State *State  `json:"state,omitzero"`
	End   *end    `json:"end,omitzero"` // the last one: the run is finished
}

// A header says what was asked for.
type header struct {
	Version        int                             `json:"version"`
	Account        string                          `json:"account"`
	Begun          time.Time                       `json:"begun"`
	Repositories   int                             `json:"repositories"` // how many; the plan names them
	BatchSize      int                             `json:"batch_size"`
	Start          ghmigrate.StartMigrationRequest `json:"start"`
	DeleteArchives bool                            `json:"delete_archives"`
	KeepLocked     bool                            `json:"keep_locked"`
	Store          bool                            `json:"store"` // archives go there, and not to the folder
}

type end struct {
	At time.Time `json:"at"`
}

// A journal is the memory of one run: the file and what is in it.
type journal struct {
	file durable.File
	log  *durable.Log

	header *header // nil if the run was not even planned
	jobs   []*Job  // by number, from 1
	end    *end    // nil while the run is unfinished
}

// openJournal reads the journal of the run in a folder, and makes one if there
// is none.
func openJournal(d disk, dir string) (*journal, error) {
	name := filepath.Join(dir, journalName)
	f, err := d.OpenLocked(name)
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &journal{file: f}
	if j.log, err = durable.OpenLog(f, j.replay); err != nil {
		_ = f.Close()
		if errors.Is(err, durable.ErrDamaged) || errors.Is(err, errMeaningless) {
			return nil, fmt.Errorf("%w: %s: %w; move that folder away to begin anew", ErrDamaged, name, err)
		}
		return nil, fmt.Errorf("read the journal %s: %w", name, err)
	}
	if err := rewrite(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return j, nil
}

// rewrite makes what was read of a file durable, in place. It need not be: when
// a Sync fails, the system may go on showing what the disk has lost, to the
// next process too, and call it synced from then on.
func rewrite(f durable.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Sync()
}

// errMeaningless is damage with a checksum that is right: somebody else wrote
// it.
var errMeaningless = errors.New("line has no meaning")

// errTooLong leaves the journal as it was.
var errTooLong = errors.New("the line is too long for the journal")

func (j *journal) replay(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("%w: %w", errMeaningless, err)
	}
	switch {
	case l.Run != nil && l.Run.Version != journalVersion:
		return fmt.Errorf("%w: version %d is not known", errMeaningless, l.Run.Version)
	case (l.Run != nil) != (j.header == nil):
		return fmt.Errorf("%w: the first one, and no other, says what was asked for", errMeaningless)
	case l.Run != nil:
		j.header = l.Run
	case l.State != nil:
		if l.Job < 1 || l.Job > len(j.jobs) {
			return fmt.Errorf("%w: it tells of batch %d of %d", errMeaningless, l.Job, len(j.jobs))
		}
		j.jobs[l.Job-1].State = *l.State
	case l.Plan != nil:
		for _, job := range l.Plan {
			if job == nil || job.Number != len(j.jobs)+1 {
				return fmt.Errorf("%w: batches are not in order", errMeaningless)
			}
			j.jobs = append(j.jobs, job)
		}
	case l.End != nil:
		j.end = l.End
	default:
		return errMeaningless
	}
	return nil
}

// planned tells whether all that was asked for is in the journal. Before,
// nothing has happened.
func (j *journal) planned() bool {
	if j.header == nil {
		return false
	}
	count := 0
	for _, job := range j.jobs {
		if job.isFirst() {
			count += len(job.Repositories)
		}
	}
	return count == j.header.Repositories
}

// isFirst tells whether a job was made by Plan.
func (j *Job) isFirst() bool { return j.Replaces == 0 && !j.UnlockOnly }

// begin empties the journal and writes what is asked for.
func (j *journal) begin(h header, jobs []*Job) error {
	log, err := durable.CreateLog(j.file)
	if err != nil {
		return err
	}
	j.log, j.header, j.jobs, j.end = log, &h, nil, nil
	if err := j.write(line{Run: &h}); err != nil {
		return err
	}
	return j.plan(jobs)
}

// plan adds jobs, which it numbers.
func (j *journal) plan(jobs []*Job) error {
	var lines [][]*Job
	size := 0
	for _, job := range jobs {
		job.Number = len(j.jobs) + 1
		j.jobs = append(j.jobs, job)
		if size == 0 || size > planLine {
			lines, size = append(lines, nil), 0
		}
		bare := *job
		bare.Dir, bare.NotBefore = "", time.Time{}
		lines[len(lines)-1] = append(lines[len(lines)-1], &bare)
		size += 500
		for _, name := range job.Repositories {
			size += len(name) + 3
		}
	}
	for _, jobs := range lines {
		if err := j.write(line{Plan: jobs}); err != nil {
			return err
		}
	}
	return nil
}

// write adds a line and returns when it will survive a crash.
func (j *journal) write(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if len(text) > durable.MaxLine {
		return fmt.Errorf("%w: it has %d bytes", errTooLong, len(text))
	}
	if err := j.log.Append(text); err != nil {
		return err
	}
	return j.log.Sync()
}

func (j *journal) close() error { return j.file.Close() }
