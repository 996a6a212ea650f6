package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rouse/rosters"
)

// Moments that the stories begin at. Working hours, where nothing else is said, are Monday to Friday
// from nine to five.
var (
	monday10   = time.Date(2026, 1, 12, 10, 0, 0, 0, time.UTC)
	saturday10 = time.Date(2026, 1, 17, 10, 0, 0, 0, time.UTC)
	monday9    = time.Date(2026, 1, 19, 9, 0, 0, 0, time.UTC) // the one after that Saturday
)

// world is everything around one incident: people with their plans, rosters with who is on call, a
// policy, a clock that only the test moves, and a provider that takes nothing until it is told to.
type world struct {
	t         tester
	start     time.Time
	now       time.Time
	plans     map[rosters.PersonID][]rosters.Contact
	again     map[rosters.PersonID]time.Duration // how often they are called again at severity 1
	rosters   map[rosters.RosterID][]rosters.PersonID
	service   *Service
	policy    *Policy
	end       CatchAll
	summary   string // of the first alert
	sent      Alert  // what the sender says beside: word, labels, by now
	routing   Routing
	providers int                 // that can send to each contact; 0: one
	held      Held                // the maintenance that everything falls into
	holds     func(Incident) bool // whether an incident does; nil: it does

	invariants bool // every step is checked against all of them: rule tests go without, so that each names its own rule

	inc      Incident
	effects  []Effect // of the last step
	unseen   []string // what was sent and hung up since want was last asked
	story    []string // the events so far
	receipts map[rosters.Channel]time.Duration
}

// tester is what a world needs of a testing.T or a rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// night is a world with three people and a policy of two levels, at ten on a Monday: ann is on call
// first, bob second, and cat is the incident manager on call. Each has a push at once and a call
// after two minutes.
func night(t tester) *world {
	w := empty(t)
	w.person("ann", "push@0s voice@2m").person("bob", "push@0s voice@2m").person("cat", "push@0s voice@2m")
	w.onCall("first", "ann").onCall("second", "bob").onCall("imoc", "cat")
	return w.levels("first wait=5m | second wait=5m")
}

// empty is a world without people.
func empty(t tester) *world {
	w := &world{t: t, plans: map[rosters.PersonID][]rosters.Contact{}, again: map[rosters.PersonID]time.Duration{}, rosters: map[rosters.RosterID][]rosters.PersonID{},
		service: &Service{ID: "db", Policy: "db"}, summary: "disk full", end: CatchAll{Roster: "imoc"}}
	return w.startAt(monday10)
}

func (w *world) startAt(t time.Time) *world {
	w.start, w.now = t, t
	return w
}

// person gives somebody a plan such as "push@0s sms@2m"; an empty one leaves them without any contact.
func (w *world) person(id rosters.PersonID, contacts string) *world {
	w.plans[id] = plan(id, contacts)
	return w
}

func plan(id rosters.PersonID, contacts string) []rosters.Contact {
	var plan []rosters.Contact
	for _, f := range strings.Fields(contacts) {
		channel, after, _ := strings.Cut(f, "@")
		d, err := time.ParseDuration(after)
		if err != nil {
			panic(err)
		}
		plan = append(plan, rosters.Contact{Channel: rosters.Channel(channel), Address: string(id) + "'s " + channel, After: d})
	}
	return plan
}

func (w *world) onCall(r rosters.RosterID, people ...rosters.PersonID) *world {
	w.rosters[r] = people
	return w
}

// levels sets the policy: "first wait=5m | ann,second wait=10m" has two levels. A name is that of a
// person, if there is one of that name, else a roster's.
func (w *world) levels(ladder string) *world {
	w.policy = &Policy{ID: "db"}
	for rung := range strings.SplitSeq(ladder, "|") {
		var l Level
		for _, f := range strings.Fields(rung) {
			if wait, ok := strings.CutPrefix(f, "wait="); ok {
				l.Wait = w.duration(wait)
				continue
			}
			for name := range strings.SplitSeq(f, ",") {
				l.Targets = append(l.Targets, w.target(name))
			}
		}
		w.policy.Levels = append(w.policy.Levels, l)
	}
	return w
}

func (w *world) target(name string) Target {
	if _, ok := w.plans[rosters.PersonID(name)]; ok {
		return Target{Person: rosters.PersonID(name)}
	}
	return Target{Roster: rosters.RosterID(name)}
}

func (w *world) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return d
}

func (w *world) env() Env {
	return Env{Now: w.now, CallAgain: func(p rosters.PersonID, s Severity) time.Duration { return againFor(s, w.again[p]) }, Providers: func(rosters.Contact) int { return max(1, w.providers) },
		Held: w.heldBack, ReceiptWithin: w.receipts,
		OnCall: func(t Target) []rosters.PersonID { return w.rosters[t.Roster] },
		Plan:   func(p rosters.PersonID, _ Severity) []rosters.Contact { return w.plans[p] }}
}

// againFor is how often somebody is called again who wants that for severity 1.
func againFor(s Severity, every time.Duration) time.Duration {
	if s == Critical {
		return every
	}
	return 0
}

func (w *world) heldBack(inc Incident) Held {
	if w.holds != nil && !w.holds(inc) {
		return Held{}
	}
	return w.held
}

// step brings an event to the incident.
func (w *world) step(ev Event) *world {
	w.t.Helper()
	w.story = append(w.story, fmt.Sprintf("at %s %s", w.now.Sub(w.start), describe(ev)))
	if w.invariants {
		var faults []string
		w.inc, w.effects, faults = checked(w.inc, ev, w.env())
		if len(faults) > 0 {
			w.t.Errorf("%s:\n\t%s", strings.Join(w.story, "\n"), strings.Join(faults, "\n\t"))
		}
	} else {
		w.inc, w.effects = Step(w.inc, ev, w.env())
	}
	for _, ef := range w.effects {
		if s := w.inc.says(ef); s != "" {
			w.unseen = append(w.unseen, s)
		}
	}
	return w
}

// says puts a Send or Withdraw in words: "ann push: first page", "hang up bob voice: acknowledged".
func (inc Incident) says(ef Effect) string {
	switch ef := ef.(type) {
	case Send:
		_, p, a := inc.Attempt(ef.Attempt)
		return fmt.Sprintf("%s %s: %s", p.Person, a.Channel, ef.Reason)
	case Withdraw:
		_, p, a := inc.Attempt(ef.Attempt)
		return fmt.Sprintf("hang up %s %s: %s", p.Person, a.Channel, ef.Reason)
	default:
		return ""
	}
}

// describe names an event in a fault.
func describe(ev Event) string { return strings.TrimPrefix(fmt.Sprintf("%T%+v", ev, ev), "engine.") }

// alert opens the incident, or joins it, or opens it again.
func (w *world) alert(sev Severity) *world {
	w.t.Helper()
	a := w.sent
	a.Action, a.Service, a.Severity, a.Summary, a.DedupKey = Trigger, "", sev, w.summary, "db-1"
	if w.service != nil {
		a.Service = w.service.ID
	}
	o := Opening{Routed: w.routing.Route(a, w.now, func(ServiceID) *Service { return w.service }), Service: w.service, Policy: w.policy, CatchAll: w.end, Held: w.held}
	for _, r := range a.Responders {
		if t := w.target(r.Name); r.Kind == "" {
			o.Unknown = append(o.Unknown, r.Name)
		} else {
			o.Named = append(o.Named, t)
		}
	}
	switch {
	case w.inc.Status == "":
		w.inc = o.Incident(a.Service, w.now)
		w.inc.ID, w.inc.Key = 1, "HOT-1"
		return w.step(o.Event())
	case w.inc.Status == Resolved && w.service.Noise.Return.Within > 0:
		return w.step(Returned{Severity: o.Severity, Calm: o.Calm(), Delay: o.Start().Delay})
	default:
		return w.step(Alerted{Severity: o.Severity})
	}
}

// at moves the clock to so long after the beginning; nothing happens by it.
func (w *world) at(after string) *world {
	to := w.start.Add(w.duration(after))
	if to.Before(w.now) {
		w.t.Fatalf("the clock does not go back to %s", after)
	}
	w.now = to
	return w
}

func (w *world) tick() *world { w.t.Helper(); return w.step(Tick{}) }
func (w *world) ack(p rosters.PersonID) *world {
	w.t.Helper()
	return w.step(Answer{Person: p, Via: "test"})
}
func (w *world) decline(p rosters.PersonID) *world {
	w.t.Helper()
	return w.step(Answer{Person: p, Decline: true, Via: "test"})
}
func (w *world) resolve() *world { w.t.Helper(); return w.step(Ended{By: "ann"}) }
func (w *world) severity(to Severity, by string) *world {
	w.t.Helper()
	return w.step(SeverityChanged{To: to, By: by})
}

// pageIn pages a roster or person in; wait is five minutes.
func (w *world) pageIn(target, by string) *world {
	w.t.Helper()
	return w.step(PagedIn{By: by, Ladder: RouteTo(w.target(target), 5*time.Minute, w.end)})
}

// hear reports news of the last attempt to somebody on a channel.
func (w *world) hear(p rosters.PersonID, c rosters.Channel, state AttemptState) *world {
	w.t.Helper()
	return w.step(Reported{Attempt: w.attempt(p, c).No, State: state})
}

// undelivered tells that a message failed which another provider may bring.
func (w *world) undelivered(p rosters.PersonID, c rosters.Channel) *world {
	w.t.Helper()
	return w.step(Reported{Attempt: w.attempt(p, c).No, State: Failed, Elsewhere: true})
}

// attempt finds the last attempt to somebody on a channel.
func (w *world) attempt(who rosters.PersonID, c rosters.Channel) Attempt {
	w.t.Helper()
	var last Attempt
	for _, e := range w.inc.Escalations {
		for _, p := range e.Pages {
			for _, a := range p.Attempts {
				if p.Person == who && a.Channel == c && a.No > last.No {
					last = a
				}
			}
		}
	}
	if last.No == 0 {
		w.t.Fatalf("there is no %s to %s", c, who)
	}
	return last
}

// page finds the last page of somebody.
func (w *world) page(who rosters.PersonID) Page {
	w.t.Helper()
	var last Page
	for _, e := range w.inc.Escalations {
		for _, p := range e.Pages {
			if p.Person == who && p.No > last.No {
				last = p
			}
		}
	}
	if last.No == 0 {
		w.t.Fatalf("%s was not paged", who)
	}
	return last
}

// escalation finds an escalation, the manager's by default.
func (w *world) escalation(no int) Escalation {
	w.t.Helper()
	e := w.inc.Escalation(no)
	if e == nil {
		w.t.Fatalf("there is no escalation %d", no)
	}
	return *e
}

// want says what was sent and hung up since it was last asked, in order; without arguments, nothing.
func (w *world) want(sent ...string) *world {
	w.t.Helper()
	if !slices.Equal(w.unseen, sent) {
		w.t.Errorf("at %s:\n\tgot  %q\n\twant %q", w.now.Sub(w.start), w.unseen, sent)
	}
	w.unseen = nil
	return w
}

// wantReason says that the last step wrote a line of this reason into the timeline.
func (w *world) wantReason(reasons ...Reason) *world {
	w.t.Helper()
	var got []Reason
	for _, ef := range w.effects {
		if n, ok := ef.(Note); ok {
			got = append(got, n.Reason)
		}
	}
	for _, r := range reasons {
		if !slices.Contains(got, r) {
			w.t.Errorf("at %s the timeline does not say %q, only %q", w.now.Sub(w.start), r, got)
		}
	}
	return w
}

// wantState says where an escalation stands, "climbing level 2", "acknowledged by ann".
func (w *world) wantState(no int, want string) *world {
	w.t.Helper()
	if got := w.escalation(no).stands(); got != want {
		w.t.Errorf("at %s escalation %d is %s, want %s", w.now.Sub(w.start), no, got, want)
	}
	return w
}

func (e Escalation) stands() string {
	switch {
	case e.State == Climbing && e.Level < 0:
		return "resting"
	case e.State == Climbing && e.Round > 1:
		return fmt.Sprintf("climbing level %d, round %d", e.Level+1, e.Round)
	case e.State == Climbing:
		return fmt.Sprintf("climbing level %d", e.Level+1)
	case e.Holder != "":
		return fmt.Sprintf("%s by %s", map[EscalationState]string{Acknowledged: "acknowledged", Asking: "asked about", Stopped: "stopped, held"}[e.State], e.Holder)
	default:
		return string(e.State)
	}
}

// wantDeadline says when time alone changes the incident next: so long after the beginning, "" for never.
func (w *world) wantDeadline(after string) *world {
	w.t.Helper()
	var want time.Time
	if after != "" {
		want = w.start.Add(w.duration(after))
	}
	if got := w.inc.Deadline(); !got.Equal(want) {
		w.t.Errorf("at %s the deadline is at %s, want %s", w.now.Sub(w.start), got.Sub(w.start), after)
	}
	return w
}

// wantBasis says that the last step wrote a line of this reason, decided from this.
func (w *world) wantBasis(r Reason, basis map[string]string) *world {
	w.t.Helper()
	for _, ef := range w.effects {
		if n, ok := ef.(Note); ok && n.Reason == r {
			if !maps.Equal(n.Basis, basis) {
				w.t.Errorf("%q was decided from %v, want %v", r, n.Basis, basis)
			}
			return w
		}
	}
	w.t.Errorf("the timeline does not say %q", r)
	return w
}
