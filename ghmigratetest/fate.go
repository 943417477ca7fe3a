package ghmigratetest

import "time"

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
	// Missing lists repositories, as "owner/name", that the start named and the
	// archive lacks, both records and Git data.
	Missing []string `json:"missing,omitempty"`
	// Damage, if set, gets the archive and returns what storage keeps in its
	// place, with a flipped byte or truncated. It may change its argument.
	// Content-Length and ETag are right for the result. JSON has no Damage.
	Damage func(archive []byte) []byte `json:"-"`
}

// SetFate makes decide choose the Fate of each migration that starts from now
// on; nil ends that. decide gets the migration as it begins, with its ID,
// Repositories and Options. Calls come one at a time, in the order of the
// starts. decide must not call the server.
//
//	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
//		return ghmigratetest.Fate{Fails: len(m.Repositories) > 50}
//	})
func (s *Server) SetFate(decide func(m Migration) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
}
