// Package e2e tests exports with real parts: a Temporal server, two workers and the
// program export are processes that the tests kill, freeze and restart. The fake
// GitHub and the bucket are in the process of the tests, which disturb and inspect
// them.
//
//	go test -tags e2e ./internal/e2e
//
// The first run builds the Temporal server, which takes some minutes.
package e2e
