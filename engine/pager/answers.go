package pager

import (
	"context"
	"errors"
	"sync"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters/rosterdb"
)

// answerers is how many of the pages that one answer is about are answered at the same time.
const answerers = 8

// each does n things, some of them at the same time.
func each(n int, do func(i int)) {
	var doing sync.WaitGroup
	turns := make(chan struct{}, answerers)
	for i := range n {
		turns <- struct{}{}
		doing.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	doing.Wait()
}

// answerAll answers every page that an answer is about, each in a transaction of its own: one that fails stops
// no other. An answer that a provider repeats is carried out where it was not yet, and ErrSeen says that
// there was nothing left. After another error the reply counts what was done, and the same answer may be
// given again.
func (p *Pager) answerAll(ctx context.Context, m meaning, a engine.Answer) (Reply, error) {
	n := len(m.pages)
	done := make([]answered, n+len(m.over))
	each(len(done), func(i int) {
		d := &done[i]
		d.err = recovered(func() (err error) {
			if i >= n {
				d.key = m.over[i-n].Key
				d.reply, err = p.standing(ctx, m.over[i-n], a)
				return err
			}
			d.key = m.pages[i].Key
			d.reply, err = p.answerOne(ctx, m.pages[i], a, m.event(i))
			return err
		})
	})
	r, err := sum(done)
	r.Tally.Barred = m.barred
	return r, err
}

// standing is the reply to an answer about a page that is closed: it does nothing any more.
func (p *Pager) standing(ctx context.Context, to enginedb.PageRef, a engine.Answer) (Reply, error) {
	inc, err := enginedb.New(p.cfg.DB).Incident(ctx, to.Key)
	if err != nil {
		return Reply{}, notThere(err)
	}
	a.Person, a.Page = to.Person, to.Page
	r, err := p.reply(ctx, rosterdb.New(p.cfg.DB), inc, a)
	if r.Outcome != engine.OutcomeTaken && r.Outcome != engine.OutcomeStillOn && r.Outcome != engine.OutcomeResolved {
		r.Outcome = engine.OutcomeNothing
	}
	return r, err
}

// answered is what became of an answer to one page of several.
type answered struct {
	key   engine.Key
	reply Reply
	err   error
}

// The ways an answer to a page ends, for the tally; of two pages of an incident the higher one counts.
const (
	endOver = iota + 1
	endTaken
	endDone
	endFailed
)

// sum makes one reply of many: what was done tells the outcome, if anything was. An incident counts once,
// whatever it was paged for.
func sum(all []answered) (Reply, error) {
	var total Reply
	var failed []error
	seen, best := 0, 0
	ends := map[engine.Key]int{}
	for _, d := range all {
		end := endOver
		switch {
		case errors.Is(d.err, ErrNotFound), errors.Is(d.err, ErrResolved):
		case d.err != nil && !errors.Is(d.err, ErrSeen):
			failed = append(failed, d.err)
			end = endFailed
		default:
			if d.err != nil {
				seen++
			}
			end = endOf(d.reply.Outcome)
			if total.Key == "" || end == endDone && best != endDone {
				total, best = d.reply, end
			}
		}
		ends[d.key] = max(ends[d.key], end)
	}
	for _, end := range ends {
		switch end {
		case endOver:
			total.Tally.Over++
		case endTaken:
			total.Tally.Taken++
		case endDone:
			total.Tally.Done++
		default:
			total.Tally.Failed++
		}
	}
	switch {
	case len(failed) > 0:
		return total, errors.Join(failed...)
	case seen == len(all):
		return total, ErrSeen
	default:
		return total, nil
	}
}

func endOf(o engine.Outcome) int {
	switch o {
	case engine.OutcomeTaken:
		return endTaken
	case engine.OutcomeResolved, engine.OutcomeNothing:
		return endOver
	default:
		return endDone
	}
}
