package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/temporal"
)

func TestParseMakesOrders(t *testing.T) {
	o, err := parse([]string{"--org", "octo-org,octo-two", "--lock", "--batch", "5", "--token", "acme"})
	require.NoError(t, err)
	assert.Equal(t, "ghmigrate/all", o.id)
	orders := o.orders().Orders
	require.Len(t, orders, 2)
	assert.Equal(t, "octo-two", orders[1].Organization)
	assert.Equal(t, 5, orders[1].BatchSize)
	assert.True(t, orders[1].Start.LockRepositories)

	o, err = parse([]string{"--token", "acme"})
	require.NoError(t, err)
	assert.Equal(t, "ghmigrate/users/acme", o.id)

	for _, args := range [][]string{
		{"--attach", "--detach"}, {"--attach", "--cancel"}, {"--keep-locked"}, {"--org", "a/b"}, {"--org", "a,,b"}, {"x"},
		{"--org", "a,b", "--repos", "a/x"}, {"--org", "a,b", "--repos-object", "x"}, {"--orgs-file", "absent"},
	} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
}

func TestDescribe(t *testing.T) {
	p := &temporal.Progress{Done: 3, All: 12, Pending: 1, Waiting: 2, Bytes: 25_000_000_000, Paused: 30 * time.Minute, Problem: "401 Bad credentials"}
	assert.Equal(t,
		"3 of 12 repositories, 23 GiB; 1 not started; 2 under way at GitHub; migration 79: 4.8 MiB of 11 MiB; paused for 30m0s; 401 Bad credentials",
		describe(p, []temporal.Transfer{{Migration: 79, Bytes: 5_000_000, Size: 12_000_000}}))
}
