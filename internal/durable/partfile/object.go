package partfile

import "math"

// An Object is the description of the object in a response of storage.
type Object struct {
	Path         string `json:"path"` // of its URL
	Size         int64  `json:"size"` // -1 if the response does not give it
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// UnknownEnd stands for the end of an object whose size is not known.
const UnknownEnd = math.MaxInt64

// End returns the size as an offset: UnknownEnd if it is not known.
func (o Object) End() int64 {
	if o.Size < 0 {
		return UnknownEnd
	}
	return o.Size
}

// Resumable reports whether the object has a validator. With it, a request for a part
// of the object fails if the object has changed.
func (o Object) Resumable() bool { return o.ETag != "" || o.LastModified != "" }
