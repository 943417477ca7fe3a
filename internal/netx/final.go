package netx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

// IsFinal reports whether every retry will fail with the same error. Err may be
// a result of [Clean]. Final errors are a certificate or TLS version that the
// client or the server refuses, a proxy that requires a login, and a malformed
// redirect or URL.
func IsFinal(err error) bool {
	if c, ok := errors.AsType[*cleaned](err); ok {
		return c.final
	}
	return isFinal(err)
}

func isFinal(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) ||
		is[x509.CertificateInvalidError](err) || is[x509.SystemRootsError](err) ||
		errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, ErrLocation) || errors.Is(err, errMalformedURL) ||
		isTLSAlert(err) || requiresProxyLogin(err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isTLSAlert reports whether the server refused the client's certificate, TLS
// version or server name. Package crypto/tls does not export the type of these
// errors.
func isTLSAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return false
	}
	return slices.Contains([]string{
		"tls: handshake failure", // a TLS 1.2 server without the client's certificate
		"tls: bad certificate",
		"tls: unsupported certificate",
		"tls: revoked certificate",
		"tls: expired certificate",
		"tls: unknown certificate",
		"tls: unknown certificate authority",
		"tls: access denied",
		"tls: protocol version not supported",
		"tls: insufficient security level",
		"tls: unrecognized name",
		"tls: certificate required",
		"tls: no application protocol",
	}, op.Err.Error())
}

// requiresProxyLogin reports whether a proxy responded to CONNECT with 407.
// net/http returns only the reason phrase.
func requiresProxyLogin(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "proxy authentication required")
}
