package simulator

import (
	"time"

	"rouse/engine"
)

// nonce names a message at its provider: it is that of the attempt which leads it.
type nonce struct {
	row     *incidentRow
	attempt int
}

// incidentRow is a row of table incident, with the rows of the other tables that belong to it.
type incidentRow struct {
	no        int // from 0, in the order of opening
	service   *service
	drill     *drill          // nil: it is none
	inc       engine.Incident // its columns, and those of its escalations, which have no pages here
	deadline  time.Time
	stoppedAt time.Time    // since when nobody kept time for it; zero: somebody does, or it was told
	pages     []pageRow    // the page with number n is at n-1
	attempts  []attemptRow // likewise
	committed bool         // until then only its own transaction sees it
	gone      bool         // its transaction was rolled back

	holder  *change   // who has the row's lock
	waiting []*waiter // who waits for it, in order

	due   time.Time // when a sweep finds something to do here, zero if never
	moved bool      // due has to be looked up again

	book book // what is known of it from outside the database
}

type pageRow struct {
	engine.Page // without attempts
	escalation  int
	live        bool
	attempts    []int
}

type attemptRow struct {
	engine.Attempt
	page       int
	generation int
	leaseUntil time.Time
	claimedAt  time.Time
	bundle     nonce // of the message that tells it with others
	providerID bool  // whether one is known
	hungUp     bool
	handed     bool          // to the queue
	forced     bool          // what became of it was written without the engine
	parted     time.Duration // when its message was given up, and it was let go its own way
	locked     *change       // who has written to it and not committed yet
}

// unsent reports whether it is still to be sent, or at a worker.
func (a *attemptRow) unsent() bool { return a.State == engine.Queued || a.State == engine.Sending }

// attemptRef is enginedb.AttemptRef. Generation 0 is a provider's.
type attemptRef struct{ attempt, generation int }

// named is enginedb.Named.
type named struct{ page, attempt int }

// page finds the page of an attempt.
func (r *incidentRow) page(attempt int) *pageRow { return &r.pages[r.attempts[attempt-1].page-1] }

func (r *incidentRow) attempt(no int) *attemptRow {
	if no < 1 || no > len(r.attempts) {
		return nil
	}
	return &r.attempts[no-1]
}

// message is what the attempt was, or will be, sent as.
func (r *incidentRow) message(attempt int) nonce {
	if m := r.attempts[attempt-1].bundle; m != (nonce{}) {
		return m
	}
	return nonce{r, attempt}
}

// load reads what Step needs of an incident: enginedb.Lock.
func (r *incidentRow) load(n named) engine.Incident {
	page := n.page
	if n.attempt != 0 {
		page = r.attempts[n.attempt-1].page
	}
	return r.with(func(p *pageRow) bool { return p.live || p.No == page })
}

// with reads an incident with some of its pages.
func (r *incidentRow) with(wanted func(*pageRow) bool) engine.Incident {
	inc := r.inc
	inc.Escalations = append([]engine.Escalation(nil), r.inc.Escalations...)
	for i := range r.pages {
		p := &r.pages[i]
		if !wanted(p) {
			continue
		}
		page := p.Page
		page.Attempts = make([]engine.Attempt, len(p.attempts), len(p.attempts)+1)
		for j, no := range p.attempts {
			page.Attempts[j] = r.attempts[no-1].Attempt
		}
		e := &inc.Escalations[p.escalation-1]
		e.Pages = append(e.Pages, page)
	}
	return inc
}

// save writes what Step changed: enginedb.Save.
func (s *sim) save(r *incidentRow, before, after engine.Incident) {
	r.moved = true
	if !s.broken.tellsStopsAgain {
		r.stoppedAt = time.Time{}
	}
	if s.tally.Bundles > 0 { // whether a call is to be hung up depends on what else it told
		for _, o := range s.rows {
			o.moved = true
		}
	}
	if !s.broken.staleDeadline || r.deadline.IsZero() {
		r.deadline = after.Deadline()
	}
	columns := after
	columns.Escalations = append(r.inc.Escalations[:0:0], after.Escalations...)
	for i := range columns.Escalations {
		e := &columns.Escalations[i]
		var was []engine.Page
		if i < len(before.Escalations) {
			was = before.Escalations[i].Pages
		}
		for j := range e.Pages {
			if j < len(was) {
				s.savePage(r, e.No, &was[j], &e.Pages[j])
			} else {
				s.savePage(r, e.No, nil, &e.Pages[j])
			}
		}
		e.Pages = nil
	}
	r.inc = columns
}

func (s *sim) savePage(r *incidentRow, escalation int, before, after *engine.Page) {
	for len(r.pages) < after.No {
		r.pages = append(r.pages, pageRow{})
	}
	p := &r.pages[after.No-1]
	p.Page, p.escalation, p.live = *after, escalation, after.Live()
	p.Attempts = nil
	if s.broken.leavesOutPages && len(after.Attempts) > 0 && after.Attempts[0].State != engine.Queued {
		p.live = false
	}
	for i, a := range after.Attempts {
		if before == nil || i >= len(before.Attempts) {
			s.insertAttempt(r, p, a)
		} else if a != before.Attempts[i] {
			s.updateAttempt(r, a)
		}
	}
}

func (s *sim) insertAttempt(r *incidentRow, p *pageRow, a engine.Attempt) {
	for len(r.attempts) < a.No {
		r.attempts = append(r.attempts, attemptRow{})
	}
	r.attempts[a.No-1] = attemptRow{Attempt: a, page: p.No, generation: 1, leaseUntil: s.clock().Add(patience)}
	p.attempts = append(p.attempts, a.No)
}

func (s *sim) updateAttempt(r *incidentRow, a engine.Attempt) {
	row := r.attempt(a.No)
	s.checkNews(r, row, a.State)
	if a.Unwanted && row.State != engine.Sending { // an unwanted call that the queue does not hang up in time is hung up by a sweep
		row.leaseUntil = s.clock().Add(patience)
	}
	row.State, row.SentAt, row.ReceiptBy, row.Unwanted = a.State, a.SentAt, a.ReceiptBy, a.Unwanted
}

// nextLook is when a sweep next finds something to do, by the database's clock; zero if never. It stands
// for the look that every node takes at least each sweepEvery: those that find nothing are left out.
func (s *sim) nextLook(r *incidentRow, now time.Time) time.Time {
	if !r.moved && (r.due.IsZero() || r.due.After(now)) {
		return r.due
	}
	r.moved, r.due = false, time.Time{}
	if !r.committed {
		return r.due
	}
	r.due = r.deadline
	for i := range r.attempts {
		a := &r.attempts[i]
		at := a.leaseUntil
		switch {
		case s.broken.partsForgotten && a.State == engine.Sending && a.claimedAt.IsZero() && at.Before(now):
			at = now // nothing puts it off while its phone rings
		case a.unsent():
		case s.rings(a, now): // as soon as nothing is wanted any more that it told
			if since := s.clockAt(s.unneeded(r, a.No)); since.After(at) {
				at = since
			}
		default:
			continue
		}
		if r.due.IsZero() || at.Before(r.due) {
			r.due = at
		}
	}
	return r.due
}
