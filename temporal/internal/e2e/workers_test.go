//go:build e2e && unix

package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// large is the size of an archive whose transfer is disturbed.
const large = 12_000_000

func TestWorkerKilledInMidTransferOnItsOwnDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 1, ghmigratetest.Payload(large))
	w.workOnOwnDisks()
	w.slow()
	run := w.start(order(locking))
	w.transferred(run, large/3).kill()
	w.github.ClearFaults()
	w.complete(w.finish(run), names)
	assert.Greater(t, w.fetched(), int64(large*4/3), "the other worker begins anew")
	assert.Less(t, w.fetched(), int64(large*2.5))
}

func TestWorkerKilledInMidTransferOnASharedDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 1, ghmigratetest.Payload(large))
	w.workOnSharedDisk()
	w.slow()
	run := w.start(order(locking))
	w.transferred(run, large/3).kill()
	before := w.fetched()
	w.github.ClearFaults()
	w.complete(w.finish(run), names)
	assert.Less(t, w.fetched()-before, int64(large*5/6), "the other worker resumes")
}

func TestWorkerKilledInMidTransferWhileItStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 1, ghmigratetest.Payload(large))
	w.workOnOwnDisks()
	w.slow()
	o := order(locking)
	o.Stream = true
	run := w.start(o)
	w.transferred(run, large/3).kill()
	w.github.ClearFaults()
	w.complete(w.finish(run), names)
}

func TestWorkerKilledBetweenAStartAndItsReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 2)
	w.workOnOwnDisks()
	w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-for-org", Applied: true, Stall: true})
	run := w.start(order(locking))
	w.until("GitHub has the migration", func() bool { return len(w.github.Migrations()) == 1 })
	w.performer(run, "ghmigrate.Perform").kill()
	s := w.finish(run)
	w.complete(s, names)
	assert.Len(t, w.github.Migrations(), 1, "the other worker adopts the migration")
	assert.Equal(t, 1, s.Adopted)
	w.record()
}

func TestWorkerFrozenInMidTransfer(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(*world, ...string){
		"OnItsOwnDisk": (*world).workOnOwnDisks, "OnASharedDisk": (*world).workOnSharedDisk,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shared)
			names := w.add("octo-org", 1, ghmigratetest.Payload(large))
			work(w)
			w.slow()
			run := w.start(order(locking))
			frozen := w.transferred(run, large/3)
			frozen.signal(syscall.SIGSTOP)
			w.until("another worker has the transfer", func() bool {
				_, worker := w.pending(run, "ghmigrate.Transfer")
				return worker != nil && worker != frozen
			})
			frozen.signal(syscall.SIGCONT)
			w.github.ClearFaults()
			w.complete(w.finish(run), names)
		})
	}
}

// A worker freezes between two requests: GitHub gets the start when another worker
// has looked for it already.
func TestWorkerFrozenBeforeAStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 2)
	w.workOnOwnDisks()
	arrived, release := make(chan struct{}), make(chan struct{})
	w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-for-org", Handler: late(arrived, release)})
	run := w.start(order(ghmigrate.StartMigrationRequest{})) // a late lock would take minutes more
	<-arrived
	frozen := w.performer(run, "ghmigrate.Perform")
	frozen.signal(syscall.SIGSTOP)
	w.until("the export has a migration", func() bool { return len(w.github.Migrations()) == 1 })
	close(release)
	w.until("the late start arrives", func() bool { return len(w.github.Migrations()) == 2 })
	frozen.signal(syscall.SIGCONT)
	s := w.finish(run)
	w.complete(s, names)
	assert.Equal(t, 2, s.Starts, "the late start is counted")
}

func TestWorkerStoppedInMidTransfer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 1, ghmigratetest.Payload(large))
	w.workOnSharedDisk()
	w.slow()
	run := w.start(order(locking))
	stopped := w.transferred(run, large/3)
	begun, before := time.Now(), w.fetched()
	stopped.signal(syscall.SIGTERM)
	status, err := stopped.wait(15 * time.Second)
	require.NoError(t, err)
	assert.Zero(t, status)
	w.until("another worker has the transfer", func() bool {
		_, worker := w.pending(run, "ghmigrate.Transfer")
		return worker != nil && worker != stopped
	})
	assert.Less(t, time.Since(begun), 20*time.Second, "the transfer is handed over, not missed")
	w.github.ClearFaults()
	w.complete(w.finish(run), names)
	assert.Less(t, w.fetched()-before, int64(large*5/6), "the other worker resumes")
}
