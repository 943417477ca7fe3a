package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// A Store receives verified archives, such as a folder on another disk or a bucket
// in object storage. Two accounts may share a Store. A name has slashes on every
// system:
//
//	HOST/orgs/ORG/RUN/migration-79.tar.gz    an archive of an organization
//	HOST/users/LOGIN/RUN/migration-79.tar.gz an archive of a user
//	HOST/orgs/ORG/RUN/manifest.json          the manifest, at the end of a run
//	HOST/orgs/ORG/trial.json                 a small object that checks the Store before any start
//
// Put reads r to its end, and returns nil only if all bytes are stored durably under
// the name. After that, Run deletes the copy on disk, and later the archive at GitHub.
// Size is -1 if it is unknown. If r fails, no object may become visible under the name.
//
// Put replaces an object of an earlier Put. If the name has an object of another
// program, Put leaves the object alone and returns an error that matches
// [fs.ErrExist]. Several calls may run at the same time.
type Store interface {
	Put(ctx context.Context, name string, r io.Reader, size int64) error
}

// A storeError is an error of a Store. It may wrap an error of another disk or
// another API, which must not be taken for an error of this disk or of GitHub.
type storeError struct {
	name string
	err  error
}

func (e *storeError) Error() string { return fmt.Sprintf("put %s: %v", e.name, e.err) }
func (e *storeError) Unwrap() error { return e.err }

// storePrefix returns the part of a Store's names that identifies an account.
func storePrefix(account string) string {
	host, owner, _ := strings.Cut(account, "/")
	if login, ok := strings.CutPrefix(owner, "user"); ok {
		owner = "users" + login
	}
	return host + "/" + owner
}

const (
	trialAttempts = 3
	trialTimeout  = time.Minute // of each attempt
)

// tryStore puts a small object into the Store, to check whether the Store accepts it.
func tryStore(ctx context.Context, store Store, account string) error {
	if store == nil {
		return nil
	}
	name := path.Join(storePrefix(account), "trial.json")
	data, err := json.Marshal(map[string]string{"account": account, "purpose": "to find out whether the Store accepts objects"})
	if err != nil {
		return err
	}
	for try := range trialAttempts {
		limited, cancel := context.WithTimeout(ctx, trialTimeout)
		err = store.Put(limited, name, bytes.NewReader(data), int64(len(data)))
		cancel()
		if err == nil || sleepUntil(ctx, time.Now().Add(backoff(try))) != nil {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return contextError(ctx)
	case err != nil:
		return fmt.Errorf("the Store refuses a trial object: %w", &storeError{name, err})
	}
	return nil
}
