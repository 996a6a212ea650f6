package rest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// What is looked for and answered at most.
const (
	foresight  = 60 * 24 * time.Hour // how far the end of a shift is looked for
	maxShifts  = 20_000
	maxSpan    = 366 * 24 * time.Hour
	usualSpan  = 28 * 24 * time.Hour
	probedSpan = 7 * 24 * time.Hour
)

// now is the time by the only clock there is, the database's.
func (h handlers) now(ctx context.Context) (time.Time, error) {
	now, err := h.rosters.Now(ctx)
	return now.Add(h.offset()).UTC(), err
}

// at is the instant that was asked for.
func (h handlers) at(ctx context.Context, given At) (time.Time, error) {
	if given.IsZero() {
		return h.now(ctx)
	}
	return given.UTC(), nil
}

// onDuty lists who is on call at an instant with the shift of each, which begins then. To is zero if
// the shift ends after all that is foreseen.
func onDuty(r rosters.Roster, at time.Time) []rosters.Shift {
	calendar, _ := r.Compile() // what cannot be read has nobody on call
	var duties []rosters.Shift
	for _, window := range []time.Duration{25 * time.Hour, foresight} { // most shifts end soon, and looking far is work
		shifts := calendar.Shifts(at, at.Add(window))
		duties = duties[:0]
		long := false
		for _, person := range calendar.OnCall(at) {
			i := slices.IndexFunc(shifts, func(s rosters.Shift) bool { return s.Person == person && s.From.Equal(at) })
			shift := rosters.Shift{Person: person}
			if i >= 0 { // always: OnCall and Shifts agree at every instant
				shift = shifts[i]
			}
			if !shift.To.Before(at.Add(window)) {
				shift.To, long = time.Time{}, true
			}
			duties = append(duties, shift)
		}
		if !long {
			break
		}
	}
	return duties
}

func (h handlers) ListOnCall(ctx context.Context, r ListOnCallRequestObject) (ListOnCallResponseObject, error) {
	at, err := h.at(ctx, r.Params.At)
	if err != nil {
		return nil, err
	}
	ids, next, err := h.rostersAsked(ctx, r.Params)
	if err != nil {
		return nil, err
	}
	items, err := h.onCall(ctx, ids, at)
	if err != nil {
		return nil, err
	}
	return ListOnCall200JSONResponse{Items: items, Next: next}, nil
}

// rostersAsked lists the rosters that the parameters select.
func (h handlers) rostersAsked(ctx context.Context, p ListOnCallParams) (ids []rosters.RosterID, next string, err error) {
	switch {
	case p.Service != "":
		ids, err = h.rostersOf(ctx, p.Service)
		if err == nil && p.Roster != "" {
			ids = slices.DeleteFunc(ids, func(id rosters.RosterID) bool { return string(id) != p.Roster })
		}
		return ids, "", err
	case p.Roster != "":
		_, err := h.readRoster(ctx, p.Roster)
		return []rosters.RosterID{rosters.RosterID(p.Roster)}, "", err
	}
	limit := h.limit(p.Limit)
	ids, err = h.rosters.RosterIDs(ctx, "", rosters.RosterID(p.Cursor), limit+1)
	ids, next = part(ids, limit, func(id rosters.RosterID) string { return string(id) })
	return ids, next, err
}

// rostersOf lists the rosters that are paged for a service, the catch-all last.
func (h handlers) rostersOf(ctx context.Context, service string) (ids []rosters.RosterID, err error) {
	svc, err := h.incidents.Service(ctx, engine.ServiceID(service))
	if err != nil {
		return nil, about("service "+service, err)
	}
	add := func(id rosters.RosterID) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if svc.Policy != "" {
		policy, err := h.incidents.Policy(ctx, svc.Policy)
		if err != nil {
			return nil, about("policy "+string(svc.Policy), err)
		}
		for _, level := range policy.Levels {
			for _, target := range level.Targets {
				add(target.Roster)
			}
		}
	}
	add(h.catchAll.Roster)
	return ids, nil
}

// onCall answers who is on call in rosters, in the order given; one that is not there is left out.
func (h handlers) onCall(ctx context.Context, ids []rosters.RosterID, at time.Time) ([]OnCall, error) {
	found, err := h.rosters.RostersDuring(ctx, ids, at, at.Add(foresight))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b rosterdb.Roster) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	duties := make([][]rosters.Shift, len(found))
	for i, r := range found {
		duties[i] = onDuty(r.Roster, at)
	}
	names, err := h.names(ctx, slices.Concat(duties...))
	if err != nil {
		return nil, err
	}
	drills, err := h.lastDrills(ctx, slices.Collect(maps.Keys(names)))
	if err != nil {
		return nil, err
	}
	items := make([]OnCall, len(found))
	for i, r := range found {
		items[i] = OnCall{Roster: string(r.ID), Name: r.Name, At: at, OnCall: mapped(duties[i], func(s rosters.Shift) OnDuty {
			return OnDuty{Person: string(s.Person), Name: names[s.Person], Until: s.To, Rotation: s.Rotation, Override: overrideNumber(s.Override),
				Turn: s.Turn, InsteadOf: string(s.Instead), Revision: s.Revision, Drill: drills[s.Person]}
		})}
	}
	return items, nil
}

// names reads the names of everybody who stands in shifts.
func (h handlers) names(ctx context.Context, shifts []rosters.Shift) (map[rosters.PersonID]string, error) {
	var ids []rosters.PersonID
	for _, s := range shifts {
		ids = append(ids, s.Person)
	}
	slices.Sort(ids)
	people, err := h.rosters.People(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	names := make(map[rosters.PersonID]string, len(ids))
	for _, id := range ids {
		names[id] = orElse(people[id].Name, string(id))
	}
	return names, nil
}

func (h handlers) GetRosterOnCall(ctx context.Context, r GetRosterOnCallRequestObject) (GetRosterOnCallResponseObject, error) {
	at, err := h.at(ctx, r.Params.At)
	if err != nil {
		return nil, err
	}
	items, err := h.onCall(ctx, []rosters.RosterID{rosters.RosterID(r.Slug)}, at)
	if err == nil && len(items) == 0 {
		err = aboutRoster(r.Slug, rosterdb.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return GetRosterOnCall200JSONResponse(items[0]), nil
}

// span reads what time is asked about.
func (h handlers) span(ctx context.Context, givenFrom From, givenTo To) (from, to time.Time, err error) {
	if from, err = h.at(ctx, givenFrom); err != nil {
		return from, to, err
	}
	if to = givenTo.UTC(); givenTo.IsZero() {
		to = from.Add(usualSpan)
	}
	if !to.After(from) {
		return from, to, wrongParameter("to", clock(to), "must be later than from, which is "+clock(from))
	}
	if to.Sub(from) > maxSpan {
		return from, to, wrongParameter("to", clock(to), "must be at most 366 days after from, which is "+clock(from))
	}
	return from, to, nil
}

// bounded refuses a span that would make too many shifts.
func bounded(c *rosters.Calendar, from, to time.Time) error {
	if n := estimated(c, from, to); n > maxShifts {
		return wrongParameter("to", clock(to), fmt.Sprintf("makes about %d shifts, the limit is %d; ask for a shorter span", n, maxShifts))
	}
	return nil
}

// calendarDuring reads a roster to ask it about a span.
func (h handlers) calendarDuring(ctx context.Context, slug string, from, to time.Time) (*rosters.Calendar, error) {
	roster, err := h.rosters.RosterDuring(ctx, rosters.RosterID(slug), from, to)
	if err != nil {
		return nil, aboutRoster(slug, err)
	}
	c, _ := roster.Compile() // what cannot be read has nobody on call
	return c, bounded(c, from, to)
}

func (h handlers) ListShifts(ctx context.Context, r ListShiftsRequestObject) (ListShiftsResponseObject, error) {
	from, to, err := h.span(ctx, r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	calendar, err := h.calendarDuring(ctx, r.Slug, from, to)
	if err != nil {
		return nil, err
	}
	shifts := calendar.Shifts(from, to)
	names, err := h.names(ctx, shifts)
	if err != nil {
		return nil, err
	}
	return ListShifts200JSONResponse{From: from, To: to, Items: mapped(shifts, func(s rosters.Shift) Shift { return shiftOut(s, "", names) })}, nil
}

func shiftOut(s rosters.Shift, roster rosters.RosterID, names map[rosters.PersonID]string) Shift {
	return Shift{Roster: string(roster), Person: string(s.Person), Name: names[s.Person], From: s.From, To: s.To, Rotation: s.Rotation,
		Override: overrideNumber(s.Override), Turn: s.Turn, InsteadOf: string(s.Instead), Revision: s.Revision}
}

func (h handlers) ListGaps(ctx context.Context, r ListGapsRequestObject) (ListGapsResponseObject, error) {
	from, to, err := h.span(ctx, r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	calendar, err := h.calendarDuring(ctx, r.Slug, from, to)
	if err != nil {
		return nil, err
	}
	return ListGaps200JSONResponse{From: from, To: to, Items: mapped(calendar.Gaps(from, to), func(g rosters.Span) Gap {
		return Gap{Roster: r.Slug, From: g.From, To: g.To}
	})}, nil
}

func (h handlers) ListPersonShifts(ctx context.Context, r ListPersonShiftsRequestObject) (ListPersonShiftsResponseObject, error) {
	from, to, err := h.span(ctx, r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	who, err := h.readPerson(ctx, r.Handle)
	if err != nil {
		return nil, err
	}
	farthest := from.Add(maxSpan) // as far as the next shift is looked for
	ids, err := h.rosters.RostersOf(ctx, who.ID, from, farthest)
	if err != nil {
		return nil, err
	}
	found, err := h.rosters.RostersDuring(ctx, ids, from, farthest)
	if err != nil {
		return nil, err
	}
	names := map[rosters.PersonID]string{who.ID: orElse(who.Name, r.Handle)}
	answer := PersonShifts{From: from, To: to, Items: []Shift{}}
	for _, stored := range found {
		c, _ := stored.Compile() // what cannot be read has nobody on call
		if err := bounded(c, from, to); err != nil {
			return nil, err
		}
		for _, s := range c.Shifts(from, to) {
			if s.Person == who.ID {
				answer.Items = append(answer.Items, shiftOut(s, stored.ID, names))
			}
		}
		if next, ok := nextShift(c, who.ID, from, farthest); ok && (answer.Next == nil || next.From.Before(answer.Next.From)) {
			answer.Next = new(shiftOut(next, stored.ID, names))
		}
	}
	slices.SortStableFunc(answer.Items, func(a, b Shift) int { return a.From.Compare(b.From) })
	return ListPersonShifts200JSONResponse(answer), nil
}

// nextShift is the first of a person's that begins after an instant.
func nextShift(c *rosters.Calendar, of rosters.PersonID, after, to time.Time) (rosters.Shift, bool) {
	s, ok := c.Next(of, after, to)
	if ok && !s.From.After(after) { // under way
		return c.Next(of, s.To, to)
	}
	return s, ok
}

// estimated is how many shifts a long span has, as its first week tells: that many are not worked out
// only to be refused.
func estimated(c *rosters.Calendar, from, to time.Time) int {
	weeks := int(to.Sub(from) / probedSpan)
	if weeks == 0 {
		return 0
	}
	return weeks * len(c.Shifts(from, from.Add(probedSpan)))
}
