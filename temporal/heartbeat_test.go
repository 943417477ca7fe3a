package temporal_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/ghmigrate/ghmigrate/temporal"
)

// Every activity sends heartbeats, so that Temporal does not time out an activity that
// waits for a slow response.
func TestEveryActivitySendsHeartbeats(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(2)
		sent := map[string]bool{} // by the name of the activity
		w.prepare = func() {
			w.env.SetOnActivityHeartbeatListener(func(info *activity.Info, _ converter.EncodedValues) { sent[info.ActivityType.Name] = true })
		}
		w.mustExport(temporal.Order{Start: locking})
		assert.Equal(t, []string{
			"ghmigrate.Finish", "ghmigrate.Newest", "ghmigrate.Page", "ghmigrate.Perform", "ghmigrate.Plan", "ghmigrate.Poll",
			"ghmigrate.Remaining", "ghmigrate.Save", "ghmigrate.Transfer",
		}, slices.Sorted(maps.Keys(sent)))
	})
}
