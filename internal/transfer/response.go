package transfer

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
)

// An object is the description of the object in a response of storage.
type object = partfile.Object

// unknownEnd stands for the end of an object whose size is not known.
const unknownEnd = partfile.UnknownEnd

// condition adds the header that makes a request fail if the object has changed.
func condition(h http.Header, o object) {
	if o.ETag != "" {
		h.Set("If-Match", o.ETag)
		return
	}
	h.Set("If-Unmodified-Since", o.LastModified)
}

// A body describes the body of a valid response.
type body struct {
	object  object
	end     int64 // where the bytes end in the object; unknownEnd if the response does not say
	partial bool  // whether storage sent a range
}

// check checks the response to a request for the bytes from an offset on, and
// describes its body. The response may have fewer or more bytes than requested. The
// object must be want, which is nil if the object is not known. The error for a
// status without bytes is a StatusError, whose text decode reads.
func check(resp *http.Response, from int64, want *object) (body, error) {
	got, valid := parseContentRange(resp.Header)
	switch status := resp.StatusCode; {
	case status == http.StatusPartialContent, status == http.StatusOK && valid && got.first >= 0: // some servers mean a 206
		return checkPart(resp, from, want)
	case status == http.StatusOK || status == http.StatusNonAuthoritativeInfo:
		if want != nil {
			return body{}, checkRestart(resp, *want)
		}
		found := describe(resp, contentLength(resp))
		return body{object: found, end: found.End()}, nil
	case status == http.StatusPreconditionFailed && want != nil:
		return body{}, changed("storage has another object now")
	case status == http.StatusRequestedRangeNotSatisfiable:
		return checkNothing(resp, from, want)
	default:
		return body{}, &StatusError{StatusCode: status}
	}
}

// checkRestart returns the error for a 200 in response to a range of a known object.
// A response without a validator is taken for the page of a proxy: the fetched bytes
// stay useful.
func checkRestart(resp *http.Response, want object) error {
	length := contentLength(resp)
	found := describe(resp, length)
	switch {
	case want.ETag != "" && found.ETag == "", want.ETag == "" && found.LastModified == "":
		return &retryableError{kind: page, err: newFault("storage sent %.100q without a validator instead of the rest", resp.Header.Get("Content-Type"))}
	case want.ETag != "" && found.ETag == want.ETag && (length < 0 || want.Size < 0 || length == want.Size):
		return errNoRanges
	}
	return changed("storage sent the whole object instead of the rest")
}

// checkPart checks a 206.
func checkPart(resp *http.Response, from int64, want *object) (body, error) {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
		return body{}, retryFault("storage sent %.100q for one range", kind)
	}
	got, ok := parseContentRange(resp.Header)
	if !ok || got.first < 0 {
		return body{}, retryFault("storage sent a 206 with Content-Range %.100q", resp.Header.Values("Content-Range"))
	}
	found := describe(resp, got.total)
	if want != nil {
		if err := sameObject(found, *want); err != nil {
			return body{}, err
		}
		found.Size = max(found.Size, want.Size)
	}
	announced, length := contentLength(resp), got.last-got.first+1
	switch {
	case got.first != from:
		return body{}, retryFault("storage sent the bytes from %d on, and the request was for the bytes from %d on", got.first, from)
	case announced >= 0 && announced != length:
		return body{}, retryFault("storage announced %d bytes in Content-Range and %d in Content-Length", length, announced)
	case found.Size >= 0 && got.last >= found.Size:
		return body{}, retryFault("storage announced %d bytes of %d", got.last+1, found.Size)
	}
	return body{object: found, partial: true, end: got.last + 1}, nil
}

// checkNothing checks a 416. If the size was not known, a 416 can confirm that the
// object ends at the offset.
func checkNothing(resp *http.Response, from int64, want *object) (body, error) {
	got, ok := parseContentRange(resp.Header)
	known := ok && got.first < 0 && got.total >= 0
	switch {
	case want == nil && known && got.total == 0:
		return body{}, &retryableError{kind: page, err: errEmpty}
	case want == nil:
		return body{}, &StatusError{StatusCode: resp.StatusCode}
	case !known && want.Size < 0:
		return body{}, &retryableError{kind: faulty, err: errNoMore}
	case !known, got.total == want.Size:
		return body{}, retryFault("storage has no bytes from %d on", from)
	case got.total == from && want.Size < 0:
		found := *want
		found.Size = from
		return body{object: found, end: from}, nil
	default:
		return body{}, changed("storage has an object of another size now")
	}
}

// checkEncoding reports whether Content-Encoding is gzip. Some servers send it for
// the object's own gzip. checkEncoding fails for other compressions, and ignores
// labels that are not compressions, such as S3's aws-chunked.
func checkEncoding(resp *http.Response) (encoded bool, err error) {
	labels := strings.ToLower(strings.Join(resp.Header.Values("Content-Encoding"), ","))
	for label := range strings.SplitSeq(labels, ",") {
		label = strings.TrimSpace(label)
		encoded = encoded || strings.HasSuffix(label, "gzip")
		if resp.Uncompressed || slices.Contains([]string{"br", "compress", "deflate", "zstd"}, label) {
			return false, retryFault("storage sent the object in the encoding %.100q", labels)
		}
	}
	return encoded, nil
}

// contentLength returns the length of a response's body, -1 if the response does not
// say. A RoundTripper of the caller may leave ContentLength at zero.
func contentLength(resp *http.Response) int64 {
	if resp.ContentLength > 0 {
		return resp.ContentLength
	}
	if n, ok := parseNumber(resp.Header.Get("Content-Length")); ok && !resp.Uncompressed {
		return n
	}
	return -1
}

// describe returns the object that a response describes. It ignores weak ETags, which
// do not promise equal bytes, and a Last-Modified in the second of the response. An
// object is not resumable if storage says that it does not support ranges.
func describe(resp *http.Response, size int64) object {
	o := object{Size: size}
	if strings.EqualFold(resp.Header.Get("Accept-Ranges"), "none") {
		return o
	}
	if etag := resp.Header.Get("Etag"); len(etag) > 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		o.ETag = etag
	}
	modified := resp.Header.Get("Last-Modified")
	if at, err := http.ParseTime(modified); err == nil {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err != nil || !date.Equal(at) {
			o.LastModified = modified
		}
	}
	return o
}

// sameObject fails unless found has the validator of the request and the size of
// want.
func sameObject(found, want object) error {
	validator, wanted := found.ETag, want.ETag
	if want.ETag == "" {
		validator, wanted = found.LastModified, want.LastModified
	}
	switch {
	case validator == "":
		return retryFault("storage sent a part without a validator")
	case validator != wanted:
		return changed("storage sent a part of another object")
	case want.Size >= 0 && found.Size >= 0 && found.Size != want.Size:
		return changed("storage has an object of another size now")
	}
	return nil
}

// delimited reports whether the end of the body can be distinguished from a cut. A
// body that ends with its connection is not delimited.
func delimited(resp *http.Response) bool {
	return contentLength(resp) >= 0 || resp.ProtoMajor >= 2 || slices.Contains(resp.TransferEncoding, "chunked")
}
