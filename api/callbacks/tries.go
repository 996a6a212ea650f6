package callbacks

import (
	"sync"
	"time"
)

// maxNumbers is how many phone numbers are remembered; then it begins anew.
const maxNumbers = 10_000

// tries limits what a phone number may do in vain within a window, on this node.
type tries struct {
	limit  int
	window time.Duration
	now    func() time.Time

	mu      sync.Mutex
	vain    map[string][]time.Time
	pending map[string]int // begun and not ended
}

func newTries(limit int, window time.Duration) *tries {
	return &tries{limit: limit, window: window, now: time.Now, vain: map[string][]time.Time{}, pending: map[string]int{}}
}

// may is whether a number may try.
type may int

const (
	mayTry  may = iota
	mayWait     // until it is known what became of those under way
	mayNot      // until the window is over
)

// begin begins a try if it may; then end has to follow.
func (t *tries) begin(number string) may {
	t.mu.Lock()
	defer t.mu.Unlock()
	vain := len(t.recent(number))
	switch {
	case vain >= t.limit:
		return mayNot
	case vain+t.pending[number] >= t.limit:
		return mayWait
	}
	t.pending[number]++
	return mayTry
}

// end ends a try; only those in vain count.
func (t *tries) end(number string, inVain bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[number]--; t.pending[number] == 0 {
		delete(t.pending, number)
	}
	if !inVain {
		return
	}
	if len(t.vain) >= maxNumbers {
		clear(t.vain)
	}
	t.vain[number] = append(t.recent(number), t.now())
}

// recent are the tries in vain that still count.
func (t *tries) recent(number string) []time.Time {
	list := t.vain[number]
	for len(list) > 0 && t.now().Sub(list[0]) >= t.window {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(t.vain, number)
	}
	return list
}
