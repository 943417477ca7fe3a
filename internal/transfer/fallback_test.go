package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

// requireFetched fetches the object as a file and, unless it was begun before, as
// a stream. It returns the log of the file's transfer.
func requireFetched(t *testing.T, s *storage, path string, opts transfer.Options) string {
	t.Helper()
	source := s.source(t)
	var log bytes.Buffer
	source.Logger = slog.New(slog.NewTextHandler(&log, nil))
	got, err := transfer.File(t.Context(), source, path, opts)
	require.NoError(t, err)
	assert.Equal(t, sumOf(s.object), got.SHA256)
	assert.EqualValues(t, len(s.object), got.Size)
	requireComplete(t, path, s.object)
	return log.String()
}

func requireStreamed(t *testing.T, source transfer.Source, object []byte) {
	t.Helper()
	stream, err := transfer.Open(t.Context(), source)
	require.NoError(t, err)
	defer stream.Close()
	got, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.True(t, bytes.Equal(object, got))
	assert.Equal(t, sumOf(object), stream.SHA256())
}

func TestStorageThatRefusesRanges(t *testing.T) {
	for _, status := range []int{400, 403, 405, 416, 501} {
		refuse := func(w http.ResponseWriter, r *http.Request) bool { return xmlError(status, "Refused", "no")(w, r) }
		t.Run(fmt.Sprintf("the first, with %d", status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1<<20)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					return r.Header.Get("Range") != "" && refuse(w, r)
				}
				log := requireFetched(t, s, target(t), inParallel(8))
				assert.Equal(t, 1, strings.Count(log, `msg="transfer falls back" to="a plain request"`))
				asked := s.ranges()
				assert.Empty(t, asked[len(asked)-1])
				assert.LessOrEqual(t, len(asked), 3)
				requireStreamed(t, s.source(t), s.object)
			})
		})
		t.Run(fmt.Sprintf("all but one at a time, with %d", status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1<<20)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					if from, _ := rangeStart(r); from > 0 {
						return refuse(w, r)
					}
					return trickle(s, w, r, 4<<10, 50*time.Millisecond)
				}
				begin := time.Now()
				log := requireFetched(t, s, target(t), inParallel(8))
				assert.Equal(t, 1, strings.Count(log, `msg="transfer falls back" to="one range"`))
				assert.NotContains(t, log, "starts over", "the first connection brings all")
				assert.Less(t, time.Since(begin), 15*time.Second)
			})
		})
		t.Run(fmt.Sprintf("after a cut, with %d", status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					return n == 1 && s.cut(300, w, r) || r.Header.Get("Range") != "" && refuse(w, r)
				}
				log := requireFetched(t, s, target(t), transfer.Options{})
				assert.Equal(t, 1, strings.Count(log, `msg="transfer starts over"`))
				assert.Contains(t, log, `with="a plain request"`)
			})
		})
		t.Run(fmt.Sprintf("in the next call, with %d, and all else too", status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				interrupt(t, s, path, 300)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return refuse(w, r) }
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.ErrorContains(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call resumes: storage answered "+strconv.Itoa(status))
				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.EqualValues(t, 300, got.Resumed, "nothing is given up for an error")
			})
		})
	}
}

func TestEachConnectionHasAnotherETag(t *testing.T) {
	answer := func(s *storage, cut int) func(int, http.ResponseWriter, *http.Request) bool {
		return func(n int, w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("If-Match") != "" {
				w.WriteHeader(http.StatusPreconditionFailed)
				return true
			}
			if n <= cut {
				w = &limitedWriter{w, 1000}
			}
			s.serve(&overridingWriter{ResponseWriter: w, name: "Etag", value: fmt.Sprintf(`"%d"`, n)}, r)
			return true
		}
	}
	for name, cuts := range map[string]int{"uncut": 0, "cut once": 1, "cut three times": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1<<20)
				s.answer = answer(s, cuts)
				requireFetched(t, s, target(t), inParallel(8))
			})
		})
	}
	t.Run("as a stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.answer = answer(s, 0)
			requireStreamed(t, s.source(t), s.object)
		})
	})
}

func TestA200WithoutALengthAndWithTheSameETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			return n == 1 && s.cut(1000, w, r) || from > 0 && s.all(w, true)
		}
		log := requireFetched(t, s, target(t), inParallel(8))
		assert.NotContains(t, log, "changed")
	})
}

func TestRareFormsOfContentRange(t *testing.T) {
	for name, form := range map[string]string{
		"no total":              "bytes %d-%d/*",
		"another case":          "Bytes %d-%d/%d",
		"two spaces":            "bytes  %d-%d/%d",
		"white space around":    " bytes %d-%d/%d ",
		"white space inside":    "bytes %d - %d / %d",
		"as in a request":       "bytes=%d-%d/%d",
		"a total with zeros":    "bytes %d-%d/0%d",
		"as it is most usually": "bytes %d-%d/%d",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 100_000)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					from, end, ok := byteRange(r, len(s.object))
					if !ok || from >= end {
						return false
					}
					if n == 1 || n == 3 {
						w = &limitedWriter{w, 1000} // what comes then is resumed
					}
					args := []any{from, end - 1, len(s.object)}
					s.serve(&overridingWriter{ResponseWriter: w, name: "Content-Range", value: fmt.Sprintf(form, args[:strings.Count(form, "%")]...)}, r)
					return true
				}
				log := requireFetched(t, s, target(t), inParallel(4))
				assert.NotContains(t, log, "Content-Range")
				s.reset()
				requireStreamed(t, s.source(t), s.object)
			})
		})
	}
}

// A .tar.gz is labelled as an encoding of a tar by some servers. A proxy that
// compresses it once more is another matter.
func TestAGzipThatIsLabelledAsAnEncoding(t *testing.T) {
	for _, label := range []string{"gzip", "x-gzip", "GZIP"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Encoding", label)
				return n == 1 && s.cut(1000, w, r)
			}
			requireFetched(t, s, target(t), inParallel(8))
			requireStreamed(t, s.source(t), s.object)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 100_000)
		s.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n > 2 {
				return false
			}
			w.Header().Set("Content-Encoding", "gzip")
			twice := gzip.NewWriter(w)
			_, _ = twice.Write(s.object)
			return twice.Close() == nil
		}
		log := requireFetched(t, s, target(t), transfer.Options{})
		assert.Contains(t, log, "storage sent the archive compressed once more")
	})
}

func TestAPageIsAskedForAgain(t *testing.T) {
	for name, page := range map[string]handler{
		"a login page": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("<html>Sign in"))
			return true
		},
		"an empty one":   func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusOK); return true },
		"no range of it": func(w http.ResponseWriter, r *http.Request) bool { return unsatisfiable("bytes */0")(nil, w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1<<20)
				began := time.Now()
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					return time.Since(began) < 2*time.Minute && page(w, r) || n == 1 && s.cut(1000, w, r)
				}
				requireFetched(t, s, target(t), inParallel(8))
				assert.Less(t, len(s.seen()), 50)
				began = time.Now()
				requireStreamed(t, s.source(t), s.object)
			})
		})
	}
}

// A RoundTripper of the caller may leave out what net/http fills in. The gzip's
// own end proves then that all has come.
func TestRoundTrippersWithoutALength(t *testing.T) {
	var packed bytes.Buffer
	archiver := gzip.NewWriter(&packed)
	_, err := archiver.Write(archive(300_000))
	require.NoError(t, err)
	require.NoError(t, archiver.Close())
	object := packed.Bytes()
	source := func(etag string, cut int) transfer.Source {
		n := 0
		return fuzzSource(func(r *http.Request) *http.Response {
			n++
			from, _ := rangeStart(r)
			end := len(object)
			if n == 1 {
				end -= cut
			}
			resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {etag}}, Body: io.NopCloser(bytes.NewReader(object[from:end]))}
			if from > 0 {
				resp.StatusCode = http.StatusPartialContent
				resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(object)-1, len(object)))
			}
			return resp
		})
	}
	for name, tt := range map[string]struct {
		etag string
		cut  int
	}{
		"whole": {"", 0}, "cut": {"", 1000}, "whole, with an ETag": {`"1"`, 0}, "cut, with an ETag": {`"1"`, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := target(t)
				got, err := transfer.File(t.Context(), source(tt.etag, tt.cut), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: int64(len(object)), SHA256: sumOf(object)}, got)
				requireComplete(t, path, object)
			})
		})
	}
}

func TestAnIdentityInAnotherCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1000)
		path := target(t)
		interrupt(t, s, path, 600)
		source := s.source(t)
		source.Identity = strings.ToUpper(source.Identity)
		got, err := transfer.File(t.Context(), source, path, transfer.Options{})
		require.NoError(t, err)
		assert.EqualValues(t, 600, got.Resumed)
	})
}

func TestARelativePathAndAnotherFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := &storage{object: archive(1000)}
	source := fuzzSource(func(*http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: 1000, Body: io.NopCloser(bytes.NewReader(s.object))}
	})
	elsewhere := t.TempDir()
	source.Locate = func(context.Context) (transfer.Location, error) {
		t.Chdir(elsewhere)
		return transfer.Location{URL: "https://storage.test/1"}, nil
	}
	_, err := transfer.File(t.Context(), source, "backup.tar.gz", transfer.Options{})
	require.NoError(t, err)
	requireComplete(t, filepath.Join(dir, "backup.tar.gz"), s.object)
}
