package durable

// StartSync asks the system to begin writing f to the disk, so that a later Sync
// finds less to do. It promises nothing, and does nothing where the system has no
// such call.
//
// Without it a system collects a gigabyte in memory while the disk is idle, and
// the Sync that follows holds up the writes behind it.
func StartSync(f File) {
	if f, ok := f.(*lockedFile); ok {
		startSync(f.File)
	}
}
