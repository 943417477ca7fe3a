//go:build !race

package transfer_test

const (
	chaosRuns  = 125
	sweepSeeds = 2
)
