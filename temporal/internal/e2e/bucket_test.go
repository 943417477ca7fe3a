//go:build e2e && unix

package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/export"
)

const bucketName = "backups"

// secretKey is the secret key of the bucket. No history may have it.
const secretKey = "hunter2-hunter2-hunter2"

// A bucket is a server with the API of S3.
type bucket struct {
	*testing.T
	backend *s3mem.Backend
	server  *httptest.Server

	failing  atomic.Bool  // respond to all requests with 503
	failed   atomic.Int32 // requests that got 503
	readOnly atomic.Bool
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{T: t, backend: s3mem.New()}
	require.NoError(t, b.backend.CreateBucket(bucketName))
	api := gofakes3.New(b.backend, gofakes3.WithoutVersioning()).Server()
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.failing.Load() {
			b.failed.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if b.readOnly.Load() && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(b.server.Close)
	return b
}

func (b *bucket) url() string {
	return "s3://" + bucketName + "?region=us-east-1&use_path_style=true&endpoint=" + b.server.URL
}

func (b *bucket) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true"}
}

// read returns the content of an object.
func (b *bucket) read(name string) []byte {
	b.Helper()
	object, err := b.backend.GetObject(bucketName, name, nil)
	require.NoError(b, err, name)
	defer object.Contents.Close()
	data, err := io.ReadAll(object.Contents)
	require.NoError(b, err)
	return data
}

// sum returns the SHA-256 of an object, in hex.
func (b *bucket) sum(name string) string {
	b.Helper()
	sum := sha256.Sum256(b.read(name))
	return hex.EncodeToString(sum[:])
}

func (b *bucket) manifest(name string) *export.Manifest {
	b.Helper()
	var m export.Manifest
	require.NoError(b, json.Unmarshal(b.read(name), &m))
	return &m
}
