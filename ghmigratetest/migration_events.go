package ghmigratetest

import (
	"slices"
	"time"
)

// An event is a change of a migration at a set time.
type event struct {
	at        time.Time
	migration *migration
	apply     func(s *Server, m *migration, at time.Time)
}

// scheduleEvents schedules the events of a new migration. fate is the Fate of a
// fault, or nil. The caller holds s.mu, as for all functions below.
func (s *Server) scheduleEvents(m *migration, fate *Fate) {
	switch {
	case fate != nil:
		m.fate = *fate
	case s.chooseFate != nil:
		m.fate = s.chooseFate(m.view())
	}
	duration := m.fate.Duration
	if duration == 0 {
		duration = s.cfg.exportDuration
	}
	begins := max(duration, 0) / 10
	if duration < 0 {
		begins = s.cfg.exportDuration / 10
	}
	s.schedule(m, begins, func(_ *Server, m *migration, at time.Time) { m.state, m.updatedAt = stateExporting, at })
	if after := m.fate.LocksAfter; m.options.LockRepositories && after >= 0 {
		if after == 0 {
			after = begins
		}
		s.schedule(m, after, (*Server).lock)
	}
	if duration >= 0 {
		s.schedule(m, duration, (*Server).end)
	}
}

// schedule adds an event. after is counted from the start of the migration. Events
// at the same time run in the order in which they were added.
func (s *Server) schedule(m *migration, after time.Duration, apply func(*Server, *migration, time.Time)) {
	e := event{m.createdAt.Add(after), m, apply}
	i, _ := slices.BinarySearchFunc(s.events, e.at, func(e event, at time.Time) int {
		if e.at.After(at) {
			return 1
		}
		return -1
	})
	s.events = slices.Insert(s.events, i, e)
}

// runDueEvents runs the events that are due. The server has no timers. Instead, all
// code that reads or changes what events depend on calls runDueEvents first.
func (s *Server) runDueEvents(now time.Time) {
	for len(s.events) > 0 && !now.Before(s.events[0].at) {
		e := s.events[0]
		s.events = s.events[1:]
		e.apply(s, e.migration, e.at)
	}
}

// end ends an export, which succeeds or fails.
func (s *Server) end(m *migration, at time.Time) {
	m.updatedAt = at
	if m.fate.Fails || slices.ContainsFunc(m.repositories, func(r *repository) bool { return r.poison.fails(m.options) }) {
		m.state = stateFailed
	} else {
		m.state = stateExported
		s.schedule(m, at.Add(archiveLifetime).Sub(m.createdAt), func(_ *Server, m *migration, _ time.Time) { m.dropArchive() })
	}
	if m.fate.FreesLocks {
		m.unlockAll()
	}
}
