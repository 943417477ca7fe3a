package temporal

import (
	"time"

	"github.com/ghmigrate/ghmigrate/export"
)

// Progress is the result of the query [ProgressQuery] of an [Export].
type Progress struct {
	Account string        `json:"account"`
	Done    int           `json:"done"`              // repositories that are done
	All     int           `json:"all"`               // all repositories
	Pending int           `json:"pending"`           // batches that are loaded from the plan and not started
	Waiting int           `json:"waiting"`           // batches that GitHub exports
	Moving  int           `json:"moving"`            // transfers under way
	Bytes   int64         `json:"bytes"`             // of stored archives
	Paused  time.Duration `json:"paused,omitempty"`  // time until the end of a pause or a rate limit
	Problem string        `json:"problem,omitempty"` // why the export pauses
}

// ProgressQuery is the name of a query. [Export] returns a [Progress], and [ExportAll]
// the workflow IDs of the exports that run.
const ProgressQuery = "progress"

// progress is the handler of the query ProgressQuery.
func (x *exporter) progress(now time.Time) Progress {
	p := Progress{Account: x.Account, Done: x.Done, All: x.All, Moving: x.moving, Bytes: x.Bytes, Problem: x.Problem}
	for _, b := range x.Batches {
		switch s := &b.Job.State; {
		case s.Outcome != export.OutcomeUnknown:
		case s.Migration == 0:
			p.Pending++
		default:
			p.Waiting++
		}
	}
	for _, until := range []time.Time{x.PausedUntil, x.Gate} {
		p.Paused = max(p.Paused, until.Sub(now))
	}
	p.Paused = max(p.Paused, 0)
	return p
}
