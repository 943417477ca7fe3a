package ghmigratetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/race"
)

// TestScale checks that a hundred thousand repositories that are exported and listed
// take less than a kilobyte of memory each.
func TestScale(t *testing.T) {
	const batches, batch, bytesPerRepository = 1000, 100, 1 << 10
	if race.Enabled {
		t.Skip("the test sends one request at a time, and the race detector takes memory")
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, begun := heap(), time.Now()
	c := newServer(t, ghmigratetest.WithRequestLog(0))
	name := func(n int) string { return fmt.Sprintf("repository-%06d", n) }
	for n := range batches * batch {
		c.AddRepository("octo/" + name(n))
	}
	t.Logf("%d bytes for each repository that was added", (heap()-before)/(batches*batch))
	ids := make([]int64, batches)
	for i := range ids {
		var names []string
		for n := range batch {
			names = append(names, "octo/"+name(i*batch+n))
		}
		body, err := json.Marshal(map[string]any{"repositories": names, "lock_repositories": true, "exclude": []string{"repositories"}})
		require.NoError(t, err)
		ids[i] = c.start("/orgs/octo", string(body))
	}
	c.Clock().Advance(time.Minute)
	for page := range 10 {
		target := fmt.Sprintf("/orgs/octo/migrations?exclude=repositories&per_page=100&page=%d", page+1)
		assert.Len(t, c.do("GET", target, "").list(t), 100)
	}
	last := ids[batches-1]
	for n := range batch {
		target := fmt.Sprintf("%s/repos/%s/lock", c.path(last), name((batches-1)*batch+n))
		assert.Equal(t, http.StatusNoContent, c.do("DELETE", target, "").status)
	}
	assert.Len(t, c.do("GET", c.path(last)+"/repositories?per_page=100", "").list(t), batch)
	for page := 0; page < batches; page += 20 {
		target := fmt.Sprintf("/orgs/octo/repos?per_page=100&page=%d&sort=full_name", page+1)
		assert.Equal(t, http.StatusOK, c.do("GET", target, "").status)
	}
	assert.Len(t, c.do("GET", "/orgs/octo/repos?per_page=100&page=1000&sort=full_name", "").list(t), batch)
	assert.Contains(t, c.fetch(last).files, "repositories/octo/"+name(batches*batch-1)+".git/HEAD")

	each := (heap() - before) / (batches * batch)
	t.Logf("%d bytes for each repository that was exported and listed, %v", each, time.Since(begun))
	assert.Less(t, each, int64(bytesPerRepository))
	runtime.KeepAlive(c)
}
