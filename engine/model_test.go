package engine

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// The model check: breadth first over every state that a small world reaches, with every event, every
// answer that the rosters and plans may give, ticks that come early, in time and late, and every
// invariant on every edge. States are compared by essence, so that the search ends by itself: nothing
// bounds rounds, pages or attempts but the number of stray messages that are kept in mind.

// small is a world to search. Everything in it that may be answered differently at different times is
// listed with all its answers.
type small struct {
	name   string
	policy string
	teams  []string // rosters that may be paged in
	onCall map[rosters.RosterID][][]rosters.PersonID
	plans  map[rosters.PersonID][]string
	again  time.Duration // everybody is called again so often at severity 1; 0: nobody is
	resort []rosters.PersonID

	severities []Severity
	expiry     time.Duration  // of an acknowledgement; 0: the default
	between    time.Duration  // events also come so long after one another, if not 0
	news       []AttemptState // what is heard of attempts; nil: everything

	// What keeps quiet.
	starts  []wait          // what keeps ladders from beginning; nil: nothing
	held    []time.Duration // how long a maintenance lasts from now on, 0 if there is none; nil: there never is one
	beside  string          // a roster that a rule has paged beside, if any
	returns []time.Duration // what is resolved comes back, and has to be calm for so long from then on; nil: it does not
	closes  time.Duration   // after its last alert, if not 0
	senders bool            // they have it go on, and escalate
	snoozes []time.Duration // for so long
	groups  bool            // alerts join, and parts of them are over

	workers bool // a worker takes an attempt before there is news of it
	brief   bool // searched with -short, too
	long    bool // searched with -long only
	stray   int  // how many messages that nobody wants are kept in mind
}

// wait is a Start, told from now.
type wait struct{ delay, held time.Duration }

func (w wait) from(now time.Time) Start {
	s := Start{Delay: w.delay}
	if w.held > 0 {
		s.Held = Held{Maintenance: 1, Until: now.Add(w.held)}
	}
	return s
}

const (
	minute = time.Minute
	most   = 2_000_000 // states; more is a failure, not a bound
)

func smallWorlds() []small {
	type answers = map[rosters.RosterID][][]rosters.PersonID
	type plans = map[rosters.PersonID][]string
	return []small{{
		name: "one level, two people", policy: "first wait=5m", severities: []Severity{1}, resort: []rosters.PersonID{"ann"},
		onCall: answers{"first": {{"ann", "bob"}, {"ann"}, {}}, "imoc": {{"bob"}, {}}},
		plans:  plans{"ann": {"push@0s", ""}, "bob": {"sms@0s"}},
	}, {
		name: "two levels", policy: "ann wait=5m | second wait=5m", severities: []Severity{1, 3},
		onCall: answers{"second": {{"bob"}, {}}, "imoc": {{"ann"}, {}}},
		plans:  plans{"ann": {"sms@0s"}, "bob": {"push@0s"}},
	}, {
		name: "two escalations", policy: "ann wait=1m", teams: []string{"dba"}, severities: []Severity{1, 2}, expiry: 2 * minute,
		onCall: answers{"dba": {{"bob"}, {"ann"}}, "imoc": {{}}}, news: []AttemptState{Failed},
		plans: plans{"ann": {"push@0s"}, "bob": {"push@0s"}},
		brief: true,
	}, {
		name: "three contacts", policy: "ann wait=5m", severities: []Severity{1},
		onCall: answers{"imoc": {{}}},
		plans:  plans{"ann": {"push@0s sms@2m voice@4m"}},
		brief:  true,
	}, {
		name: "called again", policy: "ann wait=5m", severities: []Severity{1, 3}, expiry: 4 * minute, news: []AttemptState{Failed},
		onCall: answers{"imoc": {{}}}, again: 2 * minute,
		plans: plans{"ann": {"voice@0s sms@1m"}},
		brief: true,
	}, {
		name: "stray messages", policy: "ann wait=5m", severities: []Severity{1}, workers: true, stray: 1,
		onCall: answers{"imoc": {{}}},
		plans:  plans{"ann": {"sms@0s voice@2m"}},
	}, {
		name: "working hours", policy: "first wait=5m", severities: []Severity{1, 3}, news: []AttemptState{Failed},
		onCall: answers{"first": {{"ann"}, {}}, "imoc": {{"bob"}, {}}},
		plans:  plans{"ann": {"voice@0s"}, "bob": {"push@0s"}},
	}, {
		name: "a delay", policy: "ann wait=5m", severities: []Severity{1, 3}, news: []AttemptState{Failed}, senders: true,
		onCall: answers{"imoc": {{"bob"}, {}}}, plans: plans{"ann": {"push@0s"}, "bob": {"push@0s"}},
		starts: []wait{{delay: 3 * minute}},
	}, {
		name: "a maintenance", policy: "ann wait=5m", severities: []Severity{1, 3}, news: []AttemptState{Failed},
		onCall: answers{"imoc": {{}}}, plans: plans{"ann": {"push@0s"}},
		starts: []wait{{delay: 3 * minute}, {delay: 3 * minute, held: 10 * minute}}, held: []time.Duration{0, 10 * minute},
	}, {
		name: "a roster beside, and what comes back", policy: "ann wait=5m", severities: []Severity{1}, news: []AttemptState{Failed},
		onCall: answers{"imoc": {{}}, "dba": {{"bob"}, {}}}, plans: plans{"ann": {"push@0s"}, "bob": {"push@0s"}}, beside: "dba",
		held: []time.Duration{0, time.Hour}, returns: []time.Duration{0},
	}, {
		name: "what comes back", policy: "ann wait=5m", severities: []Severity{1, 2}, news: []AttemptState{Failed}, groups: true,
		onCall: answers{"imoc": {{"bob"}, {}}}, plans: plans{"ann": {"push@0s"}, "bob": {"push@0s"}},
		starts: []wait{{}, {delay: 3 * minute}}, returns: []time.Duration{0, 7 * minute},
	}, {
		name: "what closes by itself", policy: "ann wait=5m", severities: []Severity{1}, news: []AttemptState{Failed}, expiry: 4 * minute,
		onCall: answers{"imoc": {{}}}, plans: plans{"ann": {"push@0s"}},
		starts: []wait{{}, {delay: 3 * minute}}, returns: []time.Duration{0, 7 * minute}, closes: 12 * minute, senders: true,
		brief: true,
	}, {
		name: "what senders ask for", policy: "ann wait=5m | second wait=5m", severities: []Severity{1, 3}, news: []AttemptState{Failed}, expiry: 4 * minute,
		onCall: answers{"second": {{"bob"}, {}}, "imoc": {{}}}, plans: plans{"ann": {"push@0s"}, "bob": {"push@0s voice@2m"}},
		senders: true, snoozes: []time.Duration{minute, time.Hour},
	}, {
		name: "a team, and what comes back", policy: "ann wait=1m", teams: []string{"dba"}, severities: []Severity{1}, expiry: 2 * minute, news: []AttemptState{Failed},
		onCall: answers{"dba": {{"bob"}, {"ann"}}, "imoc": {{}}}, plans: plans{"ann": {"push@0s"}, "bob": {"push@0s"}},
		returns: []time.Duration{0}, senders: true, snoozes: []time.Duration{5 * minute},
	}, {
		name: "a maintenance, and a roster beside", policy: "ann wait=5m", severities: []Severity{1, 3}, news: []AttemptState{Failed}, senders: true,
		onCall: answers{"imoc": {{}}, "dba": {{"ann"}}}, plans: plans{"ann": {"push@0s"}}, beside: "dba",
		starts: []wait{{delay: 3 * minute}, {delay: 3 * minute, held: 10 * minute}}, held: []time.Duration{0, 10 * minute, time.Hour},
		long: true,
	}, {
		name: "two escalations and every receipt", policy: "ann wait=1m", teams: []string{"dba"}, severities: []Severity{1, 2}, expiry: 2 * minute,
		onCall: answers{"dba": {{"bob"}, {"ann"}}, "imoc": {{}}},
		plans:  plans{"ann": {"push@0s"}, "bob": {"push@0s"}},
		long:   true,
	}, {
		name: "working hours and every receipt", policy: "first wait=5m", severities: []Severity{1, 2, 3},
		onCall: answers{"first": {{"ann"}, {}}, "imoc": {{"bob"}, {}}},
		plans:  plans{"ann": {"voice@0s"}, "bob": {"push@0s"}},
		long:   true,
	}, {
		name: "three contacts, workers and strays", policy: "ann wait=5m", severities: []Severity{1}, workers: true, stray: 1,
		onCall: answers{"imoc": {{}}},
		plans:  plans{"ann": {"push@0s sms@2m voice@4m"}},
		long:   true,
	}}
}

var long = flag.Bool("long", false, "search the large worlds of the model check as well; takes minutes")

func TestModel(t *testing.T) {
	gc := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(gc) })
	for _, s := range smallWorlds() {
		t.Run(s.name, func(t *testing.T) {
			switch {
			case s.long && !*long:
				t.Skip("searched with -long")
			case !s.brief && testing.Short():
				t.Skip("not searched with -short")
			}
			t.Parallel()
			s.search(t)
		})
	}
}

// node is a state that was reached, and how.
type node struct {
	inc  Incident // its essence, at monday10; dropped when it was expanded
	from int
	move
	picks []int
}

func (s small) search(t *testing.T) {
	begin := time.Now()
	if s.news == nil {
		s.news = []AttemptState{Sent, Failed, Delivered}
	}
	w := empty(t)
	for p := range s.plans {
		w.plans[p] = nil
	}
	w.levels(s.policy)
	if s.expiry > 0 {
		w.policy.AckExpiry = map[Severity]time.Duration{Critical: s.expiry, Major: s.expiry}
	}
	w.end.Wait, w.end.LastResort = w.policy.Levels[0].Wait, s.resort
	ladder, routed := Route(w.service, w.policy, w.end)
	var nodes []node
	seen := map[[16]byte]bool{}
	edges, faulty := 0, 0
	reach := func(inc Incident, now time.Time, from int, by move, picks []int) bool {
		inc = essence(inc, now, monday10, s.stray)
		sum := sha256.Sum256(fingerprint(&inc))
		key := [16]byte(sum[:16])
		if !seen[key] {
			seen[key] = true
			nodes = append(nodes, node{inc, from, by, slices.Clone(picks)})
			return true
		}
		return false
	}
	for _, sev := range s.severities {
		inc := Incident{ID: 1, Key: "HOT-1", Service: "db", Status: New, Severity: sev, OpenedAt: monday10, AlertedAt: monday10, AutoClose: s.closes}
		nodes = append(nodes, node{inc: inc, from: -1})
	}
	for i := 0; i < len(nodes) && faulty < 5; i++ {
		if underRace && i == 300 {
			break // nothing here runs beside anything else: a look is enough
		}
		inc := nodes[i].inc
		nodes[i].inc = Incident{}
		for _, base := range []time.Time{monday10, saturday10} {
			start := rebase(inc, base)
			for _, m := range s.moves(start, base, ladder, routed) {
				if m.claim != 0 {
					claimed := start.clone()
					_, _, a := claimed.Attempt(m.claim)
					a.State = Sending
					reach(claimed, base, i, m, nil)
					continue
				}
				if base.Equal(saturday10) && !m.asksHours(inc) {
					continue
				}
				for r := (roll{}); r.next(); {
					edges++
					env := s.env(base.Add(m.after), &r)
					x := newEdge(start, m.ev, env)
					x.check()
					x.twice()
					if reach(x.after, env.Now, i, m, r.picks) {
						x.idle()
					}
					if len(x.faults) > 0 {
						faulty++
						t.Errorf("%s:\n\t%s", history(nodes, i, node{move: m, picks: r.picks}), strings.Join(x.faults, "\n\t"))
					}
				}
			}
		}
		if len(nodes) > most {
			t.Fatalf("more than %d states", most)
		}
	}
	t.Logf("%d states, %d transitions, %s", len(nodes), edges, time.Since(begin).Round(time.Millisecond))
}

func history(nodes []node, i int, last node) string {
	lines := []string{last.String()}
	for ; nodes[i].from >= 0; i = nodes[i].from {
		lines = append(lines, nodes[i].String())
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

func (n node) String() string {
	if n.claim != 0 {
		return fmt.Sprintf("a worker takes attempt %d", n.claim)
	}
	return fmt.Sprintf("after %s %s, the world answers %v", n.after, describe(n.ev), n.picks)
}

// rebase puts an essence, which is told from monday10, at another moment. Whoever waits for working
// hours waits for those of the next Monday, or finds that they have just begun.
func rebase(inc Incident, base time.Time) Incident {
	inc = essence(inc, monday10, base, -1)
	for i := range inc.Escalations {
		if e := &inc.Escalations[i]; e.State == Waiting && e.WaitFor == ReasonOutsideHours {
			e.WaitUntil = inc.Hours.NextOpen(base)
		}
	}
	return inc
}

// move is one event at some time from now, or a worker's claim of an attempt.
type move struct {
	after time.Duration
	ev    Event
	claim int
}

// asksHours reports whether it can make a difference if the move happens in working hours.
func (m move) asksHours(inc Incident) bool {
	ev, changed := m.ev.(SeverityChanged)
	return inc.Severity == Minor || changed && ev.To == Minor
}

// moves are all things that can happen to the incident.
func (s small) moves(inc Incident, now time.Time, ladder Ladder, routed Reason) []move {
	var moves []move
	add := func(ev Event) { moves = append(moves, move{ev: ev}) }
	if len(inc.Escalations) == 0 {
		var also []Also
		if s.beside != "" {
			also = []Also{{Ladder: RouteTo(Target{Roster: rosters.RosterID(s.beside)}, ladder.Levels[0].Wait, s.end(ladder))}}
		}
		for _, start := range s.begins(now) {
			add(Alerted{Severity: inc.Severity, Ladder: ladder, Routed: routed, Also: also, Start: start})
		}
		return moves
	}
	for _, e := range inc.Escalations {
		for _, p := range e.Pages {
			for _, a := range p.Attempts {
				if a.State == Queued && s.workers {
					moves = append(moves, move{claim: a.No})
				}
				for _, st := range s.news {
					add(Reported{Attempt: a.No, State: st})
				}
			}
		}
	}
	for _, calm := range s.returns {
		for _, start := range s.begins(now) {
			add(Returned{Severity: s.severities[0], Calm: calm, Delay: start.Delay})
		}
	}
	if inc.Status == Resolved {
		return moves
	}
	if d := inc.Deadline(); !d.IsZero() {
		left := d.Sub(now)
		waits := []time.Duration{left, left + 2*ladder.Levels[0].Wait}
		if left > 60*time.Hour {
			waits = waits[:1]
		}
		if s.between > 0 && left > s.between {
			waits = append(waits, s.between)
		}
		for _, wait := range waits {
			moves = append(moves, move{ev: Tick{}, after: wait})
		}
		if left <= 60*time.Hour {
			moves = append(moves, move{ev: Resumed{Stopped: left + time.Hour}, after: left + time.Hour}) // nothing was due when the stop began
			moves = append(moves, move{ev: Resumed{Stopped: time.Hour}, after: left + time.Hour})        // all of it was
		}
	}
	for _, p := range slices.Sorted(maps.Keys(s.plans)) {
		for _, decline := range []bool{false, true} {
			add(Answer{Person: p, Decline: decline})
			for _, e := range inc.Escalations {
				add(Answer{Person: p, Decline: decline, Escalation: e.No})
				for _, page := range e.Pages {
					if page.Person == p {
						add(Answer{Person: p, Decline: decline, Page: page.No, Attempt: page.Attempts[len(page.Attempts)-1].No})
					}
				}
			}
		}
		add(Active{By: string(p), What: "looks"})
	}
	for _, sev := range s.severities {
		for _, by := range []string{"ann", ""} {
			add(SeverityChanged{To: sev, By: by})
		}
		add(Alerted{Severity: sev})
	}
	for _, team := range s.teams {
		if inc.Searching(team, team) <= 2 {
			l := RouteTo(Target{Roster: rosters.RosterID(team)}, ladder.Levels[0].Wait, s.end(ladder))
			l.AckExpiry = ladder.AckExpiry
			add(PagedIn{By: "ann", Ladder: l})
		}
	}
	add(Ended{})
	if len(s.returns) > 0 {
		add(Ended{Source: true})
	}
	if s.groups {
		add(Ended{Source: true, Firing: 1, Over: "another"})
	}
	for _, d := range s.snoozes {
		for _, p := range slices.Sorted(maps.Keys(s.plans)) {
			add(Snoozed{Person: p, Until: now.Add(d)})
		}
	}
	if s.senders {
		add(Released{})
		add(Escalated{})
		add(Told{Text: "it grows"})
	}
	return moves
}

// begins are the ways in which ladders may begin.
func (s small) begins(now time.Time) (starts []Start) {
	for _, w := range s.starts {
		starts = append(starts, w.from(now))
	}
	if starts == nil {
		return []Start{{}}
	}
	return starts
}

// end is the catch-all of what is paged beside a ladder.
func (s small) end(of Ladder) CatchAll {
	return CatchAll{Roster: "imoc", Wait: of.Levels[0].Wait, LastResort: s.resort}
}

// env answers what Step asks, in the way that the roll has come to.
func (s small) env(now time.Time, r *roll) Env {
	env := Env{Now: now,
		OnCall: func(t Target) []rosters.PersonID {
			answers := s.onCall[t.Roster]
			return answers[r.pick(len(answers))]
		},
		Plan: func(p rosters.PersonID, _ Severity) []rosters.Contact {
			answers := s.plans[p]
			return plan(p, answers[r.pick(len(answers))])
		}}
	if s.again > 0 {
		env.CallAgain = func(_ rosters.PersonID, sev Severity) time.Duration { return againFor(sev, s.again) }
	}
	if s.held != nil {
		env.Held = func(Incident) Held { return wait{held: s.held[r.pick(len(s.held))]}.from(now).Held }
	}
	return env
}

// roll goes through all ways to answer a number of questions that is only known once they are asked.
type roll struct {
	picks, of []int
	asked     int
	began     bool
}

func (r *roll) pick(of int) int {
	r.asked++
	if r.asked > len(r.picks) {
		r.picks, r.of = append(r.picks, 0), append(r.of, of)
	}
	return r.picks[r.asked-1]
}

// next begins another way, if there is one.
func (r *roll) next() bool {
	r.asked = 0
	if !r.began {
		r.began = true
		return true
	}
	for n := len(r.picks) - 1; n >= 0; n-- {
		if r.picks[n]++; r.picks[n] < r.of[n] {
			return true
		}
		r.picks, r.of = r.picks[:n], r.of[:n]
	}
	return false
}
