package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// FuzzContentRange looks for a header that makes a stream take bytes from the
// wrong place, or end too early.
func FuzzContentRange(f *testing.F) {
	for _, header := range []string{
		"bytes 0-99/100", "bytes 0-99/*", "bytes */100", "bytes 1-99/100", "bytes 0-100/100", "bytes 0-0/100", "bytes 99-0/100",
		"bytes +0-99/100", "bytes 0-99/0100", "bytes  0-99/100", "bytes=0-99/100", "bytes 0-99", "bytes -1-99/100", "",
		"bytes 0-9223372036854775807/9223372036854775808", "bytes 0-9223372036854775806/9223372036854775807",
	} {
		f.Add(header)
	}
	good := regexp.MustCompile(`^(?i:\s*bytes)[ \t=:]+0+\s*-\s*(\d+)\s*/\s*(\d+|\*)\s*$`)
	object := archive(100)
	f.Fuzz(func(t *testing.T, header string) {
		synctest.Test(t, func(t *testing.T) {
			source := roundTripSource(func(r *http.Request) *http.Response {
				return &http.Response{
					StatusCode: http.StatusPartialContent, ProtoMajor: 1, ContentLength: -1, TransferEncoding: []string{"chunked"},
					Header: http.Header{"Content-Range": {header}, "Etag": {`"x"`}},
					Body:   io.NopCloser(bytes.NewReader(object)),
				}
			})
			stream, err := transfer.Open(t.Context(), source)
			if err != nil {
				assert.Regexp(t, "Content-Range|from|not a gzip archive", err.Error())
				return
			}
			defer func() { assert.NoError(t, stream.Close()) }()
			match := good.FindStringSubmatch(header)
			if !assert.NotNil(t, match, "%q was taken", header) {
				return
			}
			last, err := strconv.ParseInt(match[1], 10, 64)
			require.NoError(t, err)
			total := int64(-1)
			if match[2] != "*" {
				total, err = strconv.ParseInt(match[2], 10, 64)
				require.NoError(t, err)
				assert.Less(t, last, total)
			}
			assert.Equal(t, total, stream.Size())
			got, err := io.ReadAll(stream)
			assert.True(t, bytes.HasPrefix(object, got))
			if last == 99 && total == 100 {
				assert.NoError(t, err)
			} else {
				assert.Error(t, err)
			}
		})
	})
}

// FuzzErrorBody looks for a response of storage whose error is unprintable, too long or
// has a secret.
func FuzzErrorBody(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>m</Message><RequestId>r</RequestId></Error>`), "id")
	f.Add([]byte("\ufeff<Error><Message>"+secret+"</Message></Error>"), secret)
	f.Add([]byte("<Error><Message>http://x/?"+secret+"</Message></Error>"), "")
	f.Add([]byte("<a><Code>&#27;[2J</Code><Code>\u202e</Code></a>"), "\x00")
	f.Add([]byte("<!DOCTYPE a [<!ENTITY b 'c'>]><a><Code>&b;</Code></a>"), "")
	f.Add([]byte("<html><head><title>502</title>"), "")
	f.Fuzz(func(t *testing.T, body []byte, id string) {
		synctest.Test(t, func(t *testing.T) {
			source := roundTripSource(func(*http.Request) *http.Response {
				return &http.Response{
					StatusCode: http.StatusBadRequest,
					Header:     http.Header{"X-Amz-Request-Id": {id}},
					Body:       io.NopCloser(bytes.NewReader(body)),
				}
			})
			_, err := transfer.Open(t.Context(), source)
			status, ok := errors.AsType[*transfer.StatusError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, http.StatusBadRequest, status.StatusCode)
			text := err.Error()
			assert.Less(t, len(text), 1100)
			assert.NotContains(t, text, "5bb9c6e0%2Fdeadbeef")
			assert.NotContains(t, text, "5bb9c6e0/deadbeef")
			assert.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", text)
		})
	})
}

// FuzzLog looks for a log with valid checksums that makes a call panic or end with a
// wrong file.
func FuzzLog(f *testing.F) {
	object := archive(1000)
	header := `{"object":{"version":1,"identity":"org octo 79","path":"/migration/1/2","size":1000,"etag":"\"x\""}}`
	h := sha256.New()
	h.Write(object[:600])
	state, err := json.Marshal(must(h.(encoding.BinaryMarshaler).MarshalBinary()))
	require.NoError(f, err)
	f.Add(header, `{"fetched":{"ranges":[[0,600]],"hashed":600,"sha256_state":`+string(state)+`}}`)
	f.Add(header, `{"fetched":{"ranges":[[0,300],[400,600]],"hashed":300,"sha256_state":`+string(state)+`}}`)
	f.Add(header, `{"fetched":{"ranges":[[-1,9223372036854775807]],"hashed":-1}}`)
	f.Add(header, `{"complete":{"size":600,"sha256":"x"}}`)
	f.Add(header, `{"complete":{"size":-1,"sha256":""}}`)
	f.Add(strings.Replace(header, "1000", "-5", 1), `{"fetched":null}`)
	f.Add(`{"object":null}`, `[]`)
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.Contains(first+second, "\n") {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			path := target(t)
			require.NoError(t, os.WriteFile(path+".part", object[:600], 0o600))
			writeLog(t, path, []string{first, second})
			source := roundTripSource(func(r *http.Request) *http.Response {
				from, _ := rangeStart(r)
				from = min(max(from, 0), 999)
				return &http.Response{
					StatusCode: http.StatusPartialContent, ProtoMajor: 1, ContentLength: int64(1000 - from),
					Header: http.Header{"Content-Range": {fmt.Sprintf("bytes %d-999/1000", from)}, "Etag": {`"x"`}},
					Body:   io.NopCloser(bytes.NewReader(object[from:])),
				}
			})
			source.Identity = "org octo 79"
			got, err := transfer.File(t.Context(), source, path, transfer.Options{})
			require.NoError(t, err)
			require.LessOrEqual(t, got.Resumed, int64(600))
			if got.Resumed < got.Size {
				assert.Equal(t, int64(1000), got.Size)
			}
			inPlace, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(object[:got.Size], inPlace))
		})
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
