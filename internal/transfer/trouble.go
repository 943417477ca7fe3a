package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What goes wrong between any client and its server is told here once: the
// package's user sends requests of its own, under the same rules.

// ErrLocation says that a redirect leads nowhere.
var ErrLocation = errors.New("redirect to a malformed Location")

// Clean takes out of an error of net/http the URLs, which may be signed, and
// io.EOF, which a reader would take for the end of its object.
func Clean(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case strings.HasPrefix(err.Error(), "failed to parse Location header"): // net/http quotes it
		return ErrLocation
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// IsCertificateError tells whether err is about a server's certificate, or
// about a server that has none. Another attempt is of no use then.
func IsCertificateError(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) ||
		is[x509.CertificateInvalidError](err) || is[x509.SystemRootsError](err) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// ContextError is why ctx ended: both the kind of end and the caller's cause.
func ContextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// Sleep waits, or returns why the context ended.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ContextError(ctx)
	case <-timer.C:
		return nil
	}
}
