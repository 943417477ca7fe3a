package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// period is the size of the repeated block. It is odd, so that chunks of an archive
// differ if their size is a power of two.
const period = 1<<20 - 1

// An archive is an object of random bytes that begins as gzip does. It repeats one
// block, so that it takes no memory.
type archive struct {
	size  int64
	block []byte
}

func newArchive(size int64) archive {
	block := make([]byte, period)
	_, _ = rand.NewChaCha8([32]byte{}).Read(block)
	copy(block, "\x1f\x8b\x08")
	return archive{size: size, block: block}
}

// at returns the bytes from an offset on, at least one and at most n.
func (a archive) at(offset, n int64) []byte {
	rest := a.block[offset%period:]
	return rest[:min(int64(len(rest)), n, a.size-offset)]
}

// sum returns the SHA-256 in hex.
func (a archive) sum() string {
	hash := sha256.New()
	for offset := int64(0); offset < a.size; {
		n, _ := hash.Write(a.at(offset, period))
		offset += int64(n)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// check compares a file with the archive.
func (a archive) check(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	block := make([]byte, period)
	for offset := int64(0); offset < a.size; {
		want := a.at(offset, period)
		got := block[:len(want)]
		if _, err := io.ReadFull(file, got); err != nil {
			return fmt.Errorf("read the file at offset %d: %w", offset, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("the file differs from the archive in the block at offset %d", offset)
		}
		offset += int64(len(want))
	}
	if n, _ := file.Read(block); n > 0 {
		return errors.New("the file is longer than the archive")
	}
	return nil
}

// A reader is the archive as [http.ServeContent] reads it. ServeContent uses the
// offset alone: the ReadFrom method of body writes the bytes without a copy.
type reader struct {
	archive
	offset int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.offset >= r.size {
		return 0, io.EOF
	}
	n := copy(p, r.at(r.offset, int64(len(p))))
	r.offset += int64(n)
	return n, nil
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.size
	}
	r.offset = offset
	return offset, nil
}
