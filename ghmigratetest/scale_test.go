package ghmigratetest_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A hundred thousand repositories and a thousand migrations of them fit.
func TestScale(t *testing.T) {
	const batches, batch = 1000, 100
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	begun := time.Now()
	step := func(name string) {
		t.Logf("%s: %v, %d KiB", name, time.Since(begun), (heap()-before)>>10)
		begun = time.Now()
	}
	c := newServer(t, ghmigratetest.WithRequestLog(0), ghmigratetest.WithRateLimit(1e6))
	for n := range batches * batch {
		c.AddRepository(fmt.Sprintf("octo/repository-%06d", n))
	}
	step("add")
	ids := make([]int64, batches)
	for b := range batches {
		names := make([]string, batch)
		for i := range names {
			names[i] = fmt.Sprintf("octo/repository-%06d", b*batch+i)
		}
		body, err := json.Marshal(map[string]any{"repositories": names, "lock_repositories": true, "exclude": []string{"repositories"}})
		require.NoError(t, err)
		ids[b] = c.start("/orgs/octo", string(body))
	}
	step("start")
	c.Clock().Advance(time.Minute)
	for page := range batches / 100 {
		a := c.do("GET", fmt.Sprintf("/orgs/octo/migrations?exclude=repositories&per_page=100&page=%d", page+1), "")
		assert.Equal(t, 200, a.status)
	}
	step("list")
	for _, id := range ids {
		assert.Equal(t, 200, c.do("GET", c.path(id)+"/repositories?per_page=100", "").status)
	}
	step("repositories")
	for _, id := range ids[:100] {
		assert.Equal(t, 200, c.do("GET", c.signed(id), "").status)
	}
	step("archives (100)")
	for n := range batches * batch {
		if n%10 == 0 {
			assert.Equal(t, 204, c.do("DELETE", fmt.Sprintf("%s/repos/repository-%06d/lock", c.path(ids[n/batch]), n), "").status)
		}
	}
	step("unlock (10,000)")
}
