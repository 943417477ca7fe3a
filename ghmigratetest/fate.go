package ghmigratetest

import (
	"slices"
	"time"
)

// A Fate is what becomes of a migration. The zero value is what becomes of a
// migration without a Fate. In JSON a Fate is a part of a [Fault].
type Fate struct {
	// Duration is how long the export takes: 0 means as long as
	// [WithExportDuration] says, a negative duration that it never ends.
	Duration time.Duration `json:"duration,omitempty"`
	// Fails makes the export fail, whatever it holds.
	Fails bool `json:"fails,omitempty"`

	// LocksAfter is when lock_repositories locks, counted from the start, even
	// after the export's end: 0 means as the export begins, a negative duration
	// never.
	LocksAfter time.Duration `json:"locks_after,omitempty"`
	// FreesLocks makes a migration that ends drop the locks that it then has,
	// without an unlock.
	FreesLocks bool `json:"frees_locks,omitempty"`

	// ArchiveAfter is for how long after the export's end the archive is a
	// 404, although the state is exported.
	ArchiveAfter time.Duration `json:"archive_after,omitempty"`
	// Missing lists repositories, as "owner/name", that were asked for but are
	// not in the archive, neither as records nor as git data.
	Missing []string `json:"missing,omitempty"`
	// Damage, if set, returns what is stored instead of this archive, which it
	// may change: with a byte flipped, or cut short. What is stored has the
	// Content-Length and ETag that are right for it. JSON has no Damage.
	Damage func(archive []byte) []byte `json:"-"`
}

// SetFate makes decide choose what becomes of each migration that is started
// from now on; nil leaves them to themselves. The Migration is as it begins:
// its ID, Repositories and Options tell which it is. Calls of decide come one
// at a time, in the order of the starts; it must not call the server.
//
//	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
//		return ghmigratetest.Fate{Fails: len(m.Repositories) > 50}
//	})
func (s *Server) SetFate(decide func(m Migration) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
}

// An event is what happens to a migration by itself, at a time.
type event struct {
	at        time.Time
	migration *migration
	happen    func(s *Server, m *migration, at time.Time)
}

// foretell arranges all that will happen to a migration by itself. The caller
// holds s.mu, as for all that follows.
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

// schedule arranges what happens so long after the start; of what happens at
// one time, the first that is arranged comes first.
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

// settle lets all happen that is due by now. Nothing else moves migrations:
// the server has no timers.
func (s *Server) settle(now time.Time) {
	for len(s.events) > 0 && !now.Before(s.events[0].at) {
		e := s.events[0]
		s.events = s.events[1:]
		e.happen(s, e.migration, e.at)
	}
}

// lock locks what a migration exports, unless another one did. GitHub does not
// document when this happens.
func (s *Server) lock(m *migration, _ time.Time) {
	for _, r := range m.repositories {
		if r.lockedBy == nil {
			r.lockedBy = m
		}
	}
}

// end ends an export, well or not.
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

// unlockAll drops the locks that a migration has.
func (m *migration) unlockAll() {
	for _, r := range m.repositories {
		if r.lockedBy == m {
			r.lockedBy = nil
		}
	}
}
