package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/internal/durable"
)

const (
	journalName    = "journal"
	journalVersion = 2
	// planLine limits the part of a plan that goes into one line, in bytes.
	planLine = durable.MaxLine / 4
)

// A line is one line of the journal. It has a run, a plan, a job with its state, a
// tally or an end.
type line struct {
	Run   *header `json:"run,omitzero"`  // the first line
	Plan  []*Job  `json:"plan,omitzero"` // new jobs
	Job   string  `json:"job,omitempty"` // the ID of the job whose new state is State
	State *State  `json:"state,omitzero"`
	Tally *Tally  `json:"tally,omitzero"` // written when a call ends in doubt, and after the next success
	End   *end    `json:"end,omitzero"`   // the last line: the run is finished
}

// A header describes the run.
type header struct {
	Version        int                             `json:"version"`
	Account        string                          `json:"account"`
	Name           string                          `json:"name"` // the prefix of names in a Store
	Begun          time.Time                       `json:"begun"`
	Repositories   int                             `json:"repositories"` // the number; the plan has the names
	Jobs           int                             `json:"jobs"`         // the number in the plan, with the unlocks of the previous run
	BatchSize      int                             `json:"batch_size"`
	Start          ghmigrate.StartMigrationRequest `json:"start"`
	DeleteArchives bool                            `json:"delete_archives"`
	KeepLocked     bool                            `json:"keep_locked"`
	Store          bool                            `json:"store"` // a Store receives the archives
	Stream         bool                            `json:"stream"`
}

type end struct {
	At time.Time `json:"at"`
}

// A journal is the saved state of one run: an open file and its content.
type journal struct {
	file durable.File
	log  *durable.Log

	header *header         // nil before a plan is written
	jobs   []*Job          // in the order of their creation
	known  map[string]*Job // the jobs by ID
	tally  Tally           // of the latest line with a tally
	end    *end            // nil while the run is unfinished
}

// openJournal reads the journal in the folder of a run, and creates it if there is
// no journal.
func openJournal(d disk, dir string) (*journal, error) {
	name := filepath.Join(dir, journalName)
	f, err := d.OpenLocked(name)
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &journal{file: f, known: map[string]*Job{}}
	if j.log, err = durable.OpenLog(f, j.replay); err != nil {
		_ = f.Close()
		if errors.Is(err, durable.ErrDamaged) || errors.Is(err, errNotJournal) {
			return nil, fmt.Errorf("%w: %s: %w; move that folder away to begin a new run", ErrDamaged, name, err)
		}
		return nil, fmt.Errorf("read the journal %s: %w", name, err)
	}
	if err := durable.Rewrite(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return j, nil
}

// errNotJournal reports a line with the right checksum whose content is not a line of
// a journal.
var errNotJournal = errors.New("not a line of a journal")

// replay applies one line.
func (j *journal) replay(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("%w: %w", errNotJournal, err)
	}
	switch {
	case l.Run != nil && l.Run.Version != journalVersion:
		return fmt.Errorf("%w: unknown version %d", errNotJournal, l.Run.Version)
	case (l.Run != nil) != (j.header == nil):
		return fmt.Errorf("%w: want the header in the first line and nowhere else", errNotJournal)
	case l.Run != nil:
		j.header = l.Run
	case l.State != nil:
		if j.known[l.Job] == nil {
			return fmt.Errorf("%w: there is no batch %q", errNotJournal, l.Job)
		}
		j.known[l.Job].State = *l.State
	case l.Plan != nil:
		for _, job := range l.Plan {
			if job == nil || job.ID == "" || j.known[job.ID] != nil {
				return fmt.Errorf("%w: a batch has no ID, or the ID of another batch", errNotJournal)
			}
			j.add(job)
		}
	case l.Tally != nil:
		j.tally = *l.Tally
	case l.End != nil:
		j.end = l.End
	default:
		return errNotJournal
	}
	return nil
}

func (j *journal) add(job *Job) {
	j.jobs = append(j.jobs, job)
	j.known[job.ID] = job
}

// planned reports whether the journal has the whole plan of the run. Only then does
// Run start migrations, and no longer reads the journal of the previous run.
func (j *journal) planned() bool { return j.header != nil && len(j.jobs) >= j.header.Jobs }

// begin truncates the journal, and writes the header and the plan.
func (j *journal) begin(h header, jobs []*Job) error {
	log, err := durable.CreateLog(j.file)
	if err != nil {
		return err
	}
	h.Jobs = len(jobs)
	j.log, j.header, j.jobs, j.known, j.tally, j.end = log, &h, nil, map[string]*Job{}, Tally{}, nil
	if err := j.write(line{Run: &h}); err != nil {
		return err
	}
	return j.plan(jobs)
}

// plan adds jobs, in as many lines as they need.
func (j *journal) plan(jobs []*Job) error {
	var lines [][]*Job
	size := 0
	for _, job := range jobs {
		j.add(job)
		if size == 0 || size > planLine {
			lines, size = append(lines, nil), 0
		}
		bare := *job
		bare.Dir = ""
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

// save writes the state of a job.
func (j *journal) save(job *Job) error { return j.write(line{Job: job.ID, State: &job.State}) }

// write adds a line, and syncs it to disk.
func (j *journal) write(l line) error {
	text, err := json.Marshal(l)
	if err == nil {
		err = j.log.Append(text)
	}
	if err == nil {
		err = j.log.Sync()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }

// A disk is the file system of a run, such as [durable.OS].
type disk interface {
	durable.FS
	MkdirAll(name string) error
	ReadDir(name string) ([]string, error)
}

// removeFile removes a file. It returns nil if there is no such file.
func removeFile(d disk, path string) error {
	if err := d.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
