package simulator

import (
	"slices"
	"time"
)

// point is what a node is about to do when it may be killed: between any two of them something has been
// written, sent or learnt that the others must live with. They are those of pager.Points, and some more.
type point uint8

const (
	start point = iota
	alertRead
	alertDecided
	alertCommitted
	alertAnswered
	jobFetched
	leaseTaken
	leaseRenewed
	providerAsked
	providerCalled
	reportDecided
	reportCommitted
	reportLearnt
	sweeping
	swept
	takenOver
	choosing
	tickDue
	tickDecided
	tickCommitted
	tickLearnt
	receiptRead
	receiptDecided
	receiptCommitted
	receiptAnswered
	answerRead
	answerDecided
	answerCommitted
	answerAnswered
	hangingUp
	hungUp
	points
)

var pointNames = [points]string{
	"starting", "reading an alert", "deciding about an alert", "committing an alert", "answering an alert's sender",
	"taking up a job", "sending what it claimed", "renewing a lease", "hearing what a provider has", "hearing from a provider",
	"deciding about a report", "committing a report", "ending a send", "sweeping", "carrying out a sweep", "sending what it took over",
	"choosing what goes out together",
	"ticking", "deciding about a tick", "committing a tick", "ending a tick", "reading a receipt", "deciding about a receipt",
	"committing a receipt", "answering a receipt", "reading an answer", "deciding about an answer", "committing an answer",
	"telling a person", "hanging up", "writing that a call is over",
}

// event is something that will happen.
type event struct {
	at    time.Duration
	node  *node // who does it; nil: the world outside
	life  int   // the node's when it was planned: what a dead node was about to do never happens
	point point
	moot  *bool // if true by then, there is nothing to do
	do    func()
}

// agenda holds what will happen, the latest first, so that the next stands at the end. Of what happens at
// the same time the first planned comes first.
type agenda []event

func (a *agenda) add(e event) {
	i, _ := slices.BinarySearchFunc(*a, e.at, func(e event, at time.Duration) int {
		if e.at > at {
			return -1
		}
		return 1
	})
	*a = slices.Insert(*a, i, e)
}

func (a agenda) next() (at time.Duration, ok bool) {
	if len(a) == 0 {
		return 0, false
	}
	return a[len(a)-1].at, true
}

func (a *agenda) pop() event {
	e := (*a)[len(*a)-1]
	(*a)[len(*a)-1] = event{}
	*a = (*a)[:len(*a)-1]
	return e
}
