package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/ghmigrate/ghmigrate"
)

// A record is what a later run must know to go on with this one. It lies
// beside the archive until all is done and holds no secret.
type record struct {
	path string // empty: not kept, as the fake GitHub forgets too

	Asked     asked                     `json:"asked"`
	Migration int64                     `json:"migration"`         // 0 until it is started
	Locked    bool                      `json:"locked"`            // something may be left to unlock
	Archive   *ghmigrate.DownloadResult `json:"archive,omitempty"` // once it is here
}

// asked is what a later run must ask for to be the same job.
type asked struct {
	Host    string                          `json:"host"`
	Org     string                          `json:"org"` // empty: the user's own
	Request ghmigrate.StartMigrationRequest `json:"request"`
}

// openRecord reads what an earlier run left in the folder, or begins anew.
func openRecord(dir string, o options) (*record, error) {
	r := &record{Asked: asked{
		Host:    cmp.Or(o.baseURL, strings.ToLower(o.host), "github.com"),
		Org:     strings.ToLower(o.org),
		Request: o.request,
	}}
	if o.demo {
		return r, nil
	}
	r.path = filepath.Join(dir, r.account()+".migration.json")
	data, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	found := &record{path: r.path}
	if err := json.Unmarshal(data, found); err != nil {
		return nil, fmt.Errorf("%s, the record of an unfinished backup, is damaged: %w", r.path, err)
	}
	if found.Migration == 0 { // it did not come to a migration
		return r, nil
	}
	if !reflect.DeepEqual(found.Asked, r.Asked) {
		return nil, fmt.Errorf("%s is the record of an unfinished backup, migration %d, that was asked for with other flags "+
			"(repositories: %s); finish it with those, or give another -out",
			r.path, found.Migration, strings.Join(found.Asked.Request.Repositories, ","))
	}
	return found, nil
}

func (r *record) account() string { return cmp.Or(r.Asked.Org, "user") }

// apiPath is where the account's migrations are, up to /migrations.
func (r *record) apiPath() string {
	if r.Asked.Org == "" {
		return "/user"
	}
	return "/orgs/" + r.Asked.Org
}

// archive is where the archive goes.
func (r *record) archive(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%d.tar.gz", r.account(), r.Migration))
}

// save replaces the file as a whole, so that a crash leaves the old or the new.
func (r *record) save() error {
	if r.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), filepath.Base(r.path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), r.path)
}

func (r *record) remove() error {
	if r.path == "" {
		return nil
	}
	return os.Remove(r.path)
}
