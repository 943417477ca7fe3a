//go:build race

package transfer_test

// How many seeds tests try. With the race detector each takes ten times as long.
const (
	chaosRuns  = 30
	sweepSeeds = 1
)
