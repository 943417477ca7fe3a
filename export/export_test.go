package export

// A Disk is what a run lives on.
type Disk = disk

// OnDisk has a run live on another disk than the operating system's.
func OnDisk(opts Options, d Disk) Options {
	opts.disk = d
	return opts
}
