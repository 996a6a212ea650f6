package callbacks

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rouse/engine/enginedb"
)

// Guesses counts codes for all nodes; enginedb.Store is it outside tests.
type Guesses interface {
	BeginGuess(ctx context.Context, number string, limit int, window time.Duration) (enginedb.Guess, error)
	EndGuess(ctx context.Context, id int64, wrong bool) error
}

// shareWithin is how long an answer waits at most to learn what came to other nodes.
const shareWithin = time.Second

// guesses limits wrong codes by phone number: on all nodes together, and as long as the database is away on
// this one.
type guesses struct {
	here   *tries
	shared Guesses // nil: there is only this node
	log    *slog.Logger
}

// begin begins a guess if it may; then end has to follow, with the id.
func (g *guesses) begin(ctx context.Context, number string) (id int64, m may) {
	if m := g.here.begin(number); m != mayTry || g.shared == nil {
		return 0, m
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shareWithin)
	defer cancel()
	got, err := g.shared.BeginGuess(ctx, number, g.here.limit, g.here.window)
	switch {
	case err != nil:
		g.log.WarnContext(ctx, "wrong codes are counted on this node alone, as the database cannot be asked", "err", mask(err))
		return 0, mayTry
	case got.ID != 0:
		return got.ID, mayTry
	}
	g.here.end(number, false)
	if got.Wrong >= g.here.limit {
		return 0, mayNot
	}
	return 0, mayWait
}

// end ends a guess; only wrong ones count.
func (g *guesses) end(ctx context.Context, number string, id int64, wrong bool) {
	g.here.end(number, wrong)
	if id == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shareWithin)
	defer cancel()
	if err := g.shared.EndGuess(ctx, id, wrong); err != nil {
		g.log.WarnContext(ctx, "a code is taken for one that is still looked up, as the database cannot be told", "err", mask(err))
	}
}

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
