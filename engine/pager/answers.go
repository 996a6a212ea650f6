package pager

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"rouse/engine"
	"rouse/engine/enginedb"
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

// answerAll answers every page that a message told, each in a transaction of its own: one that fails stops
// no other. An answer that a provider repeats is carried out where it was not yet, and ErrSeen says that
// there was nothing left. After another error the reply counts what was done, and the same answer may be
// given again.
func (p *Pager) answerAll(ctx context.Context, pages []enginedb.PageRef, a engine.Answer, event string) (Reply, error) {
	replies := make([]Reply, len(pages))
	errs := make([]error, len(pages))
	each(len(pages), func(i int) {
		once := event
		if once != "" && i > 0 { // the first one's is what an older release looks for
			once = fmt.Sprintf("%s/%d-%d", event, pages[i].Incident, pages[i].Page)
		}
		errs[i] = recovered(func() (err error) { replies[i], err = p.answerOne(ctx, pages[i], a, once); return err })
	})
	return sum(replies, errs)
}

// sum makes one reply of many: what was done tells the outcome, if anything was.
func sum(replies []Reply, errs []error) (Reply, error) {
	var all Reply
	var failed []error
	seen := 0
	for i, r := range replies {
		switch err := errs[i]; {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrResolved):
			all.Tally.Over++
			continue
		case errors.Is(err, ErrSeen):
			seen++
		case err != nil:
			failed = append(failed, err)
			all.Tally.Failed++
			continue
		}
		done := all.Tally.Done
		all.Tally.count(r.Outcome)
		if all.Key == "" || done == 0 && all.Tally.Done > 0 {
			tally := all.Tally
			all = r
			all.Tally = tally
		}
	}
	switch {
	case len(failed) > 0:
		return all, errors.Join(failed...)
	case seen == len(replies):
		return all, ErrSeen
	default:
		return all, nil
	}
}

func (t *Tally) count(o engine.Outcome) {
	switch o {
	case engine.OutcomeTaken:
		t.Taken++
	case engine.OutcomeResolved, engine.OutcomeNothing:
		t.Over++
	default:
		t.Done++
	}
}
