package export

// This file is part of the core: it does no I/O and reads no clock.

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// The limits of this package, all of them.
const (
	searchFor   = 90 * time.Second // how long a lost start is searched for: GitHub may create the migration after a 502
	searchAgain = 10 * time.Second
	searchStale = 30 * time.Second // a search in vain that is older is repeated before the next start
	maxLost     = 5                // starts without a trace

	maxNameless   = 10 * time.Minute // how long GitHub may refuse all starts without naming a repository
	namelessAgain = time.Minute
	maxTrouble    = time.Hour       // the pauses of one trouble, in all
	maxDenied     = 5 * time.Minute // those of refusals that are not about the job: 401, 403, 404
	firstPause    = 5 * time.Second // then doubling
	longestPause  = 5 * time.Minute

	maxAbsent   = 5 // how often GitHub may not find a migration, or its archive
	absentAgain = 30 * time.Second
	maxRefusals = 3 // how often GitHub may refuse to unlock, or to delete
	refusalWait = time.Minute
	lateLock    = 2 * time.Minute // how long after the end of an export a lock may land: not documented
	maxDamage   = 2               // how often an archive may not read back as it was fetched

	pollAgain = 30 * time.Second // for drivers without a poll for all jobs
	maxWait   = 24 * time.Hour   // how long an export may run
	maxTries  = 2                // exports of one set that fails
	maxGone   = 3                // exports of one set whose archive dies
	maxParks  = 2                // calls in a row that park a job
)

// A Result is what came of an effect, or what was seen: plain JSON, so that one
// process can perform an effect and another one apply its result.
type Result struct {
	// Class says what kind of error ended the effect; ClassNone after a success.
	Class  Class         `json:"class,omitempty"`
	Reason string        `json:"reason,omitempty"` // the error, in words
	After  time.Duration `json:"after,omitzero"`   // with ClassWait: how long GitHub wants no request

	Unsent  bool  `json:"unsent,omitzero"`  // of a start: the request certainly never left
	Invalid bool  `json:"invalid,omitzero"` // of a start: a 422, which GitHub sends for a while to those who ask too often
	Named   []int `json:"named,omitempty"`  // of a start: which repositories GitHub refused

	Migration    int64             `json:"migration,omitzero"`     // of a start
	Found        []Found           `json:"found,omitempty"`        // of a search
	Asked        time.Time         `json:"asked,omitzero"`         // of a search: when it began, if that was not now
	Outcome      Outcome           `json:"outcome,omitempty"`      // of a wait that is over, or what else is known of the export's end
	Repositories []string          `json:"repositories,omitempty"` // of a list: all of them; of an unlock: the released ones
	Doubt        bool              `json:"doubt,omitzero"`         // of an unlock: a lock may land yet
	Forgotten    bool              `json:"forgotten,omitzero"`     // of an unlock: GitHub knows the migration no more
	Fates        map[string]string `json:"fates,omitempty"`        // what happened to repositories, in words
	Archive      *Archive          `json:"archive,omitzero"`       // of a download or transfer
	Damaged      bool              `json:"damaged,omitzero"`       // the archive in Dir is not what was fetched
	Missing      []string          `json:"missing,omitempty"`      // of a verification
	Condemned    []string          `json:"condemned,omitempty"`
	Unsound      bool              `json:"unsound,omitzero"`
	Faults       []Fault           `json:"faults,omitempty"`

	err error // for errors.Is
}

// error is the error of the effect, as far as its words if that was another
// process's.
func (r Result) error() error {
	if r.err == nil && r.Reason != "" {
		return errors.New(r.Reason)
	}
	return r.err
}

// Found is a migration that a search has found.
type Found struct {
	ID           int64    `json:"id"`
	Repositories []string `json:"repositories"`
}

// searched takes over the migration of a lost start, or decides how to go on
// without it.
func (j *Job) searched(r Result, now time.Time) {
	s, b := &j.State, &j.State.book
	best := match(j.Repositories, r.Found)
	asked := now
	if !r.Asked.IsZero() { // a search that took long says nothing of its end
		asked = r.Asked
	}
	switch {
	case len(best) > 0:
		s.Migration, s.Begun, b.LostAt, s.Reason = best[0], now, time.Time{}, ""
		s.Adopted, s.Inferred, s.Twins = true, len(best) > 1, best[1:]
	case !b.LostAt.IsZero() && asked.Sub(b.LostAt) < searchFor:
		j.try(EffectSearch, func(a *attempts) { a.Due = now.Add(searchAgain) })
	case b.Lost >= maxLost:
		j.end(OutcomeLost, s.Reason, now)
	default: // the next start is sent
		b.LostAt, b.Searched = time.Time{}, asked
	}
}

// match lists the migrations that may be that of a lost start, the lowest ID
// first: those with the whole set of repositories, or else those with the largest
// part of it, if that is half of it at least. GitHub leaves out repositories that
// were renamed or deleted.
func match(names []string, found []Found) []int64 {
	var best []int64
	most := 0
	asked := map[string]bool{}
	for _, name := range names {
		asked[strings.ToLower(name)] = true
	}
	for _, f := range found {
		n := len(f.Repositories)
		if n == 0 || 2*n < len(names) || slices.ContainsFunc(f.Repositories, func(name string) bool { return !asked[strings.ToLower(name)] }) {
			continue
		}
		if n > most {
			best, most = nil, n
		}
		if n == most {
			best = append(best, f.ID)
		}
	}
	slices.Sort(best)
	return slices.Compact(best)
}
