package ghmigratetest_test

import (
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// Rate, CutAfter and StallAfter of a later fault apply to the response that an earlier
// fault edits or replaces.
func TestTransferOfAnEditedResponse(t *testing.T) {
	const whole = `[{"login":7}]`
	set := ghmigratetest.Fault{Continue: true, Set: map[string]any{"": []any{map[string]any{"login": 7}}}}
	body := ghmigratetest.Fault{Continue: true, Body: whole}
	for _, test := range []struct {
		name         string
		first, later ghmigratetest.Fault
		status       int
		body         string
		takes        time.Duration
	}{
		{"a set value, slow", set, ghmigratetest.Fault{Rate: 1}, 200, whole, 13 * time.Second},
		{"a set value, cut", set, ghmigratetest.Fault{CutAfter: 5}, 200, whole[:5], 0},
		{"a set value, cut after the header", set, ghmigratetest.Fault{CutAfter: ghmigratetest.AfterHeader}, 200, "", 0},
		{"a body, slow", body, ghmigratetest.Fault{Rate: 1}, 200, whole, 13 * time.Second},
		{"a body, slow after a delay", body, ghmigratetest.Fault{Rate: 1, Continue: true}, 200, whole, 14 * time.Second},
		{"a body, stalled", body, ghmigratetest.Fault{StallAfter: 3}, 200, whole[:3], time.Minute},
		{"a lost response, cut", ghmigratetest.Fault{Continue: true, Applied: true, Status: 502, Body: whole},
			ghmigratetest.Fault{CutAfter: 5}, 502, whole[:5], 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newServer(t)
				c.Client().Timeout = time.Minute
				c.Inject(test.first, test.later)
				if test.later.Continue {
					c.Inject(ghmigratetest.Fault{Delay: time.Second})
				}
				begun := time.Now()
				res, err := c.send("GET", "/user", "")
				assert.Equal(t, len(test.body) < len(whole), err != nil, "%v", err)
				assert.Equal(t, test.status, res.status)
				assert.Equal(t, test.body, res.body)
				assert.Equal(t, test.takes, time.Since(begun))
				c.Close()
			})
		})
	}
}

func TestInjectRefusesValuesThatAreNotJSON(t *testing.T) {
	c := newServer(t)
	for _, value := range []any{make(chan int), math.NaN(), map[int]any{1: func() {}}} {
		assert.Panics(t, func() { c.Inject(ghmigratetest.Fault{Set: map[string]any{"/id": value}}) })
	}
}
