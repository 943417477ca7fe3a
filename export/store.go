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

// A Store receives verified archives. Names are
// "HOST/orgs/ORG/RUN/migration-79.tar.gz", or "HOST/users/LOGIN/RUN/…" for a
// user, with slashes on every system: two accounts may share a Store. At the
// end the manifest follows as ".../RUN/manifest.json". Before any start, Run puts a
// small object ".../trial.json", to check the Store.
//
// Put reads r to its end and returns nil only when all bytes are stored durably
// under the name. Run then deletes the copy on disk, and later the archive at
// GitHub. Size is -1 if it is not known. If r fails, no object may become
// visible under the name. Put replaces an object of an earlier Put. It leaves
// an object of another program alone, and returns an error that matches
// [fs.ErrExist]. Several calls may run at the same time.
type Store interface {
	Put(ctx context.Context, name string, r io.Reader, size int64) error
}

// A storeError is an error of a Store. It may wrap an error of a disk or of another
// API, which says nothing of this disk and of GitHub.
type storeError struct {
	name string
	err  error
}

func (e *storeError) Error() string { return fmt.Sprintf("put %s: %v", e.name, e.err) }
func (e *storeError) Unwrap() error { return e.err }

// storePrefix is the name of an account in names of a Store.
func storePrefix(account string) string {
	host, owner, _ := strings.Cut(account, "/")
	if login, ok := strings.CutPrefix(owner, "user"); ok {
		owner = "users" + login
	}
	return host + "/" + owner
}

const (
	storeTries = 3
	storeTime  = time.Minute // for each of them
)

// tryStore checks whether the Store accepts an object.
func tryStore(ctx context.Context, store Store, account string) error {
	if store == nil {
		return nil
	}
	name := path.Join(storePrefix(account), "trial.json")
	data, err := json.Marshal(map[string]string{"account": account, "purpose": "to find out whether the Store accepts objects"})
	if err != nil {
		return err
	}
	for try := range storeTries {
		limited, cancel := context.WithTimeout(ctx, storeTime)
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
