package engine

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"rouse/rosters"
)

// Coverage is everything that decides who would be paged. Its Holes are when nobody would.
type Coverage struct {
	Services  []Service
	Policies  []Policy
	CatchAll  CatchAll
	Calendars map[rosters.RosterID]*rosters.Calendar // of the rosters that there are
	People    map[rosters.PersonID]rosters.Person    // who there are
	Channels  map[rosters.Channel]bool               // which this server can send on

	Failed       map[rosters.PersonID]time.Time // whose last drill failed, and when it began; see Unreached
	VerifiedOnly bool                           // contacts that were not verified are not used
}

// MaxCoverage is how far ahead callers may let themselves be asked: the work and the number of holes
// grow with the span.
const MaxCoverage = 92 * 24 * time.Hour

// Holes tells when within [from, to) an alert would find a level, the catch-all roster or a whole ladder
// without anybody who can be paged: the catch-all's holes first, then those of alerts of an unknown
// service, then service by service in the order of their slugs, and of each by time. They are as long
// as they can be. What the catch-all lacks is told once; a service whose whole ladder is empty, catch-all
// and last resort included, is told each time. Times are UTC.
//
// A service without a policy has no level of its own, as in Route, so that only the catch-all can fail it.
// Whoever has enough stops asking: services that were not come to cost nothing. Each roster is gone
// through once, and only if somebody may be paged by it. Troubles are shared between holes: read them only.
func (c Coverage) Holes(from, to time.Time) iter.Seq[Hole] {
	return func(yield func(Hole) bool) {
		if !from.Before(to) {
			return
		}
		p := newProof(c, rosters.Span{From: from.UTC(), To: to.UTC()})
		if !all(p.catchAllHoles(), yield) || !all(p.holes(nil), yield) {
			return
		}
		services := slices.Clone(c.Services)
		slices.SortStableFunc(services, func(a, b Service) int { return cmp.Compare(a.ID, b.ID) })
		for i := range services {
			if !all(p.holes(&services[i]), yield) {
				return
			}
		}
	}
}

func all(holes []Hole, yield func(Hole) bool) bool {
	for _, h := range holes {
		if !yield(h) {
			return false
		}
	}
	return true
}

// proof is one walk through a span, with what it has found out so far.
type proof struct {
	Coverage
	plan       planned
	span       rosters.Span
	policies   map[PolicyID]*Policy
	minor      *proof                       // the same for severity 3, whose plan is another; this one if that makes no difference
	people     map[rosters.PersonID]Trouble // without a Cause for those who can be paged
	rosters    map[rosters.RosterID][]piece
	ladders    map[PolicyID]lacking
	open       map[string][]rosters.Span // by working hours
	lastResort []Trouble                 // why nobody of it can be paged; none: somebody can
}

// planned is a person's plan for some severities, of the contacts that can be used.
type planned func(who rosters.Person, usable func(rosters.Contact) bool) []rosters.Contact

// piece is a span in which a target or level has nobody who can be paged, and why.
type piece struct {
	rosters.Span
	why []Trouble
}

// lacking is what a ladder lacks.
type lacking struct {
	levels [][]piece      // without the catch-all
	nobody []rosters.Span // when nobody at all would be paged
}

// newProof makes the proof for severity 1 and 2, and beside it the one for 3: somebody may be told whom nothing
// wakes. The other way round there is nobody (rosters.Person.Tells).
func newProof(c Coverage, span rosters.Span) *proof {
	p := proofBy(c, span, rosters.Person.Wakes)
	p.minor = p
	for id := range c.People {
		if p.person(id).Cause != "" && len(c.People[id].Tells(c.usable)) > 0 {
			p.minor = proofBy(c, span, rosters.Person.Tells)
			p.minor.minor = p.minor
			break
		}
	}
	return p
}

func proofBy(c Coverage, span rosters.Span, plan planned) *proof {
	p := &proof{plan: plan, Coverage: c, span: span, policies: map[PolicyID]*Policy{}, people: map[rosters.PersonID]Trouble{},
		rosters: map[rosters.RosterID][]piece{}, ladders: map[PolicyID]lacking{}, open: map[string][]rosters.Span{}}
	for i := range c.Policies {
		p.policies[c.Policies[i].ID] = &c.Policies[i]
	}
	p.lastResort = p.among(Target{}, c.CatchAll.LastResort)
	if len(c.CatchAll.LastResort) == 0 {
		p.lastResort = []Trouble{{Cause: CauseNoLastResort}}
	}
	return p
}

// holes are those of one service, nil for one that is not known.
func (p *proof) holes(svc *Service) []Hole {
	var named Service // an alert of an unknown service has the hours of none
	var policy *Policy
	if svc != nil {
		named = *svc
		policy = p.policies[svc.Policy]
	}
	found, minor, open := p.ladder(svc, policy), p.minor.ladder(svc, policy), p.hours(named.Hours)
	var holes []Hole
	add := func(kind HoleKind, level int, piece piece, minor []rosters.Span) {
		h := Hole{Span: piece.Span, Kind: kind, Service: named.ID, Level: level, Troubles: piece.why}
		holes = append(holes, h.during(intersect(intersect([]rosters.Span{piece.Span}, minor), open)))
	}
	for i, pieces := range found.levels {
		told := spansOf(minor.levels[i])
		for _, piece := range pieces {
			add(HoleLevel, i+1, piece, told)
		}
	}
	for _, span := range found.nobody {
		add(HoleNobody, 0, piece{span, p.lastResort}, minor.nobody)
	}
	slices.SortStableFunc(holes, compareHoles)
	return holes
}

// catchAllHoles concern every service at once, so that no working hours bound them.
func (p *proof) catchAllHoles() []Hole {
	var holes []Hole
	end := Target{Roster: p.CatchAll.Roster}
	minor := spansOf(p.minor.target(end))
	for _, piece := range p.target(end) {
		h := Hole{Span: piece.Span, Kind: HoleCatchAll, Troubles: piece.why}
		holes = append(holes, h.during(intersect([]rosters.Span{piece.Span}, minor)))
	}
	return holes
}

// ladder goes up the ladder that Route gives, once for all services with one policy.
func (p *proof) ladder(svc *Service, policy *Policy) lacking {
	var id PolicyID
	if policy != nil {
		id = policy.ID
	}
	if found, ok := p.ladders[id]; ok {
		return found
	}
	found := lacking{nobody: []rosters.Span{p.span}}
	ladder, _ := Route(svc, policy, p.CatchAll)
	for _, level := range ladder.Levels {
		pieces := p.level(level)
		found.nobody = intersect(found.nobody, spansOf(pieces))
		if !level.CatchAll {
			found.levels = append(found.levels, pieces)
		}
	}
	if len(p.lastResort) == 0 { // somebody is left whatever the rosters say (rule 4)
		found.nobody = nil
	}
	p.ladders[id] = found
	return found
}

// level is when none of its targets has anybody.
func (p *proof) level(l Level) []piece {
	if len(l.Targets) == 0 {
		return p.always(Trouble{Cause: CauseNoTarget})
	}
	pieces := p.target(l.Targets[0])
	for _, t := range l.Targets[1:] {
		pieces = both(pieces, p.target(t))
	}
	return pieces
}

func (p *proof) target(t Target) []piece {
	switch {
	case t == Target{}:
		return p.always(Trouble{Cause: CauseNoTarget})
	case t.Roster != "":
		return p.roster(t)
	default:
		return p.always(p.among(t, []rosters.PersonID{t.Person})...)
	}
}

// always is the whole span, unless there is no trouble.
func (p *proof) always(why ...Trouble) []piece {
	if len(why) == 0 {
		return nil
	}
	return []piece{{p.span, why}}
}

func (p *proof) roster(t Target) []piece {
	if pieces, ok := p.rosters[t.Roster]; ok {
		return pieces
	}
	var pieces []piece
	if calendar := p.Calendars[t.Roster]; calendar == nil {
		pieces = p.always(Trouble{Target: t, Cause: CauseNoRoster})
	} else {
		pieces = p.calendar(t, calendar)
	}
	p.rosters[t.Roster] = pieces
	return pieces
}

// calendar needs no joining: those on call in neighbouring spans differ, and so do their troubles.
func (p *proof) calendar(t Target, calendar *rosters.Calendar) []piece {
	var pieces []piece
	gap := false
	for _, m := range calendar.Spans(p.span.From, p.span.To) {
		why := p.among(t, m.Persons)
		if len(m.Persons) == 0 {
			why = []Trouble{{Target: t, Cause: CauseNobodyOnCall}}
			gap = true
		}
		if len(why) > 0 {
			pieces = append(pieces, piece{m.Span, why})
		}
	}
	if gap {
		nameRotations(pieces, calendar.Shifts(p.span.From, p.span.To))
	}
	return pieces
}

// nameRotations tells for each gap the rotation that was on call last before it, else the next one.
func nameRotations(pieces []piece, shifts []rosters.Shift) {
	shifts = slices.DeleteFunc(shifts, func(s rosters.Shift) bool { return s.Rotation == "" })
	if len(shifts) == 0 {
		return
	}
	i := 0
	for _, piece := range pieces {
		for i+1 < len(shifts) && shifts[i+1].From.Before(piece.From) {
			i++
		}
		if piece.why[0].Cause == CauseNobodyOnCall {
			piece.why[0].Rotation = shifts[i].Rotation
		}
	}
}

// among tells what is wrong with each of some people of a target, nothing if one of them can be paged.
func (p *proof) among(t Target, people []rosters.PersonID) []Trouble {
	var why []Trouble
	for _, id := range people {
		trouble := p.person(id)
		if trouble.Cause == "" {
			return nil
		}
		trouble.Target = t
		why = append(why, trouble)
	}
	return why
}

func (p *proof) person(id rosters.PersonID) Trouble {
	trouble, ok := p.people[id]
	if !ok {
		person, known := p.People[id]
		trouble = p.trouble(person)
		if !known {
			trouble.Cause = CauseNoPerson
		}
		trouble.Person = id
		p.people[id] = trouble
	}
	return trouble
}

// usable reports whether the server sends to a contact.
func (c Coverage) usable(contact rosters.Contact) bool {
	return c.Channels[contact.Channel] && !contact.Disabled && (contact.Verified() || !c.VerifiedOnly)
}

// trouble is why somebody cannot be paged, without a Cause if they can: on the contacts of the plan that the
// server sends to. Of several causes it is the one that is the least trouble to end.
func (p *proof) trouble(who rosters.Person) Trouble {
	if len(p.plan(who, p.usable)) > 0 {
		return Trouble{}
	}
	t := Trouble{Name: who.Name, Cause: CauseNoContact}
	for _, c := range p.plan(who, func(rosters.Contact) bool { return true }) {
		switch {
		case p.Channels[c.Channel] && !c.Disabled:
			t.on(CauseUnverified, c.Channel)
		case p.Channels[c.Channel]:
			t.on(CauseDisabled, c.Channel)
		default:
			t.on(CauseNoChannel, c.Channel)
		}
	}
	if t.Cause == CauseNoContact && len(who.Contacts) > 0 {
		t.Cause = CauseNotToWake
	}
	return t
}

func (t *Trouble) on(cause Cause, channel rosters.Channel) {
	ease := []Cause{CauseNoContact, CauseNoChannel, CauseDisabled, CauseUnverified}
	switch is, was := slices.Index(ease, cause), slices.Index(ease, t.Cause); {
	case is < was:
		return
	case is > was:
		t.Cause, t.Channels = cause, nil
	}
	if !slices.Contains(t.Channels, channel) {
		t.Channels = append(t.Channels, channel)
	}
}

// hours are when severity 3 pages (rule 9).
func (p *proof) hours(h rosters.Hours) []rosters.Span {
	key := fmt.Sprintf("%q", h)
	open, ok := p.open[key]
	if !ok {
		open = h.Open(p.span.From, p.span.To)
		p.open[key] = open
	}
	return open
}
