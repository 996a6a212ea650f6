package engine

import (
	"cmp"
	"slices"
	"time"

	"rouse/rosters"
)

// outlook is who would be paged at every instant of a span by one Coverage, as far as it was asked for.
type outlook struct {
	proof    *proof
	walks    map[*rosters.Calendar][]rosters.Manned // shared with the outlook that it is held against
	services map[ServiceID]*Service
	rosters  map[rosters.RosterID]timeline[*party]
	ladders  map[PolicyID]*climb
	end      timeline[*party] // the catch-all
	absent   *climb           // of a service that is not there
}

// party is the people that a rung pages together, each once, in the order of their handles; nil is nobody.
type party struct {
	ids   []rosters.PersonID
	names []string // once they were asked for
}

// climb is a ladder at every instant, from its first level to the catch-all. A service that is not there
// has no rung at all.
type climb struct {
	levels []timeline[standing] // without the catch-all
	end    timeline[standing]
}

// standing is a rung at an instant: whether the ladder has it, how long after the first it comes, and whom
// it pages.
type standing struct {
	there bool
	after time.Duration
	paged *party
}

func newOutlook(p *proof, walks map[*rosters.Calendar][]rosters.Manned) *outlook {
	c, span := p.Coverage, p.span
	o := &outlook{proof: p, walks: walks, services: map[ServiceID]*Service{},
		rosters: map[rosters.RosterID]timeline[*party]{}, ladders: map[PolicyID]*climb{}}
	for i := range c.Services {
		o.services[c.Services[i].ID] = &c.Services[i]
	}
	o.absent = &climb{end: always(span, standing{})}
	o.end = o.catchAll()
	return o
}

// climb goes up the ladder that Route gives a service, once for all services with one policy.
func (o *outlook) climb(id ServiceID) *climb {
	svc := o.services[id]
	if svc == nil {
		return o.absent
	}
	var name PolicyID
	policy := o.proof.policies[svc.Policy]
	if policy != nil {
		name = policy.ID
	}
	found := o.ladders[name]
	if found == nil {
		found = o.rungs(Route(svc, policy, o.proof.CatchAll))
		o.ladders[name] = found
	}
	return found
}

// unknown is the ladder of an alert of an unknown service.
func (o *outlook) unknown() *climb { return o.rungs(Route(nil, nil, o.proof.CatchAll)) }

// rungs lets a level wait only where it has somebody: else it is passed over at once (rule 3).
func (o *outlook) rungs(ladder Ladder, _ Reason) *climb {
	found := &climb{}
	begins := always(o.proof.span, time.Duration(0))
	for _, l := range ladder.Levels {
		paged := o.level(l)
		rung := zip(begins, paged, func(after time.Duration, p *party) standing { return standing{true, after, p} }, sameStanding)
		if l.CatchAll {
			found.end = rung
			break
		}
		found.levels = append(found.levels, rung)
		begins = zip(begins, paged, func(after time.Duration, p *party) time.Duration {
			if p == nil {
				return after
			}
			return after + l.Wait
		}, equal)
	}
	return found
}

func (o *outlook) level(l Level) timeline[*party] {
	if l.CatchAll {
		return o.end
	}
	if len(l.Targets) == 0 {
		return o.nobody()
	}
	all := o.target(l.Targets[0])
	for _, t := range l.Targets[1:] {
		all = zip(all, o.target(t), union, sameParty)
	}
	return all
}

// catchAll is its roster, and the last resort where nobody of that can be paged (rule 4).
func (o *outlook) catchAll() timeline[*party] {
	end := o.proof.CatchAll
	last := always(o.proof.span, o.reachable(end.LastResort))
	return zip(o.target(Target{Roster: end.Roster}), last, func(p, last *party) *party { return cmp.Or(p, last) }, sameParty)
}

func (o *outlook) target(t Target) timeline[*party] {
	if t.Roster != "" {
		return o.roster(t.Roster)
	}
	return always(o.proof.span, o.reachable([]rosters.PersonID{t.Person}))
}

func (o *outlook) roster(id rosters.RosterID) timeline[*party] {
	if found, ok := o.rosters[id]; ok {
		return found
	}
	found := o.nobody()
	if calendar := o.proof.Calendars[id]; calendar != nil {
		found = nil
		for _, m := range o.walk(calendar) {
			found = found.add(m.Span, o.reachable(m.Persons), sameParty)
		}
	}
	o.rosters[id] = found
	return found
}

func (o *outlook) walk(calendar *rosters.Calendar) []rosters.Manned {
	spans, ok := o.walks[calendar]
	if !ok {
		spans = calendar.Spans(o.proof.span.From, o.proof.span.To)
		o.walks[calendar] = spans
	}
	return spans
}

func (o *outlook) nobody() timeline[*party] { return always[*party](o.proof.span, nil) }

// reachable are those of some people who can be paged.
func (o *outlook) reachable(named []rosters.PersonID) *party {
	var found []rosters.PersonID
	for _, id := range named {
		if o.proof.person(id).Cause == "" {
			found = append(found, id)
		}
	}
	return together(found)
}

func together(ids []rosters.PersonID) *party {
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return &party{ids: slices.Compact(ids)}
}

// hours are when severity 3 pages for a service (rule 9); never for one that is not there.
func (o *outlook) hours(id ServiceID) timeline[bool] {
	svc := o.services[id]
	if svc == nil {
		return always(o.proof.span, false)
	}
	var found timeline[bool]
	at := o.proof.span.From
	for _, open := range o.proof.hours(svc.Hours) {
		if at.Before(open.From) {
			found = found.add(rosters.Span{From: at, To: open.From}, false, equal)
		}
		found = found.add(open, true, equal)
		at = open.To
	}
	if at.Before(o.proof.span.To) {
		found = found.add(rosters.Span{From: at, To: o.proof.span.To}, false, equal)
	}
	return found
}

// rung is a standing for whoever asked.
func (o *outlook) rung(s standing) Rung {
	if s.paged == nil {
		return Rung{}
	}
	if s.paged.names == nil {
		for _, id := range s.paged.ids {
			s.paged.names = append(s.paged.names, cmp.Or(o.proof.People[id].Name, string(id)))
		}
	}
	return Rung{People: s.paged.ids, Names: s.paged.names, After: s.after}
}

func union(a, b *party) *party {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	default:
		return together(slices.Concat(a.ids, b.ids))
	}
}

func sameParty(a, b *party) bool {
	return a == b || a != nil && b != nil && slices.Equal(a.ids, b.ids)
}

func sameStanding(a, b standing) bool {
	return a.there == b.there && a.after == b.after && sameParty(a.paged, b.paged)
}

func equal[T comparable](a, b T) bool { return a == b }

// timeline is what holds when: stretches that follow on each other without a hole, whose neighbours differ.
type timeline[T any] []stretch[T]

type stretch[T any] struct {
	rosters.Span
	is T
}

func always[T any](span rosters.Span, is T) timeline[T] { return timeline[T]{{span, is}} }

// add puts a stretch at the end.
func (t timeline[T]) add(span rosters.Span, is T, same func(a, b T) bool) timeline[T] {
	if n := len(t); n > 0 && same(t[n-1].is, is) {
		t[n-1].To = span.To
		return t
	}
	return append(t, stretch[T]{span, is})
}

// zip makes of what holds in two timelines of one span what holds in both together.
func zip[A, B, C any](a timeline[A], b timeline[B], f func(A, B) C, same func(x, y C) bool) timeline[C] {
	all := make(timeline[C], 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		s := overlap(a[0].Span, b[0].Span)
		all = all.add(s, f(a[0].is, b[0].is), same)
		if a[0].To.Equal(s.To) {
			a = a[1:]
		}
		if b[0].To.Equal(s.To) {
			b = b[1:]
		}
	}
	return all
}
