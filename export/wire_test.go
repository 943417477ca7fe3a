package export_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

// A moody token source fails as often as it is told to.
type moody struct {
	token string
	fails atomic.Int64
}

var errMoody = errors.New("the vault is sealed")

func (m *moody) Token() (*oauth2.Token, error) {
	if m.fails.Add(-1) >= 0 {
		return nil, errMoody
	}
	return &oauth2.Token{AccessToken: m.token}, nil
}

// What never left has started nothing: it is not looked for, and does not count
// as a start.
func TestAStartThatNeverLeftIsNotLost(t *testing.T) {
	for name, fails := range map[string]int64{"for a while": 5, "for ever": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
				names := addRepositories(server, 3)
				source := &moody{token: server.Token()}
				client, err := ghmigrate.NewClient(
					ghmigrate.WithBaseURL(server.URL()),
					ghmigrate.WithTokenSource(source),
					ghmigrate.WithHTTPClient(testclient.HTTPClient(t, server)),
					ghmigrate.WithLogger(testclient.Logger(t, server.Token())),
				)
				require.NoError(t, err)
				opts := locked(names, t.TempDir())
				opts.BatchSize = 1
				once, begun := false, time.Now()
				opts.Progress = func(e export.Event) {
					if e.Kind == export.EventStarting && !once {
						once = true
						source.fails.Store(fails)
					}
					assert.NotEqual(t, export.EventLost, e.Kind)
				}
				m, err := run(t, t.Context(), server, export.OrgAccount(client, "octo"), opts)
				if fails < 10 {
					require.NoError(t, err)
					assert.Equal(t, 3, m.Starts)
					return
				}
				require.ErrorIs(t, err, errMoody, "the cause is told")
				require.NotErrorIs(t, err, export.ErrSystemic)
				assert.Less(t, time.Since(begun), 2*time.Hour, "for all batches together")
				assert.Empty(t, partial(t, err).Locked)
				assert.Zero(t, m.Starts)
				assert.Zero(t, posts(server))
			})
		})
	}
}

// A DELETE that was repeated and then got its 204 has released the lock.
func TestARepeatedUnlockThatGetsItsResponseIsDone(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 5)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Status: 502})
		_, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, requests(server, http.MethodDelete, "/lock"), 6)
	})
}

func TestAnUnlockThatTakesLongIsSentOnce(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		names := addRepositories(server, 10)
		server.Inject(ghmigratetest.Fault{Method: http.MethodDelete, Delay: 3 * time.Second, Times: -1})
		_, err := run(t, t.Context(), server, octo(t, server), locked(names, t.TempDir()))
		require.NoError(t, err)
		assert.Len(t, requests(server, http.MethodDelete, "/lock"), 10)
	})
}
