package ghmigrate_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/ghmigrate/ghmigrate"
)

// enterpriseClient makes a client of a GitHub Enterprise Server whose
// certificate comes from a CA of your own, behind a proxy. Archive storage is
// reached the same way, without the token.
func enterpriseClient(host, token, proxy string, ca []byte) (*ghmigrate.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate in the CA's file")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // takes HTTPS_PROXY and NO_PROXY from the environment
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	if proxy != "" { // or else what the environment says
		address, err := url.Parse(proxy)
		if err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyURL(address)
	}
	return ghmigrate.NewClient(
		ghmigrate.WithHost(host),
		ghmigrate.WithToken(token),
		ghmigrate.WithHTTPClient(&http.Client{Transport: transport}),
	)
}

// A proxy, and a CA of your own.
func ExampleWithHTTPClient() {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate stands for that of the CA
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	client, err := enterpriseClient("ghes.example.com", "ghp_0123456789", "http://proxy.example.com:3128", ca)
	check(err)
	fmt.Println(client)
	// Output: ghmigrate.Client(ghes.example.com)
}
