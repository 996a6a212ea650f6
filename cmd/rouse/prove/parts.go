package prove

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// part is a piece of an experiment that has a rig of its own.
type part struct {
	name string
	run  func(ctx context.Context, t *trial) (Result, error)
}

// raw is what the figures of a result were made of, for results that are put together.
type raw struct{ late, overdue, rescued []time.Duration }

// parts does the pieces of an experiment one after the other, each in a folder of its own, and puts what
// they found together. One that cannot be done on this machine is noted, and costs the others nothing.
func (t *trial) parts(ctx context.Context, all ...part) (together Result, err error) {
	for _, p := range all {
		if ctx.Err() != nil {
			break
		}
		its := &trial{o: t.o, name: t.name, dir: filepath.Join(t.dir, p.name), rand: t.chance("part", p.name)}
		if err := os.Mkdir(its.dir, 0o755); err != nil {
			return together, fmt.Errorf("making a folder for %s: %w", p.name, err)
		}
		t.say("%s", p.name)
		r, err := p.run(ctx, its)
		if skip, ok := errors.AsType[*skipped](err); ok {
			together.note("%s: not done: %s", p.name, skip.why)
			continue
		}
		if err != nil && ctx.Err() != nil && together.N > 0 {
			break // what was done before counts
		}
		if err != nil {
			return together, fmt.Errorf("%s: %w", p.name, err)
		}
		together.add(p.name, r)
	}
	return together, nil
}

// add puts what a part found to the rest.
func (r *Result) add(part string, more Result) {
	r.Unit = more.Unit
	for _, sum := range []struct {
		of   *int
		more int
	}{
		{&r.N, more.N}, {&r.Pages, more.Pages}, {&r.Sent, more.Sent}, {&r.Answers, more.Answers}, {&r.Refused, more.Refused},
		{&r.Lost, more.Lost}, {&r.Duplicated, more.Duplicated}, {&r.InFlight, more.InFlight}, {&r.SentAfterAck, more.SentAfterAck},
		{&r.WrongPerson, more.WrongPerson}, {&r.TooLate, more.TooLate}, {&r.Early, more.Early}, {&r.Strays, more.Strays},
		{&r.RangOn, more.RangOn}, {&r.Regress, more.Regress}, {&r.Raced, more.Raced}, {&r.HungUp, more.HungUp}, {&r.Bundled, more.Bundled},
	} {
		*sum.of += sum.more
	}
	r.AfterAckMax = max(r.AfterAckMax, more.AfterAckMax)
	r.raw.late, r.raw.overdue = append(r.raw.late, more.raw.late...), append(r.raw.overdue, more.raw.overdue...)
	r.raw.rescued = append(r.raw.rescued, more.raw.rescued...)
	r.spread()
	for _, n := range more.Notes {
		r.note("%s: %s", part, n)
	}
	for _, b := range more.Breaches {
		r.breach(b)
	}
}

// spread makes the figures of a result from what they are made of.
func (r *Result) spread() {
	r.Late, r.Overdue, r.Rescued = spreadOf(r.raw.late), spreadOf(r.raw.overdue), spreadOf(r.raw.rescued)
}

// breach adds what was not kept; what is of one kind stands together.
func (r *Result) breach(b Breach) {
	i := slices.IndexFunc(r.Breaches, func(other Breach) bool { return other.Expected == b.Expected })
	if i < 0 {
		r.Breaches = append(r.Breaches, b)
		return
	}
	same := &r.Breaches[i]
	same.N += b.N
	same.Found = append(same.Found, b.Found[:min(len(b.Found), max(0, maxFound-len(same.Found)))]...)
	same.Keys = append(same.Keys, b.Keys[:min(len(b.Keys), max(0, maxKeys-len(same.Keys)))]...)
}

// breached counts the breaches of one promise.
func (r *Result) breached(expected string) int {
	for _, b := range r.Breaches {
		if b.Expected == expected {
			return b.N
		}
	}
	return 0
}
