package export_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// A memoryStore is a Store in memory. Put fails if fail returns true.
type memoryStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	fail    func() bool
}

func newMemoryStore() *memoryStore {
	return &memoryStore{objects: map[string][]byte{}, fail: func() bool { return false }}
}

// failAfterTrial lets Put fail for all objects but the trial object.
func (s *memoryStore) failAfterTrial() {
	s.fail = func() bool { return len(s.objects) > 0 }
}

func (s *memoryStore) get(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[name]
}

func (s *memoryStore) Put(_ context.Context, name string, r io.Reader, size int64) error {
	s.mu.Lock()
	fails := s.fail()
	s.mu.Unlock()
	if fails {
		_, _ = io.CopyN(io.Discard, r, max(size/2, 1))
		return errors.New("the bucket is on fire")
	}
	data, err := io.ReadAll(r) // without the lock: r may wait for a network
	if err != nil {
		return err
	}
	if size >= 0 && int64(len(data)) != size {
		return io.ErrUnexpectedEOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[name] = data
	return nil
}

// A putFunc is a Store whose Put is the function. The function does not get the trial
// object.
type putFunc func(ctx context.Context, name string, r io.Reader) error

func (f putFunc) Put(ctx context.Context, name string, r io.Reader, _ int64) error {
	if strings.HasSuffix(name, "trial.json") {
		return nil
	}
	return f(ctx, name, r)
}

// discard is a putFunc that keeps no object.
func discard(_ context.Context, _ string, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
