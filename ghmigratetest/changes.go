package ghmigratetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A change is what becomes of a repository.
type change struct {
	owner, name string // of a rename or a transfer
	state       string // else one of changedStates
}

// The states that Fault.Repositories gives to a repository.
const (
	removed   = "removed"
	private   = "private"
	public    = "public"
	takenDown = "taken down"
)

func parseChange(becomes string) (change, error) {
	states := []string{removed, private, public, takenDown}
	if slices.Contains(states, becomes) {
		return change{state: becomes}, nil
	}
	owner, name, ok := strings.Cut(becomes, "/")
	if !ok || !validName(owner) || !validName(name) {
		return change{}, fmt.Errorf("%q is not owner/name, nor one of %q", becomes, states)
	}
	return change{owner: owner, name: name}, nil
}

// RenameRepository gives a repository another full name, "owner/name". With
// another owner it is a transfer. Migrations that hold the repository list it
// by its new full name, and unlock it by its new name. It panics if there is no
// such repository, or if the new name is malformed or taken.
func (s *Server) RenameRepository(fullName, newFullName string) {
	s.mustChange("RenameRepository", fullName, newFullName)
}

// RemoveRepository deletes a repository. Migrations no longer list it, their
// archives lack it, and nothing can unlock it. It panics if there is no such
// repository.
func (s *Server) RemoveRepository(fullName string) {
	s.mustChange("RemoveRepository", fullName, removed)
}

// UpdateRepository applies options to a repository that exists: [Private] or
// [TakenDown] in the middle of a migration. It panics if there is no such
// repository, and FromGit has no effect.
func (s *Server) UpdateRepository(fullName string, opts ...RepositoryOption) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repositories[strings.ToLower(fullName)]
	if r == nil {
		panic(fmt.Sprintf("ghmigratetest: UpdateRepository: no repository %s", fullName))
	}
	for _, opt := range opts {
		opt(r)
	}
}

func (s *Server) mustChange(caller, fullName, becomes string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(fullName, becomes); err != nil {
		panic(fmt.Sprintf("ghmigratetest: %s: %v", caller, err))
	}
}

// changeAll makes the changes of a fault. A change that was made before, or
// that cannot be made, is skipped.
func (s *Server) changeAll(changes map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fullName := range slices.Sorted(maps.Keys(changes)) {
		_ = s.change(fullName, changes[fullName])
	}
}

// change changes a repository. The caller holds s.mu.
func (s *Server) change(fullName, becomes string) error {
	key := strings.ToLower(fullName)
	r := s.repositories[key]
	c, err := parseChange(becomes)
	switch {
	case err != nil:
		return err
	case r == nil:
		return fmt.Errorf("no repository %s", fullName)
	}
	s.settle(s.clock.Now())
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
		newKey := strings.ToLower(becomes)
		if other := s.repositories[newKey]; other != nil && other != r {
			return fmt.Errorf("%s exists", becomes)
		}
		s.detach(r)
		s.former[key] = r
		r.owner, r.name = s.ownerNamed(c.owner), c.name
		s.attach(r)
	}
	return nil
}

// attach makes a repository one of its owner's. The caller holds s.mu.
func (s *Server) attach(r *repository) {
	s.repositories[strings.ToLower(r.fullName())] = r
	r.owner.repositories = append(r.owner.repositories, r)
	r.owner.sorted = nil
}

// detach is the reverse of attach. The caller holds s.mu.
func (s *Server) detach(r *repository) {
	delete(s.repositories, strings.ToLower(r.fullName()))
	r.owner.repositories = slices.DeleteFunc(r.owner.repositories, func(other *repository) bool { return other == r })
	r.owner.sorted = nil
}
