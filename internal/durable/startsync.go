package durable

// StartSync asks the system to begin writing f to the disk, so that a later Sync has
// less to write. It guarantees nothing, and does nothing where the system has no
// such call.
//
// Without StartSync, a system collects a gigabyte in memory while the disk is idle.
// The next Sync then blocks all writes for a long time.
func StartSync(f File) {
	if f, ok := f.(*lockedFile); ok {
		startSync(f.File)
	}
}
