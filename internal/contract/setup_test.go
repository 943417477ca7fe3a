package contract_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/contract"
)

var load = sync.OnceValues(func() ([]*contract.Description, error) { return contract.Load(".") })

// descriptions holds the descriptions of all products and versions.
func descriptions(t *testing.T) []*contract.Description {
	t.Helper()
	all, err := load()
	require.NoError(t, err)
	return all
}

// eachDescription runs a test with every description and with what the library
// asks of a server that is as described.
func eachDescription(t *testing.T, test func(t *testing.T, d *contract.Description, exchanges []*contract.Exchange)) {
	t.Helper()
	for _, d := range descriptions(t) {
		t.Run(d.Name(), func(t *testing.T) {
			t.Parallel()
			test(t, d, exchangesWith(t, d))
		})
	}
}

func exchangesWith(t *testing.T, d *contract.Description) []*contract.Exchange {
	t.Helper()
	methods, problems := contract.Methods()
	noProblems(t, problems)
	exchanges, problems := d.Exchanges(t.Context(), methods)
	noProblems(t, problems)
	return exchanges
}

// noProblems fails the test with each problem on a line of its own.
func noProblems(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}
