package contract_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/contract"
)

var load = sync.OnceValues(func() ([]*contract.Description, error) { return contract.Load(".") })

// descriptions returns the descriptions of all products and versions.
func descriptions(t *testing.T) []*contract.Description {
	t.Helper()
	all, err := load()
	require.NoError(t, err)
	return all
}

// eachDescription runs a test with every description, and with the exchanges of the
// library with a server that matches the description.
func eachDescription(t *testing.T, test func(t *testing.T, d *contract.Description, exchanges []*contract.Exchange)) {
	t.Helper()
	for _, d := range descriptions(t) {
		t.Run(d.Name(), func(t *testing.T) {
			t.Parallel()
			test(t, d, exchangesWith(t, d))
		})
	}
}

// exchangesWith returns the exchanges of the library with a server that matches the
// description.
func exchangesWith(t *testing.T, d *contract.Description) []*contract.Exchange {
	t.Helper()
	methods, problems := contract.Methods()
	noProblems(t, problems)
	exchanges, problems := d.Exchanges(t.Context(), methods)
	noProblems(t, problems)
	return exchanges
}

// noProblems fails the test if there are problems, with an error for each.
func noProblems(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}
