package gitdir

// LimitMemory limits what Checkers may hold on to.
func (s *Shared) LimitMemory(n int64) { s.memory = n }
