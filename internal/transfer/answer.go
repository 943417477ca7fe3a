package transfer

import (
	"cmp"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// An object is what storage tells about what it has.
type object struct {
	Path         string `json:"path"` // of its URL
	Size         int64  `json:"size"` // -1 if not told
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// unknownEnd stands for the end of an object whose size is not known.
const unknownEnd = math.MaxInt64

// end is the size as an offset: unknownEnd if not told.
func (o object) end() int64 {
	if o.Size < 0 {
		return unknownEnd
	}
	return o.Size
}

// resumable reports whether a part of the object can be asked for in a way
// that fails when the object has changed.
func (o object) resumable() bool { return o.ETag != "" || o.LastModified != "" }

// condition makes a request fail if the object has changed.
func (o object) condition(h http.Header) {
	if o.ETag != "" {
		h.Set("If-Match", o.ETag)
		return
	}
	h.Set("If-Unmodified-Since", o.LastModified)
}

// An answer is a response that gives what was asked for.
type answer struct {
	object         object
	end            int64 // of the bytes in the body, as an offset into the object; unknownEnd if not told
	bodyLength     int64 // as the message itself tells it; -1 if not told
	partial        bool  // whether it is a part because a part was asked for
	selfDelimiting bool  // whether the end of the body can be told from a cut
}

// check returns what is in a response to the request for a range that begins at
// offset. It may be shorter or longer than what was asked for. At offset 0
// nothing is kept yet of any object, so any will do; otherwise it must be want.
// The error is a StatusError without its body for a status that gives no bytes,
// a fault, ErrChanged or errNoRanges.
func check(resp *http.Response, offset int64, want object) (answer, error) {
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
		if offset > 0 {
			return answer{}, checkRestart(resp, want)
		}
		return checkWhole(resp)
	case status == http.StatusPartialContent:
		return checkPart(resp, offset, want)
	case status == http.StatusPreconditionFailed && offset > 0:
		return answer{}, changed("storage has another one now")
	case status == http.StatusRequestedRangeNotSatisfiable:
		return checkNothing(resp, offset, want)
	default:
		return answer{}, &StatusError{StatusCode: status}
	}
}

// checkRestart tells what a 200 to a later range means. With a validator it is
// an object, the same one perhaps; without one it is a page that a proxy sent,
// and no reason to give up what is there.
func checkRestart(resp *http.Response, want object) error {
	found := describe(resp, resp.ContentLength)
	if want.ETag != "" && found.ETag == "" || want.ETag == "" && found.LastModified == "" {
		return faulty("storage sent %.100q, without saying of what, instead of the rest", resp.Header.Get("Content-Type"))
	}
	if want.ETag != "" && found.ETag == want.ETag && found.Size == want.Size {
		return errNoRanges
	}
	return changed("storage sent all of it instead of the rest")
}

// checkWhole checks a 200.
func checkWhole(resp *http.Response) (answer, error) {
	if resp.ContentLength == 0 {
		return answer{}, errEmpty
	}
	if len(resp.Header.Values("Content-Range")) > 0 {
		return answer{}, faulty("storage sent a 200 with a Content-Range")
	}
	if err := checkEncoding(resp); err != nil {
		return answer{}, err
	}
	found := describe(resp, resp.ContentLength)
	return answer{
		object:         found,
		end:            found.end(),
		bodyLength:     resp.ContentLength,
		selfDelimiting: selfDelimiting(resp),
	}, nil
}

// checkPart checks a 206.
func checkPart(resp *http.Response, offset int64, want object) (answer, error) {
	if err := checkEncoding(resp); err != nil {
		return answer{}, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
		return answer{}, faulty("storage sent %.100q for one range", kind)
	}
	got, ok := contentRange(resp.Header)
	if !ok || got.total < 0 {
		return answer{}, faulty("storage sent a 206 with Content-Range %.100q", resp.Header.Values("Content-Range"))
	}
	found := describe(resp, got.total)
	if offset > 0 {
		if err := sameObject(found, want); err != nil {
			return answer{}, err
		}
	}
	length := got.last - got.first + 1
	switch {
	case got.first != offset:
		return answer{}, faulty("storage sent the bytes from %d on when asked for those from %d on", got.first, offset)
	case resp.ContentLength >= 0 && resp.ContentLength != length:
		return answer{}, faulty("storage announced %d bytes and then %d", length, resp.ContentLength)
	}
	return answer{
		object:         found,
		partial:        true,
		end:            got.last + 1,
		bodyLength:     resp.ContentLength,
		selfDelimiting: selfDelimiting(resp),
	}, nil
}

// checkNothing checks a 416. It is good news when the size was not known and the
// offset turns out to be the end. One that does not tell a size tells nothing.
func checkNothing(resp *http.Response, offset int64, want object) (answer, error) {
	got, ok := contentRange(resp.Header)
	known := ok && got.first < 0
	switch {
	case known && got.total == 0 && offset == 0:
		return answer{}, errEmpty
	case offset == 0, !known, got.total == want.Size:
		return answer{}, faulty("storage has no bytes from %d on", offset)
	case got.total == offset && want.Size < 0:
		want.Size = offset
		return answer{object: want, end: offset}, nil
	default:
		return answer{}, changed("storage has one of another size now")
	}
}

func checkEncoding(resp *http.Response) error {
	encoding := cmp.Or(resp.Header.Get("Content-Encoding"), "identity")
	if resp.Uncompressed || !strings.EqualFold(encoding, "identity") {
		return faulty("storage sent the object in the encoding %.100q", encoding)
	}
	return nil
}

// describe reads the object out of a response. A weak ETag promises no equal
// bytes, nor does a Last-Modified whose second is not over yet: there may be
// another object of the same date. Storage that says it has no ranges is not asked
// for any.
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
		return faulty("storage sent a part without saying of what")
	case validator != wanted:
		return changed("storage sent a part of another one")
	case want.Size >= 0 && found.Size != want.Size:
		return changed("storage has one of another size now")
	}
	return nil
}

// selfDelimiting is false for a body that ends with its connection: a cut looks
// the same.
func selfDelimiting(resp *http.Response) bool {
	return resp.ContentLength >= 0 || resp.ProtoMajor >= 2 || slices.Contains(resp.TransferEncoding, "chunked")
}

// A byteRange is what a Content-Range says.
type byteRange struct {
	first, last int64 // -1 for the form "bytes */total"
	total       int64 // -1 for "*"
}

// contentRange parses the header "Content-Range: bytes first-last/total".
func contentRange(h http.Header) (byteRange, bool) {
	values := h.Values("Content-Range")
	if len(values) != 1 {
		return byteRange{}, false
	}
	text, ok := strings.CutPrefix(values[0], "bytes ")
	if !ok {
		return byteRange{}, false
	}
	bounds, size, ok := strings.Cut(text, "/")
	if !ok {
		return byteRange{}, false
	}
	if bounds == "*" {
		total, ok := number(size)
		return byteRange{first: -1, last: -1, total: total}, ok
	}
	from, to, ok := strings.Cut(bounds, "-")
	if !ok {
		return byteRange{}, false
	}
	first, ok1 := number(from)
	last, ok2 := number(to)
	if !ok1 || !ok2 || first > last {
		return byteRange{}, false
	}
	if size == "*" {
		return byteRange{first: first, last: last, total: -1}, true
	}
	total, ok := number(size)
	return byteRange{first: first, last: last, total: total}, ok && last < total
}

// number parses digits and nothing else: ParseInt alone takes a sign.
func number(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
