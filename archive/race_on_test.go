//go:build race

package archive_test

// raceDetector tells whether tests run with it, ten times as slow.
const raceDetector = true
