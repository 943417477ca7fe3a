package ghmigratetest

import (
	"slices"
	"time"
)

// An event changes a migration at a time, without a request.
type event struct {
	at        time.Time
	migration *migration
	happen    func(s *Server, m *migration, at time.Time)
}

// foretell schedules all events of a migration. The caller holds s.mu, as for all
// functions below.
func (s *Server) foretell(m *migration, fate *Fate) {
	switch {
	case fate != nil:
		m.fate = *fate
	case s.decide != nil:
		m.fate = s.decide(m.view())
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

// schedule adds an event so long after the start. Events of one time happen in
// the order in which they were added.
func (s *Server) schedule(m *migration, after time.Duration, happen func(*Server, *migration, time.Time)) {
	e := event{m.createdAt.Add(after), m, happen}
	i, _ := slices.BinarySearchFunc(s.events, e.at, func(e event, at time.Time) int {
		if e.at.After(at) {
			return 1
		}
		return -1
	})
	s.events = slices.Insert(s.events, i, e)
}

// settle runs the events that are due. The server has no timers: each request
// calls settle first.
func (s *Server) settle(now time.Time) {
	for len(s.events) > 0 && !now.Before(s.events[0].at) {
		e := s.events[0]
		s.events = s.events[1:]
		e.happen(s, e.migration, e.at)
	}
}

// end ends an export as exported or failed.
func (s *Server) end(m *migration, at time.Time) {
	m.updatedAt = at
	if m.fate.Fails || slices.ContainsFunc(m.repositories, func(r *repository) bool { return r.poison.spoils(m.options) }) {
		m.state = stateFailed
	} else {
		m.state = stateExported
		s.schedule(m, at.Add(archiveLifetime).Sub(m.createdAt), func(_ *Server, m *migration, _ time.Time) { m.dropArchive() })
	}
	if m.fate.FreesLocks {
		m.unlockAll()
	}
}
