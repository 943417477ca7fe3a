package export

// A Disk is what a run lives on.
type Disk = disk

// OnDisk has a run live on another disk than the operating system's.
func OnDisk(opts Options, d Disk) Options {
	opts.disk = d
	return opts
}

// On has the effects of a job happen on another disk.
func On(job *Job, d Disk) { job.disk = d }

// Starts is how often a start of the job was sent, or may have been.
func Starts(job *Job) int { return job.State.book.Starts }

// RunName and IsRunName name runs.
var (
	RunName   = runName
	IsRunName = isRunName
)

// Replay reads the lines of a journal.
func Replay(lines ...[]byte) ([]*Job, error) {
	j := &journal{known: map[string]*Job{}}
	for _, line := range lines {
		if err := j.replay(line); err != nil {
			return nil, err
		}
	}
	j.planned()
	return j.jobs, nil
}
