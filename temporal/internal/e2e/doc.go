// Package e2e has only tests: of exports from end to end. A Temporal server, the workers
// and the program export are processes, which the tests kill, freeze and restart. The
// fake GitHub and the bucket run in the process of the tests.
//
//	go test -tags e2e ./internal/e2e
//
// The first run builds the Temporal server, which takes some minutes.
package e2e
