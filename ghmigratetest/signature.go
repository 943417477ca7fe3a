package ghmigratetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// archivePath returns the path of a migration's archive in storage.
func (s *Server) archivePath(m *migration) string {
	if s.cfg.ghes {
		return fmt.Sprintf("/storage/migrations/%d/archive/%s", m.id, m.guid)
	}
	return fmt.Sprintf("/migration/%d/%d", m.owner.id, m.id)
}

// amzDate is the layout of X-Amz-Date.
const amzDate = "20060102T150405Z"

// signedURL returns a URL of an archive whose signature expires. The caller holds
// s.mu.
func (s *Server) signedURL(m *migration, now time.Time) string {
	path := s.archivePath(m)
	q := make(url.Values)
	if s.cfg.ghes {
		expires := strconv.FormatInt(now.Add(s.cfg.urlLifetime).Unix(), 10)
		q.Set("token", expires+"-"+s.sign("", path, url.Values{"expires": {expires}}))
		return s.storageURL + path + "?" + q.Encode()
	}
	q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
	q.Set("X-Amz-Credential", "AKIAFAKEFAKEFAKEFAKE/"+now.Format("20060102")+"/us-east-1/s3/aws4_request")
	q.Set("X-Amz-Date", now.Format(amzDate))
	q.Set("X-Amz-Expires", strconv.FormatInt(int64((s.cfg.urlLifetime+time.Second-1)/time.Second), 10))
	q.Set("X-Amz-SignedHeaders", "host")
	q.Set("actor_id", strconv.FormatInt(s.user.id, 10))
	q.Set("key_id", "0")
	q.Set("repo_id", "0")
	q.Set("response-content-disposition", "filename="+m.guid+".tar.gz")
	q.Set("response-content-type", "application/x-gzip")
	q.Set("X-Amz-Signature", s.sign(s.storageHost(), path, q))
	return s.storageURL + path + "?" + q.Encode()
}

func (s *Server) storageHost() string { return strings.TrimPrefix(s.storageURL, "http://") }

// sign returns the signature of a URL. The host is empty for GHES.
func (s *Server) sign(host, path string, q url.Values) string {
	mac := hmac.New(sha256.New, s.signingKey)
	_, _ = io.WriteString(mac, host+path+"?"+q.Encode())
	return hex.EncodeToString(mac.Sum(nil))
}

// checkSignature returns an error for a URL that the server did not sign or that
// has expired. The order of the checks is S3's.
func (s *Server) checkSignature(r *http.Request) *storageError {
	if auth := r.Header.Get("Authorization"); auth != "" {
		return &storageError{
			status: http.StatusBadRequest,
			Code:   "InvalidArgument",
			Message: "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, " +
				"Signature query string parameter or the Authorization header should be specified",
			ArgumentName:  "Authorization",
			ArgumentValue: auth,
		}
	}
	q := r.URL.Query()
	signature := q.Get("X-Amz-Signature")
	lifetime, _ := strconv.ParseInt(q.Get("X-Amz-Expires"), 10, 64)
	signedAt, _ := time.Parse(amzDate, q.Get("X-Amz-Date"))
	expires := signedAt.Add(time.Duration(lifetime) * time.Second)
	q.Del("X-Amz-Signature")
	host := s.signedHost(r)
	if s.cfg.ghes {
		host = ""
		var unix string
		unix, signature, _ = strings.Cut(q.Get("token"), "-")
		seconds, _ := strconv.ParseInt(unix, 10, 64)
		expires = time.Unix(seconds, 0)
		q = url.Values{"expires": {unix}}
	}
	if signature == "" {
		return newStorageError(http.StatusForbidden)
	}
	// The signature covers the method: a URL for GET is not valid for HEAD.
	if r.Method != http.MethodGet || !hmac.Equal([]byte(signature), []byte(s.sign(host, r.URL.Path, q))) {
		return &storageError{
			status: http.StatusForbidden,
			Code:   "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. " +
				"Check your key and signing method.",
		}
	}
	if now := s.clock.Now(); !now.Before(expires) {
		return &storageError{
			status:     http.StatusForbidden,
			Code:       "AccessDenied",
			Message:    "Request has expired",
			AmzExpires: q.Get("X-Amz-Expires"),
			Expires:    expires.UTC().Format(time.RFC3339),
			ServerTime: now.Format(time.RFC3339),
		}
	}
	return nil
}
