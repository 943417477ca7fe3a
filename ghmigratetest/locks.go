package ghmigratetest

import (
	"net/http"
	"strings"
	"time"
)

// Locked reports whether a migration has locked a repository.
func (s *Server) Locked(fullName string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runDueEvents(s.clock.Now())
	r := s.repositories[strings.ToLower(fullName)]
	return r != nil && r.lockedBy != nil
}

// lock locks the repositories of a migration that have no lock. GitHub does not
// document when it locks. The caller holds s.mu.
func (s *Server) lock(m *migration, _ time.Time) {
	for _, r := range m.repositories {
		if r.lockedBy == nil {
			r.lockedBy = m
		}
	}
}

// unlock serves the operation that unlocks a repository by its current name.
func (s *Server) unlock(c *call, m *migration) response {
	if m.state != stateExported && m.state != stateFailed {
		return notFound()
	}
	for _, r := range m.repositories {
		if r.lockedBy == m && strings.EqualFold(r.name, c.vars["repo"]) {
			r.lockedBy = nil
			return response{status: http.StatusNoContent}
		}
	}
	return notFound()
}

// unlockAll releases the locks of a migration. The caller holds s.mu.
func (m *migration) unlockAll() {
	for _, r := range m.repositories {
		if r.lockedBy == m {
			r.lockedBy = nil
		}
	}
}
