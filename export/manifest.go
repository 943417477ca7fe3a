package export

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	manifestName    = "manifest.json"
	manifestVersion = 1
)

// A Manifest tells what became of everything that was asked for. It is
// computed from the journal.
type Manifest struct {
	Version int       `json:"version"` // 1
	Account string    `json:"account"` // such as "api.github.com/orgs/octo-org"
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended,omitzero"` // zero while the run is unfinished
	Options []string  `json:"options"`        // of every start, by GitHub's names, such as "lock_repositories"

	Requested int `json:"requested"` // how many repositories were asked for
	Covered   int `json:"covered"`   // how many are in a verified archive
	Reduced   int `json:"reduced"`   // of these, how many without releases or attachments that were asked for
	Starts    int `json:"starts"`    // how many migrations were asked for
	Adopted   int `json:"adopted"`   // how many were found after their answer was lost
	Inferred  int `json:"inferred"`  // of these, how many could not be proved to be the right one

	// Repositories has exactly one row for each that was asked for, in the
	// order in which they were.
	Repositories []Row `json:"repositories"`
	// Twins are migrations that came into being although they were not wanted.
	Twins []Twin `json:"twins,omitempty"`
	// Locked are the repositories that may still be locked and should not be.
	Locked []string `json:"locked,omitempty"`

	// Dir is the run's folder, which has the archives unless a Store has them.
	Dir string `json:"-"`
}

// A Row tells what became of a repository.
type Row struct {
	Repository string `json:"repository"` // "owner/name"

	// The three proofs of coverage: it was asked for when the migration was
	// started, GitHub lists it in the migration, and it is in the archive.
	Requested   bool `json:"requested"`
	InMigration bool `json:"in_migration"`
	InArchive   bool `json:"in_archive"`

	Stored bool `json:"stored,omitzero"` // the archive is where it belongs: in the Store, or in the folder

	Batch     int      `json:"batch"`
	Migration int64    `json:"migration,omitzero"`
	Archive   string   `json:"archive,omitempty"` // its name, in the run's folder or the Store
	Size      int64    `json:"size,omitzero"`     // of the archive
	SHA256    string   `json:"sha256,omitempty"`  // hex, of the archive
	Options   []string `json:"options,omitempty"` // as in Manifest; more, where something had to be left out
	Dropped   []string `json:"dropped,omitempty"` // which of these were not asked for: "exclude_releases", "exclude_attachments"
	Inferred  bool     `json:"inferred,omitzero"` // the migration may be another's
	Faults    []string `json:"faults,omitempty"`  // of the archive, in words
	Error     string   `json:"error,omitempty"`   // why the repository is not exported
	Deleted   bool     `json:"deleted,omitzero"`  // the archive at GitHub
}

// A Twin is a migration that was started by a request whose answer was lost,
// beside the one that is used.
type Twin struct {
	Batch     int   `json:"batch"`
	Migration int64 `json:"migration"`
}

// OK tells whether the repository is in a verified archive that is where it
// belongs, with all that is not Dropped.
func (r *Row) OK() bool {
	return r.Requested && r.InMigration && r.InArchive && r.Stored && len(r.Faults) == 0
}

func newManifest(j *journal, dir string) *Manifest {
	h := j.header
	m := &Manifest{
		Version:   manifestVersion,
		Account:   h.Account,
		Begun:     h.Begun,
		Options:   optionNames(h.Start),
		Requested: h.Repositories,
		Dir:       dir,
	}
	if m.Options == nil {
		m.Options = []string{}
	}
	if j.end != nil {
		m.Ended = j.end.At
	}
	covering := make(map[string]*Job, h.Repositories)
	var requested []string
	unlocking := map[int64]bool{}
	for _, job := range j.jobs {
		if job.UnlockOnly {
			unlocking[job.State.Migration] = true
		}
	}
	for _, job := range j.jobs {
		s := &job.State
		m.Starts += s.Starts
		if s.Adopted {
			m.Adopted++
		}
		if s.Inferred {
			m.Inferred++
		}
		for _, id := range s.Twins {
			m.Twins = append(m.Twins, Twin{job.Number, id})
		}
		m.Locked = append(m.Locked, job.stillLocked()...)
		for _, twin := range job.twins() {
			if !unlocking[twin.State.Migration] { // it has no job yet
				m.Locked = append(m.Locked, twin.Repositories...)
			}
		}
		if job.UnlockOnly {
			continue
		}
		if job.isFirst() {
			requested = append(requested, job.Repositories...)
		}
		for _, name := range job.Repositories {
			key := strings.ToLower(name)
			if before := covering[key]; before == nil || job.covers(name) || !before.covers(name) {
				covering[key] = job
			}
		}
	}
	slices.Sort(m.Locked)
	m.Locked = slices.Compact(m.Locked)
	m.Repositories = make([]Row, 0, len(requested))
	for _, name := range requested {
		row := covering[strings.ToLower(name)].row(name, h)
		if row.OK() {
			m.Covered++
			if len(row.Dropped) > 0 {
				m.Reduced++
			}
		}
		m.Repositories = append(m.Repositories, row)
	}
	return m
}

func (j *Job) row(name string, h *header) Row {
	s := &j.State
	row := Row{
		Repository:  name,
		Requested:   s.Migration != 0,
		InMigration: s.Listed && !containsFold(s.Absent, name),
		InArchive:   s.Verified && !containsFold(s.Missing, name),
		Stored:      s.Stored,
		Batch:       j.Number,
		Migration:   s.Migration,
		Options:     optionNames(j.Start),
		Inferred:    s.Inferred,
		Faults:      s.Faults,
		Deleted:     s.Deleted,
	}
	for _, option := range row.Options {
		if !slices.Contains(optionNames(h.Start), option) {
			row.Dropped = append(row.Dropped, option)
		}
	}
	if s.Archive != nil {
		row.Archive, row.Size, row.SHA256 = s.Archive.Name, s.Archive.Size, s.Archive.SHA256
	}
	switch {
	case row.OK():
	case s.Outcome != OutcomeExported:
		row.Error = cmp.Or(s.Reason, "not exported yet")
	case !s.Verified:
		row.Error = "exported, and not fetched yet"
	case !row.InMigration:
		row.Error = "GitHub has left it out of the migration"
	case !row.InArchive:
		row.Error = "GitHub has left it out of the archive"
	case len(row.Faults) > 0:
		row.Error = "the archive has faults"
	default:
		row.Error = "not stored yet"
	}
	return row
}

// shortfall is what is missing, nil if nothing is. Err is what ended the run
// early.
func (m *Manifest) shortfall(err error) error {
	e := &PartialError{Locked: m.Locked, Err: err}
	for _, row := range m.Repositories {
		switch {
		case !row.OK():
			e.Repositories = append(e.Repositories, row)
		case len(row.Dropped) > 0:
			e.Reduced = append(e.Reduced, row)
		}
	}
	if len(e.Repositories)+len(e.Reduced)+len(e.Locked) == 0 && err == nil {
		return nil
	}
	return e
}

func (m *Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

func (m *Manifest) path() string { return filepath.Join(m.Dir, manifestName) }
