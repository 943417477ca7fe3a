package ghmigratetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A change is a change of a repository: a rename, a transfer or a new state.
type change struct {
	owner, name string // the new full name, if state is empty
	state       string // one of the states below, or empty
}

// The states that Fault.Repositories gives to a repository.
const (
	removed   = "removed"
	private   = "private"
	public    = "public"
	takenDown = "taken down"
)

// parseChange parses a value of Fault.Repositories.
func parseChange(value string) (change, error) {
	states := []string{removed, private, public, takenDown}
	if slices.Contains(states, value) {
		return change{state: value}, nil
	}
	owner, name, ok := strings.Cut(value, "/")
	if !ok || !validName(owner) || !validName(name) {
		return change{}, fmt.Errorf("%q is not owner/name, nor one of %q", value, states)
	}
	return change{owner: owner, name: name}, nil
}

// RenameRepository changes the full name, "owner/name", of a repository. With
// another owner the repository is transferred. Migrations that hold the repository
// list it by its new full name, and unlock it by its new name. RenameRepository
// panics if there is no such repository, or if the new name is malformed or taken.
func (s *Server) RenameRepository(fullName, newFullName string) {
	s.mustChange("RenameRepository", fullName, newFullName)
}

// RemoveRepository deletes a repository. Migrations no longer list it, archives that
// are made later lack it, and no request can unlock it. RemoveRepository panics if
// there is no such repository.
func (s *Server) RemoveRepository(fullName string) {
	s.mustChange("RemoveRepository", fullName, removed)
}

// UpdateRepository applies options to a repository, such as [Private] or [TakenDown]
// in the middle of a migration. [FromGit] has no effect. UpdateRepository panics if
// there is no such repository.
func (s *Server) UpdateRepository(fullName string, opts ...RepositoryOption) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[strings.ToLower(fullName)]
	if r == nil {
		panic(fmt.Sprintf("ghmigratetest: UpdateRepository: no repository %s", fullName))
	}
	s.runDueEvents(s.clock.Now())
	for _, opt := range opts {
		opt(r)
	}
}

// mustChange changes a repository. It panics if the change fails; the message names
// the method that the test called.
func (s *Server) mustChange(method, fullName, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(fullName, value); err != nil {
		panic(fmt.Sprintf("ghmigratetest: %s: %v", method, err))
	}
}

// changeAll makes the changes of a fault. It skips a change that fails, because an
// earlier request may have made the change already.
func (s *Server) changeAll(changes map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fullName := range slices.Sorted(maps.Keys(changes)) {
		_ = s.change(fullName, changes[fullName])
	}
}

// change makes the change that value describes. The caller holds s.mu.
func (s *Server) change(fullName, value string) error {
	key := strings.ToLower(fullName)
	r := s.repositories[key]
	c, err := parseChange(value)
	switch {
	case err != nil:
		return err
	case r == nil:
		return fmt.Errorf("no repository %s", fullName)
	}
	s.runDueEvents(s.clock.Now())
	switch c.state {
	case removed:
		s.detach(r)
		for _, m := range s.migrations {
			m.repositories = slices.DeleteFunc(m.repositories, func(other *repository) bool { return other == r })
		}
		r.lockedBy = nil
		delete(s.imports, r)
		maps.DeleteFunc(s.former, func(_ string, other *repository) bool { return other == r })
	case private, public:
		r.private = c.state == private
	case takenDown:
		r.takenDown = true
	default:
		newKey := strings.ToLower(value)
		if other := s.repositories[newKey]; other != nil && other != r {
			return fmt.Errorf("%s exists", value)
		}
		s.detach(r)
		s.former[key] = r
		r.owner, r.name = s.ownerNamed(c.owner), c.name
		s.attach(r)
	}
	return nil
}

// attach adds a repository to its owner. The caller holds s.mu.
func (s *Server) attach(r *repository) {
	s.repositories[strings.ToLower(r.fullName())] = r
	r.owner.repositories = append(r.owner.repositories, r)
	r.owner.sorted = nil
}

// detach removes a repository from its owner. The caller holds s.mu.
func (s *Server) detach(r *repository) {
	delete(s.repositories, strings.ToLower(r.fullName()))
	r.owner.repositories = slices.DeleteFunc(r.owner.repositories, func(other *repository) bool { return other == r })
	r.owner.sorted = nil
}
