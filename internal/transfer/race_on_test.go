//go:build race

package transfer_test

// chaosRuns is how many seeds the chaos tests try. With the race detector each
// takes ten times as long.
const chaosRuns = 30
