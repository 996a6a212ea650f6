package pager

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// waits are of alerts that are taken in alone, as they wait for what somebody else has: a group, or an incident.
// Of those that wait for the same one holds a connection, and of all a few, so that neither a group that is
// stuck nor many leave the others without one.
type waits struct {
	slots chan struct{}

	mu    sync.Mutex
	turns map[string]*turn // by what they wait for
}

type turn struct {
	lock    chan struct{} // held by whose turn it is
	waiting int           // it included
	since   time.Time     // when its turn began
}

// stuckAfter is how long a turn takes before nobody else is to wait for the same.
const stuckAfter = 100 * time.Millisecond

func newWaits(slots int) *waits {
	return &waits{slots: make(chan struct{}, max(1, slots)), turns: map[string]*turn{}}
}

// take does something when it is its turn, and after a channel is closed, if that is not nil; "" waits for nothing that
// others are known to wait for.
func (w *waits) take(ctx context.Context, name string, after <-chan struct{}, do func() error) error {
	var mine *turn
	if name != "" {
		mine = w.join(name)
		defer w.leave(name)
	}
	if after != nil {
		select {
		case <-after:
		case <-ctx.Done():
			return fmt.Errorf("waiting for what was told before of the same trouble: %w", ctx.Err())
		}
	}
	if mine != nil {
		select {
		case mine.lock <- struct{}{}:
			defer func() { <-mine.lock }()
		case <-ctx.Done():
			return fmt.Errorf("waiting behind others of the same trouble: %w", ctx.Err())
		}
		w.mu.Lock()
		mine.since = time.Now()
		w.mu.Unlock()
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for a connection: %w", ctx.Err())
	}
	return do()
}

func (w *waits) join(name string) *turn {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := w.turns[name]
	if mine == nil {
		mine = &turn{lock: make(chan struct{}, 1), since: time.Now()}
		w.turns[name] = mine
	}
	mine.waiting++
	return mine
}

func (w *waits) leave(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mine := w.turns[name]; mine.waiting > 1 {
		mine.waiting--
		return
	}
	delete(w.turns, name)
}

// stuck reports whether somebody waits for what has that name, and has for too long.
func (w *waits) stuck(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := w.turns[name]
	return mine != nil && time.Since(mine.since) > stuckAfter
}
