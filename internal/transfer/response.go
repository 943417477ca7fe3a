package transfer

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/ghmigrate/ghmigrate/internal/durable/partfile"
)

// An object is what storage tells about what it has.
type object = partfile.Object

// unknownEnd stands for the end of an object whose size is not known.
const unknownEnd = partfile.UnknownEnd

// condition makes a request fail if the object has changed.
func condition(h http.Header, o object) {
	if o.ETag != "" {
		h.Set("If-Match", o.ETag)
		return
	}
	h.Set("If-Unmodified-Since", o.LastModified)
}

// A body is what a valid response has.
type body struct {
	object  object
	end     int64 // of its bytes, as an offset into the object; unknownEnd if that is not told
	partial bool  // whether it is a part because a part was asked for
}

// check returns what is in the response to a request for the bytes from an
// offset on, maybe fewer or more than were asked for. The object must be want,
// which is nil if nothing is known of it. The error for a status that gives no
// bytes is a StatusError without its text.
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
		return body{}, changed("storage has another one now")
	case status == http.StatusRequestedRangeNotSatisfiable:
		return checkNothing(resp, from, want)
	default:
		return body{}, &StatusError{StatusCode: status}
	}
}

// checkRestart tells what a 200 means in response to a range of a known object.
// With a validator the response has an object, maybe the same. Without one it is
// the page of a proxy, and no reason to give up what is there.
func checkRestart(resp *http.Response, want object) error {
	length := contentLength(resp)
	found := describe(resp, length)
	switch {
	case want.ETag != "" && found.ETag == "", want.ETag == "" && found.LastModified == "":
		return &trouble{kind: page, err: faultf("storage sent %.100q, without saying of what, instead of the rest", resp.Header.Get("Content-Type"))}
	case want.ETag != "" && found.ETag == want.ETag && (length < 0 || want.Size < 0 || length == want.Size):
		return errNoRanges
	}
	return changed("storage sent all of it instead of the rest")
}

// checkPart checks a 206.
func checkPart(resp *http.Response, from int64, want *object) (body, error) {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
		return body{}, fault("storage sent %.100q for one range", kind)
	}
	got, ok := parseContentRange(resp.Header)
	if !ok || got.first < 0 {
		return body{}, fault("storage sent a 206 with Content-Range %.100q", resp.Header.Values("Content-Range"))
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
		return body{}, fault("storage sent the bytes from %d on when asked for those from %d on", got.first, from)
	case announced >= 0 && announced != length:
		return body{}, fault("storage announced %d bytes and then %d", length, announced)
	case found.Size >= 0 && got.last >= found.Size:
		return body{}, fault("storage announced %d bytes of %d", got.last+1, found.Size)
	}
	return body{object: found, partial: true, end: got.last + 1}, nil
}

// checkNothing checks a 416. It is good news if the size was not known and the
// offset turns out to be the end.
func checkNothing(resp *http.Response, from int64, want *object) (body, error) {
	got, ok := parseContentRange(resp.Header)
	known := ok && got.first < 0 && got.total >= 0
	switch {
	case want == nil && known && got.total == 0:
		return body{}, &trouble{kind: page, err: errEmpty}
	case want == nil:
		return body{}, &StatusError{StatusCode: resp.StatusCode}
	case !known && want.Size < 0:
		return body{}, &trouble{kind: faulty, err: errNoMore}
	case !known, got.total == want.Size:
		return body{}, fault("storage has no bytes from %d on", from)
	case got.total == from && want.Size < 0:
		found := *want
		found.Size = from
		return body{object: found, end: from}, nil
	default:
		return body{}, changed("storage has one of another size now")
	}
}

// checkEncoding reports whether the object's own gzip is labelled as an encoding.
// It fails for another compression. Labels such as S3's aws-chunked tell nothing.
func checkEncoding(resp *http.Response) (encoded bool, err error) {
	labels := strings.ToLower(strings.Join(resp.Header.Values("Content-Encoding"), ","))
	for label := range strings.SplitSeq(labels, ",") {
		label = strings.TrimSpace(label)
		encoded = encoded || strings.HasSuffix(label, "gzip")
		if resp.Uncompressed || slices.Contains([]string{"br", "compress", "deflate", "zstd"}, label) {
			return false, fault("storage sent the object in the encoding %.100q", labels)
		}
	}
	return encoded, nil
}

// contentLength returns the length that a response tells, -1 if it does not. A
// RoundTripper of the caller may leave ContentLength at zero.
func contentLength(resp *http.Response) int64 {
	if resp.ContentLength > 0 {
		return resp.ContentLength
	}
	if n, ok := parseNumber(resp.Header.Get("Content-Length")); ok && !resp.Uncompressed {
		return n
	}
	return -1
}

// describe reads the object out of a response. A weak ETag does not promise equal
// bytes. Neither does a Last-Modified in the second of the response. Storage that
// announces that it has no ranges is not asked for ranges.
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

// sameObject compares by the validator that the request named.
func sameObject(found, want object) error {
	validator, wanted := found.ETag, want.ETag
	if want.ETag == "" {
		validator, wanted = found.LastModified, want.LastModified
	}
	switch {
	case validator == "":
		return fault("storage sent a part without saying of what")
	case validator != wanted:
		return changed("storage sent a part of another one")
	case want.Size >= 0 && found.Size >= 0 && found.Size != want.Size:
		return changed("storage has one of another size now")
	}
	return nil
}

// delimited is false for a body that ends with its connection: a cut looks the
// same.
func delimited(resp *http.Response) bool {
	return contentLength(resp) >= 0 || resp.ProtoMajor >= 2 || slices.Contains(resp.TransferEncoding, "chunked")
}
