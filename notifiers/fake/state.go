package fake

import (
	"context"
	"strings"
	"sync"
	"time"
)

// State is a lock around some values, with a signal when they change. The zero value works. Hold
// the lock to read; change them with Update only.
type State struct {
	sync.Mutex
	changed chan struct{} // closed, and replaced, by every Update
}

// Update changes the values and wakes everybody who awaits something of them.
func (s *State) Update(change func()) {
	s.Lock()
	defer s.Unlock()
	change()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Await waits until ready returns true, and tells whether it did before ctx ended. ready runs with
// the lock held.
func (s *State) Await(ctx context.Context, ready func() bool) bool {
	for {
		s.Lock()
		if ready() {
			s.Unlock()
			return true
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// TB is what the Expect methods of fake providers need of a *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Sleep waits for d or the end of ctx, and tells whether it was d.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// ContainsAll tells whether text contains every part.
func ContainsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
