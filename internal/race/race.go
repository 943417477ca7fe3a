// Package race tells tests whether the race detector is on. Code takes up to
// ten times as long then, and the same steps in the same goroutines show the
// detector nothing new. A test that repeats such steps may repeat them less
// often.
package race
