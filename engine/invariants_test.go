package engine

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rouse/rosters"
)

// The invariants: what holds after every step, whatever the event. They are stated here once and asked
// for on every edge of the model check, on every step of random histories, rule tests and scenarios.
// They are written from the rules, not from the code, and each names its rule.

// edge is one step with all that it was decided from.
type edge struct {
	before, after Incident
	ev            Event
	env           Env // what was asked is answered the same again
	asked         *asked
	effects       []Effect
	now           time.Time
	sends         []Send
	withdraws     []Withdraw
	notes         []Note
	quiet         bool // nothing was due when the event came, and no maintenance was over
	faults        []string
}

// asked remembers what Step asked of the world, and makes the world answer the same the second time.
type asked struct {
	onCall map[Target][]rosters.PersonID
	plans  map[rosters.PersonID][]rosters.Contact
	sev    map[Severity]bool
	held   *Held // nil: it was not asked for
}

func (a *asked) env(of Env) Env {
	env := of
	env.OnCall = func(t Target) []rosters.PersonID {
		if p, ok := a.onCall[t]; ok {
			return p
		}
		a.onCall[t] = of.OnCall(t)
		return a.onCall[t]
	}
	env.Plan = func(p rosters.PersonID, s Severity) []rosters.Contact {
		a.sev[s] = true
		if c, ok := a.plans[p]; ok {
			return c
		}
		a.plans[p] = of.Plan(p, s)
		return a.plans[p]
	}
	if of.Held != nil {
		env.Held = func(inc Incident) Held {
			if a.held == nil {
				held := of.Held(inc)
				a.held = &held
			}
			return *a.held
		}
	}
	return env
}

// checked is Step with every invariant checked: it returns what Step does, and each fault found.
func checked(inc Incident, ev Event, world Env) (Incident, []Effect, []string) {
	x := newEdge(inc, ev, world)
	x.check()
	x.twice()
	x.idle()
	x.stored()
	return x.after, x.effects, x.faults
}

func newEdge(inc Incident, ev Event, world Env) *edge {
	x := &edge{before: inc, ev: ev, now: world.Now,
		asked: &asked{onCall: map[Target][]rosters.PersonID{}, plans: map[rosters.PersonID][]rosters.Contact{}, sev: map[Severity]bool{}}}
	x.env = x.asked.env(world)
	d := inc.Deadline()
	x.quiet = d.IsZero() || d.After(x.now)
	was := fingerprint(&inc)
	x.after, x.effects = Step(inc, ev, x.env)
	x.quiet = x.quiet && !x.freed()
	if !slices.Equal(was, fingerprint(&inc)) {
		x.fault("contract", "Step changed the incident it was given")
	}
	for _, ef := range x.effects {
		switch ef := ef.(type) {
		case Send:
			x.sends = append(x.sends, ef)
		case Withdraw:
			x.withdraws = append(x.withdraws, ef)
		case Note:
			x.notes = append(x.notes, ef)
		}
	}
	return x
}

func (x *edge) fault(rule, format string, args ...any) {
	x.faults = append(x.faults, rule+": "+fmt.Sprintf(format, args...))
}

// begun reports whether this step began the page.
func (x *edge) begun(p *Page) bool { return p.No > x.before.PageN }

func (x *edge) check() {
	x.numbers()
	x.frozen()
	x.incident()
	x.pages()
	for i := range x.after.Escalations {
		e := &x.after.Escalations[i]
		was := x.before.Escalation(e.No)
		x.waits(e)
		x.climbed(was, e)
		x.calm(was, e)
		x.holds(was, e)
		x.tried(was, e)
		x.hours(was, e)
		x.reasons(was, e)
	}
	x.sent()
	x.answer()
	x.severity()
	x.receipts()
	x.bystanders()
	x.resumes()
	x.quietly()
}

// numbers: escalations, pages and attempts are numbered from 1, each number is given once, and nothing
// that there was is lost.
func (x *edge) numbers() {
	if x.after.PageN < x.before.PageN || x.after.AttemptN < x.before.AttemptN {
		x.fault("contract", "a counter went back")
	}
	pages, attempts := make([]bool, x.after.PageN+1), make([]bool, x.after.AttemptN+1)
	for i := range x.after.Escalations {
		e := &x.after.Escalations[i]
		if e.No != i+1 {
			x.fault("contract", "escalation %d stands at place %d", e.No, i+1)
		}
		was := x.before.Escalation(e.No)
		for j := range e.Pages {
			p := &e.Pages[j]
			if p.No > x.after.PageN || pages[p.No] {
				x.fault("contract", "page number %d is given twice, or beyond the counter", p.No)
				return
			}
			pages[p.No] = true
			for _, a := range p.Attempts {
				if a.No > x.after.AttemptN || attempts[a.No] {
					x.fault("contract", "attempt number %d is given twice, or beyond the counter", a.No)
					return
				}
				attempts[a.No] = true
			}
		}
		if was == nil {
			continue
		}
		for j := range was.Pages {
			if j >= len(e.Pages) || e.Pages[j].No != was.Pages[j].No || len(e.Pages[j].Attempts) < len(was.Pages[j].Attempts) {
				x.fault("contract", "page %d is lost", was.Pages[j].No)
			}
		}
	}
	if len(x.after.Escalations) < len(x.before.Escalations) {
		x.fault("contract", "an escalation is lost")
	}
}

// frozen: rule 15. Ladder and plan stay what they were when the escalation and the page began; a new
// page has the plan that the world gave in this step, in order.
func (x *edge) frozen() {
	for i := range x.after.Escalations {
		e := &x.after.Escalations[i]
		was := x.before.Escalation(e.No)
		if was != nil && !sameLadder(was.Ladder, e.Ladder) {
			x.fault("rule 15", "the ladder of escalation %d changed", e.No)
		}
		for j := range e.Pages {
			p := &e.Pages[j]
			if !x.begun(p) {
				if was != nil && j < len(was.Pages) && (!slices.Equal(p.Contacts, was.Pages[j].Contacts) || p.Again != was.Pages[j].Again) {
					x.fault("rule 15", "the plan of page %d changed", p.No)
				}
				continue
			}
			plan, ok := x.asked.plans[p.Person]
			if !ok || len(plan) != len(p.Contacts) || !slices.IsSortedFunc(p.Contacts, byAfter) {
				x.fault("rule 15", "page %d has a plan that %s does not have now", p.No, p.Person)
			}
			for _, c := range plan {
				if !slices.Contains(p.Contacts, c) {
					x.fault("rule 15", "page %d has a plan that %s does not have now", p.No, p.Person)
				}
			}
		}
	}
	for s := range x.asked.sev {
		if s != x.after.Severity {
			x.fault("rule 15", "plans were asked for at severity %d, which is %d", s, x.after.Severity)
		}
	}
}

func byAfter(a, b rosters.Contact) int { return int(a.After - b.After) }

func sameLadder(a, b Ladder) bool {
	return a.Name == b.Name && slices.Equal(a.LastResort, b.LastResort) && maps.Equal(a.AckExpiry, b.AckExpiry) &&
		slices.EqualFunc(a.Levels, b.Levels, func(a, b Level) bool {
			return a.Wait == b.Wait && a.CatchAll == b.CatchAll && slices.Equal(a.Targets, b.Targets)
		})
}

// incident: rule 6 for the incident as a whole, and what may never change.
func (x *edge) incident() {
	b, a := &x.before, &x.after
	if a.Key != b.Key || a.Origin != b.Origin || a.DedupKey != b.DedupKey || a.Group != b.Group ||
		!a.OpenedAt.Equal(b.OpenedAt) || a.AutoClose != b.AutoClose || !reflect.DeepEqual(a.Hours, b.Hours) {
		x.fault("rule 14", "key or origin of the incident changed")
	}
	was := b.particulars()
	for i, is := range a.particulars() {
		if is == was[i] {
			continue
		}
		if _, ok := x.ev.(Described); !ok || b.Drill {
			x.fault("rule 20", "%T changed the %s", x.ev, is.name)
		}
		x.wantNote("rule 20", "the "+is.name+" changed", func(n Note) bool { return n.Reason == ReasonDescribed && n.Basis["field"] == is.name })
	}
	rank := []Status{New, Fixing, Resolved}
	if slices.Index(rank, a.Status) < slices.Index(rank, b.Status) && !x.reopened() {
		x.fault("rule 6", "the incident went back from %s to %s", b.Status, a.Status)
	}
	if a.Status == New && !a.AckedAt.IsZero() || a.Status == Fixing && a.AckedAt.IsZero() || !b.AckedAt.IsZero() && !a.AckedAt.Equal(b.AckedAt) && !x.reopened() {
		x.fault("rule 6", "the incident is %s, first acknowledged at %v", a.Status, a.AckedAt)
	}
	if e := a.Escalation(1); e != nil && a.Manager != e.Holder {
		x.fault("rule 6", "%q holds the manager's escalation, but %q is the manager", e.Holder, a.Manager)
	}
	if a.Manager != "" && a.Status == New {
		x.fault("rule 6", "%s is the manager of a new incident", a.Manager)
	}
	if a.Severity != b.Severity {
		x.wantNote("rule 17", "the severity changed", func(n Note) bool { return n.Reason == ReasonSeverityRaised || n.Reason == ReasonSeverityLowered })
	}
	if a.Manager != b.Manager && a.Manager != "" {
		x.wantNote("rule 17", "there is a new manager", func(n Note) bool { return n.Reason == ReasonManager && n.Person == a.Manager })
	}
	if a.Status == Resolved {
		if len(x.sends) > 0 {
			x.fault("rule 5", "something is sent for a resolved incident")
		}
		if !a.Deadline().IsZero() {
			x.fault("contract", "a resolved incident has a deadline")
		}
	}
}

// waits: rule 2. Nobody has acknowledged: there is a deadline, and it lies ahead. Somebody has: there is
// none but the expiry of the acknowledgement.
func (x *edge) waits(e *Escalation) {
	d := x.after.Deadline()
	if !d.IsZero() && !d.After(x.now) {
		x.fault("contract", "after the step the deadline has passed already, by %s", x.now.Sub(d))
	}
	within := func(name string, t time.Time, most time.Duration) {
		if !t.After(x.now) || t.After(x.now.Add(most)) || d.IsZero() || d.After(t) {
			x.fault("rule 2", "escalation %d is %s, but %s is %v", e.No, e.State, name, t)
		}
	}
	none := func(ts ...time.Time) {
		for _, t := range ts {
			if !t.IsZero() {
				x.fault("contract", "escalation %d is %s and has a time that belongs to another state", e.No, e.State)
			}
		}
	}
	switch e.State {
	case Waiting:
		most := map[Reason]time.Duration{ReasonOutsideHours: 8 * 24 * time.Hour, ReasonDelayed: MaxDelay, ReasonMaintenance: MaxMaintenance}
		within("WaitUntil", e.WaitUntil, most[e.WaitFor])
		none(e.LevelUntil, e.AckUntil, e.AskUntil)
	case Climbing:
		most := LadderRest
		if e.Level >= 0 {
			most = e.Ladder.Levels[e.Level].Wait
		}
		within("LevelUntil", e.LevelUntil, most)
		none(e.WaitUntil, e.AckUntil, e.AskUntil)
	case Asking:
		within("AskUntil", e.AskUntil, AskFor)
		none(e.WaitUntil, e.LevelUntil, e.AckUntil)
	case Acknowledged:
		none(e.WaitUntil, e.LevelUntil, e.AskUntil)
		if !e.AckUntil.IsZero() && (d.IsZero() || d.After(e.AckUntil)) {
			x.fault("rule 7", "the acknowledgement of escalation %d expires later than the deadline", e.No)
		}
	case Stopped:
		none(e.WaitUntil, e.LevelUntil, e.AckUntil, e.AskUntil)
		if was := x.before.Escalation(e.No); x.after.Status != Resolved && (was == nil || was.State != Stopped) { // else it came back without them
			x.fault("rule 2", "escalation %d is stopped, the incident is not resolved", e.No)
		}
	default:
		x.fault("rule 2", "escalation %d is in no state: %q", e.No, e.State)
	}
	if x.after.Status == Resolved && e.State != Stopped {
		x.fault("rule 2", "the incident is resolved, escalation %d is %s", e.No, e.State)
	}
	for i := range e.Pages {
		x.pending(e, &e.Pages[i], d)
	}
}

// pending: rule 11. What an open page waits for is in the deadline.
func (x *edge) pending(e *Escalation, p *Page, d time.Time) {
	if p.State != PageOpen {
		return
	}
	late := func(t time.Time) bool { return !t.IsZero() && (d.IsZero() || d.After(t)) }
	if p.Next < len(p.Contacts) && p.NextAt.IsZero() || p.Next == len(p.Contacts) && p.Again == 0 && !p.NextAt.IsZero() || late(p.NextAt) {
		x.fault("rule 11", "page %d has %d of %d contacts tried, and the next is due at %v", p.No, p.Next, len(p.Contacts), p.NextAt)
	}
	for _, a := range p.Attempts {
		if late(a.ReceiptBy) {
			x.fault("rule 11", "the receipt of attempt %d is waited for beyond the deadline", a.No)
		}
	}
}

// climbed: rules 3, 4 and 8 for the way from one level to another. None is skipped without a line that
// says why, nobody who can be paged is passed over, and the ladder begins again only after its end.
func (x *edge) climbed(was, e *Escalation) {
	if e.State != Climbing && e.State != Waiting {
		return
	}
	if e.Holder != "" {
		x.fault("rule 5", "escalation %d is %s though %s holds it", e.No, e.State, e.Holder)
	}
	start := 0 // the first level that was looked at
	fromEnd := false
	switch {
	case was == nil: // it begins
	case was.State == Stopped: // it begins again
		if e.Round != was.Round+1 || !x.reopened() {
			x.fault("rule 13", "escalation %d was stopped, and is %s in round %d", e.No, e.State, e.Round)
		}
	case was.State == Acknowledged || was.State == Asking:
		if e.Round != was.Round+1 {
			x.fault("rule 7", "the ladder of escalation %d resumes in round %d after %d", e.No, e.Round, was.Round)
		}
	case e.Round == was.Round && (e.Level == was.Level || was.Level < 0 && e.Level == 0):
		return // where it was; severity may have begun the level anew
	case e.Round == was.Round && e.Level > was.Level:
		start = was.Level + 1
		if x.raised() || x.stopped() > 0 || was.State == Waiting {
			start = max(was.Level, 0)
		}
	case e.Round == was.Round && e.Level < 0:
		fromEnd = true
	case e.Round == was.Round+1:
		fromEnd = was.Level >= 0
		if rests := was.Level < 0 && was.State == Climbing; x.now.Before(was.RoundAt.Add(LadderRest)) && !(rests && x.escalates(e)) {
			x.fault("rule 4", "the ladder of escalation %d begins again %s after it began", e.No, x.now.Sub(was.RoundAt))
		}
	default:
		x.fault("rule 4", "escalation %d went from level %d of round %d to level %d of round %d", e.No, was.Level, was.Round, e.Level, e.Round)
	}
	end := e.Level
	if e.Level < 0 {
		end = len(e.Ladder.Levels)
	}
	if fromEnd {
		for l := was.Level + 1; l < len(e.Ladder.Levels); l++ {
			x.passedOver(was, e, l)
		}
	}
	if !fromEnd || e.Round > was.Round {
		for l := start; l < end; l++ {
			x.passedOver(was, e, l)
		}
	}
}

func (x *edge) raised() bool { return x.after.Severity < x.before.Severity }

// passedOver: rules 3 and 8. The level had nobody who could be paged, and the timeline says so.
func (x *edge) passedOver(was, e *Escalation, l int) {
	level := func(r Reason) func(Note) bool {
		return func(n Note) bool { return n.Reason == r && n.Escalation == e.No && n.Level == l }
	}
	if !x.wantNote("rule 3", fmt.Sprintf("level %d of escalation %d is passed over", l+1, e.No), level(ReasonLevelEmpty)) {
		return
	}
	lv := e.Ladder.Levels[l]
	declined := slices.Clone(e.Declined)
	if was != nil {
		declined = append(declined, was.Declined...)
	}
	if a, ok := x.ev.(Answer); ok && a.Decline {
		declined = append(declined, a.Person)
	}
	people := x.named(lv)
	if lv.CatchAll {
		people = append(people, e.Ladder.LastResort...)
	}
	for _, p := range people {
		if !slices.Contains(declined, p) && len(x.asked.plans[p]) > 0 {
			x.fault("rule 3", "level %d of escalation %d is passed over though %s can be paged", l+1, e.No, p)
		}
	}
	if len(lv.Targets) > 0 && !level(ReasonNobodyOnCall)(x.firstAt(e, l, ReasonNobodyOnCall)) &&
		!level(ReasonNoContact)(x.firstAt(e, l, ReasonNoContact)) && !level(ReasonDeclinedBefore)(x.firstAt(e, l, ReasonDeclinedBefore)) {
		x.fault("rule 3", "nothing says why level %d of escalation %d is empty", l+1, e.No)
	}
}

func (x *edge) firstAt(e *Escalation, l int, r Reason) Note {
	for _, n := range x.notes {
		if n.Escalation == e.No && n.Level == l && n.Reason == r {
			return n
		}
	}
	return Note{}
}

// named lists everybody whom a level names, in order, as the rosters answered in this step: rule 15 has
// them asked at the moment of paging.
func (x *edge) named(lv Level) []rosters.PersonID {
	var people []rosters.PersonID
	for _, t := range lv.Targets {
		found := []rosters.PersonID{t.Person}
		if t.Roster != "" {
			var ok bool
			if found, ok = x.asked.onCall[t]; !ok {
				x.fault("rule 15", "%s was not asked at the moment of paging", t)
			}
		}
		for _, p := range found {
			if !slices.Contains(people, p) {
				people = append(people, p)
			}
		}
	}
	return people
}

// pages: rules 3, 4, 5 and 8 for whom a step pages: everybody whom the level names and who can be
// reached and has not declined, in order, and nobody else; the last resort where a catch-all has nobody;
// the holder who is asked.
func (x *edge) pages() {
	for i := range x.after.Escalations {
		e := &x.after.Escalations[i]
		was := x.before.Escalation(e.No)
		var got []rosters.PersonID
		var open []rosters.PersonID
		for j := range e.Pages {
			p := &e.Pages[j]
			if p.State == PageOpen {
				if slices.Contains(open, p.Person) {
					x.fault("contract", "%s has several open pages of escalation %d", p.Person, e.No)
				}
				open = append(open, p.Person)
			}
			if !x.begun(p) {
				continue
			}
			if !p.StartedAt.Equal(x.now) || len(p.Attempts) == 0 || p.State != PageOpen {
				x.fault("rule 2", "page %d was begun, but nothing goes out for it", p.No)
			}
			if p.Ask {
				if was == nil || was.Holder != p.Person || e.State != Asking || e.Holder != p.Person {
					x.fault("rule 7", "%s is asked, but does not hold escalation %d", p.Person, e.No)
				}
				continue
			}
			if p.Level != e.Level || p.Round != e.Round {
				x.fault("rule 3", "page %d is of level %d of round %d", p.No, p.Level, p.Round)
			}
			got = append(got, p.Person)
		}
		begins := e.State == Climbing && e.Level >= 0 && (was == nil || was.State != Climbing || was.Level != e.Level || was.Round != e.Round || len(got) > 0)
		if !begins {
			if len(got) > 0 {
				x.fault("rule 5", "%s are paged though escalation %d is %s", got, e.No, e.State)
			}
			continue
		}
		if want := x.pageable(e); !slices.Equal(got, want) {
			x.fault("rule 3", "level %d of escalation %d pages %s, and should page %s", e.Level+1, e.No, got, want)
		}
	}
}

// pageable lists whom the level that e stands on pages.
func (x *edge) pageable(e *Escalation) []rosters.PersonID {
	lv := e.Ladder.Levels[e.Level]
	can := func(people []rosters.PersonID) []rosters.PersonID {
		var out []rosters.PersonID
		for _, p := range people {
			if !slices.Contains(e.Declined, p) && len(x.asked.plans[p]) > 0 && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		return out
	}
	people := can(x.named(lv))
	if len(people) == 0 && lv.CatchAll {
		x.wantNote("rule 4", "the last resort is paged", func(n Note) bool { return n.Reason == ReasonLastResort && n.Escalation == e.No })
		return can(e.Ladder.LastResort)
	}
	return people
}

// calm: rule 5. Once somebody has it, everybody is left in peace: no open page, nothing queued, calls
// are hung up except the one through which the answer came; and only the holder is asked (rule 7).
func (x *edge) calm(was, e *Escalation) {
	settled := e.State == Acknowledged || e.State == Stopped
	for i := range e.Pages {
		p := &e.Pages[i]
		if p.State == PageOpen && (settled || e.State == Asking && (!p.Ask || p.Person != e.Holder)) {
			x.fault("rule 5", "page %d is open though escalation %d is %s", p.No, e.No, e.State)
		}
		if p.State == PageOpen && p.Ask && e.State != Asking {
			x.fault("rule 7", "page %d asks a holder, but escalation %d is %s", p.No, e.No, e.State)
		}
		var old *Page
		if was != nil && i < len(was.Pages) {
			old = &was.Pages[i]
		}
		if a, ok := x.ev.(Answer); old != nil && old.State != PageOpen && old.State != p.State && !(ok && a.Decline && a.Page == p.No) {
			x.fault("rule 5", "page %d went from %s to %s", p.No, old.State, p.State)
		}
		if p.State != PageOpen && (!p.NextAt.IsZero() || old != nil && len(p.Attempts) > len(old.Attempts) && old.State != PageOpen) {
			x.fault("rule 5", "page %d is %s and goes on", p.No, p.State)
		}
		for k := range p.Attempts {
			var before *Attempt
			if old != nil && k < len(old.Attempts) {
				before = &old.Attempts[k]
			}
			x.attempt(old, p, before, &p.Attempts[k])
		}
	}
}

// attempt: rules 5, 10 and 11 for one message.
func (x *edge) attempt(old, p *Page, was, a *Attempt) {
	if was != nil && a.State.order() < was.State.order() {
		x.fault("rule 11", "attempt %d went back from %s to %s", a.No, was.State, a.State)
	}
	if was == nil && a.State != Queued && !x.through(a) {
		x.fault("rule 5", "attempt %d was made and is %s at once", a.No, a.State)
	}
	if p.State == PageOpen {
		if a.Unwanted {
			x.fault("rule 5", "attempt %d of an open page is unwanted", a.No)
		}
		return
	}
	if a.State == Queued || !a.ReceiptBy.IsZero() {
		x.fault("rule 5", "page %d is %s, but attempt %d is %s and waits", p.No, p.State, a.No, a.State)
	}
	if old == nil || old.State != PageOpen {
		return
	}
	if x.through(a) { // it was answered, so it arrived: neither hung up nor sent again
		if a.State == Queued || a.State == Sending {
			x.fault("rule 5", "attempt %d was answered, and may be sent again", a.No)
		}
		return
	}
	// The page was closed by this step: what is out is called back.
	out := a.State == Sending || a.Channel == rosters.Voice && (a.State == Sent || a.State == Delivered)
	if out && !a.Unwanted {
		x.fault("rule 5", "page %d was closed, but attempt %d is still wanted", p.No, a.No)
	}
	if out && a.State != Sending && !slices.ContainsFunc(x.withdraws, func(w Withdraw) bool { return w.Attempt == a.No }) {
		x.fault("rule 5", "page %d was closed, but the call of attempt %d is not hung up", p.No, a.No)
	}
}

// through reports whether the answer came through this attempt, whose call goes on.
func (x *edge) through(a *Attempt) bool {
	ev, ok := x.ev.(Answer)
	return ok && ev.Attempt == a.No
}

// order is how far an attempt is, as rule 11 has it: news never takes it back.
func (st AttemptState) order() int {
	switch st {
	case Queued:
		return 0
	case Withdrawn:
		return 1
	case Sending:
		return 2
	case Sent:
		return 3
	case Failed:
		return 4
	default:
		return 5
	}
}

// holds: rules 6, 7 and 10. Who came to hold an escalation has answered; who lost it was asked, or gave
// it up; the time it is held for follows from the last activity.
func (x *edge) holds(was, e *Escalation) {
	held := func(e *Escalation) bool { return e != nil && (e.State == Acknowledged || e.State == Asking) }
	if held(e) && e.Holder == "" {
		x.fault("rule 5", "escalation %d is %s by nobody", e.No, e.State)
	}
	answer, _ := x.ev.(Answer)
	if s, ok := x.ev.(Snoozed); ok {
		answer = Answer{Person: s.Person}
	}
	if e.Holder != "" && (was == nil || was.Holder != e.Holder) && (answer.Person != e.Holder || answer.Decline) {
		x.fault("rule 10", "%s holds escalation %d without an answer, by %T", e.Holder, e.No, x.ev)
	}
	if was == nil {
		return
	}
	if was.State == Asking && e.State == Acknowledged && answer.Person != e.Holder && by(x.ev) != string(e.Holder) {
		x.fault("rule 10", "%s holds escalation %d again without a sign of life, by %T", e.Holder, e.No, x.ev)
	}
	due := func(t time.Time) bool { return !t.IsZero() && !x.now.Before(t) }
	switch {
	case was.State == Acknowledged && e.State == Asking:
		if raised := x.raised() && by(x.ev) != string(was.Holder); !due(x.putOff(was.AckUntil)) && !raised {
			x.fault("rule 7", "%s is asked before the acknowledgement of escalation %d expired", e.Holder, e.No)
		}
		if !e.AskUntil.Equal(x.now.Add(AskFor)) {
			x.fault("rule 7", "%s is asked until %v", e.Holder, e.AskUntil)
		}
	case held(was) && !held(e) && e.State != Stopped:
		handedBack := answer.Decline && answer.Person == was.Holder
		asked := was.State == Acknowledged || x.stopped() > 0
		unreachable := asked && len(x.asked.plans[was.Holder]) == 0 || was.State == Asking && x.allFailed(e, was.Holder)
		if x.stopped() > 0 && !unreachable {
			x.fault("rule 18", "%s lost escalation %d by a stop", was.Holder, e.No)
		}
		if !handedBack && !unreachable && !x.takenAway(e) && (was.State != Asking || !due(was.AskUntil)) {
			x.fault("rule 7", "%s lost escalation %d without having been asked", was.Holder, e.No)
		}
	case was.State == Asking && e.State == Asking && due(was.AskUntil) && x.stopped() == 0:
		x.fault("rule 7", "%s did not answer, and the ladder of escalation %d does not resume", e.Holder, e.No)
	}
	x.expiry(was, e)
}

// expiry: rule 7. Activity of people extends every acknowledgement, nothing else does.
func (x *edge) expiry(was, e *Escalation) {
	if e.State != Acknowledged {
		return
	}
	fresh := was.State != Acknowledged || was.Holder != e.Holder
	if s, ok := x.ev.(Snoozed); ok && e.No == 1 && x.snoozes(s) {
		if !e.AckUntil.Equal(s.Until) {
			x.fault("rule 7", "escalation 1 is snoozed until %v, and not %v", e.AckUntil, s.Until)
		}
		return
	}
	want := x.putOff(was.AckUntil)
	if fresh || x.activity() {
		if fresh || x.after.Severity != x.before.Severity { // it counts anew; else it may be snoozed, and is not cut short
			want = time.Time{}
		}
		if d := e.Ladder.expiry(x.after.Severity); d > 0 {
			want = latest(want, x.now.Add(d))
		} else if x.due(want) {
			want = time.Time{}
		}
	}
	if !e.AckUntil.Equal(want) {
		x.fault("rule 7", "after %T the acknowledgement of escalation %d lasts until %v, and should until %v", x.ev, e.No, e.AckUntil, want)
	}
}

// activity reports whether the event is a sign of a person at work on the incident.
func (x *edge) activity() bool {
	switch ev := x.ev.(type) {
	case Active:
		return true
	case Described:
		return !x.before.Drill
	case PagedIn:
		return len(x.after.Escalations) > len(x.before.Escalations)
	case SeverityChanged:
		return x.after.Severity != x.before.Severity
	case Snoozed:
		return x.snoozes(ev)
	case Answer: // a no is not
		o := x.before.Judge(ev).Outcome
		return o == OutcomeAcknowledged || o == OutcomeManager || o == OutcomeStillOn
	default:
		return false
	}
}

// by names the person behind an event.
func by(ev Event) string {
	switch ev := ev.(type) {
	case Active:
		return ev.By
	case Described:
		return ev.By
	case PagedIn:
		return ev.By
	case SeverityChanged:
		return ev.By
	default:
		return ""
	}
}

func (x *edge) allFailed(e *Escalation, who rosters.PersonID) bool {
	for _, p := range e.Pages {
		if p.Ask && p.Person == who && p.Next == len(p.Contacts) && len(p.Attempts) > 0 &&
			!slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.State != Failed && a.Reason != ReasonCallAgain }) {
			return true
		}
	}
	return false
}

// tried: rule 11 as a state. While a page is open, the contact that was tried last has neither failed nor
// gone without a receipt if there is another one; and nobody waits for people whose every contact failed.
func (x *edge) tried(was, e *Escalation) {
	for i := 0; was != nil && i < len(was.Pages); i++ {
		x.hurried(&was.Pages[i], &e.Pages[i])
		x.calledAgain(&was.Pages[i], &e.Pages[i])
	}
	waiting, open := false, false
	for i := range e.Pages {
		p := &e.Pages[i]
		if p.State != PageOpen {
			continue
		}
		last := p.planned()
		if last.Contact != p.Next-1 {
			x.fault("rule 11", "page %d tried contact %d last, and has %d as its next", p.No, last.Contact, p.Next)
		}
		if p.Next < len(p.Contacts) && last.State == Failed {
			x.fault("rule 11", "attempt %d failed, and the next contact of page %d is not tried", last.No, p.No)
		}
		for _, a := range p.Attempts {
			if a.State == Sent && receiptWithin[a.Channel] > 0 && a.ReceiptBy.IsZero() && a.Contact == p.Next-1 && p.Next < len(p.Contacts) {
				x.fault("rule 11", "attempt %d has no receipt, and the next contact of page %d is not tried", a.No, p.No)
			}
		}
		if (p.Level == e.Level && p.Round == e.Round && e.State == Climbing) || p.Ask {
			open = true
			waiting = waiting || p.Next < len(p.Contacts) || slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.State != Failed && a.Reason != ReasonCallAgain })
		}
	}
	if open && !waiting {
		x.fault("rule 11", "every contact of everybody whom escalation %d waits for has failed", e.No)
	}
}

// planned is the last attempt that the plan asked for.
func (p *Page) planned() Attempt {
	last := p.Attempts[0]
	for _, a := range p.Attempts[1:] {
		if a.Reason == ReasonCallAgain {
			break
		}
		last = a
	}
	return last
}

// calledAgain: rule 11. Who has not answered is called again when the time has come, and for as long as the
// page is open, unless the severity is 3 by then.
func (x *edge) calledAgain(was, p *Page) {
	due := !was.NextAt.IsZero() && !x.now.Before(x.putOff(was.NextAt))
	if was.State != PageOpen || p.State != PageOpen || was.Next < len(was.Contacts) || was.Again == 0 {
		return
	}
	switch made := len(p.Attempts) - len(was.Attempts); {
	case was.NextAt.IsZero() || due && x.after.Severity == Minor:
		if made > 0 || !p.NextAt.IsZero() {
			x.fault("rule 11", "page %d called nobody again any more, and goes on", p.No)
		}
	case due:
		if made != 1 || !p.NextAt.Equal(x.now.Add(p.Again)) {
			x.fault("rule 11", "page %d calls again: %d attempts are made, and the next is due at %v", p.No, made, p.NextAt)
		}
	case made > 0 || !p.NextAt.Equal(x.putOff(was.NextAt)):
		x.fault("rule 11", "page %d calls again before its time: %d attempts are made, and the next is due at %v", p.No, made, p.NextAt)
	}
}

// hurried: rule 11, the other way round. The next contact is tried when its time has come, or when the
// one before it failed or was silent, and for that reason.
func (x *edge) hurried(was, p *Page) {
	if len(p.Attempts) == len(was.Attempts) {
		return
	}
	last, next := len(was.Attempts)-1, p.Attempts[len(was.Attempts)]
	due := func(t time.Time) bool { return !t.IsZero() && !x.now.Before(t) }
	why := map[Reason]bool{
		ReasonNextContact:   due(x.putOff(was.NextAt)) && was.Next < len(was.Contacts),
		ReasonCallAgain:     due(x.putOff(was.NextAt)) && was.Next == len(was.Contacts),
		ReasonContactFailed: p.Attempts[last].State == Failed,
		ReasonNextProvider:  p.Attempts[last].State == Failed || due(x.putOff(was.Attempts[last].ReceiptBy)),
		ReasonContactSilent: due(x.putOff(was.Attempts[last].ReceiptBy)),
	}
	if !why[next.Reason] {
		x.fault("rule 11", "attempt %d is made because of %q, which is not so", next.No, next.Reason)
	}
}

// hours: rule 9. Only severity 3 waits for working hours, and only for those; then nobody is paged.
func (x *edge) hours(was, e *Escalation) {
	off := x.after.Severity == Minor && !e.Urgent && !x.escalates(e) && !x.after.Hours.Contains(x.now)
	if off && slices.ContainsFunc(e.Pages, func(p Page) bool { return x.begun(&p) && !p.Ask }) {
		x.fault("rule 9", "severity 3 pages outside working hours")
	}
	if e.State != Waiting {
		return
	}
	if e.WaitFor != ReasonOutsideHours {
		x.keptBack(was, e)
		return
	}
	if x.after.Severity != Minor || e.Urgent {
		x.fault("rule 9", "escalation %d waits for working hours at severity %d", e.No, x.after.Severity)
	}
	if fresh := was == nil || was.State != Waiting; fresh && (!off || !e.WaitUntil.Equal(x.after.Hours.NextOpen(x.now))) {
		x.fault("rule 9", "escalation %d waits until %v", e.No, e.WaitUntil)
	}
}

// severity: rule 9. Raising pages at once; lowering withdraws nothing.
func (x *edge) severity() {
	if x.after.Status == Resolved {
		return
	}
	switch {
	case x.raised():
		for i := range x.before.Escalations {
			was, e := &x.before.Escalations[i], &x.after.Escalations[i]
			paged := slices.ContainsFunc(e.Pages, func(p Page) bool { return x.begun(&p) })
			switch was.State {
			case Waiting, Climbing:
				if was.State == Waiting && was.WaitFor == ReasonMaintenance {
					continue
				}
				if nobody := e.Level < 0 && !e.PagedInRound || e.Level < 0 && e.State == Climbing; !paged && !nobody && e.State != Waiting {
					x.fault("rule 9", "the severity was raised, and escalation %d pages nobody", e.No)
				}
			case Acknowledged:
				if self := by(x.ev) == string(was.Holder) && was.Holder != ""; self != (e.State == Acknowledged) {
					x.fault("rule 9", "the severity was raised by %q, and escalation %d held by %s is %s", by(x.ev), e.No, was.Holder, e.State)
				}
			}
		}
	case x.after.Severity > x.before.Severity && x.quiet:
		if len(x.sends) > 0 || x.after.PageN > x.before.PageN || x.closed() {
			x.fault("rule 9", "lowering the severity changed pages")
		}
	}
	if x.reopened() && !x.raised() {
		return
	}
	if _, ok := x.ev.(SeverityChanged); !ok && x.after.Severity > x.before.Severity {
		x.fault("rule 9", "%T lowered the severity", x.ev)
	}
}

// closed reports whether a page was closed, other than by its holder's sign of life.
func (x *edge) closed() bool {
	for i := range x.before.Escalations {
		was, e := &x.before.Escalations[i], &x.after.Escalations[i]
		for j := range was.Pages {
			if was.Pages[j].State != e.Pages[j].State && (was.State != Asking || string(was.Holder) != by(x.ev)) {
				return true
			}
		}
	}
	return false
}

// sent: rules 5 and 17. What is sent is queued, was made by this step, for somebody whom an open page
// is for, and the timeline says why.
func (x *edge) sent() {
	reasons := closedList()
	seen := make(map[int]bool, len(x.sends))
	for _, s := range x.sends {
		e, p, a := x.after.Attempt(s.Attempt)
		switch {
		case a == nil || seen[s.Attempt] || s.Attempt <= x.before.AttemptN:
			x.fault("rule 5", "attempt %d is sent, but not made by this step", s.Attempt)
			continue
		case a.State != Queued || p.State != PageOpen:
			x.fault("rule 5", "attempt %d is sent though it is %s and its page %s", s.Attempt, a.State, p.State)
		case e.State == Acknowledged || e.State == Stopped || e.State == Asking && !p.Ask:
			x.fault("rule 5", "attempt %d is sent though escalation %d is %s", s.Attempt, e.No, e.State)
		case a.Address != p.Contacts[a.Contact].Address || a.Channel != p.Contacts[a.Contact].Channel:
			x.fault("rule 15", "attempt %d goes to %s, which is not in the plan", s.Attempt, a.Address)
		}
		seen[s.Attempt] = true
		if !reasons[s.Reason] || a.Reason != s.Reason {
			x.fault("rule 17", "attempt %d is sent for no reason of the list: %q", s.Attempt, s.Reason)
		}
		x.wantNote("rule 17", fmt.Sprintf("attempt %d is sent", s.Attempt), func(n Note) bool {
			return n.Attempt == s.Attempt && n.Reason == s.Reason && n.Person == p.Person && n.Channel == a.Channel && n.Escalation == e.No
		})
	}
	for no := x.before.AttemptN + 1; no <= x.after.AttemptN; no++ {
		if !seen[no] {
			x.fault("contract", "attempt %d was made and is not sent", no)
		}
	}
	for _, w := range x.withdraws {
		_, p, a := x.after.Attempt(w.Attempt)
		if a == nil || a.Channel != rosters.Voice || !a.Unwanted || p.State == PageOpen || a.State != Sent && a.State != Delivered || !reasons[w.Reason] {
			x.fault("rule 5", "attempt %d is called back for %q", w.Attempt, w.Reason)
		}
	}
	for _, n := range x.notes {
		if !reasons[n.Reason] || n.Text == "" {
			if _, activity := x.ev.(Active); !activity {
				x.fault("rule 17", "a line of the timeline has reason %q and text %q", n.Reason, n.Text)
			}
		}
	}
}

// reasons: rule 17. No change of an escalation without a line in the timeline, none of a message either.
func (x *edge) reasons(was, e *Escalation) {
	if x.after.Status == Resolved && x.before.Status != Resolved {
		x.wantNote("rule 17", "the incident is resolved", func(n Note) bool {
			return slices.Contains([]Reason{ReasonResolved, ReasonAutoClosed, ReasonDrillPassed, ReasonDrillDeclined, ReasonDrillFailed}, n.Reason)
		})
		return
	}
	here := func(n Note) bool { return n.Escalation == e.No }
	switch {
	case was == nil:
		x.wantNote("rule 17", fmt.Sprintf("escalation %d began", e.No), here)
		return
	case was.State != e.State || was.Level != e.Level || was.Round != e.Round || was.Holder != e.Holder:
		x.wantNote("rule 17", fmt.Sprintf("escalation %d went from %s to %s", e.No, was.State, e.State), here)
	}
	climbs := func(e *Escalation) bool { return e.State == Climbing || e.State == Waiting }
	if climbs(was) && climbs(e) && was.Level >= 0 && (was.Level != e.Level || was.Round != e.Round) {
		x.wantNote("rule 17", fmt.Sprintf("level %d of escalation %d is over", was.Level+1, e.No), func(n Note) bool {
			return here(n) && n.Level == was.Level && slices.Contains([]Reason{ReasonLevelOver, ReasonLevelFailed, ReasonDeclined, ReasonLevelEmpty, ReasonEscalated}, n.Reason)
		})
	}
	if e.State == Climbing && e.Level < 0 && !e.PagedInRound && was.Level >= 0 {
		x.wantNote("rule 17", fmt.Sprintf("nobody on the ladder of escalation %d could be paged", e.No), func(n Note) bool { return here(n) && n.Reason == ReasonNobody })
	}
	if was.State != e.State {
		// Each state is entered for reasons of its own.
		enter := map[EscalationState][]Reason{
			Waiting:      {ReasonOutsideHours, ReasonDelayed, ReasonMaintenance},
			Climbing:     {ReasonHoursOpen, ReasonLadderAgain, ReasonSeverityRaised, ReasonDelayOver, ReasonMaintenanceOver, ReasonEscalated},
			Acknowledged: {ReasonAcknowledged, ReasonStillOn},
			Asking:       {ReasonAckExpired, ReasonSeverityRaised},
		}[e.State]
		x.wantNote("rule 17", fmt.Sprintf("escalation %d went from %s to %s", e.No, was.State, e.State), func(n Note) bool {
			return slices.Contains(enter, n.Reason) && (n.Escalation == e.No || n.Reason == ReasonSeverityRaised)
		})
	}
	for i := range was.Pages {
		for k := range was.Pages[i].Attempts {
			a, b := &was.Pages[i].Attempts[k], &e.Pages[i].Attempts[k]
			if a.State != b.State && b.State != Withdrawn {
				x.wantNote("rule 17", fmt.Sprintf("attempt %d is %s", a.No, b.State), func(n Note) bool { return n.Attempt == a.No })
			}
		}
	}
}

func (x *edge) wantNote(rule, what string, is func(Note) bool) bool {
	if !slices.ContainsFunc(x.notes, is) {
		x.fault(rule, "%s, and the timeline does not say so", what)
		return false
	}
	return true
}

// answer: rules 5, 6 and 8, and that Step does what Judge said.
func (x *edge) answer() {
	a, ok := x.ev.(Answer)
	if !ok {
		return
	}
	v := x.before.Judge(a)
	if x.after.Status == Resolved && x.before.Status != Resolved {
		return // its time had come: see ended
	}
	switch v.Outcome {
	case OutcomeTaken, OutcomeNothing, OutcomeResolved:
		if v.Outcome == OutcomeTaken && (v.Holder == "" || v.Holder == a.Person) {
			x.fault("contract", "Judge says that %q has it, to %s", v.Holder, a.Person)
		}
		ticked, _ := Step(x.before, Tick{}, x.env)
		if !same(&ticked, &x.after) {
			x.fault("contract", "Judge says %s, and Step changes something", v.Outcome)
		}
		return
	}
	for _, no := range v.Escalations {
		was, e := x.before.Escalation(no), x.after.Escalation(no)
		holds := was.Holder == a.Person
		paged := slices.ContainsFunc(was.Pages, func(p Page) bool { return p.Person == a.Person && p.State == PageOpen })
		switch {
		case was.State == Acknowledged && !holds: // somebody else's: rule 5
			if e.Holder != was.Holder && x.quiet {
				x.fault("rule 5", "%s took escalation %d from %s", a.Person, no, was.Holder)
			}
		case a.Decline && holds:
			if e.Holder != "" || e.Round != was.Round+1 {
				x.fault("rule 8", "%s handed escalation %d back, and it is %s", a.Person, no, e.State)
			}
			x.declinedIn(e, a.Person, e.Round)
		case a.Decline && paged:
			x.declined(was, e, a.Person)
		case a.Decline:
		default:
			if e.State != Acknowledged || e.Holder != a.Person {
				x.fault("rule 5", "%s acknowledged, and escalation %d is %s by %q", a.Person, no, e.State, e.Holder)
			}
			if no == 1 && (x.after.Manager != a.Person || x.after.Status != Fixing) {
				x.fault("rule 6", "%s acknowledged the manager's escalation, but the incident is %s under %q", a.Person, x.after.Status, x.after.Manager)
			}
		}
	}
	if w := x.outcome(a, v); w != v.Outcome {
		x.fault("contract", "Judge says %s, and it was %s", v.Outcome, w)
	}
}

// declined: rule 8. The ladder moved on at once, and the person is left in peace for the rest of the round.
func (x *edge) declined(was, e *Escalation, who rosters.PersonID) {
	current := was.State == Climbing && slices.ContainsFunc(was.Pages, func(p Page) bool {
		return p.Person == who && p.State == PageOpen && p.Level == was.Level && p.Round == was.Round
	})
	if on := e.State == Waiting || e.Round > was.Round || e.Level > was.Level || e.Level < 0; current && !on {
		x.fault("rule 8", "%s declined, and escalation %d does not move on", who, e.No)
	}
	if !current && x.quiet && (e.Level != was.Level || e.Round != was.Round || len(e.Pages) > len(was.Pages)) {
		x.fault("rule 8", "%s declined an earlier level, and escalation %d moves on from the current one", who, e.No)
	}
	x.declinedIn(e, who, was.Round)
}

func (x *edge) declinedIn(e *Escalation, who rosters.PersonID, round int) {
	if e.Round != round {
		return // a new round asks everybody
	}
	if !slices.Contains(e.Declined, who) {
		x.fault("rule 8", "%s declined escalation %d, which has forgotten it", who, e.No)
	}
	if slices.ContainsFunc(e.Pages, func(p Page) bool { return p.Person == who && p.State == PageOpen }) {
		x.fault("rule 8", "%s declined escalation %d, and is paged in the same round", who, e.No)
	}
}

// outcome reads off the incidents what an answer did.
func (x *edge) outcome(a Answer, v Verdict) Outcome {
	first := Outcome("")
	for _, no := range v.Escalations {
		was, e := x.before.Escalation(no), x.after.Escalation(no)
		o := OutcomeDeclined
		switch {
		case was.State == Acknowledged && was.Holder != a.Person:
			o = OutcomeTaken
		case a.Decline && was.Holder == a.Person:
			o = OutcomeHandedBack
		case a.Decline:
		case was.Holder == a.Person:
			o = OutcomeStillOn
		case e.No == 1 && x.after.Manager == a.Person:
			o = OutcomeManager
		default:
			o = OutcomeAcknowledged
		}
		if first == "" || first == OutcomeTaken {
			first = o
		}
	}
	return first
}

// receipts: rules 10 and 11. News of a message changes the message, and what follows from its failure,
// and nothing else.
func (x *edge) receipts() {
	r, ok := x.ev.(Reported)
	if !ok {
		return
	}
	_, was, old := x.before.Attempt(r.Attempt)
	_, p, a := x.after.Attempt(r.Attempt)
	if old == nil {
		return
	}
	want := old.State
	if r.State.order() > old.State.order() && r.State.order() >= Sent.order() {
		want = r.State
	}
	if a.State != want {
		x.fault("rule 11", "attempt %d was %s, and is %s after the news that it is %s", r.Attempt, old.State, a.State, r.State)
	}
	if x.after.Status == Resolved || was.State != PageOpen || want == old.State {
		return
	}
	if within := receiptWithin[a.Channel]; p.State == PageOpen && want == Sent && within > 0 && !a.ReceiptBy.Equal(x.now.Add(within)) {
		x.fault("rule 11", "attempt %d was sent, and its receipt is waited for until %v", r.Attempt, a.ReceiptBy)
	}
	if want == Failed && old.Contact == was.Next-1 && was.Next < len(was.Contacts) && p.State == PageOpen && len(p.Attempts) <= len(was.Attempts) {
		x.fault("rule 11", "attempt %d failed, and the next contact of page %d is not tried now", r.Attempt, was.No)
	}
}

// bystanders: rules 5, 10 and 13. An event touches only what it is about. When nothing is due, an answer
// changes the escalations it answers, news its page, and a repeated alert, a sign of life or a page to
// another team nobody's.
func (x *edge) bystanders() {
	if !x.quiet || x.after.Status == Resolved || x.raised() {
		return
	}
	touched := func(e *Escalation) bool { return false }
	switch ev := x.ev.(type) {
	case Answer:
		v := x.before.Judge(ev)
		touched = func(e *Escalation) bool { return slices.Contains(v.Escalations, e.No) }
	case Reported:
		e, _, _ := x.before.Attempt(ev.Attempt)
		if e != nil {
			touched = func(other *Escalation) bool { return other.No == e.No }
		}
	case Snoozed, Escalated, Released:
		touched = func(e *Escalation) bool { return e.No == 1 }
	case Returned:
		touched = func(e *Escalation) bool { return !e.Urgent }
	}
	if x.stopped() > 0 {
		return // it is about all of them: see resumes
	}
	for i := range x.before.Escalations {
		was, e := x.before.Escalations[i], x.after.Escalations[i]
		if touched(&was) || was.State == Waiting && was.WaitFor == ReasonMaintenance || // about which is asked each time
			was.State == Asking && by(x.ev) == string(was.Holder) && e.State == Acknowledged && e.Holder == was.Holder {
			continue
		}
		if x.activity() && was.State == Acknowledged {
			was.AckUntil, e.AckUntil = time.Time{}, time.Time{} // extended
		}
		var a, b print
		a.escalation(&was)
		b.escalation(&e)
		if !slices.Equal(a, b) {
			rule := "rule 5"
			if _, ok := x.ev.(Alerted); ok {
				rule = "rule 13"
			}
			x.fault(rule, "%T is not about escalation %d, and changed it", x.ev, e.No)
		}
	}
}

// stopped is how long Rouse was stopped, if the event says that it was; 0 if it says nothing of the kind.
func (x *edge) stopped() time.Duration {
	r, _ := x.ev.(Resumed)
	return r.Stopped
}

// putOff is when something that waited is due now.
func (x *edge) putOff(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(x.stopped())
}

// resumes: rule 18. Time during which Rouse was stopped counts for nobody: nobody who was being paged or
// asked has missed the time to answer, everybody has it whole again.
func (x *edge) resumes() {
	if x.stopped() <= 0 || x.after.Status == Resolved {
		return
	}
	x.wantNote("rule 18", "Rouse was stopped", func(n Note) bool { return n.Reason == ReasonAfterStop })
	for i := range x.before.Escalations {
		was, e := &x.before.Escalations[i], &x.after.Escalations[i]
		why := func(r Reason) bool {
			return slices.ContainsFunc(x.notes, func(n Note) bool { return n.Escalation == e.No && n.Reason == r })
		}
		if why(ReasonLevelOver) || why(ReasonLevelFailed) || why(ReasonAskUnanswered) {
			x.fault("rule 18", "the stop ended what escalation %d was waiting for", e.No)
		}
		switch {
		case was.State == Climbing && was.Level >= 0 && e.State == Climbing && e.Level >= 0:
			if !slices.ContainsFunc(e.Pages, func(p Page) bool { return x.begun(&p) }) || !e.LevelUntil.Equal(x.now.Add(e.Ladder.Levels[e.Level].Wait)) {
				x.fault("rule 18", "after the stop the level of escalation %d does not begin anew: it lasts until %v", e.No, e.LevelUntil)
			}
		case was.State == Asking && e.State == Asking:
			if !slices.ContainsFunc(e.Pages, func(p Page) bool { return x.begun(&p) && p.Ask }) {
				x.fault("rule 18", "after the stop the holder of escalation %d is not asked anew", e.No)
			}
		case was.State == Acknowledged && e.State != Acknowledged && x.now.Before(x.putOff(was.AckUntil)):
			x.fault("rule 18", "the stop used up the acknowledgement of escalation %d", e.No)
		case was.State == Waiting && e.State == Waiting && was.WaitFor != ReasonMaintenance && !e.WaitUntil.Equal(was.WaitUntil) && x.now.Before(was.WaitUntil):
			x.fault("rule 18", "the stop put working hours off to %v", e.WaitUntil)
		}
		for j := range was.Pages {
			x.goesOn(&was.Pages[j], &e.Pages[j])
		}
	}
}

// goesOn: rule 18 for a page that was open before the stop and still is. What it waits for is as far off
// as when the stop began.
func (x *edge) goesOn(was, p *Page) {
	if was.State != PageOpen && !p.StartedAt.Equal(was.StartedAt) || p.State == PageOpen && !p.StartedAt.Equal(x.putOff(was.StartedAt)) {
		x.fault("rule 18", "page %d was %s, and its plan counts from %v now", p.No, was.State, p.StartedAt)
	}
	if was.State != PageOpen || p.State != PageOpen || p.Next != was.Next {
		return
	}
	if !p.NextAt.Equal(x.putOff(was.NextAt)) && p.Next < len(p.Contacts) { // else see calledAgain
		x.fault("rule 18", "the next contact of page %d is due at %v", p.No, p.NextAt)
	}
	for k := range was.Attempts {
		if by := x.putOff(was.Attempts[k].ReceiptBy); by.After(x.now) && !p.Attempts[k].ReceiptBy.Equal(by) {
			x.fault("rule 18", "the receipt of attempt %d is waited for until %v", p.Attempts[k].No, p.Attempts[k].ReceiptBy)
		}
	}
}

// idle: the contract of Step. A tick that comes early changes nothing and says nothing, and so does one
// right after the step.
func (x *edge) idle() {
	if again, effects := Step(x.after, Tick{}, x.env); !same(&again, &x.after) || len(effects) > 0 {
		x.fault("contract", "a tick right after the step still changes something: %v", effects)
	}
	early := x.now.Add(8 * 24 * time.Hour)
	if d := x.after.Deadline(); !d.IsZero() {
		early = d.Add(-time.Nanosecond)
	}
	env := x.env
	env.Now = early
	if again, effects := Step(x.after, Tick{}, env); !same(&again, &x.after) || len(effects) > 0 {
		x.fault("contract", "a tick before the deadline changes something: %v", effects)
	}
}

// twice: the contract of Step. An event told twice pages nobody the second time, and changes no course.
func (x *edge) twice() {
	if len(x.effects) == 0 && same(&x.before, &x.after) {
		return
	}
	if _, escalated := x.ev.(Escalated); x.stopped() > 0 || escalated {
		return // whoever tells of a stop, or escalates, makes sure that it is told once
	}
	again, effects := Step(x.after, x.ev, x.env)
	again.AlertN, again.AlertedAt = x.after.AlertN, x.after.AlertedAt
	if a, ok := x.ev.(Answer); ok && a.Decline && a.Page == 0 && (a.Escalation == 0 || x.after.openPage(a.Person)) {
		return // a no that names no page is about what it finds: nothing tells the second from another one
	}
	if a, ok := x.ev.(Answer); ok && !x.quiet {
		if o := x.before.Judge(a).Outcome; o == OutcomeTaken || o == OutcomeNothing || a.Page == 0 {
			return // a tick was overdue, and the second answer meets what it did
		}
	}
	if s, ok := x.ev.(Snoozed); ok && !x.quiet && !x.snoozes(s) {
		return // likewise
	}
	if !same(&again, &x.after) {
		x.fault("contract", "%s told twice changes something the second time", describe(x.ev))
	}
	for _, ef := range effects {
		if _, note := ef.(Note); !note {
			x.fault("contract", "%s told twice does %v the second time", describe(x.ev), ef)
		}
	}
}

func (inc Incident) openPage(who rosters.PersonID) bool {
	return slices.ContainsFunc(inc.Escalations, func(e Escalation) bool {
		return slices.ContainsFunc(e.Pages, func(p Page) bool { return p.Person == who && p.State == PageOpen })
	})
}

// stored: a page that is not Live may be left out unless the event names it.
func (x *edge) stored() {
	part := x.before.clone()
	left := 0
	for i := range part.Escalations {
		e := &part.Escalations[i]
		e.Pages = slices.DeleteFunc(e.Pages, func(p Page) bool {
			out := !p.Live() && !namedBy(x.ev, &p)
			if out {
				left++
			}
			return out
		})
	}
	if left == 0 {
		return
	}
	after, effects := Step(part, x.ev, x.env)
	n := 0
	for _, ef := range effects {
		if _, note := ef.(Note); !note {
			n++
		}
	}
	if n != len(x.sends)+len(x.withdraws) || len(effects) != n+len(x.notes) {
		x.fault("contract", "without its closed pages the incident goes another way: %v", effects)
	}
	for i := range after.Escalations {
		for _, p := range after.Escalations[i].Pages {
			_, q := x.after.Page(p.No)
			var a, b print
			a.page(&p)
			if q != nil {
				b.page(q)
			}
			if !slices.Equal(a, b) {
				x.fault("contract", "without the closed pages, page %d becomes another", p.No)
			}
		}
		a, b := after.Escalations[i], x.after.Escalations[i]
		a.Pages, b.Pages = nil, nil
		var pa, pb print
		pa.escalation(&a)
		pb.escalation(&b)
		if !slices.Equal(pa, pb) {
			x.fault("contract", "without its closed pages escalation %d goes another way", a.No)
		}
	}
}

func namedBy(ev Event, p *Page) bool {
	switch ev := ev.(type) {
	case Answer:
		return ev.Page == p.No
	case Reported:
		return slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.No == ev.Attempt })
	default:
		return false
	}
}

// closedList reads the reasons of effect.go, the only ones there are.
var closedList = sync.OnceValue(func() map[Reason]bool {
	list := map[Reason]bool{}
	f, err := parser.ParseFile(token.NewFileSet(), "effect.go", nil, 0)
	if err != nil {
		panic(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "Reason") {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				panic(err)
			}
			list[Reason(s)] = true
		}
		return true
	})
	return list
})
