package gitdir

// LimitMemory limits the memory of each Checker.
func (s *Shared) LimitMemory(n int64) { s.memory = n }
