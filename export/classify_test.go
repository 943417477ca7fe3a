package export_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ghmigrate/ghmigrate"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/ghmigratetest"
	"github.com/ghmigrate/ghmigrate/internal/testclient"
)

func TestClassify(t *testing.T) {
	status := func(code int) error { return fmt.Errorf("start: %w", &ghmigrate.APIError{StatusCode: code}) }
	for want, errs := range map[export.Class][]error{
		export.ClassNone: {nil},
		export.ClassRetry: {
			errors.New("unexpected EOF"), status(500), status(503), status(520), status(408),
			ghmigrate.ErrUnexpectedAnswer, ghmigrate.ErrNotSent, ghmigrate.ErrArchiveNotReady, ghmigrate.ErrArchiveChanged,
			&fs.PathError{Op: "write", Path: "x", Err: syscall.EIO},
			fmt.Errorf("%w; the attempt before: %w", context.DeadlineExceeded, status(403)),
			fmt.Errorf("%w; the attempt before: %w", context.Canceled, &ghmigrate.APIError{StatusCode: 429, RetryAfter: time.Minute}),
		},
		export.ClassDenied: {status(403), status(400), status(409), status(410)},
		export.ClassAbsent: {status(404)},
		export.ClassWait:   {&ghmigrate.APIError{StatusCode: 403, RetryAfter: time.Minute}},
		export.ClassJob: {
			status(422), status(451), ghmigrate.ErrArchiveGone, ghmigrate.ErrMigrationFailed,
			&ghmigrate.StorageError{StatusCode: 403, Code: "AccessDenied"}, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		},
		export.ClassRun: {status(401), export.ErrForeign, export.ErrDamaged},
	} {
		for _, err := range errs {
			assert.Equal(t, want, export.Classify(err), "%v", err)
		}
	}
}

func TestARateLimitPausesAnHourAtMost(t *testing.T) {
	testclient.Bubble(t, func(t *testing.T, server *ghmigratetest.Server) {
		acct, job := octo(t, server, ghmigrate.WithMaxRetries(0)), planJob(t, export.Options{Repositories: addRepositories(server, 1), Dir: t.TempDir()})
		for sent, want := range map[time.Duration]time.Duration{
			20 * time.Minute:    20 * time.Minute,
			30 * 24 * time.Hour: time.Hour,
		} {
			server.Inject(ghmigratetest.SecondaryRateLimitAfter(sent))
			r := export.Perform(t.Context(), acct, job, export.EffectStart)
			assert.Equal(t, export.ClassWait, r.Class)
			assert.Equal(t, want, r.After)
			time.Sleep(sent) // the client sends no request meanwhile
		}
	})
}
