package intake

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"rouse/engine"
	"rouse/notifiers"
)

// How a request that brings many alerts is taken in.
const (
	maxAbreast = 32               // of its alerts are taken in at the same time, at most: so they share transactions
	perLane    = 8                // a few are taken in one after the other
	maxReceive = 20 * time.Second // for all of them, as long as one after the other is stored
)

// until is when a request is to be answered: when its context says so, and later by what its body took to
// come, as that is the sender's time.
func (h *Handler) until(r *http.Request) time.Time {
	end, ok := r.Context().Deadline()
	if !ok {
		end = time.Now().Add(h.patience)
	}
	if body, ok := r.Body.(interface{ Waited() time.Duration }); ok {
		end = end.Add(body.Waited())
	}
	return end
}

// within lasts until a request is to be answered, also if its sender, who has sent an alert, hangs up.
func (h *Handler) within(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(r.Context()), h.until(r))
}

// batch is the alerts of one request on their way in.
type batch struct {
	h    *Handler
	done []received

	mu     sync.Mutex
	until  time.Time // when the next is to be stored
	end    time.Time // when all are
	stored int
	over   bool // the others would wait in vain as well
	failed int
	err    error  // the first one
	source string // of that alert
	panic  any    // what one of them panicked with
}

// receive stores the alerts: a few one after the other, of many several at the same time, those of one trouble
// in their order. One that the engine fails on does not keep the others from being stored; false says that
// there was one. The alerts that were read are stored even if the sender has hung up meanwhile.
//
// While the database stores one after the other, a request with many alerts may take longer than one with
// few: sent again it would take as long.
func (h *Handler) receive(r *http.Request, from Sender, alerts []engine.Alert) ([]received, bool) {
	b := &batch{h: h, done: make([]received, len(alerts)), until: h.until(r), end: time.Now().Add(maxReceive)}
	ctx := context.WithoutCancel(r.Context())
	h.warnOfDoubt(ctx, from, alerts)
	lanes := make(chan struct{}, min(maxAbreast, 1+len(alerts)/perLane))
	last := map[string]chan struct{}{} // closed when the last alert so far that has a name is done
	var all sync.WaitGroup
	for i, a := range alerts {
		lanes <- struct{}{}
		done := make(chan struct{})
		var before []chan struct{}
		for _, name := range namesOf(a) {
			if other, ok := last[name]; ok {
				before = append(before, other)
			}
			last[name] = done
		}
		all.Go(func() {
			defer func() { close(done); <-lanes }()
			defer b.recover()
			for _, other := range before {
				<-other
			}
			b.take(ctx, i, a)
		})
	}
	all.Wait()
	if b.panic != nil {
		panic(b.panic) // where it ends the request alone
	}
	if b.failed > 0 {
		h.log.WarnContext(ctx, "alerts not stored: their sender is told to send them again", "source", b.source, "api_key", from.Prefix,
			"alerts", len(alerts), "not_stored", b.failed, "err", notifiers.MaskNumbers(b.err.Error()))
	}
	return b.done, b.failed == 0
}

// namesOf are what an alert shares with others of the same trouble, whose order counts.
func namesOf(a engine.Alert) (names []string) {
	if a.DedupKey != "" {
		names = append(names, "dedup "+a.DedupKey)
	}
	if a.Key != "" {
		names = append(names, "key "+string(a.Key))
	}
	if a.Incident != "" && a.Incident != a.Key {
		names = append(names, "key "+string(a.Incident))
	}
	return names
}

// take stores one of the alerts.
func (b *batch) take(ctx context.Context, i int, a engine.Alert) {
	b.mu.Lock()
	until, over, stored := b.until, b.over, b.stored
	b.mu.Unlock()
	if over {
		b.fail(a, context.DeadlineExceeded, false)
		return
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	got, err := b.h.engine.Receive(ctx, a)
	if err != nil {
		b.mu.Lock()
		hangs := ctx.Err() != nil && b.stored == stored // no other was stored since
		b.mu.Unlock()
		b.fail(a, errors.Join(ctx.Err(), err), hangs)
		return
	}
	b.done[i] = received{Key: got.Key, Outcome: got.Outcome, DedupKey: got.DedupKey, Why: got.Why, Remark: got.Remark}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored++
	if next := time.Now().Add(b.h.patience); next.After(b.until) {
		b.until = next
	}
	if b.until.After(b.end) {
		b.until = b.end
	}
}

func (b *batch) recover() {
	if cause := recover(); cause != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.panic = cause
	}
}

// fail counts an alert that was not stored; hangs says that the database does.
func (b *batch) fail(a engine.Alert, err error, hangs bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed++; b.err == nil {
		b.err, b.source = err, a.Source
	}
	b.over = b.over || hangs
}
