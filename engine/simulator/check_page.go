package simulator

import (
	"rouse/engine"
	"rouse/rosters"
)

// checkPeace: once somebody holds an escalation nobody else is paged by it.
func (s *sim) checkPeace(e *engine.Escalation) {
	for i := range e.Pages {
		p := &e.Pages[i]
		held := e.State == engine.Acknowledged || e.State == engine.Stopped || e.State == engine.Asking && (!p.Ask || p.Person != e.Holder)
		if p.State == engine.PageOpen {
			if held {
				s.fail("peace", "page %d to %s is open, and escalation %d is %s", p.No, p.Person, e.No, e.State)
			}
			continue
		}
		for _, a := range p.Attempts {
			if a.State == engine.Queued || a.State == engine.Sending && !a.Unwanted {
				s.fail("peace", "page %d is %s, and its attempt %d is %s", p.No, p.State, a.No, a.State)
			}
		}
	}
}

// checkContacts: an open page has been sent at once, and its next contact is tried when its time has come,
// or the one before failed or gave no sign; a level all of whose contacts failed is not waited for.
func (s *sim) checkContacts(c *change, e *engine.Escalation) {
	open, hope := false, false
	for i := range e.Pages {
		p := &e.Pages[i]
		if p.State != engine.PageOpen {
			continue
		}
		if len(p.Attempts) == 0 || p.Next == 0 {
			s.fail("contacts", "nothing is sent for page %d", p.No)
			return
		}
		if p.Next < len(p.Contacts) {
			s.checkNext(c, p)
		}
		s.checkCalledAgain(c, p)
		if e.State == engine.Climbing && p.Level == e.Level && p.Round == e.Round {
			open = true
			hope = hope || p.Next < len(p.Contacts)
			for _, a := range p.Attempts {
				hope = hope || a.State != engine.Failed && a.Reason != engine.ReasonCallAgain
			}
		}
	}
	if open && !hope {
		s.fail("contacts", "every contact of level %d of escalation %d has failed, and it is waited for", e.Level+1, e.No)
	}
}

// checkCalledAgain: who wants to be called again is, as often as they want it, once all contacts were tried, and nobody
// else is. It ends for good when it falls due at severity 3.
func (s *sim) checkCalledAgain(c *change, p *engine.Page) {
	last := p.Attempts[len(p.Attempts)-1]
	switch {
	case p.Next < len(p.Contacts) && last.Reason == engine.ReasonCallAgain, p.Again == 0 && last.Reason == engine.ReasonCallAgain:
		s.fail("contacts", "attempt %d of page %d calls again", last.No, p.No)
	case p.Next == len(p.Contacts) && p.Again == 0 && !p.NextAt.IsZero():
		s.fail("contacts", "page %d is to call again, and nobody wants that", p.No)
	case !p.NextAt.IsZero() && c.row.deadline.After(p.NextAt):
		s.fail("contacts", "page %d calls again at %s, and %s is stored", p.No, s.when(p.NextAt), s.when(c.row.deadline))
	case p.Next == len(p.Contacts) && p.NextAt.After(c.now.Add(p.Again+beatEvery)): // a stop is counted from the last beat, when the page may not have been there
		s.fail("contacts", "page %d calls again as late as %s", p.No, s.when(p.NextAt))
	}
}

// checkNext: the time of the next contact is kept, and nothing that calls for it sooner was overlooked.
func (s *sim) checkNext(c *change, p *engine.Page) {
	d := c.row.deadline
	if p.NextAt.IsZero() || d.After(p.NextAt) {
		s.fail("contacts", "contact %d of page %d is due at %s, and %s is stored", p.Next+1, p.No, s.when(p.NextAt), s.when(d))
	}
	last := p.Attempts[len(p.Attempts)-1]
	// What was forced has no time by which there should be a receipt: the engine was not told.
	receipts := last.Channel == rosters.SMS || last.Channel == rosters.Voice
	switch {
	case last.State == engine.Failed:
		s.fail("contacts", "attempt %d failed, and the next contact of page %d is not tried", last.No, p.No)
	case last.State == engine.Sent && receipts && (last.ReceiptBy.IsZero() || d.After(last.ReceiptBy)) && !c.row.attempt(last.No).forced:
		s.fail("contacts", "attempt %d has no receipt, and nobody waits for one", last.No)
	}
}
