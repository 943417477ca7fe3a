package gunzip_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ghmigrate/ghmigrate/archive/internal/gunzip"
)

// unpack unpacks with buffers that have room for size bytes beside what came
// before.
func unpack(r io.Reader, size int) ([]byte, error) {
	z := gunzip.NewReader(r)
	buf := make([]byte, gunzip.Window+size+gunzip.Slack)
	var out []byte
	for {
		kept := copy(buf, out[max(0, len(out)-gunzip.Window):])
		end, err := z.Fill(buf[:kept+size+gunzip.Slack], kept)
		out = append(out, buf[kept:end]...)
		if err != nil {
			return out, err
		}
	}
}

// reference unpacks with the standard library, as strictly.
func reference(data []byte) ([]byte, error) {
	in := bytes.NewReader(data)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	out, err := io.ReadAll(z)
	if err == nil && in.Len() > 0 {
		err = gunzip.ErrTrailing
	}
	return out, err
}

func pack(tb testing.TB, level int, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	require.NoError(tb, err)
	_, err = w.Write(data)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// contents are of each sort that deflate treats in its own way.
func contents() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	skewed := make([]byte, 200_000) // codes of all lengths
	for i := range skewed {
		skewed[i] = byte(random.ExpFloat64() * 12)
	}
	var text strings.Builder
	for text.Len() < 300_000 {
		text.WriteString([]string{"the ", "archive ", "of ", "a ", "migration ", "\n", "holds ", "records "}[random.IntN(8)])
		if random.IntN(10) == 0 {
			text.WriteByte(byte(random.Uint32()))
		}
	}
	return map[string][]byte{
		"nothing":      {},
		"a byte":       {'x'},
		"a few bytes":  []byte("hello, hello, hello"),
		"one byte":     make([]byte, 500_000),
		"seven bytes":  bytes.Repeat([]byte("1234567"), 50_000),
		"noise":        noise,
		"skewed":       skewed,
		"text":         []byte(text.String()),
		"far away":     slicesOf(noise[:32768], noise[:32768], noise[:1000]),
		"all sorts":    slicesOf(noise[:70_000], skewed, bytes.Repeat([]byte{1, 2}, 40_000), []byte(text.String()), noise[:10]),
		"window again": bytes.Repeat(noise[:32768], 8),
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestReaderUnpacksWhatGzipPacked(t *testing.T) {
	for name, content := range contents() {
		t.Run(name, func(t *testing.T) {
			for _, level := range []int{gzip.NoCompression, gzip.BestSpeed, gzip.DefaultCompression, gzip.BestCompression, gzip.HuffmanOnly} {
				packed := pack(t, level, content)
				for _, size := range []int{1, 1000, 128 << 10} {
					if size == 1 && len(content) > 100 {
						continue
					}
					got, err := unpack(bytes.NewReader(packed), size)
					require.Equal(t, io.EOF, err)
					require.True(t, bytes.Equal(content, got), "level %d, %d bytes a buffer", level, size)
				}
			}
		})
	}
}

func TestReaderTakesInputInAnyPieces(t *testing.T) {
	content := contents()["all sorts"]
	packed := pack(t, gzip.DefaultCompression, content)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"single bytes":       iotest.OneByteReader,
		"halves":             iotest.HalfReader,
		"the end with bytes": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := unpack(wrap(bytes.NewReader(packed)), 1000)
			require.Equal(t, io.EOF, err)
			require.True(t, bytes.Equal(content, got))
		})
	}
}

func TestReaderTakesAllFormsOfHeader(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	_, err := w.Write([]byte("content"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	got, err := unpack(&b, 100)
	require.Equal(t, io.EOF, err)
	assert.Equal(t, "content", string(got))
}

func TestReaderTellsWhatIsWrong(t *testing.T) {
	packed := pack(t, gzip.DefaultCompression, contents()["text"])
	broken := errors.New("broken")
	change := func(i int, b byte) io.Reader {
		c := bytes.Clone(packed)
		c[(i+len(c))%len(c)] ^= b
		return bytes.NewReader(c)
	}
	tests := map[string]struct {
		in   io.Reader
		want error
	}{
		"no input":          {strings.NewReader(""), io.ErrUnexpectedEOF},
		"not gzip":          {strings.NewReader("PK\x03\x04 and so on"), gunzip.ErrHeader},
		"unknown flags":     {change(3, 0x80), gunzip.ErrHeader},
		"reserved block":    {change(10, 0x07), gunzip.ErrCorrupt},
		"wrong checksum":    {change(-8, 1), gunzip.ErrChecksum},
		"wrong size":        {change(-1, 1), gunzip.ErrChecksum},
		"no trailer":        {bytes.NewReader(packed[:len(packed)-8]), io.ErrUnexpectedEOF},
		"a byte missing":    {bytes.NewReader(packed[:len(packed)-1]), io.ErrUnexpectedEOF},
		"a byte too much":   {bytes.NewReader(append(bytes.Clone(packed), 0)), gunzip.ErrTrailing},
		"two members":       {bytes.NewReader(append(bytes.Clone(packed), packed...)), gunzip.ErrTrailing},
		"broken input":      {io.MultiReader(bytes.NewReader(packed[:1000]), iotest.ErrReader(broken)), broken},
		"broken at the end": {io.MultiReader(bytes.NewReader(packed), iotest.ErrReader(broken)), broken},
		"no progress":       {stuck{}, io.ErrNoProgress},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(test.in, 1000)
			assert.Equal(t, test.want, err)
		})
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// What was cut must not make anything up: what comes out is what was there.
func TestReaderOfEveryPrefixYieldsAPrefix(t *testing.T) {
	for name, content := range contents() {
		t.Run(name, func(t *testing.T) {
			content = content[:min(len(content), 500)]
			for _, level := range []int{gzip.NoCompression, gzip.DefaultCompression, gzip.HuffmanOnly} {
				packed := pack(t, level, content)
				for n := range packed {
					got, err := unpack(bytes.NewReader(packed[:n]), 500)
					require.Equal(t, io.ErrUnexpectedEOF, err, n)
					require.True(t, bytes.HasPrefix(content, got), n)
				}
			}
		})
	}
}

// check compares with the standard library: the same output up to a fault, and
// a fault wherever it finds one.
func check(t *testing.T, data []byte) {
	t.Helper()
	want, wantErr := reference(data)
	got, err := unpack(bytes.NewReader(data), 50_000)
	if len(data) >= 10 && data[3]>>5 != 0 { // which the format forbids, and compress/gzip takes
		require.Equal(t, gunzip.ErrHeader, err)
		return
	}
	require.Equal(t, wantErr == nil, errors.Is(err, io.EOF), "%v, want %v", err, wantErr)
	if wantErr == nil {
		require.True(t, bytes.Equal(want, got))
	}
	if errors.Is(wantErr, gzip.ErrChecksum) {
		require.ErrorIs(t, err, gunzip.ErrChecksum)
		require.True(t, bytes.Equal(want, got))
	}
}

func TestReaderFindsTheFaultsThatCompressGzipFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, content := range contents() {
		t.Run(name, func(t *testing.T) {
			packed := pack(t, gzip.DefaultCompression, content[:min(len(content), 20_000)])
			for range 100 {
				damaged := bytes.Clone(packed)
				for range 1 + random.IntN(3) {
					damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
				}
				check(t, damaged)
			}
		})
	}
}

// The last symbol may begin in the last byte before the trailer.
func TestReaderDecodesUpToTheTrailer(t *testing.T) {
	var all []byte
	for n := range 300 {
		all = append(all, byte(n*n>>3))
		for _, level := range []int{gzip.BestSpeed, gzip.DefaultCompression, gzip.HuffmanOnly} {
			check(t, pack(t, level, all))
		}
	}
	fixed := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 'c', '$', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	_, err := unpack(bytes.NewReader(fixed), 100)
	assert.Equal(t, gunzip.ErrChecksum, err)
}

func FuzzReader(f *testing.F) {
	for _, content := range contents() {
		for _, level := range []int{gzip.NoCompression, gzip.DefaultCompression, gzip.HuffmanOnly} {
			f.Add(pack(f, level, content[:min(len(content), 2000)]))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

// FuzzDeflate leaves the header and the checksum to the test, so that what the
// fuzzer makes up is decoded.
func FuzzDeflate(f *testing.F) {
	for _, content := range contents() {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.HuffmanOnly} {
			packed := pack(f, level, content[:min(len(content), 2000)])
			f.Add(packed[10 : len(packed)-8])
		}
	}
	header := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, slicesOf(header, data, make([]byte, 8))) })
}
