package export

// A Disk is the file system of a run.
type Disk = disk

// OnDisk returns options for a run on another disk than the operating system's.
func OnDisk(opts Options, d Disk) Options {
	opts.disk = d
	return opts
}

// Starts returns the number of starts of the job that were sent, or may have been
// sent.
func Starts(job *Job) int { return job.State.book.Starts }

// RunName and IsRunName make and recognize the names of runs.
var (
	RunName   = runName
	IsRunName = isRunName
)

// Replay returns the jobs in the lines of a journal.
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
