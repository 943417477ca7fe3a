// Package race tells tests whether the race detector is on. Code takes up to
// ten times as long then, and the same steps in the same goroutines show the
// detector nothing new: a test that repeats itself may repeat itself less often.
package race
