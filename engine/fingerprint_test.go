package engine

import (
	"encoding/binary"
	"slices"
	"time"

	"rouse/rosters"
)

// fingerprint writes an incident down, every field that Step reads or writes, so that two of them can
// be compared quickly. Ladders stand in it by name: sameLadder compares them.
func fingerprint(inc *Incident) []byte {
	b := make(print, 0, 512)
	b.num(int(inc.Severity), inc.AlertN, inc.PageN, inc.AttemptN, len(inc.Escalations))
	b.str(string(inc.Key), string(inc.Service), inc.Summary, string(inc.Status), inc.DedupKey, string(inc.Manager))
	b.at(inc.OpenedAt, inc.AlertedAt, inc.AckedAt, inc.EndedAt, inc.CalmUntil)
	b.num(inc.ReturnN, int(inc.Calm), int(inc.AutoClose))
	b.flag(inc.Drill)
	for i := range inc.Escalations {
		b.escalation(&inc.Escalations[i])
	}
	return b
}

type print []byte

func (b *print) num(ns ...int) {
	for _, n := range ns {
		*b = binary.AppendVarint(*b, int64(n))
	}
}

func (b *print) str(ss ...string) {
	for _, s := range ss {
		b.num(len(s))
		*b = append(*b, s...)
	}
}

func (b *print) at(ts ...time.Time) {
	for _, t := range ts {
		if t.IsZero() {
			b.num(0)
			continue
		}
		b.num(int(t.UnixNano()))
	}
}

func (b *print) flag(f bool) {
	if f {
		b.num(1)
	} else {
		b.num(0)
	}
}

func (b *print) escalation(e *Escalation) {
	b.num(e.No, e.Level, e.Round, len(e.Declined), len(e.Pages))
	b.str(e.Role, e.By, e.Why, e.Ladder.Name, string(e.State), string(e.Holder), string(e.WaitFor))
	b.flag(e.Urgent)
	b.flag(e.PagedInRound)
	b.at(e.RoundAt, e.LevelUntil, e.WaitUntil, e.AckUntil, e.AskUntil)
	for _, p := range e.Declined {
		b.str(string(p))
	}
	for i := range e.Pages {
		b.page(&e.Pages[i])
	}
}

func (b *print) page(p *Page) {
	b.num(p.No, p.Level, p.Round, p.Next, len(p.Contacts), len(p.Attempts), int(p.Again))
	b.str(string(p.Person), string(p.State))
	b.flag(p.Ask)
	b.at(p.StartedAt, p.NextAt)
	for _, c := range p.Contacts {
		b.str(string(c.Channel), c.Address)
		b.num(int(c.After))
	}
	for _, a := range p.Attempts {
		b.num(a.No, a.Contact)
		b.str(string(a.Channel), a.Address, string(a.State), string(a.Reason))
		b.flag(a.Unwanted)
		b.at(a.QueuedAt, a.SentAt, a.ReceiptBy)
	}
}

func same(a, b *Incident) bool { return slices.Equal(fingerprint(a), fingerprint(b)) }

// essence is an incident without what does not decide anything: what happened when is told from now,
// closed pages of which nothing is out are left out, pages and attempts are numbered anew. Two
// incidents of the same essence go the same ways from here; TestEssenceDecides shows it.
//
// How long it is until working hours begin is left open, too: rebase says it.
//
// Of messages that nobody wants any more but that are out still, at most stray are kept, and one of
// each kind; negative keeps all.
func essence(inc Incident, now, then time.Time, stray int) Incident {
	shift := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return then.Add(t.Sub(now))
	}
	set := func(t time.Time) time.Time { // only whether it is set counts
		if t.IsZero() {
			return t
		}
		return then
	}
	inc = inc.clone()
	inc.AlertN, inc.PageN, inc.AttemptN, inc.ReturnN = 1, 0, 0, 0
	inc.OpenedAt, inc.AckedAt, inc.EndedAt, inc.CalmUntil = then, set(inc.AckedAt), set(inc.EndedAt), shift(inc.CalmUntil)
	if inc.AlertedAt = shift(inc.AlertedAt); inc.AutoClose == 0 || inc.Status == Resolved {
		inc.AlertedAt = then
	}
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		round := e.Round
		e.Round, e.Why = 2, ""
		e.RoundAt = latest(shift(e.RoundAt), then.Add(-LadderRest))
		e.LevelUntil, e.WaitUntil, e.AckUntil, e.AskUntil = shift(e.LevelUntil), shift(e.WaitUntil), shift(e.AckUntil), shift(e.AskUntil)
		if e.WaitFor == ReasonOutsideHours {
			e.WaitUntil = then
		}
		slices.Sort(e.Declined)
		if e.State != Climbing && e.State != Waiting {
			e.Level, e.RoundAt, e.Declined, e.PagedInRound = 0, then, nil, false
		}
		e.Pages = slices.DeleteFunc(e.Pages, func(p Page) bool { return !p.Live() })
		for j := range e.Pages {
			p := &e.Pages[j]
			current := p.Round == round // after a rest the ladder may come to any level once more
			p.essence(current, shift, set, then)
		}
		slices.SortStableFunc(e.Pages, func(a, b Page) int { return a.compare(&b) })
		e.Pages = slices.CompactFunc(e.Pages, func(a, b Page) bool { return a.State != PageOpen && a.compare(&b) == 0 })
		if n := slices.IndexFunc(e.Pages, func(p Page) bool { return p.State != PageOpen }); n >= 0 && stray >= 0 && len(e.Pages) > n+stray {
			e.Pages = e.Pages[:n+stray]
		}
		for j := range e.Pages {
			p := &e.Pages[j]
			inc.PageN++
			p.No = inc.PageN
			for k := range p.Attempts {
				inc.AttemptN++
				p.Attempts[k].No = inc.AttemptN
			}
		}
	}
	return inc
}

func (p *Page) essence(current bool, shift, set func(time.Time) time.Time, then time.Time) {
	if p.State != PageOpen { // only its messages count
		p.State, p.Ask, p.Level, p.Round, p.StartedAt, p.Contacts, p.Next, p.Again = PageCovered, false, 0, 0, then, nil, 0, 0
		p.Attempts = slices.DeleteFunc(p.Attempts, func(a Attempt) bool {
			return a.State != Queued && a.State != Sending && (a.State != Sent || a.Channel != rosters.Voice)
		})
	}
	if !current || p.Ask || p.State != PageOpen {
		p.Level, p.Round = 0, 1
	} else {
		p.Round = 2
	}
	p.StartedAt, p.NextAt = shift(p.StartedAt), shift(p.NextAt)
	if p.Next == len(p.Contacts) {
		p.StartedAt = then
	}
	for k := range p.Attempts {
		a := &p.Attempts[k]
		if a.Reason != ReasonCallAgain || p.State != PageOpen { // which is not of the plan
			a.Reason = ""
		}
		a.QueuedAt, a.SentAt, a.ReceiptBy = then, set(a.SentAt), shift(a.ReceiptBy)
		if a.Channel != rosters.Voice && a.State != Sending && a.State != Queued {
			a.Unwanted = false
		}
		if p.State != PageOpen {
			a.Contact, a.SentAt = 0, time.Time{}
		}
	}
}

// compare orders pages: the open ones first, by person.
func (p *Page) compare(q *Page) int {
	if p.State != q.State {
		if p.State == PageOpen {
			return -1
		}
		return 1
	}
	key := func(p *Page) []byte {
		var b print
		c := *p
		c.No, c.Attempts = 0, slices.Clone(p.Attempts)
		for k := range c.Attempts {
			c.Attempts[k].No = 0
		}
		b.str(string(p.Person))
		b.page(&c)
		return b
	}
	return slices.Compare(key(p), key(q))
}
