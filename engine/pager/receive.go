package pager

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
)

// arrival is an alert on its way in.
type arrival struct {
	ctx    context.Context // of whoever waits for the answer
	alert  engine.Alert
	open   int64 // the incident that it belongs to, as far as the database knew; 0: none
	back   bool  // that one was resolved, and comes back
	routed engine.Routed
	result Received
	alone  bool   // it needs a transaction of its own
	behind string // what that waits for, if it is known
	err    error
	done   chan struct{} // closed when result or err is there
}

// receiveWithin is how long alerts that share a transaction may take.
const receiveWithin = 10 * time.Second

// Receive opens an incident, joins one, or ends one (rules 1, 13). Alerts that come at the same time share
// a transaction, each with its own answer.
func (p *Pager) Receive(ctx context.Context, a engine.Alert) (Received, error) {
	p.reach(AlertRead)
	in := &arrival{ctx: ctx, alert: storable(a), done: make(chan struct{})}
	if in.alert.Action == engine.Ping {
		return p.beat(ctx, in.alert)
	}
	p.arrivals.join(in)
	select {
	case <-in.done:
	case <-ctx.Done():
		return Received{}, fmt.Errorf("receiving an alert: %w", ctx.Err()) // it may be stored nevertheless
	}
	p.reach(AlertCommitted)
	if in.err != nil {
		return Received{}, fmt.Errorf("receiving an alert: %w", in.err)
	}
	p.metrics.alerts.WithLabelValues(in.alert.Source, string(in.result.Outcome)).Inc()
	return in.result, nil
}

// receive takes in alerts in one transaction, and by themselves those that could not be: so that one that
// cannot be stored, or waits for a lock, is nobody else's trouble.
func (p *Pager) receive(some []*arrival) {
	ctx, cancel := whileWaitedFor(some)
	defer cancel()
	err := deciding(func() error {
		return p.inOneTx(ctx, p.cfg.Intake, func(tx pgx.Tx, digits int) (func(), error) {
			return p.receiveIn(ctx, tx, some, digits, false)
		})
	})
	var left []*arrival
	for _, in := range some {
		switch {
		case err != nil && !refused(err): // no database: each would wait for it once more
			in.err = err
			close(in.done)
		case err != nil:
			in.leave("")
			left = append(left, in)
		case in.alone:
			left = append(left, in)
		default:
			close(in.done)
		}
	}
	last := map[string]*arrival{} // of each trouble: its end must not come before its beginning
	for _, in := range left {
		before := last[in.trouble()]
		if in.trouble() != "" {
			last[in.trouble()] = in
		}
		go p.receiveAlone(in, before)
	}
}

// trouble names what an alert tells of, "" if that is nothing that others could tell of.
func (in *arrival) trouble() string {
	if in.alert.DedupKey == "" {
		return ""
	}
	return "key\x00" + string(in.alert.Service) + "\x00" + in.alert.DedupKey
}

// whileWaitedFor ends when nobody waits any more for what becomes of the alerts: an alert whose sender was
// turned away is not stored behind its back, unless it shares a transaction with others.
func whileWaitedFor(some []*arrival) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), receiveWithin)
	var gone atomic.Int64
	stops := make([]func() bool, 0, len(some))
	for _, in := range some {
		stops = append(stops, context.AfterFunc(in.ctx, func() {
			if gone.Add(1) == int64(len(some)) {
				cancel()
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// leave marks an alert that needs a transaction of its own, which waits for what has that name.
func (in *arrival) leave(behind string) { in.alone, in.behind = true, behind }

// receiveAlone takes in an alert in a transaction of its own, when another one is done with, if not nil.
func (p *Pager) receiveAlone(in, before *arrival) {
	ctx, cancel := context.WithTimeout(in.ctx, receiveWithin)
	defer cancel()
	var after <-chan struct{}
	if before != nil {
		after = before.done
	}
	in.err = p.waits.take(ctx, in.behind, after, func() error {
		return deciding(func() error {
			return p.inTx(ctx, p.cfg.Intake, func(tx pgx.Tx, digits int) (func(), error) {
				return p.receiveIn(ctx, tx, []*arrival{in}, digits, true)
			})
		})
	})
	close(in.done)
}

// deciding makes a panic an error about the alert: it must not end the process, and with it the pages of
// others, each time that its sender tells it again.
func deciding(f func() error) (err error) {
	panicked := true
	failed := recovered(func() error {
		err = f()
		panicked = false
		return nil
	})
	if panicked {
		return fmt.Errorf("%w: %w", errDecision, failed)
	}
	return err
}

// receiveIn takes in alerts in one transaction. One that is alone waits for its incident; of several,
// those whose incident somebody else holds, and those that do not go together, are left and marked.
func (p *Pager) receiveIn(ctx context.Context, tx pgx.Tx, some []*arrival, digits int, alone bool) (func(), error) {
	for _, in := range some {
		in.result, in.alone, in.behind = Received{DedupKey: in.alert.DedupKey}, false, ""
	}
	r, err := p.gather(ctx, tx, some, digits, alone)
	if err != nil {
		return nil, err
	}
	for _, in := range some {
		if first := r.left[in.trouble()]; first != nil && !in.alone { // so that it does not come first
			in.leave(first.behind)
		}
		if !in.alone {
			if err := r.take(in); err != nil {
				return nil, err
			}
			in.result.Remark = in.remark()
		}
		if in.alone && in.trouble() != "" {
			r.left[in.trouble()] = in
		}
		if in.alone && alone { // its incident was resolved while it waited for the lock
			return nil, fmt.Errorf("joining an incident: %w", errMet)
		}
	}
	after, err := r.save()
	p.reach(AlertDecided)
	return after, err
}
