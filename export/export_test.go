package export

// A Disk is what a run lives on.
type Disk = disk

// OnDisk has a run live on another disk than the operating system's.
func OnDisk(opts Options, d Disk) Options {
	opts.disk = d
	return opts
}

// Shortfall is the error that Run returns beside the manifest of a finished run.
func Shortfall(m *Manifest) error { return m.shortfall(nil) }

// Replay reads the lines of a journal.
func Replay(lines ...[]byte) ([]*Job, error) {
	j := &journal{}
	for _, line := range lines {
		if err := j.replay(line); err != nil {
			return nil, err
		}
	}
	j.planned()
	return j.jobs, nil
}
