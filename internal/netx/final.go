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

// IsFinal reports whether every other attempt will fail with err, too, as
// [Clean] returns it. Such errors are a certificate or TLS version that either
// side refuses, a proxy that wants a login, and a malformed redirect or
// address.
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
		isTLSAlert(err) || wantsProxyLogin(err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isTLSAlert reports whether the server refused the client's certificate, TLS
// version or name. Package crypto/tls keeps the type of these errors to itself.
func isTLSAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return false
	}
	return slices.Contains([]string{
		"tls: handshake failure", // what TLS 1.2 servers say of a missing client certificate
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

// wantsProxyLogin reports whether a proxy answered CONNECT with 407. net/http
// tells no more than the reason phrase.
func wantsProxyLogin(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "proxy authentication required")
}
