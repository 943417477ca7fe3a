// Package temporal exports organizations with workers on many machines, any of which
// may die at any moment. The workers are driven by [Temporal], a durable execution
// engine. An export follows the rules of package export and writes the same manifest.
// Use this package when one machine is too small, or when you run Temporal already.
// Otherwise use package export, which needs no server.
//
// A worker registers the workflows and the activities:
//
//	w := worker.New(conn, "ghmigrate", worker.Options{})
//	temporal.Register(w, activities)
//
// A program, or a schedule of Temporal, starts [Export] or [ExportAll]:
//
//	order := temporal.Order{Organization: "octo-org", Stream: true}
//	run, err := conn.ExecuteWorkflow(ctx,
//		client.StartWorkflowOptions{ID: order.WorkflowID(), TaskQueue: "ghmigrate"},
//		temporal.ExportWorkflow, order)
//
// The program temporal/cmd/worker is such a worker, and temporal/cmd/export starts
// exports. The page docs/temporal.md describes deployment, upgrades, encryption and
// costs.
//
// # Promises
//
// The promises of package export hold here too. Every repository has one row in the
// manifest. The history has the intent to start a migration before the request is sent,
// and the activity has one attempt. If its worker dies, Export searches for the
// migration before it sends the start again. Repositories are unlocked as soon as their
// export has ended, or after a pause of the workflow. A canceled workflow waits until
// exports have ended, and unlocks their repositories. A terminated workflow cannot do so:
// cancel it instead.
//
// # Tokens
//
// GitHub limits requests by token. All exports with the same [Order].Token share a
// workflow. It gives them the lease of the token, one at a time and a second apart,
// for requests that change something. When few requests of the hour are left, or when
// GitHub responds with a rate limit, all exports with the token pause.
//
// # Data
//
// The history has names of repositories, IDs, states, sizes, checksums and the texts of
// errors. It has no tokens and no signed URLs. The bucket has the archives, the plan of
// each run, the jobs that are over, and the manifest. A long history continues as new
// when no activity runs.
//
// # Errors
//
// A bad order, an unknown account, a token without rights, and a bucket that refuses
// objects fail the workflow before it starts a migration. export.Classify decides what
// later errors mean. An activity fails only if its worker dies or cannot reach the
// bucket: Temporal retries it.
//
// [Temporal]: https://docs.temporal.io
package temporal
