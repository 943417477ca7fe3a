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
)

// A hundred thousand repositories and a thousand migrations fit into little
// memory and time.
func TestScale(t *testing.T) {
	const batches, batch = 1000, 100
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
	assert.Len(t, c.do("GET", "/orgs/octo/repos?per_page=100&page=1000&sort=full_name", "").list(t), batch)
	assert.Contains(t, c.fetch(last).files, "repositories/octo/"+name(batches*batch-1)+".git/HEAD")

	used := heap() - before
	t.Logf("%d KiB, %v", used>>10, time.Since(begun))
	assert.Less(t, used, int64(64<<20))
	runtime.KeepAlive(c)
}
