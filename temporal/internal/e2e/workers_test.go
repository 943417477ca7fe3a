//go:build e2e && unix

package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/temporal"
)

// large is the size of an archive whose transfer is interrupted.
const large = 12_000_000

// A midTransfer is an export of one large archive from slow storage, a third of which
// is transferred.
type midTransfer struct {
	*world
	run    client.WorkflowRun
	worker *process // of the transfer
	names  []string
	before int64 // bytes that storage had sent
}

// startTransfer starts workers and an export, and waits until a worker is in the middle
// of the transfer.
func startTransfer(t *testing.T, startWorkers func(*world, ...string), order temporal.Order) *midTransfer {
	t.Helper()
	m := &midTransfer{world: newWorld(t, shared)}
	m.names = m.add("octo-org", 1, ghmigratetest.Payload(large))
	startWorkers(m.world)
	m.slowStorage()
	m.run = m.start(order)
	m.worker = m.awaitTransfer(m.run, large/3)
	m.before = m.fetched()
	return m
}

// awaitOtherWorker waits until another worker performs the transfer.
func (m *midTransfer) awaitOtherWorker() {
	m.Helper()
	m.until("another worker has the transfer", func() bool {
		_, worker := m.activity(m.run, "ghmigrate.Transfer")
		return worker != nil && worker != m.worker
	})
}

// complete lets storage send at full speed, and checks that the export is complete.
func (m *midTransfer) complete() {
	m.Helper()
	m.github.ClearFaults()
	m.checkComplete(m.finish(m.run), m.names)
}

// checkResumed checks that the worker that completed the transfer has not fetched the
// whole archive.
func (m *midTransfer) checkResumed() {
	m.Helper()
	assert.Less(m, m.fetched()-m.before, int64(large*5/6), "the other worker resumes")
}

func TestWorkerKilledInMidTransferOnItsOwnDisk(t *testing.T) {
	t.Parallel()
	m := startTransfer(t, (*world).startWorkersWithOwnDisks, order())
	m.worker.kill()
	m.complete()
	assert.Greater(t, m.fetched(), int64(large*4/3), "the other worker begins again")
	assert.Less(t, m.fetched(), int64(large*2.5))
}

func TestWorkerKilledInMidTransferOnASharedDisk(t *testing.T) {
	t.Parallel()
	m := startTransfer(t, (*world).startWorkersWithSharedDisk, order())
	m.worker.kill()
	m.complete()
	m.checkResumed()
}

func TestWorkerKilledInMidTransferWhileItStreams(t *testing.T) {
	t.Parallel()
	o := order()
	o.Stream = true
	m := startTransfer(t, (*world).startWorkersWithOwnDisks, o)
	m.worker.kill()
	m.complete()
}

func TestWorkerKilledBetweenAStartAndItsReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 2)
	w.startWorkersWithOwnDisks()
	w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-for-org", Applied: true, Stall: true})
	run := w.start(order())
	w.until("GitHub has the migration", func() bool { return len(w.github.Migrations()) == 1 })
	w.awaitWorker(run, "ghmigrate.Perform").kill()
	s := w.finish(run)
	w.checkComplete(s, names)
	assert.Len(t, w.github.Migrations(), 1, "the other worker adopts the migration")
	assert.Equal(t, 1, s.Adopted)
	w.record()
}

func TestWorkerFrozenInMidTransfer(t *testing.T) {
	t.Parallel()
	for name, startWorkers := range map[string]func(*world, ...string){
		"OnItsOwnDisk": (*world).startWorkersWithOwnDisks, "OnASharedDisk": (*world).startWorkersWithSharedDisk,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startTransfer(t, startWorkers, order())
			m.worker.signal(syscall.SIGSTOP)
			m.awaitOtherWorker()
			m.worker.signal(syscall.SIGCONT)
			m.complete()
		})
	}
}

// A worker freezes before its start reaches GitHub: the start arrives after another
// worker has searched for it.
func TestWorkerFrozenBeforeAStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shared)
	names := w.add("octo-org", 2)
	w.startWorkersWithOwnDisks()
	arrived, release := make(chan struct{}), make(chan struct{})
	w.github.Inject(ghmigratetest.Fault{Operation: "migrations/start-for-org", Handler: late(arrived, release)})
	o := order()
	o.Start = ghmigrate.StartMigrationRequest{} // with locks, the export would end minutes later
	run := w.start(o)
	<-arrived
	frozen := w.awaitWorker(run, "ghmigrate.Perform")
	frozen.signal(syscall.SIGSTOP)
	w.until("the export has a migration", func() bool { return len(w.github.Migrations()) == 1 })
	close(release)
	w.until("the late start arrives", func() bool { return len(w.github.Migrations()) == 2 })
	frozen.signal(syscall.SIGCONT)
	s := w.finish(run)
	w.checkComplete(s, names)
	assert.Equal(t, 2, s.Starts, "the late start is counted")
}

func TestWorkerStoppedInMidTransfer(t *testing.T) {
	t.Parallel()
	m := startTransfer(t, (*world).startWorkersWithSharedDisk, order())
	begun := time.Now()
	m.worker.signal(syscall.SIGTERM)
	status, err := m.worker.wait(15 * time.Second)
	require.NoError(t, err)
	assert.Zero(t, status)
	m.awaitOtherWorker()
	assert.Less(t, time.Since(begun), 20*time.Second, "the worker hands the transfer over, before its heartbeat times out")
	m.complete()
	m.checkResumed()
}
