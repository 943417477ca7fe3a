package transfer_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/internal/transfer"
)

func TestStorageThatRefusesRanges(t *testing.T) {
	for _, code := range []int{400, 403, 405, 416, 501} {
		refuse := xmlError(code, "Refused", "no")
		run(t, fmt.Sprintf("%d for every range", code), func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return r.Header.Get("Range") != "" && refuse(w, r)
			}
			log := requireLogged(t, s, target(t), inParallel(8))
			assert.Equal(t, 1, strings.Count(log, `msg="transfer falls back" to="a plain request"`))
			ranges := s.ranges()
			assert.Empty(t, ranges[len(ranges)-1])
			assert.LessOrEqual(t, len(ranges), 3)
			requireStreamed(t, s.source(t), s.object)
		})
		run(t, fmt.Sprintf("%d for every range but the first", code), func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if from, _ := rangeStart(r); from > 0 {
					return refuse(w, r)
				}
				return trickle(s, w, r, 4<<10, 50*time.Millisecond)
			}
			begin := time.Now()
			log := requireLogged(t, s, target(t), inParallel(8))
			assert.Equal(t, 1, strings.Count(log, `msg="transfer falls back" to="one range"`))
			assert.NotContains(t, log, "starts over", "the first connection fetches the whole object")
			assert.Less(t, time.Since(begin), 15*time.Second)
		})
		run(t, fmt.Sprintf("%d for every range after a cut", code), func(t *testing.T) {
			s := newStorage(t, 1000)
			s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n == 1 && s.cut(300, w, r) || r.Header.Get("Range") != "" && refuse(w, r)
			}
			log := requireLogged(t, s, target(t), transfer.Options{})
			assert.Equal(t, 1, strings.Count(log, `msg="transfer starts over"`))
			assert.Contains(t, log, `with="a plain request"`)
		})
		run(t, fmt.Sprintf("%d for every request of the next call", code), func(t *testing.T) {
			s := newStorage(t, 1000)
			path := target(t)
			interrupt(t, s, path, 300)
			s.respond = always(refuse)
			_, err := transfer.File(t.Context(), s.source(t), path, transfer.Options{})
			require.ErrorContains(t, err, "fetched 300 of 1000 bytes to "+path+".part; the next call resumes: storage responded "+strconv.Itoa(code))
			s.reset()
			got := requireFetched(t, s, path, transfer.Options{})
			assert.EqualValues(t, 300, got.Resumed, "an error loses no bytes")
		})
	}
}

// A proxy may fail every request with a Range without a reason.
func TestProxiesThatBreakAtARange(t *testing.T) {
	for name, respond := range map[string]numberedHandler{
		"cut":               always(hangUp),
		"stall":             always(silent),
		"502":               always(status(http.StatusBadGateway)),
		"503":               always(status(http.StatusServiceUnavailable)),
		"a 502, then stall": firstThen(status(http.StatusBadGateway), silent), // the range after the plain request ends late
	} {
		t.Run(name, func(t *testing.T) {
			log := requireBoth(t, wholeGzip(t, 100_000), func(_ *storage, n int, w http.ResponseWriter, r *http.Request) bool {
				return r.Header.Get("Range") != "" && respond(n, w, r)
			})
			assert.Equal(t, 1, strings.Count(log, `msg="transfer falls back" to="a plain request"`))
		})
	}
}

// A plain request may be the first request that succeeds after an outage. Then ranges
// were not at fault, and the download must not become one that cannot resume.
func TestAPlainRequestAfterAnOutageIsNoReasonToFallBack(t *testing.T) {
	for name, down := range map[string]handler{"cuts": hangUp, "silence": silent, "503": status(http.StatusServiceUnavailable)} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			up, cut := false, false
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				plain := r.Header.Get("Range") == ""
				if up = up || plain; !up {
					return down(w, r)
				}
				if !plain && !cut {
					cut = true
					return s.cut(1000, w, r)
				}
				return false
			}
			log := requireLogged(t, s, target(t), transfer.Options{})
			assert.NotContains(t, log, "falls back")
			ranges := s.ranges()
			assert.Equal(t, []string{"", firstRange, "bytes=1000-"}, ranges[len(ranges)-3:])
		})
	}
}

func TestEachConnectionHasAnotherETag(t *testing.T) {
	respond := func(s *storage, cut int) numberedHandler {
		return func(n int, w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("If-Match") != "" {
				return status(http.StatusPreconditionFailed)(w, r)
			}
			if n <= cut {
				w = &limitedWriter{w, 1000}
			}
			s.serve(&overridingWriter{ResponseWriter: w, name: "Etag", value: fmt.Sprintf(`"%d"`, n)}, r)
			return true
		}
	}
	for name, cuts := range map[string]int{"uncut": 0, "cut once": 1, "cut three times": 3} {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			s.respond = respond(s, cuts)
			requireFetched(t, s, target(t), inParallel(8))
		})
	}
	run(t, "as a stream", func(t *testing.T) {
		s := newStorage(t, 1<<20)
		s.respond = respond(s, 0)
		requireStreamed(t, s.source(t), s.object)
	})
}

func TestA200WithoutALengthAndWithTheSameETag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			return n == 1 && s.cut(1000, w, r) || from > 0 && s.sendAll(w, true)
		}
		log := requireLogged(t, s, target(t), inParallel(8))
		assert.NotContains(t, log, "changed")
	})
}

func TestOneStreamWhereRangesAreNotSupported(t *testing.T) {
	cases := map[string]struct {
		prepare func(s *storage)
		want    []string
	}{
		"storage ignores ranges": {func(s *storage) {
			s.respond = func(_ int, w http.ResponseWriter, _ *http.Request) bool { return s.sendAll(w, false) }
		}, []string{firstRange}},
		"storage ignores ranges and sends no size": {func(s *storage) {
			s.respond = func(_ int, w http.ResponseWriter, _ *http.Request) bool { return s.sendAll(w, true) }
		}, []string{firstRange}},
		"storage sends no validator": {func(s *storage) { s.etag, s.modified = "", "" }, []string{firstRange}},
		"storage ignores all ranges but the first": {func(s *storage) {
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				from, _ := rangeStart(r)
				return from > 0 && s.sendAll(w, false)
			}
		}, nil},
		"storage does not support If-Match": {func(s *storage) {
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				return r.Header.Get("If-Match") != "" && xmlError(http.StatusNotImplemented, "NotImplemented", "If-Match")(w, r)
			}
		}, nil},
		"storage sends Accept-Ranges: none": {func(s *storage) {
			s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Accept-Ranges", "none")
				return false
			}
		}, []string{firstRange}},
	}
	for name, tt := range cases {
		run(t, name, func(t *testing.T) {
			s := newStorage(t, 1<<20)
			tt.prepare(s)
			requireFetched(t, s, target(t), inParallel(8))
			ranges := s.ranges()
			if tt.want == nil {
				assert.Equal(t, firstRange, ranges[0])
				assert.LessOrEqual(t, len(ranges), 1+2*8+1)
			} else {
				assert.Equal(t, tt.want, ranges)
			}
		})
	}
	run(t, "the object is small", func(t *testing.T) {
		s := newStorage(t, 8*minChunk)
		s.object = s.object[:8*minChunk-1]
		requireFetched(t, s, target(t), inParallel(0))
		assert.Equal(t, []string{firstRange}, s.ranges())
	})
	run(t, "little is left", func(t *testing.T) {
		s := newStorage(t, 20*minChunk)
		path := target(t)
		interrupt(t, s, path, 15*minChunk)
		requireFetched(t, s, path, inParallel(0))
		assert.Equal(t, []string{"bytes=61440-"}, s.ranges())
	})
}

// If storage ignores ranges, it cannot send the rest of the object either. The error
// must not promise that the next call resumes.
func TestNoErrorPromisesToResumeWithoutRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(t, 1<<20)
		path := target(t)
		s.respond = func(n int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			return n == 1 && s.cut(1<<18, w, r) || from > 0 && s.sendAll(w, false) || s.cut(1<<19, w, r)
		}
		_, err := transfer.File(t.Context(), s.source(t), path, inParallel(8))
		require.ErrorContains(t, err, "fetched 524288 of 1048576 bytes to "+path+".part; the next call starts over: "+
			"storage does not support resuming: unexpected EOF; earlier requests with ranges failed: storage ignores the range of a request")

		s.reset()
		s.respond = func(_ int, w http.ResponseWriter, r *http.Request) bool {
			from, _ := rangeStart(r)
			return from > 0 && s.sendAll(w, false)
		}
		got := requireFetched(t, s, path, inParallel(8))
		assert.Zero(t, got.Resumed)
	})
}
