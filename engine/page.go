package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rouse/rosters"
)

// RingMargin is how long a provider may need, after a phone has rung in vain, to say that nobody answered.
const RingMargin = 15 * time.Second

// receiptWithin is how long a message may stay without a receipt before the next contact is tried
// (rule 11), unless Env says otherwise; a channel that gives no receipts is not in it. A call rings for 25 s.
var receiptWithin = map[rosters.Channel]time.Duration{
	rosters.SMS:     30 * time.Second,
	rosters.Voice:   25*time.Second + RingMargin,
	rosters.WebPush: 20 * time.Second, // the browser tells that it shows it
}

// receiptWithin is that of a channel, 0 if it gives no receipts.
func (e Env) receiptWithin(c rosters.Channel) time.Duration {
	if d := e.ReceiptWithin[c]; d > 0 && receiptWithin[c] > 0 {
		return d
	}
	return receiptWithin[c]
}

// page begins a page and sends what is due at once. An older open page of the same person in the
// same escalation ends: one plan at a time.
func (s *stepper) page(e *Escalation, who rosters.PersonID, plan []rosters.Contact, ask bool, why Reason) {
	s.closePages(e, PageSuperseded, why, func(p *Page) bool { return p.Person == who }, 0)
	plan = slices.Clone(plan)
	slices.SortStableFunc(plan, func(a, b rosters.Contact) int { return int(a.After - b.After) })
	s.inc.PageN++
	p := Page{No: s.inc.PageN, Person: who, Ask: ask, Level: e.Level, Round: e.Round, State: PageOpen,
		StartedAt: s.now, Contacts: plan, NextAt: s.now}
	if s.env.CallAgain != nil {
		p.Again = max(s.env.CallAgain(who, s.inc.Severity), 0)
	}
	// The first contact never waits: a plan that begins with a pause would be a hole in the night.
	s.contact(e, &p, why)
	s.dueContacts(e, &p)
	e.Pages = append(e.Pages, p)
}

// contact sends the page's next contact.
func (s *stepper) contact(e *Escalation, p *Page, why Reason) {
	s.attempt(e, p, p.Next, why)
	p.Next++
	switch {
	case p.Next < len(p.Contacts):
		p.NextAt = latest(s.now, p.StartedAt.Add(p.Contacts[p.Next].After))
	default:
		p.NextAt = s.againAt(p)
	}
}

// againAt is when a page whose contacts were all tried is tried again, zero if it is not.
func (s *stepper) againAt(p *Page) time.Time {
	if p.Again == 0 {
		return time.Time{}
	}
	return s.now.Add(p.Again)
}

// callAgain tries somebody again whose contacts were all tried, and who has not answered. Severity 3 calls
// nobody again, also one that was lowered to it: the next level waits for working hours then.
func (s *stepper) callAgain(e *Escalation, p *Page) {
	if s.inc.Severity == Minor {
		p.NextAt = time.Time{}
		return
	}
	s.attempt(e, p, p.last(), ReasonCallAgain)
	p.NextAt = s.againAt(p)
}

// last is the contact that is tried again: the last by voice, which wakes best, else the last.
func (p *Page) last() int {
	for i := len(p.Contacts) - 1; i >= 0; i-- {
		if p.Contacts[i].Channel == rosters.Voice {
			return i
		}
	}
	return len(p.Contacts) - 1
}

// attempt sends one of the page's contacts.
func (s *stepper) attempt(e *Escalation, p *Page, contact int, why Reason) {
	c := p.Contacts[contact]
	s.inc.AttemptN++
	p.Attempts = append(p.Attempts, Attempt{No: s.inc.AttemptN, Contact: contact, Channel: c.Channel, Address: c.Address,
		State: Queued, Reason: why, QueuedAt: s.now})
	s.effects = append(s.effects, Send{Attempt: s.inc.AttemptN, Reason: why})
	s.note(Note{Reason: why, Escalation: e.No, Level: p.Level, Person: p.Person, Channel: c.Channel, Attempt: s.inc.AttemptN,
		Text: fmt.Sprintf("Paging %s by %s: %s.", s.name(p.Person), medium(c.Channel), why)})
}

func (s *stepper) dueContacts(e *Escalation, p *Page) {
	for s.due(p.NextAt) {
		if p.Next == len(p.Contacts) {
			s.callAgain(e, p)
			continue
		}
		s.contact(e, p, ReasonNextContact)
	}
}

// settlePages takes note of messages without a receipt, and sends the contacts that are due: those whose
// time has come, and the one after a contact that failed.
func (s *stepper) settlePages(e *Escalation) {
	for i := range e.Pages {
		p := &e.Pages[i]
		if p.State != PageOpen {
			continue
		}
		for j := range p.Attempts {
			if s.due(p.Attempts[j].ReceiptBy) {
				s.silent(e, p, j)
			}
		}
		for j := range p.Attempts {
			if a := p.Attempts[j]; a.State == Failed {
				s.moveOn(e, p, a.Contact, ReasonContactFailed)
			}
		}
		s.dueContacts(e, p)
	}
}

func (s *stepper) silent(e *Escalation, p *Page, j int) {
	a := &p.Attempts[j]
	a.ReceiptBy = time.Time{}
	s.note(Note{Reason: ReasonContactSilent, Escalation: e.No, Level: p.Level, Person: p.Person, Channel: a.Channel, Attempt: a.No,
		Text: fmt.Sprintf("No receipt for %s's %s in time.", s.name(p.Person), medium(a.Channel))})
	s.again(e, p, a.Contact)
	s.moveOn(e, p, a.Contact, ReasonContactSilent)
}

// again sends a contact once more, with the next of its channel's providers, if there is one that has not
// tried (rule 11).
func (s *stepper) again(e *Escalation, p *Page, contact int) {
	if p.State != PageOpen || s.env.Providers == nil {
		return
	}
	tried := 0
	for _, a := range p.Attempts {
		switch {
		case a.Contact != contact:
		case a.Reason == ReasonCallAgain: // anew, with all of them
			tried = 1
		default:
			tried++
		}
	}
	if tried < s.env.Providers(p.Contacts[contact]) {
		s.attempt(e, p, contact, ReasonNextProvider)
	}
}

// moveOn tries the next contact now if the one that failed is the last that was tried: while a later
// one is under way there is nothing to hurry.
func (s *stepper) moveOn(e *Escalation, p *Page, failed int, why Reason) {
	if p.State == PageOpen && failed == p.Next-1 && p.Next < len(p.Contacts) {
		s.contact(e, p, why)
	}
}

// rank orders what may be heard of an attempt: news never moves it down, so that receipts may come
// twice and in any order.
func (st AttemptState) rank() int {
	return slices.Index([]AttemptState{Queued, Withdrawn, Sending, Sent, Failed, Delivered}, st)
}

func (s *stepper) reported(ev Reported) {
	e, p, a := s.inc.Attempt(ev.Attempt)
	if a == nil || ev.State.rank() <= a.State.rank() || ev.State.rank() < Sent.rank() {
		return
	}
	a.State, a.ReceiptBy = ev.State, time.Time{}
	n := Note{Escalation: e.No, Level: p.Level, Person: p.Person, Channel: a.Channel, Attempt: a.No}
	switch ev.State {
	case Sent:
		a.SentAt = s.now
		n.Reason = ReasonSent
		if d := s.env.receiptWithin(a.Channel); d > 0 && p.State == PageOpen {
			a.ReceiptBy = s.now.Add(d)
		}
	case Delivered:
		if a.SentAt.IsZero() {
			a.SentAt = s.now
		}
		n.Reason = ReasonDelivered
	default:
		n.Reason = ReasonFailed
	}
	n.Text = sentence(fmt.Sprintf("%s to %s %s", heading(a.Channel), s.name(p.Person), ev.State), ev.Detail)
	s.note(n)
	if ev.State != Failed && a.Unwanted && a.Channel == rosters.Voice {
		s.effects = append(s.effects, Withdraw{Attempt: a.No, Reason: ReasonAcknowledged})
	}
	if ev.State == Failed && ev.Elsewhere {
		s.again(e, p, a.Contact) // before anybody asks whether every contact of the level has failed
	}
}

// medium is what a message on a channel is called.
func medium(c rosters.Channel) string {
	switch c {
	case rosters.SMS:
		return "SMS"
	case rosters.Voice:
		return "call"
	case rosters.WebPush:
		return "push to the browser"
	case rosters.Email:
		return "e-mail"
	default:
		return string(c)
	}
}

// heading is medium at the beginning of a sentence.
func heading(c rosters.Channel) string {
	m := medium(c)
	return strings.ToUpper(m[:1]) + m[1:]
}

// closePages ends the open pages that match: what is not sent yet is withdrawn, calls that are out are
// hung up, except the attempt through which the answer came.
func (s *stepper) closePages(e *Escalation, to PageState, why Reason, match func(*Page) bool, through int) {
	for i := range e.Pages {
		p := &e.Pages[i]
		if !match(p) {
			continue
		}
		open := p.State == PageOpen
		if open {
			p.State, p.NextAt = to, time.Time{}
		}
		for j := range p.Attempts {
			if a := &p.Attempts[j]; open || a.State != Delivered { // the call that closed the page ended long ago
				s.unwanted(a, why, through)
			}
		}
	}
}

func (s *stepper) unwanted(a *Attempt, why Reason, through int) {
	a.ReceiptBy = time.Time{}
	if a.Unwanted {
		return
	}
	if a.No == through {
		if a.State == Queued || a.State == Sending { // it was answered, so it arrived: not sent again
			a.State, a.SentAt = Delivered, s.now
		}
		return
	}
	switch a.State {
	case Queued:
		a.State, a.Unwanted = Withdrawn, true
	case Sending:
		a.Unwanted = true
	case Sent, Delivered: // a call that was answered may still be going on
		a.Unwanted = true
		if a.Channel == rosters.Voice {
			s.effects = append(s.effects, Withdraw{Attempt: a.No, Reason: why})
		}
	case Failed, Withdrawn:
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
