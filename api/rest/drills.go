package rest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func drillOut(d enginedb.Drill) Drill {
	return Drill{Key: string(d.Key), Person: string(d.Person), Roster: string(d.Roster), Shift: utc(d.Shift), At: d.At.UTC(), Until: d.Until.UTC(), EndedAt: utc(d.EndedAt),
		Result: DrillResult(d.Result), AnsweredAfter: wholeSeconds(d.AnsweredAfter), Channel: d.Channel, Why: d.Why, StartedBy: d.StartedBy}
}

// wholeSeconds is a time as people read it; what took any is a second at least.
func wholeSeconds(d time.Duration) Duration {
	if d <= 0 {
		return 0
	}
	return Duration(max(d.Round(time.Second), time.Second))
}

// lastDrills are the badges of people; who had no drill has none.
func (h handlers) lastDrills(ctx context.Context, people []rosters.PersonID) (map[rosters.PersonID]*LastDrill, error) {
	if len(people) == 0 {
		return nil, nil
	}
	last, err := h.incidents.LastDrills(ctx, people)
	badges := make(map[rosters.PersonID]*LastDrill, len(last))
	for who, d := range last {
		badges[who] = &LastDrill{Key: string(d.Key), At: d.At.UTC(), Result: DrillResult(d.Result), AnsweredAfter: wholeSeconds(d.AnsweredAfter), Channel: d.Channel}
	}
	return badges, err
}

func (h handlers) addBadges(ctx context.Context, people []Person) error {
	badges, err := h.lastDrills(ctx, mapped(people, func(p Person) rosters.PersonID { return rosters.PersonID(p.Handle) }))
	for i := range people {
		people[i].Drill = badges[rosters.PersonID(people[i].Handle)]
	}
	return err
}

func (h handlers) ListDrills(ctx context.Context, r ListDrillsRequestObject) (ListDrillsResponseObject, error) {
	p := r.Params
	if _, err := strconv.ParseInt(p.Cursor, 36, 64); p.Cursor != "" && err != nil {
		return nil, wrongParameter("cursor", shortened(p.Cursor), "is not one that this list gave")
	}
	found, next, err := h.incidents.Drills(ctx, enginedb.DrillFilter{Person: rosters.PersonID(p.Person), Roster: rosters.RosterID(p.Roster), Cursor: p.Cursor, Limit: h.limit(p.Limit)})
	if err != nil {
		return nil, err
	}
	return ListDrills200JSONResponse{Items: mapped(found, drillOut), Next: next}, nil
}

func (h handlers) GetDrill(ctx context.Context, r GetDrillRequestObject) (GetDrillResponseObject, error) {
	d, err := h.incidents.Drill(ctx, engine.Key(r.Key))
	if err != nil {
		return nil, about("drill "+r.Key, err)
	}
	return GetDrill200JSONResponse(drillOut(d)), nil
}

func (h handlers) StartDrills(ctx context.Context, r StartDrillsRequestObject) (StartDrillsResponseObject, error) {
	d := pager.Drilling{Person: rosters.PersonID(r.Body.Person), Roster: rosters.RosterID(r.Body.Roster), By: orElse(string(h.caller.Person), h.caller.Name)}
	if (d.Person == "") == (d.Roster == "") {
		return nil, wrong("", "", "must name a person or a roster, one of them")
	}
	if err := h.mayDrill(ctx, d); err != nil {
		return nil, err
	}
	started, refused, err := h.drills.StartDrills(ctx, d)
	switch {
	case err != nil && d.Roster != "":
		return nil, about(fmt.Sprintf("roster %s with somebody on call", d.Roster), err)
	case err != nil:
		return nil, aboutPerson(string(d.Person), err)
	case len(started) == 0:
		return nil, problem.Conflict.Because("No drill of %s", strings.Join(mapped(refused, func(f pager.DrillRefused) string { return fmt.Sprintf("%s: %s", f.Person, f.Why) }), "; of ")+".")
	}
	return StartDrills201JSONResponse{Items: mapped(started, drillOut), Refused: mapped(refused, func(f pager.DrillRefused) DrillRefused {
		return DrillRefused{Person: string(f.Person), Key: string(f.Key), Why: f.Why}
	})}, nil
}

// mayDrill: people may be drilled by themselves and by admins, a roster by the owners of its team as well.
func (h handlers) mayDrill(ctx context.Context, d pager.Drilling) error {
	if h.caller.Admin {
		return nil
	}
	if d.Person != "" {
		if d.Person == h.caller.Person {
			return nil
		}
		return problem.Forbidden.Because("A drill of %s is for %[1]s and for admins: take a key that acts as %[1]s, or one with the scope admin.", d.Person)
	}
	team, err := h.rosters.Owner(ctx, rosterdb.OwnedRoster, string(d.Roster))
	if err != nil {
		return aboutRoster(string(d.Roster), err)
	}
	if team != "" && h.caller.Person != "" {
		role, err := h.rosters.RoleOf(ctx, team, h.caller.Person)
		if err != nil || role == rosters.Owner {
			return err
		}
	}
	return problem.Forbidden.Because("A drill of roster %s is for owners of its team and for admins.", d.Roster)
}

func (h handlers) GetRosterDrill(ctx context.Context, r GetRosterDrillRequestObject) (GetRosterDrillResponseObject, error) {
	roster, err := h.readRoster(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	wanted, err := h.incidents.RosterDrills(ctx)
	if err != nil {
		return nil, err
	}
	var members []rosters.PersonID
	for _, t := range roster.Rotations {
		for _, p := range t.Participants {
			if p != "" && !slices.Contains(members, p) {
				members = append(members, p)
			}
		}
	}
	people, err := h.rosters.People(ctx, members)
	if err != nil {
		return nil, err
	}
	badges, err := h.lastDrills(ctx, members)
	return GetRosterDrill200JSONResponse{Before: Duration(wanted[roster.ID]), Members: mapped(members, func(p rosters.PersonID) RosterMember {
		return RosterMember{Person: string(p), Name: orElse(people[p].Name, string(p)), Drill: badges[p]}
	})}, err
}

func (h handlers) ReplaceRosterDrill(ctx context.Context, r ReplaceRosterDrillRequestObject) (ReplaceRosterDrillResponseObject, error) {
	if err := validDrill("", r.Body); err != nil {
		return nil, err
	}
	return ReplaceRosterDrill200JSONResponse(*r.Body), h.wantDrill(ctx, rosters.RosterID(r.Slug), r.Body)
}

func (h handlers) DeleteRosterDrill(ctx context.Context, r DeleteRosterDrillRequestObject) (DeleteRosterDrillResponseObject, error) {
	return DeleteRosterDrill204Response{}, h.wantDrill(ctx, rosters.RosterID(r.Slug), &RosterDrill{})
}

// drillWish is how long before a shift a roster wants a drill, nil for 0, which is none.
func drillWish(before time.Duration) *RosterDrill {
	if before == 0 {
		return nil
	}
	return &RosterDrill{Before: Duration(before)}
}

// validDrill checks a wish, if there is one; at is where the request has it.
func validDrill(at string, wish *RosterDrill) error {
	if wish == nil || wish.Before == 0 || (time.Duration(wish.Before) >= pager.MinDrillBefore && time.Duration(wish.Before) <= pager.MaxDrillBefore) {
		return nil
	}
	return wrong(at+"/before", wish.Before.String(), "must be 10m to 168h before the shift, or 0s for no drills")
}

// wantDrill stores a roster's wish; nil leaves the one that stands.
func (h handlers) wantDrill(ctx context.Context, roster rosters.RosterID, wish *RosterDrill) error {
	if wish == nil {
		return nil
	}
	return aboutRoster(string(roster), h.incidents.SetRosterDrill(ctx, roster, time.Duration(wish.Before)))
}

// rosterView is a roster with the drill that it wants.
func (h handlers) rosterView(ctx context.Context, r rosterdb.Roster) (Roster, error) {
	out := rosterOut(r)
	wanted, err := h.incidents.RosterDrills(ctx)
	out.Drill = drillWish(wanted[r.ID])
	return out, err
}

// unreached warns of people whose last drill failed: of all, or of those that a service pages.
func (h handlers) unreached(ctx context.Context, c engine.Coverage, service string, from, to time.Time, zone *time.Location) ([]Unreached, error) {
	if service != "" {
		paged, err := h.rostersOf(ctx, service)
		if err != nil {
			return nil, err
		}
		c.Calendars = maps.Clone(c.Calendars)
		maps.DeleteFunc(c.Calendars, func(id rosters.RosterID, _ *rosters.Calendar) bool { return !slices.Contains(paged, id) })
		c.Policies = slices.DeleteFunc(slices.Clone(c.Policies), func(p engine.Policy) bool {
			return !slices.ContainsFunc(c.Services, func(s engine.Service) bool { return s.Policy == p.ID })
		})
	}
	return mapped(c.Unreached(from, to), func(u engine.Unreached) Unreached {
		return Unreached{Person: string(u.Person), Roster: string(u.Roster), At: u.At.UTC(), FailedAt: u.FailedAt.UTC(), Text: u.Text(zone), Problem: u.Problem(zone), Remedy: u.Remedy()}
	}), nil
}
