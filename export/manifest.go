package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ghmigrate/ghmigrate"
)

const (
	manifestName    = "manifest.json"
	manifestVersion = 2
)

// A Manifest has a row for every repository of a run. [NewManifest] computes it from
// the jobs of the run. [Run] writes it to manifest.json.
type Manifest struct {
	Version int       `json:"version"` // 2
	Account string    `json:"account"` // such as "api.github.com/orgs/octo-org"
	Run     string    `json:"run"`     // the prefix of the run's names in a Store
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended,omitzero"` // zero while the run is unfinished
	Options []string  `json:"options"`        // the options of every start, by GitHub's names, such as "lock_repositories"

	Requested int `json:"requested"` // requested repositories
	Covered   int `json:"covered"`   // repositories in a verified and stored archive
	Reduced   int `json:"reduced"`   // covered repositories whose releases or attachments were left out
	Starts    int `json:"starts"`    // starts of migrations that were sent
	Adopted   int `json:"adopted"`   // migrations that were found after the response to their start was lost
	Inferred  int `json:"inferred"`  // adopted migrations that may be another program's

	// Repositories has exactly one row for each requested repository, in the order
	// of Options.Repositories.
	Repositories []Row `json:"repositories"`
	// Twins are the migrations that match a lost start, but are not in use.
	Twins []Twin `json:"twins,omitempty"`
	// Locked are the repositories that may still be locked and should not be.
	Locked []string `json:"locked,omitempty"`

	// Dir is the run's folder. It has the archives, unless a Store has them.
	Dir string `json:"-"`
	// Earlier is the manifest of an unfinished run that Run has finished first, or
	// nil. See Options.FinishFirst.
	Earlier *Manifest `json:"-"`
}

// A Row is the result for one repository.
type Row struct {
	Repository string `json:"repository"` // "owner/name"

	// The three proofs of coverage: the start requested the repository, GitHub lists
	// it in the migration, and the archive has it.
	Requested   bool `json:"requested"`
	InMigration bool `json:"in_migration"`
	InArchive   bool `json:"in_archive"`

	Stored bool `json:"stored,omitzero"` // the archive is in the Store, or in the folder without a Store

	Batch     string   `json:"batch"`              // the ID of the job
	Migration int64    `json:"migration,omitzero"` // 0 if no migration was started
	Archive   string   `json:"archive,omitempty"`  // the name of the archive in the run's folder, or below Manifest.Run in the Store
	Size      int64    `json:"size,omitzero"`      // the size of the archive in bytes
	SHA256    string   `json:"sha256,omitempty"`   // of the archive, in hex
	Options   []string `json:"options,omitempty"`  // the options of the start: the options of the manifest, and Dropped
	Dropped   []string `json:"dropped,omitempty"`  // options that leave data out, because exports without them failed: "exclude_releases", "exclude_attachments"
	Inferred  bool     `json:"inferred,omitzero"`  // the migration may be another program's
	Faults    []string `json:"faults,omitempty"`   // faults of the repository in the archive, or of the archive as a whole
	Error     string   `json:"error,omitempty"`    // why the repository is not covered; empty if it is covered
	Deleted   bool     `json:"deleted,omitzero"`   // the archive was deleted at GitHub
}

// A Twin is a migration that matches a lost start, but is not in use.
type Twin struct {
	Batch     string `json:"batch"`
	Migration int64  `json:"migration"`
}

// OK reports whether the repository is covered: a verified and stored archive has
// it without faults. If Dropped is not empty, the archive lacks the data that these
// options exclude.
func (r *Row) OK() bool {
	return r.Requested && r.InMigration && r.InArchive && r.Stored && len(r.Faults) == 0
}

// NewManifest computes the manifest of a run. Account is the result of [Identify],
// start has the options of the run, and jobs are all jobs of the run in the order
// of their creation. The caller sets Begun and Ended.
func NewManifest(account string, start ghmigrate.StartMigrationRequest, jobs []*Job) *Manifest {
	m := &Manifest{Version: manifestVersion, Account: account, Options: append([]string{}, optionNames(start)...), Repositories: []Row{}}
	best := map[string]*Job{} // by the name in lower case
	known := byID(jobs)
	for _, j := range jobs {
		m.count(j)
		m.Run = cmp.Or(m.Run, j.Run)
		m.Locked = append(m.Locked, j.possiblyLocked()...)
		for _, t := range j.twinUnlocks(known, true) { // jobs that are not planned yet
			m.Locked = append(m.Locked, t.Repositories...)
		}
		if j.UnlockOnly {
			continue
		}
		for _, name := range j.Repositories {
			key := strings.ToLower(name)
			if before := best[key]; before == nil || !before.covers(name) && (j.covers(name) || strings.HasPrefix(j.ID, before.ID+".")) {
				best[key] = j
			}
		}
	}
	slices.Sort(m.Locked)
	m.Locked = slices.Compact(m.Locked)
	for _, name := range requested(jobs) {
		row := best[strings.ToLower(name)].row(name)
		if row.OK() {
			m.Covered++
			m.Reduced += min(len(row.Dropped), 1)
		}
		m.Repositories = append(m.Repositories, row)
	}
	m.Requested = len(m.Repositories)
	return m
}

// count adds the migrations of a job to the totals.
func (m *Manifest) count(j *Job) {
	s := &j.State
	m.Starts += s.book.Starts
	if s.Adopted {
		m.Adopted++
	}
	if s.Inferred {
		m.Inferred++
	}
	for _, id := range s.Twins {
		m.Twins = append(m.Twins, Twin{j.ID, id})
	}
}

// requested lists the repositories of the planned jobs, in the order of the
// request.
func requested(jobs []*Job) []string {
	var names []string
	at := map[int]string{}
	for _, j := range jobs {
		switch {
		case !j.isPlanned():
		case len(j.lineage.At) == len(j.Repositories):
			for i, name := range j.Repositories {
				at[j.lineage.At[i]] = name
			}
		default:
			names = append(names, j.Repositories...)
		}
	}
	all := make([]string, 0, len(names)+len(at))
	for i := range cap(all) {
		switch name, isolated := at[i]; {
		case isolated:
			all = append(all, name)
			delete(at, i)
		case len(names) > 0:
			all = append(all, names[0])
			names = names[1:]
		}
	}
	for _, i := range slices.Sorted(maps.Keys(at)) { // only after a corrupt journal
		all = append(all, at[i])
	}
	return append(all, names...)
}

// row returns the row of one of the job's repositories.
func (j *Job) row(name string) Row {
	s := &j.State
	row := Row{
		Repository:  name,
		Requested:   s.Migration != 0,
		InMigration: s.Listed && !containsFold(s.Absent, name),
		InArchive:   s.Verified && !containsFold(s.Missing, name),
		Stored:      s.Stored,
		Batch:       j.ID,
		Migration:   s.Migration,
		Options:     optionNames(j.Start),
		Dropped:     j.Dropped,
		Inferred:    s.Inferred,
		Faults:      j.faultsOf(name),
		Deleted:     s.Deleted,
	}
	if s.Archive != nil {
		row.Archive, row.Size, row.SHA256 = s.Archive.Name, s.Archive.Size, s.Archive.SHA256
	}
	row.Error = j.why(&row)
	return row
}

// faultsOf returns the messages of the faults that condemn a repository.
func (j *Job) faultsOf(name string) []string {
	s := &j.State
	if !s.Unsound && !containsFold(s.Condemned, name) {
		return nil
	}
	var messages []string
	for _, f := range s.Faults {
		if f.Repository == "" || strings.EqualFold(f.Repository, name) {
			messages = append(messages, f.Message)
		}
	}
	if len(messages) == 0 { // State.Faults keeps only the first faults
		messages = []string{"it has faults"}
	}
	return messages
}

const (
	reasonFailed     = "GitHub failed to export it and gives no reason: size is the usual one"
	reasonStuck      = "GitHub has been exporting it for more than a day"
	reasonNotStarted = "not started yet"
)

// why returns the reason why a repository is not covered, and what to do about it.
func (j *Job) why(row *Row) string {
	s := &j.State
	for name, fate := range s.Fates {
		if strings.EqualFold(name, row.Repository) && !row.OK() {
			return fate
		}
	}
	switch {
	case row.OK():
		return ""
	case s.Parked != "":
		return "not finished, the next run continues it: " + s.Parked
	case s.Outcome == OutcomeUnknown && s.Migration == 0:
		return reasonNotStarted
	case s.Outcome == OutcomeUnknown:
		return fmt.Sprintf("GitHub is still exporting it in migration %d", s.Migration)
	case s.Outcome != OutcomeExported:
		return j.failure()
	case !s.Verified:
		return "GitHub has exported it, and the archive is not downloaded yet"
	case !row.InMigration:
		return fmt.Sprintf("GitHub has left it out of migration %d", s.Migration)
	case !row.InArchive:
		return fmt.Sprintf("GitHub has left it out of the archive of migration %d", s.Migration)
	case len(row.Faults) > 0:
		return fmt.Sprintf("the archive of migration %d has faults", s.Migration)
	}
	return "the archive is verified, and not stored yet"
}

// failure returns the reason why the job has no archive, and what to do about it.
func (j *Job) failure() string {
	s := &j.State
	switch s.Outcome { //nolint:exhaustive // for all other outcomes State.Reason is enough
	case OutcomeRefused:
		return "GitHub refused to export it; check that it exists and that the token's owner may export it: " + s.Reason
	case OutcomeLost:
		return fmt.Sprintf("the responses to %d starts were lost, and GitHub has created no migration: try again later: %s", s.book.Lost, cmp.Or(s.Reason, "the response was lost"))
	case OutcomeStuck:
		return fmt.Sprintf("%s, in migration %d: ask GitHub's support", s.Reason, s.Migration)
	case OutcomeGone:
		return fmt.Sprintf("migration %d or its archive no longer exists at GitHub: %s", s.Migration, s.Reason)
	case OutcomeUnfetched:
		return fmt.Sprintf("the archive of migration %d cannot be downloaded: %s", s.Migration, s.Reason)
	}
	return s.Reason
}

// Err returns a [*PartialError] that lists the missing, reduced and locked
// repositories. It returns nil if there are no such repositories.
func (m *Manifest) Err() error { return m.shortfall(nil) }

// shortfall is like Err, for a run that ended early with err.
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
