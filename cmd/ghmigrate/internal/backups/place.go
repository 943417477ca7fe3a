// Package backups finds, reads and removes the runs of exports in a folder or a
// bucket. The path of a run is HOST/orgs/ORG/RUN or HOST/users/LOGIN/RUN.
package backups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"

	"github.com/ghmigrate/ghmigrate/blobstore"
	"github.com/ghmigrate/ghmigrate/export"
	"github.com/ghmigrate/ghmigrate/internal/netx"
)

// A Place is a folder or a bucket that holds the runs of any number of accounts.
type Place struct {
	dir    string       // of a folder
	bucket *blob.Bucket // nil for a folder
	url    *url.URL     // of the bucket
}

// ErrPlace means that a place is not a folder and not the URL of a bucket.
var ErrPlace = errors.New("not a place for backups")

// Open opens a folder or the URL of a bucket, such as
// s3://bucket/prefix?region=eu-central-1. Call Close.
func Open(ctx context.Context, place string) (*Place, error) {
	if !IsURL(place) {
		dir, err := filepath.Abs(place)
		return &Place{dir: dir}, err
	}
	u, err := url.Parse(place)
	if err != nil { // the text of err has the URL, which may hold a secret
		return nil, fmt.Errorf("%w: the URL cannot be parsed", ErrPlace)
	}
	switch u.Scheme {
	case "file":
		dir, err := filePath(u)
		return &Place{dir: dir}, err
	case "s3", "azblob":
	case "gs":
		return nil, fmt.Errorf("%w: gs:// is not supported; use the S3 API of Google Cloud Storage: "+
			"s3://%s?endpoint=https://storage.googleapis.com&request_checksum_calculation=when_required with an HMAC key", ErrPlace, u.Host+u.Path)
	default:
		return nil, fmt.Errorf("%w: %s:// is not supported; want a folder, s3:// or azblob://", ErrPlace, u.Scheme)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("%w: the URL names no bucket", ErrPlace)
	}
	withoutPrefix := *u
	withoutPrefix.Path = ""
	bucket, err := blob.OpenBucket(ctx, withoutPrefix.String())
	if err != nil {
		return nil, fmt.Errorf("open the bucket %s: %w", u.Host, err)
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		bucket = blob.PrefixedBucket(bucket, prefix+"/")
	}
	return &Place{bucket: bucket, url: u}, nil
}

// IsURL reports whether the name of a place or an archive is a URL, and not a path.
func IsURL(name string) bool { return strings.Contains(name, "://") }

// LocalPath returns the path that a file URL names. It returns every other name
// unchanged.
func LocalPath(name string) (string, error) {
	if u, err := url.Parse(name); IsURL(name) && err == nil && u.Scheme == "file" {
		return filePath(u)
	}
	return name, nil
}

// filePath returns the path of a file URL.
func filePath(u *url.URL) (string, error) {
	if u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return "", fmt.Errorf("%w: the URL of a folder has three slashes: file:///var/backups", ErrPlace)
	}
	if len(u.Path) > 2 && u.Path[2] == ':' { // file:///C:/backups
		return filepath.FromSlash(u.Path[1:]), nil
	}
	return filepath.FromSlash(u.Path), nil
}

// InBucket returns an open bucket as a Place, for tests.
func InBucket(bucket *blob.Bucket) *Place {
	return &Place{bucket: bucket, url: &url.URL{Scheme: "mem"}}
}

// Check fails if the bucket does not exist. It does not check whether the bucket
// accepts objects: the export does.
func (p *Place) Check(ctx context.Context) error {
	if p.bucket == nil {
		return nil
	}
	if ok, err := p.bucket.IsAccessible(ctx); err == nil && !ok {
		return fmt.Errorf("there is no bucket %s at this address", p.url.Host)
	}
	return nil
}

// CheckFolder fails if an export cannot write into the folder of an account's runs, or
// cannot create it. It creates and removes a file in the first folder above that exists.
// For a bucket, it checks nothing.
func (p *Place) CheckFolder(account string) error {
	if p.bucket != nil {
		return nil
	}
	dir := p.Dir("", account)
	for dir != filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			break
		}
		dir = filepath.Dir(dir)
	}
	file, err := os.CreateTemp(dir, ".ghmigrate-*")
	if err != nil {
		return fmt.Errorf("the archives cannot be written into %s: %w", p.dir, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// Close closes the bucket.
func (p *Place) Close() error {
	if p.bucket == nil {
		return nil
	}
	return p.bucket.Close()
}

// IsBucket reports whether the place is a bucket.
func (p *Place) IsBucket() bool { return p.bucket != nil }

// Store returns the Store for [export.Options], or nil for a folder, where archives
// stay in the folder of the run.
func (p *Place) Store() export.Store {
	if p.bucket == nil {
		return nil
	}
	return blobstore.New(p.bucket)
}

// Dir returns the folder of an account's runs, for [export.Options]. For a bucket, it
// is below the folder state, and has only journals.
func (p *Place) Dir(state, account string) string {
	if p.bucket == nil {
		return filepath.Join(p.dir, accountFolder(account))
	}
	return filepath.Join(state, url.QueryEscape(p.key()), accountFolder(account))
}

// key returns the URL of the bucket and its folder, with the parameters and variables
// that tell it from buckets of the same name at other addresses. A journal of one
// bucket must not continue in another one, which lacks the stored archives.
func (p *Place) key() string {
	key, query := p.url.Scheme+"://"+p.url.Host+strings.TrimRight(p.url.Path, "/"), p.url.Query()
	add := func(name string, otherwise ...string) {
		if value := cmp.Or(append([]string{query.Get(name)}, otherwise...)...); value != "" {
			key += "&" + name + "=" + value
		}
	}
	add("prefix")
	switch p.url.Scheme {
	case "s3":
		add("endpoint", os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	case "azblob":
		connection := cmp.Or(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING"))
		_, account, _ := strings.Cut(";"+connection, ";AccountName=")
		account, _, _ = strings.Cut(account, ";")
		add("storage_account", os.Getenv("AZURE_STORAGE_ACCOUNT"), account)
		add("domain", os.Getenv("AZURE_STORAGE_DOMAIN"))
	}
	return key
}

// accountFolder returns the path of an account's runs in a place. It replaces the
// colon before a port, which Windows does not allow.
func accountFolder(account string) string {
	return filepath.FromSlash(strings.ReplaceAll(account, ":", "_"))
}

// Location returns the path or URL of an object, for people and for other commands.
func (p *Place) Location(name string) string {
	if p.bucket == nil {
		return filepath.Join(p.dir, filepath.FromSlash(name))
	}
	u := *p.url
	u.User = nil
	u.Path = strings.TrimRight(u.Path, "/") + "/" + name
	return u.String()
}

// Read opens an object for reading.
func (p *Place) Read(ctx context.Context, name string) (io.ReadCloser, error) {
	if p.bucket == nil {
		return os.Open(p.Location(name))
	}
	r, err := p.bucket.NewReader(ctx, name, nil)
	if err != nil {
		return nil, netx.CleanURLError(err)
	}
	return bucketReader{r}, nil
}

// A bucketReader reads an object. Its errors hold no credentials.
type bucketReader struct{ io.ReadCloser }

func (r bucketReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	return n, netx.CleanURLError(err)
}

// OpenObject opens the archive or manifest with this path or URL.
func OpenObject(ctx context.Context, name string) (io.ReadCloser, error) {
	if !IsURL(name) {
		return os.Open(name)
	}
	u, err := url.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("%w: the URL cannot be parsed", ErrPlace)
	}
	above, base := path.Split(u.Path)
	if base == "" {
		return nil, fmt.Errorf("%s names no object of the bucket", name)
	}
	u.Path = above
	place, err := Open(ctx, u.String())
	if err != nil {
		return nil, err
	}
	object, err := place.Read(ctx, base)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), place.Close())
	}
	return &objectReader{object, place}, nil
}

// An objectReader reads an object, and closes the place of the object with it.
type objectReader struct {
	io.ReadCloser
	place *Place
}

func (r *objectReader) Close() error { return errors.Join(r.ReadCloser.Close(), r.place.Close()) }
