package transfer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

type handler = func(w http.ResponseWriter, r *http.Request) bool

func TestFileResumesAfterACut(t *testing.T) {
	t.Run("by the strong ETag", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.answer = each([]int{1}, func(w http.ResponseWriter, r *http.Request) bool { return s.cut(300, w, r) })
			got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, transfer.Result{Size: 1000, SHA256: sumOf(s.object)}, got)
			requireComplete(t, path, s.object)
			assert.Equal(t, http.Header{
				"Range": {"bytes=300-"}, "If-Match": {s.etag}, "Accept-Encoding": {"identity"}, "User-Agent": {"test/1"},
			}, s.seen()[1])
			assert.Equal(t, 1, s.located, "the URL still works")
		})
	})
	for name, etag := range map[string]string{"no": "", "a weak": `W/"0123"`, "a broken": `0123`} {
		t.Run("by the time when there is "+name+" ETag", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.etag = etag
				path := target(t)
				s.answer = each([]int{1}, func(w http.ResponseWriter, r *http.Request) bool { return s.cut(300, w, r) })
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				requireComplete(t, path, s.object)
				assert.Equal(t, http.Header{
					"Range": {"bytes=300-"}, "If-Unmodified-Since": {s.modified}, "Accept-Encoding": {"identity"}, "User-Agent": {"test/1"},
				}, s.seen()[1])
			})
		})
	}
	t.Run("in a part that storage makes shorter than asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				from, _ := rangeStart(r)
				end := min(from+400, 1000)
				w.Header().Set("Etag", s.etag)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/1000", from, end-1))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(s.object[from:end])
				return true
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, []string{firstRange, "bytes=400-", "bytes=800-"}, s.ranges())
			requireComplete(t, path, s.object)
		})
	})
}

func TestFileStartsOverWhatCannotBeResumed(t *testing.T) {
	prepare := map[string]func(s *storage) handler{
		"no validator": func(s *storage) handler {
			s.etag, s.modified = "", ""
			return func(w http.ResponseWriter, r *http.Request) bool { return s.cut(300, w, r) }
		},
		"no ranges": func(s *storage) handler {
			return func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Accept-Ranges", "none")
				return s.cut(300, w, r)
			}
		},
		"a time that is none": func(s *storage) handler {
			s.etag, s.modified = "", "yesterday"
			return func(w http.ResponseWriter, r *http.Request) bool { return s.cut(300, w, r) }
		},
	}
	for name, prepare := range prepare {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = each([]int{1, 2, 3}, prepare(s))
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, sumOf(s.object), got.SHA256)
				assert.Equal(t, []string{firstRange, firstRange, firstRange, firstRange}, s.ranges())
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("but not for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.etag, s.modified = "", ""
			path := target(t)
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.cut(300, w, r) }
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.EqualError(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call starts over: "+
				"storage gives nothing to resume by: unexpected EOF")
			assert.Len(t, s.seen(), 4)
		})
	})
}

func TestFileStartsOverOnceWhenTheObjectChanges(t *testing.T) {
	replace := func(s *storage) {
		s.object = archive(1200)
		s.etag = `"another"`
		s.modified = "Fri, 14 Sep 2018 00:00:00 GMT"
	}
	changes := map[string]func(s *storage, w http.ResponseWriter, r *http.Request) bool{
		"412": func(s *storage, w http.ResponseWriter, r *http.Request) bool { return false },
		"416 with another size": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Range", "bytes */200")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		},
		"200 to a later range": func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.all(w, false) },
		"206 of another object": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("If-Match")
			return false
		},
		"206 of another size": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Etag", r.Header.Get("If-Match"))
			w.Header().Set("Content-Range", "bytes 300-1199/1200")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.object[300:])
			return true
		},
		"206 with more than announced": func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Etag", r.Header.Get("If-Match"))
			w.Header().Set("Content-Range", "bytes 300-999/1000")
			w.WriteHeader(http.StatusPartialContent)
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(s.object[300:])
			return true
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					switch n {
					case 1:
						return s.cut(300, w, r)
					case 2:
						replace(s)
						return change(s, w, r)
					}
					return false
				}
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, transfer.Result{Size: 1200, SHA256: sumOf(s.object)}, got)
				assert.Equal(t, []string{firstRange, "bytes=300-", firstRange}, s.ranges())
				requireComplete(t, path, s.object)
			})
		})
		t.Run(name+" twice", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n%2 == 1 || r.Header.Get("Range") == "" {
						s.object, s.etag = archive(1000), fmt.Sprintf(`"%d"`, n)
						return s.cut(300, w, r)
					}
					replace(s)
					return change(s, w, r)
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.ErrorIs(t, err, transfer.ErrChanged)
				assert.Equal(t, []string{firstRange, "bytes=300-", firstRange, "bytes=300-", "", "", "", ""}, s.ranges())
				assert.NoFileExists(t, path)

				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Zero(t, got.Resumed, "nothing of the old object is used")
				requireComplete(t, path, s.object)
			})
		})
	}
	for name, tt := range map[string]struct {
		etag string
		want []string
	}{
		"its address, with an ETag":    {`"1"`, []string{firstRange, "bytes=300-", "bytes=300-"}},
		"its address, without an ETag": {"", []string{firstRange, "bytes=300-", firstRange}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.etag = tt.etag
				path := target(t)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					switch n {
					case 1:
						return s.cut(300, w, r)
					case 2:
						s.path = "/migration/25320/99999"
						w.WriteHeader(http.StatusForbidden)
						return true
					}
					return false
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, tt.want, s.ranges())
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("before a byte of it was used", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 3 {
					return false
				}
				s.etag = fmt.Sprintf(`"%d"`, n)
				return s.cut(max(0, n-2), w, r) // no byte, no byte, one
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			requireComplete(t, path, s.object)
		})
	})
}

func TestFaultyAnswersAreNotTrusted(t *testing.T) {
	header := func(name, value string) func(s *storage, w http.ResponseWriter, r *http.Request) bool {
		return func(s *storage, w http.ResponseWriter, r *http.Request) bool {
			s.serveFirst(len(s.object), &overridingWriter{ResponseWriter: w, name: name, value: value}, r)
			return true
		}
	}
	faults := map[string]struct {
		answer func(s *storage, w http.ResponseWriter, r *http.Request) bool
		want   string
	}{
		"no Content-Range":          {header("Content-Range", ""), "a 206 with Content-Range"},
		"a start before the range":  {header("Content-Range", "bytes 299-999/1000"), "from 299 on when asked for those from 300"},
		"a start after the range":   {header("Content-Range", "bytes 301-999/1000"), "from 301 on when asked for those from 300"},
		"no numbers":                {header("Content-Range", "bytes */1000"), "a 206 with Content-Range"},
		"another length":            {header("Content-Range", "bytes 300-800/1000"), "announced 501 bytes and then 700"},
		"an end after the object":   {header("Content-Range", "bytes 300-1000/1000"), "a 206 with Content-Range"},
		"another unit":              {header("Content-Range", "lines 300-999/1000"), "a 206 with Content-Range"},
		"no validator":              {header("Etag", ""), "without saying of what"},
		"an encoding":               {header("Content-Encoding", "br"), `in the encoding "br"`},
		"several ranges":            {header("Content-Type", "multipart/byteranges; boundary=x"), `"multipart/byteranges" for one range`},
		"416 with the size we know": {unsatisfiable("bytes */1000"), "has no bytes from 300 on"},
		"416 without a size":        {unsatisfiable(""), "has no bytes from 300 on"},
		"416 with nonsense":         {unsatisfiable("bytes */x"), "has no bytes from 300 on"},
	}
	for name, tt := range faults {
		t.Run(name+" once", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					switch n {
					case 1:
						return s.cut(300, w, r)
					case 2:
						return tt.answer(s, w, r)
					}
					return false
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, []string{firstRange, "bytes=300-", "bytes=300-"}, s.ranges())
				requireComplete(t, path, s.object)
			})
		})
		t.Run(name+" always", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					switch {
					case n == 1:
						return s.cut(300, w, r)
					case r.Header.Get("Range") == "":
						w.WriteHeader(http.StatusConflict)
						return true
					}
					return tt.answer(s, w, r)
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.ErrorContains(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call resumes: storage answered 409 Conflict")
				require.ErrorContains(t, err, tt.want)
				assert.Len(t, s.seen(), 7, "the last one without Range")
				assert.NoFileExists(t, path)

				s.reset()
				got, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.EqualValues(t, 300, got.Resumed)
			})
		})
	}
}

func TestFirstAnswersThatAreNoArchive(t *testing.T) {
	page := []byte("<html>Sign in to the hotel's network</html>")
	cases := map[string]struct {
		answer func(s *storage, w http.ResponseWriter) bool
		want   string
	}{
		"a page": {func(_ *storage, w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(page)
			return true
		}, `storage sent "text/html" and not a gzip archive`},
		"a page as a part": {func(_ *storage, w http.ResponseWriter) bool {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(page)-1, len(page)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(page)
			return true
		}, "and not a gzip archive"},
		"one byte": {func(s *storage, w http.ResponseWriter) bool {
			s.object = s.object[:1]
			return s.all(w, false)
		}, "and not a gzip archive"},
		"nothing": {func(_ *storage, w http.ResponseWriter) bool { w.WriteHeader(http.StatusOK); return true }, "empty object"},
		"nothing in chunks": {func(_ *storage, w http.ResponseWriter) bool {
			_ = http.NewResponseController(w).Flush()
			return true
		}, "empty object"},
		"no range of nothing": {func(_ *storage, w http.ResponseWriter) bool {
			w.Header().Set("Content-Range", "bytes */0")
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		}, "empty object"},
		"no content": {func(_ *storage, w http.ResponseWriter) bool { w.WriteHeader(http.StatusNoContent); return true }, "storage answered 204 No Content"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				require.NoError(t, os.WriteFile(path, []byte("the last backup"), 0o600))
				s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool { return tt.answer(s, w) }
				begin := time.Now()
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.ErrorContains(t, err, tt.want)
				assert.Contains(t, s.ranges(), "", "it is asked for without Range too")
				if name != "no content" {
					require.ErrorContains(t, err, "no progress: less than 1 MiB in five minutes")
					assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(time.Minute))
				}
				requireComplete(t, path, []byte("the last backup"))
			})
		})
	}
}

func TestRefusedURLsAreRenewed(t *testing.T) {
	refusals := map[string]handler{
		"S3":               xmlError(http.StatusForbidden, "AccessDenied", "Request has expired"),
		"Azure":            xmlError(http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request."),
		"Google":           xmlError(http.StatusBadRequest, "ExpiredToken", "The provided token has expired."),
		"unauthorized":     xmlError(http.StatusUnauthorized, "", ""),
		"a server's store": xmlError(http.StatusNotFound, "", ""),
		"gone":             xmlError(http.StatusGone, "", ""),
	}
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				// Every URL dies after its first answer.
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n%2 == 0 {
						return refuse(w, r)
					}
					return n < 9 && s.cut(100, w, r)
				}
				begin := time.Now()
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.Len(t, s.seen(), 9)
				assert.Equal(t, 5, s.located)
				assert.Less(t, time.Since(begin), time.Minute)
				requireComplete(t, path, s.object)
			})
		})
		t.Run(name+", again and again", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return refuse(w, r) }
				_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
				var status *transfer.StatusError
				require.ErrorAs(t, err, &status)
				assert.Equal(t, 2, s.located)
				want := []string{firstRange, firstRange, ""}
				switch status.StatusCode {
				case http.StatusUnauthorized, http.StatusNotFound, http.StatusGone: // no range is to blame
					want = want[:2]
				}
				assert.Equal(t, want, s.ranges(), "in the end without Range")
				requireNoSecret(t, err.Error())
			})
		})
	}
	t.Run("when an old one died, two fresh ones are tried, and one without Range", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(100, w, r)
				}
				return refusals["S3"](w, r)
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.EqualError(t, err, "fetched 100 of 1000 bytes to "+path+".part; the next call resumes: "+
				"storage answered 403 AccessDenied: Request has expired (request 4442587FB7D0A2F9)")
			assert.Equal(t, 3, s.located)
			assert.Equal(t, []string{firstRange, "bytes=100-", "bytes=100-", "bytes=100-", ""}, s.ranges())
		})
	})
	t.Run("and counted anew after each byte", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				switch n {
				case 2:
					return s.cut(100, w, r)
				case 1, 3, 4: // a fresh one, an old one, a fresh one
					return refusals["S3"](w, r)
				}
				return false
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, 4, s.located)
			requireComplete(t, path, s.object)
		})
	})
	t.Run("before they are known to die", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.locate = func(_ context.Context, n int) (transfer.Location, error) {
				return transfer.Location{URL: s.url(n), Expires: time.Now().Add(2 * time.Minute)}, nil
			}
			var urls []string
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				urls = append(urls, r.URL.Query().Get("n"))
				if n == 3 {
					return false
				}
				s.serveFirst(100, w, r)
				_ = http.NewResponseController(w).Flush()
				pause(r, 56*time.Second)
				panic(http.ErrAbortHandler)
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, []string{"1", "1", "2"}, urls)
			assert.Equal(t, 2, s.located)
			requireComplete(t, path, s.object)
		})
	})
	t.Run("but a fresh one is tried although our clock says that it is dead", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.locate = func(_ context.Context, n int) (transfer.Location, error) {
				return transfer.Location{URL: s.url(n), Expires: time.Now().Add(-time.Hour)}, nil
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, 1, s.located)
		})
	})
	t.Run("and the error of asking for one ends the transfer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			gone := errors.New("archive is gone")
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(100, w, r)
				}
				return refusals["S3"](w, r)
			}
			s.locate = func(_ context.Context, n int) (transfer.Location, error) {
				if n > 1 {
					return transfer.Location{}, fmt.Errorf("get archive: %w", gone)
				}
				return transfer.Location{URL: s.url(n)}, nil
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorIs(t, err, gone)
			require.ErrorContains(t, err, "the next call resumes: get archive: archive is gone")
		})
	})
	t.Run("unless they are no URL", func(t *testing.T) {
		for _, url := range []string{"", "not a url", "http://%zz?" + secret, "/path?" + secret, "ftp://storage.test/path?" + secret} {
			s := transfer.Source{Locate: func(context.Context) (transfer.Location, error) { return transfer.Location{URL: url}, nil }}
			_, err := transfer.File(t.Context(), s, target(t), transfer.Options{})
			require.EqualError(t, err, "storage's address is not a URL")
		}
	})
}

func TestBusyStorageIsAskedAgain(t *testing.T) {
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504, 599} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
					if n < 6 {
						w.WriteHeader(status)
						return true
					}
					return false
				}
				_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
				require.NoError(t, err)
				for i, wait := range s.waits() {
					limit := 500 * time.Millisecond << i
					assert.True(t, limit/2 <= wait && wait < limit, "wait %d was %v", i, wait)
				}
			})
		})
	}
	date := "Thu, 13 Sep 2018 20:11:00 GMT"
	for name, tt := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"seconds":                          {http.Header{"Retry-After": {"77"}}, 77 * time.Second},
		"a date, by the server's clock":    {http.Header{"Retry-After": {"Thu, 13 Sep 2018 20:12:30 GMT"}, "Date": {date}}, 90 * time.Second},
		"a date, by ours if there is none": {http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:01:30 GMT"}, "Date": nil}, 90 * time.Second},
	} {
		t.Run("when it says so: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = each([]int{1}, func(w http.ResponseWriter, _ *http.Request) bool {
					maps.Copy(w.Header(), tt.header)
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				})
				_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
				require.NoError(t, err)
				assert.Equal(t, []time.Duration{tt.want}, s.waits())
			})
		})
	}
	for _, value := range []string{"-5", "soon", "99999999999999999999", "Thu, 13 Sep 1018 20:12:30 GMT"} {
		t.Run("soon when it talks nonsense: "+value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = each([]int{1}, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Retry-After", value)
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				})
				_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
				require.NoError(t, err)
				assert.Less(t, s.waits()[0], time.Second)
			})
		})
	}
	t.Run("also when it asks for more than five minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.answer = each([]int{1, 2}, func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", "1700")
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			})
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, []time.Duration{1700 * time.Second, 1700 * time.Second}, s.waits())
		})
	})
	for name, tt := range map[string]struct {
		after string
		want  string
		took  time.Duration
	}{
		"at once":         {"7200", "storage asks for a wait of 2h0m0s: storage answered 503 Service Unavailable", 0},
		"again and again": {"1500", "storage asks for a wait of 25m0s: storage answered 503 Service Unavailable", 50 * time.Minute},
	} {
		t.Run("but not when it asks for more than an hour "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Retry-After", tt.after)
					w.WriteHeader(http.StatusServiceUnavailable)
					return true
				}
				begin := time.Now()
				_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
				require.EqualError(t, err, tt.want)
				assert.Equal(t, tt.took, time.Since(begin))
			})
		})
	}
}

// A final response to a range is believed only when a request without Range gets
// it too. A redirect is about no range.
func TestFinalAnswersAreNotRetried(t *testing.T) {
	for status, code := range map[int]string{301: "", 302: "", 304: "", 307: "", 400: "InvalidArgument", 405: "", 409: "", 412: "", 501: "NotImplemented", 505: ""} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					w.Header().Set("Location", "https://elsewhere.test/?"+secret)
					return xmlError(status, code, "no")(w, r)
				}
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				got, ok := errors.AsType[*transfer.StatusError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, status, got.StatusCode)
				want := []string{firstRange, ""}
				if status < 400 {
					want = want[:1]
				}
				assert.Equal(t, want, s.ranges())
				requireNoSecret(t, err.Error())
				assert.Empty(t, names(t, filepath.Dir(path)))
			})
		})
	}
	t.Run("a redirect that the client refuses with an error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "https://elsewhere.test/?"+secret, http.StatusFound)
				return true
			}
			source := s.source(t)
			source.Client.CheckRedirect = func(req *http.Request, _ []*http.Request) error { return fmt.Errorf("not to %s", req.URL) }
			_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
			require.EqualError(t, err, "storage answered 302 Found: not to https://elsewhere.test/?REDACTED")
			assert.Len(t, s.seen(), 1)
		})
	})
	t.Run("a redirect to nowhere", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Location", "http://%zz/?"+secret)
				w.WriteHeader(http.StatusFound)
				return true
			}
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			require.Error(t, err)
			requireNoSecret(t, err.Error())
		})
	})
}

func TestCertificateErrorsAreFinal(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	for name, url := range map[string]string{
		"unknown authority": server.URL, "no TLS at all": "https" + strings.TrimPrefix(plain.URL, "http"),
	} {
		t.Run(name, func(t *testing.T) {
			located := 0
			source := transfer.Source{
				Client: &http.Client{Transport: transport},
				Locate: func(context.Context) (transfer.Location, error) {
					located++
					return transfer.Location{URL: url + "/x?" + secret}, nil
				},
			}
			_, err := transfer.File(t.Context(), source, target(t), transfer.Options{})
			require.ErrorContains(t, err, "get https://127.0.0.1:")
			require.ErrorContains(t, err, "/x: ")
			requireNoSecret(t, err.Error())
			assert.Equal(t, 1, located)
		})
	}
}

func TestSilentConnectionsAreDropped(t *testing.T) {
	silence := map[string]func(s *storage, w http.ResponseWriter, r *http.Request) bool{
		"before the answer":         func(_ *storage, _ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"before the first byte":     func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.stall(0, w, r) },
		"after the first byte":      func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.stall(1, w, r) },
		"in the middle":             func(s *storage, w http.ResponseWriter, r *http.Request) bool { return s.stall(500, w, r) },
		"in the body of an error":   stalledError,
		"instead of the last chunk": stalledEnd,
	}
	for name, silence := range silence {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				path := target(t)
				s.answer = each([]int{1}, func(w http.ResponseWriter, r *http.Request) bool { return silence(s, w, r) })
				begin := time.Now()
				_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
				require.NoError(t, err)
				assert.LessOrEqual(t, time.Since(begin), 62*time.Second)
				requireComplete(t, path, s.object)
			})
		})
	}
	t.Run("but one that trickles is kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 8)
			s.answer = func(_ int, w http.ResponseWriter, r *http.Request) bool { return trickle(s, w, r, 1, 35*time.Second) }
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			require.NoError(t, err)
			assert.Len(t, s.seen(), 1)
		})
	})
}

func TestTransfersWithoutProgressEnd(t *testing.T) {
	cases := map[string]struct {
		answer func(s *storage, n int, w http.ResponseWriter, r *http.Request) bool
		want   string
		within time.Duration
	}{
		"silence": {func(_ *storage, _ int, _ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		},
			"no progress: less than 1 MiB in five minutes: get http://storage.test/migration/25320/24575: storage sent nothing for a minute", time.Second},
		"a trickle": {func(s *storage, _ int, w http.ResponseWriter, r *http.Request) bool {
			return trickle(s, w, r, 10, time.Second)
		},
			"of 2097152 bytes to PATH.part; the next call resumes: no progress: less than 1 MiB in five minutes", 2 * time.Second},
		"cuts": {func(s *storage, _ int, w http.ResponseWriter, r *http.Request) bool { return s.cut(10, w, r) },
			"the next call resumes: no progress: less than 1 MiB in five minutes: unexpected EOF", 31 * time.Second},
		"errors": {func(_ *storage, _ int, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusBadGateway)
			return true
		},
			"no progress: less than 1 MiB in five minutes: storage answered 502 Bad Gateway", 31 * time.Second},
		"no connection": {nil, "get http://storage.test/migration/25320/24575: connection refused", 31 * time.Second},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 2<<20)
				path := target(t)
				source := s.source(t)
				if tt.answer == nil {
					source.Client.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
				} else {
					s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return tt.answer(s, n, w, r) }
				}
				begin := time.Now()
				_, err := transfer.File(t.Context(), source, path, transfer.Options{})
				require.Error(t, err)
				assert.Regexp(t, regexp.QuoteMeta(strings.ReplaceAll(tt.want, "PATH", path))+"$", err.Error())
				assert.InDelta(t, 5*time.Minute, time.Since(begin), float64(tt.within))
				most := 50
				if name == "cuts" {
					most = 600 // a connection that brought bytes is followed by the next one within a second
				}
				assert.Less(t, len(s.seen()), most, "storage is not hammered")
			})
		})
	}
	t.Run("counted from the last megabyte", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 3<<20)
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				switch n {
				case 1:
					return trickle(s, w, r, 1<<13, 2*time.Second) // 1.2 MiB in five minutes
				default:
					return false
				}
			}
			begin := time.Now()
			_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
			require.NoError(t, err)
			assert.Greater(t, time.Since(begin), 12*time.Minute)
		})
	})
	t.Run("not counting the wait for an address", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			s.locate = func(_ context.Context, n int) (transfer.Location, error) {
				time.Sleep(time.Hour) // a rate limit
				return transfer.Location{URL: s.url(n)}, nil
			}
			s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
				switch n {
				case 1:
					return s.cut(100, w, r)
				case 2:
					return xmlError(http.StatusForbidden, "", "")(w, r)
				}
				return false
			}
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.NoError(t, err)
			assert.Equal(t, 2, s.located)
		})
	})
}

func TestAGoodConnectionIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 5<<20)
		path := target(t)
		s.answer = func(n int, w http.ResponseWriter, r *http.Request) bool { return n < 5 && s.cut(1<<20, w, r) }
		begin := time.Now()
		_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
		require.NoError(t, err)
		assert.Zero(t, time.Since(begin))
		assert.Len(t, s.seen(), 5)
		assert.Equal(t, int64(5<<20), s.sentBytes(), "no byte is sent twice")
		requireComplete(t, path, s.object)
	})
}

func TestStatusErrorTellsWhatStorageSaid(t *testing.T) {
	cases := []struct {
		name, body string
		header     http.Header
		want       string
	}{
		{"S3", `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message>" +
			"<ArgumentName>Authorization</ArgumentName><RequestId>4442587FB7D0A2F9</RequestId><HostId>x</HostId></Error>", nil,
			"storage answered 400 InvalidArgument: Only one auth mechanism allowed (request 4442587FB7D0A2F9)"},
		{"Azure", "\ufeff" + `<?xml version="1.0" encoding="utf-8"?><Error><Code>InvalidHeaderValue</Code><Message>The value is not right.` +
			"\nRequestId:1\nTime:2</Message><HeaderName>x</HeaderName></Error>", http.Header{"X-Ms-Request-Id": {"b8a3"}},
			"storage answered 400 InvalidHeaderValue: The value is not right. (request b8a3)"},
		{"a proxy", "<html><body><h1>Bad Request</h1></body></html>", nil, "storage answered 400 Bad Request"},
		{"nothing", "", http.Header{"X-Amz-Request-Id": {"44"}}, "storage answered 400 Bad Request (request 44)"},
		{"half", "<Error><Code>Half</Code><Message>It br", nil, "storage answered 400 Half"},
		{"a novel", "<Error><Message>" + strings.Repeat("é", 10_000) + "</Message></Error>", nil,
			"storage answered 400 Bad Request: " + strings.Repeat("é", 150) + "…"},
		{"an attack on the terminal", "<Error><Message>a\u200b\u009bb\r\nc</Message></Error>", nil, "storage answered 400 Bad Request: ab"},
		{"a secret in pieces", "<Error><Message>5bb9c6e0\u200b%2Fdeadbeef</Message></Error>", nil, "storage answered 400 Bad Request: REDACTED"},
		{"a secret, decoded", "<Error><Message>5bb9c6e0/deadbeef</Message></Error>", nil, "storage answered 400 Bad Request: REDACTED"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorage(t, 1000)
				s.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
					maps.Copy(w.Header(), tt.header)
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write([]byte(tt.body))
					return true
				}
				_, err := transfer.File(t.Context(), s.source(t), target(t), transfer.Options{})
				require.EqualError(t, err, tt.want)
			})
		})
	}
}

func xmlError(status int, code, message string) handler {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if status != http.StatusNotModified {
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>", code, message)
		}
		return true
	}
}

func unsatisfiable(contentRange string) func(s *storage, w http.ResponseWriter, r *http.Request) bool {
	return func(_ *storage, w http.ResponseWriter, _ *http.Request) bool {
		if contentRange != "" {
			w.Header().Set("Content-Range", contentRange)
		}
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return true
	}
}

func stalledError(_ *storage, w http.ResponseWriter, r *http.Request) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte("<Error><Code>Slow"))
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	return true
}

func stalledEnd(s *storage, w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Range", "bytes 0-999/1000")
	w.Header().Set("Etag", s.etag)
	w.WriteHeader(http.StatusPartialContent)
	_ = http.NewResponseController(w).Flush()
	_, _ = w.Write(s.object)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
	return true
}

// An overridingWriter sends one header with another value, or not at all.
type overridingWriter struct {
	http.ResponseWriter
	name, value string
}

func (w *overridingWriter) WriteHeader(status int) {
	w.Header().Del(w.name)
	if w.value != "" {
		w.Header().Set(w.name, w.value)
	}
	w.ResponseWriter.WriteHeader(status)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
