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
// end the manifest follows as ".../RUN/manifest.json". Before anything is started a
// small object ".../trial.json" is put, to find out whether that is possible.
//
// Put reads r to its end and returns nil only when every byte is where nothing
// can take it away, under that name and no other: the copy on disk, and later
// GitHub's, are deleted on its word. Size is -1 if it is not known. If r fails,
// nothing may become visible under the name. What an earlier Put has made is
// replaced; an object that something else has made is left alone, with an error
// that matches [fs.ErrExist]. Several calls may run at the same time.
type Store interface {
	Put(ctx context.Context, name string, r io.Reader, size int64) error
}

// A storeError is an error of a Store, whatever is in it: also one of a disk,
// or of another API.
type storeError struct {
	name string
	err  error
}

func (e *storeError) Error() string { return fmt.Sprintf("put %s: %v", e.name, e.err) }
func (e *storeError) Unwrap() error { return e.err }

// storePrefix is what an account is called in names of a Store.
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

// tryStore finds out whether the Store accepts anything, before anything is
// started.
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
		return fmt.Errorf("the Store accepts nothing: %w", &storeError{name, err})
	}
	return nil
}
