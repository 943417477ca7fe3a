// Package race reports whether the race detector is enabled. With the detector,
// code takes up to ten times as long. A test may then repeat steps less often if
// every repetition runs the same code in the same goroutines.
package race
