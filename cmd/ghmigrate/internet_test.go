package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/ghmigratetest"
)

// An internet has fakes of GitHub.com, GHE.com, a GitHub Enterprise Server and S3 with
// their real host names, behind a proxy. A CA of its own signs their certificate.
type internet struct {
	github, tenant, server *ghmigratetest.Server
	buckets                *s3mem.Backend
	proxy                  string // URL
	ca                     string // file

	mu      sync.Mutex
	reached map[string]int // connections by host
}

const (
	dotcomToken = "ghp_dotcom"
	tenantToken = "ghp_tenant"
	serverToken = "ghp_server"
	secretKey   = "hunter2"
)

func newInternet(t *testing.T) *internet {
	t.Helper()
	n := &internet{
		github:  newFake(t, ghmigratetest.WithToken(dotcomToken), ghmigratetest.WithStorageHost("objects.githubusercontent.com")),
		tenant:  newFake(t, ghmigratetest.WithToken(tenantToken)),
		server:  newFake(t, ghmigratetest.WithToken(serverToken), ghmigratetest.WithGHES()),
		buckets: s3mem.New(),
		reached: map[string]int{},
	}
	for _, fake := range []*ghmigratetest.Server{n.github, n.tenant, n.server} {
		for _, name := range []string{"octo-org/hello-world", "octo-org/app", "octo-org/tmp-1", "hubot-org/tool", "octocat/notes"} {
			fake.AddRepository(name)
		}
	}
	require.NoError(t, n.buckets.CreateBucket("octo-backups"))
	s3 := gofakes3.New(n.buckets, gofakes3.WithHostBucketBase("s3.eu-central-1.amazonaws.com"), gofakes3.WithoutVersioning()).Server()

	hosts := map[string]http.Handler{
		"api.github.com": atRoot(n.github.Handler()), "objects.githubusercontent.com": n.github.Handler(),
		"api.octocorp.ghe.com": atRoot(n.tenant.Handler()), "ghes.example.com": n.server.Handler(),
		"octo-backups.s3.eu-central-1.amazonaws.com": unchunked(s3),
	}
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts[r.Host].ServeHTTP(w, r)
	}))
	site.TLS = &tls.Config{Certificates: []tls.Certificate{n.certify(t, hosts)}}
	site.StartTLS()
	t.Cleanup(site.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.TrimSuffix(r.Host, ":443")
		if hosts[host] == nil || r.Method != http.MethodConnect {
			http.Error(w, "unknown host "+r.Host, http.StatusBadGateway)
			return
		}
		n.mu.Lock()
		n.reached[host]++
		n.mu.Unlock()
		tunnel(t, w, site.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	n.proxy = proxy.URL
	return n
}

// atRoot serves the API at the root of a host, as GitHub.com and GHE.com do.
func atRoot(fake http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v3/") && !strings.HasPrefix(r.URL.Path, "/storage/") {
			r = r.Clone(r.Context())
			r.URL.Path = "/api/v3" + r.URL.Path
			if r.URL.RawPath != "" {
				r.URL.RawPath = "/api/v3" + r.URL.RawPath
			}
		}
		fake.ServeHTTP(w, r)
	})
}

// unchunked decodes the uploads of the AWS SDK. Over TLS, the SDK sends a chunked body
// with a checksum as trailer, which the fake S3 does not support.
func unchunked(s3 http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Content-Sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
			r.Body = io.NopCloser(httputil.NewChunkedReader(r.Body))
			r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
			r.Header.Set("Content-Length", r.Header.Get("X-Amz-Decoded-Content-Length"))
			r.ContentLength, _ = strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		}
		s3.ServeHTTP(w, r)
	})
}

// tunnel connects a client of the proxy to an address.
func tunnel(t *testing.T, w http.ResponseWriter, addr string) {
	t.Helper()
	server, err := new(net.Dialer).DialContext(context.WithoutCancel(t.Context()), "tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}

// certify makes a certificate for the hosts, and writes its CA to the file n.ca.
func (n *internet) certify(t *testing.T, hosts map[string]http.Handler) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "octo CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert.DNSNames = slices.Collect(maps.Keys(hosts))
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	require.NoError(t, err)
	n.ca = filepath.Join(t.TempDir(), "octo-ca.pem")
	require.NoError(t, os.WriteFile(n.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// objects returns the keys of the objects in the bucket.
func (n *internet) objects(t *testing.T) []string {
	t.Helper()
	return objectKeys(t, n.buckets)
}
