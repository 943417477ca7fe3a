package ghmigratetest_test

import (
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// A number has the same text in the response as in the JSON of the fault.
func TestOddNumbers(t *testing.T) {
	for _, number := range []string{"79.0", "1e400", "9007199254740993", "-0", "123456789012345678901234567890"} {
		c := newServer(t)
		faults, err := ghmigratetest.ReadFaults(strings.NewReader(`[{"set": {"/id": ` + number + `}}]`))
		require.NoError(t, err)
		c.Inject(faults...)
		assert.Contains(t, c.do("GET", "/user", "").body, `"id":`+number+`,`)
	}
}

// A fault may set a value inside of a value that it also sets. Concurrent requests do
// not share the values.
func TestAValueInsideASetValue(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	id := c.start("/orgs/octo", hello)
	c.Inject(ghmigratetest.Fault{Times: -1, Set: map[string]any{
		"/owner": map[string]string{"login": "a"}, "/owner/login": 7, "/owner/x": nil, "/repositories/-": "b", "/repositories/-/c": 8,
	}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			m := c.do("GET", c.path(id), "").object(t)
			assert.Equal(t, map[string]any{"login": 7.0, "x": nil}, m["owner"])
			assert.Equal(t, "b", m["repositories"].([]any)[1])
		})
	}
	all.Wait()
}

func TestInjectRefusesValuesThatAreNotJSON(t *testing.T) {
	c := newServer(t)
	for _, value := range []any{make(chan int), math.NaN(), map[int]any{1: func() {}}} {
		assert.Panics(t, func() { c.Inject(ghmigratetest.Fault{Set: map[string]any{"/id": value}}) })
	}
}
