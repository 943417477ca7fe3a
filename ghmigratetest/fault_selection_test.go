package ghmigratetest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// TestConditions checks which requests each condition of a fault selects.
func TestConditions(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault ghmigratetest.Fault
		want  string // names of the selected requests
	}{
		{"every request", ghmigratetest.Fault{}, "start79 start80 list get79 get80 unlock80 archive80 storage80 user"},
		{"an operation", ghmigratetest.Fault{Operation: "migrations/list-for-org"}, "list"},
		{"a pattern of operations", ghmigratetest.Fault{Operation: "migrations/start-*"}, "start79 start80"},
		{"two methods", ghmigratetest.Fault{Method: "POST DELETE"}, "start79 start80 unlock80"},
		{"a path", ghmigratetest.Fault{Path: "/user"}, "user"},
		{"an origin", ghmigratetest.Fault{Origin: ghmigratetest.Storage}, "storage80"},
		{"a header", ghmigratetest.Fault{HasHeader: "Range"}, "storage80"},
		{"a migration", ghmigratetest.Fault{Migration: 80}, "start80 get80 unlock80 archive80 storage80"},
		{"a repository", ghmigratetest.Fault{Repository: "Octo/hello"}, "start79 get79"},
		{"all conditions together", ghmigratetest.Fault{Migration: 80, Method: "GET", Origin: ghmigratetest.API}, "get80 archive80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newServer(t)
			c.AddRepository("octo/hello")
			c.AddRepository("octo/other")
			test.fault.Header, test.fault.Times = http.Header{"X-Selected": {"yes"}}, -1
			c.Inject(test.fault)
			var got []string
			send := func(name, method, target, body string, header ...string) response {
				res := c.do(method, target, body, header...)
				if res.header.Get("X-Selected") != "" {
					got = append(got, name)
				}
				return res
			}
			send("start79", "POST", "/orgs/octo/migrations", hello)
			send("start80", "POST", "/orgs/octo/migrations", `{"repositories":["octo/other"],"lock_repositories":true}`)
			c.Clock().Advance(time.Minute)
			send("list", "GET", "/orgs/octo/migrations", "")
			send("get79", "GET", c.path(79), "")
			send("get80", "GET", c.path(80), "")
			assert.Equal(t, http.StatusNoContent, send("unlock80", "DELETE", c.path(80)+"/repos/other/lock", "").status)
			location := send("archive80", "GET", c.path(80)+"/archive", "").header.Get("Location")
			send("storage80", "GET", location, "", "Range", "bytes=0-9")
			send("user", "GET", "/user", "")
			assert.Equal(t, test.want, strings.Join(got, " "))
		})
	}
}

func TestFaultsCountForEachMigration(t *testing.T) {
	c := newServer(t)
	c.AddRepository("octo/hello")
	c.Inject(ghmigratetest.Fault{Operation: "migrations/get-status-*", EachMigration: true, After: 1, Times: 2, Status: 404})
	one, two := c.start("/orgs/octo", hello), c.start("/orgs/octo", hello)
	var got []int
	for range 4 {
		got = append(got, c.do("GET", c.path(one), "").status)
	}
	for range 2 {
		got = append(got, c.do("GET", c.path(two), "").status)
	}
	assert.Equal(t, []int{200, 404, 404, 200, 200, 404}, got)
}

func TestFaultsInASpanOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.Inject(ghmigratetest.Fault{From: 10 * time.Minute, Until: 40 * time.Minute, Status: 503})
		var got []int
		for range 5 {
			got = append(got, c.do("GET", "/user", "").status)
			c.Clock().Advance(10 * time.Minute)
		}
		assert.Equal(t, []int{200, 503, 503, 503, 200}, got)
		c.Close()
	})
}

func TestFastChangesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newServer(t)
		c.AddRepository("octo/hello")
		c.Inject(ghmigratetest.FastChanges())
		start := func() int { return c.do("POST", "/orgs/octo/migrations", hello).status }
		assert.Equal(t, 201, start())
		assert.Equal(t, 200, c.do("GET", "/orgs/octo/migrations", "").status, "a GET is not a change")
		time.Sleep(time.Second - 1)
		res := c.do("POST", "/orgs/octo/migrations", hello)
		assert.Equal(t, 403, res.status)
		assert.Equal(t, "60", res.header.Get("Retry-After"))
		time.Sleep(time.Second)
		assert.Equal(t, 201, start())
		c.Close()
	})
}

// A fault with a Probability selects about that share of the requests. With the same
// Seed it selects the same requests, in whatever order concurrent requests come.
func TestFaultsByChance(t *testing.T) {
	run := func(seed uint64, reverse bool) (failed []string) {
		c := newServer(t)
		c.Inject(
			ghmigratetest.Fault{Probability: 0.3, Seed: seed, Status: 502},
			ghmigratetest.Fault{Probability: 0.5, Seed: seed, Status: 404},
		)
		var ids []int
		for id := range 500 {
			ids = append(ids, id)
		}
		if reverse {
			slices.Reverse(ids)
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		for _, id := range ids {
			group.Go(func() {
				res := c.do("GET", fmt.Sprintf("/none/%d", id), "")
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Sprint(id, " ", res.status, " ", res.header.Get("X-Github-Media-Type") == ""))
			})
		}
		group.Wait()
		slices.Sort(failed)
		return failed
	}
	count := func(failed []string, text string) int {
		n := 0
		for _, f := range failed {
			if strings.Contains(f, text) {
				n++
			}
		}
		return n
	}
	first := run(1, false)
	assert.InDelta(t, 150, count(first, " 502 true"), 40, "three tenths of 500")
	assert.InDelta(t, 175, count(first, " 404 true"), 40, "half of the other requests: the faults are independent")
	assert.Equal(t, first, run(1, true))
	assert.NotEqual(t, first, run(2, false))

	c := newServer(t)
	c.Inject(ghmigratetest.Fault{Probability: 0.5, Status: 502})
	var again []string
	for range 200 {
		again = append(again, fmt.Sprint(c.do("GET", "/user", "").status))
	}
	assert.InDelta(t, 100, count(again, "502"), 30, "requests for one path are drawn separately")
}

func TestFaultsOfWholeConnections(t *testing.T) {
	srv := ghmigratetest.NewServer()
	defer srv.Close()
	c := clientOf(t, srv)
	c.Inject(ghmigratetest.Fault{WholeConnections: true, After: 1, Header: http.Header{"X-Connection": {"{connection}"}}})
	var got []string
	for range 3 {
		for range 2 {
			res := c.do("GET", "/user", "")
			got = append(got, res.header.Get("X-Connection"))
		}
		c.Client().CloseIdleConnections()
	}
	assert.Equal(t, []string{"", "", "2", "2", "", ""}, got)
}

func TestFaultsThatContinue(t *testing.T) {
	c := newServer(t)
	c.Inject(
		ghmigratetest.Fault{Name: "slow", Times: -1, Continue: true, Header: http.Header{"X-One": {"1"}}},
		ghmigratetest.Fault{Name: "bad", Times: 2, Status: 502},
		ghmigratetest.Fault{Times: -1, Status: 500},
	)
	var got []string
	for range 3 {
		res := c.do("GET", "/user", "")
		got = append(got, fmt.Sprint(res.status, " ", res.header.Get("X-One")))
	}
	assert.Equal(t, []string{"502 1", "502 1", "500 1"}, got)
	requests := c.Requests()
	assert.Equal(t, "slow, bad", requests[0].Fault)
	assert.Equal(t, "slow, fault 3", requests[2].Fault)
	assert.Equal(t, "users/get-authenticated", requests[2].Operation)
	assert.Positive(t, requests[2].Size)
}

func TestObserverIsCalledWhenAResponseEnds(t *testing.T) {
	var observed []string
	c := newServer(t, ghmigratetest.WithRequestLog(0), ghmigratetest.WithObserver(func(r ghmigratetest.Request) {
		observed = append(observed, fmt.Sprint(r.Method, " ", r.Path, " ", r.Status, " ", r.Size, " ", r.Fault))
	}))
	c.do("GET", "/orgs/octo/migrations", "")
	c.Inject(ghmigratetest.Fault{Name: "gone", Reset: true})
	_, err := c.send("POST", "/user/migrations", "{}")
	require.Error(t, err)
	c.Close()
	assert.Equal(t, []string{"GET /orgs/octo/migrations 404 100 ", "POST /user/migrations 0 0 gone"}, observed)
}

// The function of InjectFunc is tried last. It is called after faults with Continue, too.
func TestInjectFuncAfterAFaultWithContinue(t *testing.T) {
	c := newServer(t)
	c.InjectFunc(func(ghmigratetest.Request, int) (ghmigratetest.Fault, bool) {
		return ghmigratetest.ServerError(502), true
	})
	c.Inject(ghmigratetest.Fault{Name: "first", Continue: true, Header: http.Header{"X-Pot": {"tea"}}})
	res := c.do("GET", "/user", "")
	assert.Equal(t, 502, res.status)
	assert.Equal(t, "tea", res.header.Get("X-Pot"))
	assert.Equal(t, "first, fault of InjectFunc", c.Requests()[0].Fault)
}

func TestInjectFuncPanicsIfTheFaultIsInvalid(t *testing.T) {
	c := newServer(t)
	c.InjectFunc(func(ghmigratetest.Request, int) (ghmigratetest.Fault, bool) {
		return ghmigratetest.Fault{Status: 9999}, true
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v3/user", nil)
	assert.PanicsWithValue(t, "ghmigratetest: InjectFunc: status 9999 is not between 200 and 599", func() {
		c.Handler().ServeHTTP(httptest.NewRecorder(), r)
	})
	c.ClearFaults()
	assert.Equal(t, http.StatusOK, c.do("GET", "/user", "").status, "the server goes on")
}

func TestInjectRefusesInvalidFaults(t *testing.T) {
	c := newServer(t)
	for message, fault := range map[string]ghmigratetest.Fault{
		`operation "migrations/start" is not one of migrations/list-for-org`: {Operation: "migrations/start"},
		`method: "post" is not one of`:                                       {Method: "post"},
		`path "[": syntax error in pattern`:                                  {Path: "["},
		"storage has no operations":                                          {Operation: "graphql", Origin: ghmigratetest.Storage},
		`repository "hello" is not owner/name`:                               {Repository: "hello"},
		"probability 2 is not between 0 and 1":                               {Probability: 2},
		"until 1m0s is not later than from 1m0s":                             {From: time.Minute, Until: time.Minute},
		"after is negative":                                                  {After: -1},
		"delay is negative":                                                  {Delay: -1},
		"status 99 is not between 200 and 599":                               {Status: 99},
		"which storage does not send":                                        {Origin: ghmigratetest.Storage, Remove: []string{"/id"}},
		"set and remove change the true response":                            {Status: 200, Set: map[string]any{"/id": 1}},
		`set: "id" is not a JSON Pointer`:                                    {Set: map[string]any{"id": 1}},
		`remove: "" is not a JSON Pointer to a value`:                        {Remove: []string{""}},
		"rate is negative":                                                   {Rate: -1},
		"cut_after or stall_after is below -1":                               {CutAfter: -2},
		`repositories: octo/a: "gone" is not owner/name, nor one of`:         {Repositories: map[string]string{"octo/a": "gone"}},
	} {
		assert.Panics(t, func() { c.Inject(fault) }, message)
		func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), message) }()
			c.Inject(fault)
		}()
	}
}
