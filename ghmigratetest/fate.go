package ghmigratetest

import "time"

// A Fate is the outcome of a migration. The zero value is the outcome of a
// migration without a Fate. In JSON a Fate is a part of a [Fault].
type Fate struct {
	// Duration is how long the export takes. 0 means the duration of
	// [WithExportDuration], and a negative duration means forever.
	Duration time.Duration `json:"duration,omitempty"`
	// Fails makes the export fail.
	Fails bool `json:"fails,omitempty"`

	// LocksAfter is when lock_repositories locks the repositories, counted from
	// the start. It may be after the end of the export. 0 means when the export
	// begins, and a negative duration means never.
	LocksAfter time.Duration `json:"locks_after,omitempty"`
	// FreesLocks makes the migration release its locks when it ends, without an
	// unlock request.
	FreesLocks bool `json:"frees_locks,omitempty"`

	// ArchiveAfter is how long requests for the archive get 404 after the end of
	// the export, although the state is exported.
	ArchiveAfter time.Duration `json:"archive_after,omitempty"`
	// Missing lists repositories of the migration, as "owner/name", whose records
	// and Git data the archive lacks.
	Missing []string `json:"missing,omitempty"`
	// Damage, if set, is called with the archive and returns the bytes that
	// storage keeps instead, such as a truncated archive. It may change its
	// argument. Content-Length and ETag are correct for the result. JSON has no
	// Damage.
	Damage func(archive []byte) []byte `json:"-"`
}

// SetFate makes choose return the Fate of each migration that starts from now on. If
// choose is nil, migrations have no Fate. The argument of choose is the migration at
// its start, with its ID, Repositories and Options. The server makes one call at a
// time, in the order of the starts. choose must not call the server.
//
//	srv.SetFate(func(m ghmigratetest.Migration) ghmigratetest.Fate {
//		return ghmigratetest.Fate{Fails: len(m.Repositories) > 50}
//	})
func (s *Server) SetFate(choose func(m Migration) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chooseFate = choose
}
