package ghmigratetest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A storageError is a failed response of storage, in S3's format.
type storageError struct {
	status        int
	XMLName       xml.Name `xml:"Error"`
	Code          string   `xml:"Code"`
	Message       string   `xml:"Message"`
	ArgumentName  string   `xml:"ArgumentName,omitempty"`
	ArgumentValue string   `xml:"ArgumentValue,omitempty"`
	Condition     string   `xml:"Condition,omitempty"`
	AmzExpires    string   `xml:"X-Amz-Expires,omitempty"`
	Expires       string   `xml:"Expires,omitempty"`
	ServerTime    string   `xml:"ServerTime,omitempty"`
	Key           string   `xml:"Key,omitempty"`
	RequestID     string   `xml:"RequestId"`
	HostID        string   `xml:"HostId"`
}

// newStorageError returns the error that S3 usually sends with a status.
func newStorageError(status int) *storageError {
	e := map[int]storageError{
		http.StatusForbidden:                    {Code: "AccessDenied", Message: "Access Denied"},
		http.StatusNotFound:                     {Code: "NoSuchKey", Message: "The specified key does not exist."},
		http.StatusMethodNotAllowed:             {Code: "MethodNotAllowed", Message: "The specified method is not allowed against this resource."},
		http.StatusPreconditionFailed:           {Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"},
		http.StatusRequestedRangeNotSatisfiable: {Code: "InvalidRange", Message: "The requested range is not satisfiable"},
		http.StatusInternalServerError:          {Code: "InternalError", Message: "We encountered an internal error. Please try again."},
		http.StatusNotImplemented:               {Code: "NotImplemented", Message: "A header you provided implies functionality that is not implemented"},
		http.StatusServiceUnavailable:           {Code: "SlowDown", Message: "Please reduce your request rate."},
	}[status]
	if e.Code == "" {
		e = storageError{Code: "InvalidRequest", Message: http.StatusText(status)}
	}
	e.status = status
	return &e
}

// noSuchKey returns the error for an archive that does not exist.
func noSuchKey(r *http.Request) *storageError {
	e := newStorageError(http.StatusNotFound)
	e.Key = strings.TrimPrefix(r.URL.Path, "/")
	return e
}

// cannotMake returns the error for an archive that the server failed to make.
func cannotMake(err error) *storageError {
	e := newStorageError(http.StatusInternalServerError)
	e.Message = err.Error()
	return e
}

// body returns the XML of the error.
func (e *storageError) body(requestID string) string {
	e.RequestID, e.HostID = requestID, "fake"
	body, err := xml.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("ghmigratetest: encode a response of storage: %v", err)) // no storageError fails to encode
	}
	return xml.Header + string(body)
}

func (e *storageError) send(w http.ResponseWriter) {
	body := e.body(w.Header().Get("X-Amz-Request-Id"))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, body) // net/http drops the body in response to HEAD
}
