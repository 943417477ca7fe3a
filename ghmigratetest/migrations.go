package ghmigratetest

// A Migration is what the server knows of one, for assertions.
type Migration struct {
	ID             int64
	GUID           string
	Owner          string // login of the organization or user
	State          string // pending, exporting, exported or failed
	Repositories   []string
	Locked         []string // those of the repositories that it holds locked now
	ArchiveDeleted bool     // by a request, or for its age
}

// Migration returns the migration with this id, of an organization or the
// user; the zero Migration if there is none.
func (s *Server) Migration(id int64) Migration { panic("to do") }

// Migrations returns all migrations, oldest first.
func (s *Server) Migrations() []Migration { panic("to do") }

// SetArchive makes data the archive of a migration, now if it is exported,
// else once it is. Data other than before has another ETag. It panics if
// there is no such migration.
func (s *Server) SetArchive(id int64, data []byte) { panic("to do") }

// Forget removes a migration, its locks and its archive, as if it had never
// been.
func (s *Server) Forget(id int64) { panic("to do") }
