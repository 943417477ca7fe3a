// Package temporal exports organizations on [Temporal], a durable execution engine:
// on many machines, any of which may die at any moment. It does what package export
// does on one machine, with the same rules, and makes the same manifest. Take it when
// one machine is too small, or when Temporal runs anyway; package export needs less.
//
// A worker registers the workflows and the activities:
//
//	w := worker.New(conn, "ghmigrate", worker.Options{})
//	temporal.Register(w, activities)
//
// and a program, or a schedule of Temporal, starts [Export] or [ExportAll]:
//
//	order := temporal.Order{Organization: "octo-org", Stream: true}
//	run, err := conn.ExecuteWorkflow(ctx,
//		client.StartWorkflowOptions{ID: order.WorkflowID(), TaskQueue: "ghmigrate"},
//		temporal.ExportWorkflow, order)
//
// The programs temporal/cmd/worker and temporal/cmd/export do both. The page
// docs/temporal.md describes deployment, upgrades, encryption and costs.
//
// # Promises
//
// Package export describes the promises, and they hold here too. Every repository has
// one row in the manifest. A migration is started once. The history has the intent
// before the request is sent, and the activity has one attempt: if its worker dies,
// Export searches for the migration. Repositories are unlocked as soon as their export has ended. A canceled
// workflow waits for the ends of exports and unlocks them. A terminated workflow
// cannot do that: cancel it instead.
//
// # Tokens
//
// GitHub limits requests by token. All exports with the same [Order].Token share a
// workflow that gives them the lease of the token, one after the other and a second
// apart, for requests that change something. When few requests of the hour are left,
// or when GitHub refuses one, all exports with the token pause.
//
// # What is where
//
// The history has the names of repositories, IDs, states, sizes, checksums and errors
// in words: no tokens and no signed URLs. The bucket has archives, the plan of each
// run, the jobs that are over, and the manifest. A history that grows continues as
// new when no activity runs.
//
// # Errors
//
// A bad order, an account that is not there, a token without rights and a bucket that
// refuses objects fail the workflow before anything is started. Later errors are
// judged by export.Classify. A failed activity means that its worker has died, or
// cannot reach the bucket: Temporal retries it.
//
// [Temporal]: https://docs.temporal.io
package temporal
