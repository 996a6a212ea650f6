package rest

import (
	"context"
	"errors"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// sections are the parts of a configuration, each after those that it may name.
func (h handlers) sections(sent Configuration, stored configuration) []anySection {
	return []anySection{
		&section[Person]{kind: "person", list: "people", key: "handle", sent: sent.People, stored: stored.People, versions: stored.versions,
			name:  func(p Person) string { return p.Handle },
			whole: func(p Person) Person { return h.configured(wholePerson(p)) },
			valid: func(p Person) error { return validPerson(wholePerson(p)) },
			names: func(Person, refer) {}, write: h.writePerson, remove: h.removePerson},
		&section[Team]{kind: "team", list: "teams", key: "slug", sent: sent.Teams, stored: stored.Teams, versions: stored.versions,
			name:  func(t Team) string { return t.Slug },
			whole: func(t Team) Team { return teamOut(rosterdb.Team{Team: wholeTeam(t)}) },
			valid: func(t Team) error { return validTeam(wholeTeam(t)) },
			names: teamNames, write: h.writeTeam, remove: h.removeTeam},
		&section[Roster]{kind: "roster", list: "rosters", key: "slug", sent: sent.Rosters, stored: stored.Rosters, versions: stored.versions,
			name: func(r Roster) string { return r.Slug },
			whole: func(r Roster) Roster {
				return configuredRoster(wholeRoster(r), rosters.TeamID(r.Team), r.drillBefore())
			},
			valid:  validConfiguredRoster,
			bounds: rosterBounds, settle: func(r Roster) Roster { return h.settled(r, stored) },
			besides: func(was, is Roster) []FieldChange { return h.brought(was, is, stored) },
			names:   rosterNames, write: func(ctx context.Context, r Roster, _ int) error { return h.writeRoster(ctx, r, stored) }, remove: h.removeRoster},
		&section[Policy]{kind: "policy", list: "policies", key: "slug", sent: sent.Policies, stored: stored.Policies, versions: stored.versions,
			name:  func(p Policy) string { return p.Slug },
			whole: func(p Policy) Policy { return configuredPolicy(wholePolicy(p), rosters.TeamID(p.Team)) },
			valid: func(p Policy) error { return validPolicy(wholePolicy(p)) },
			names: policyNames, write: h.writePolicy, remove: h.removePolicy},
		&section[Service]{kind: "service", list: "services", key: "slug", sent: sent.Services, stored: stored.Services, versions: stored.versions,
			name:  func(s Service) string { return s.Slug },
			whole: func(s Service) Service { return configuredService(wholeService(s), rosters.TeamID(s.Team)) },
			valid: func(s Service) error { return validService(wholeService(s)) },
			names: serviceNames, write: h.writeService, remove: h.removeService},
		&section[RuleList]{kind: "rules", list: "rules", key: "team", sent: sent.Rules, stored: stored.Rules, versions: stored.versions,
			name: func(l RuleList) string { return orElse(string(l.Team), allAlerts) },
			whole: func(l RuleList) RuleList {
				return RuleList{Team: l.Team, Items: mapped(mapped(l.Items, l.rule), ruleOut)}
			},
			valid: validRules, names: ruleNames, write: h.writeRules, remove: h.removeRules},
		&section[Word]{kind: "word", list: "severities", key: "word", sent: sent.Severities, stored: stored.Severities, versions: stored.versions,
			name: wordName,
			whole: func(w Word) Word {
				return Word{Source: engine.FoldWord(w.Source), Word: engine.FoldWord(w.Word), Severity: w.Severity}
			},
			valid: validWord, names: func(Word, refer) {}, write: h.writeWord, remove: h.removeWord},
	}
}

// owned gives what is written next to a team, or to none: a configuration always says.
func (h handlers) owned(team TeamName) handlers {
	h.team = new(rosters.TeamID(team))
	return h
}

func (h handlers) writePerson(ctx context.Context, wire Person, version int) error {
	p := wholePerson(wire)
	if version == 0 {
		err := h.rosters.CreatePerson(ctx, p)
		if errors.Is(err, rosterdb.ErrGone) { // an older file, say: it is the same person again
			err = h.revive(ctx, p)
		}
		return aboutPerson(wire.Handle, err)
	}
	return aboutPerson(wire.Handle, h.rosters.UpdatePerson(ctx, p, version))
}

// revive restores somebody who was deleted, as they are to be now. ErrGone if that is too long ago.
func (h handlers) revive(ctx context.Context, p rosters.Person) error {
	id, err := h.rosters.DeletedPerson(ctx, p.ID)
	if errors.Is(err, rosterdb.ErrNotFound) {
		return rosterdb.ErrGone
	}
	if err == nil {
		err = h.rosters.RestorePerson(ctx, id)
	}
	if err == nil {
		err = h.rosters.UpdatePerson(ctx, p, rosterdb.AnyVersion)
	}
	return err
}

func (h handlers) writeTeam(ctx context.Context, wire Team, version int) error {
	t := wholeTeam(wire)
	if version == 0 {
		return writtenTeam(t, h.rosters.CreateTeam(ctx, t))
	}
	return writtenTeam(t, h.rosters.UpdateTeam(ctx, t, version))
}

// writeRoster lets all rosters count from the instant from which on what comes of it is worked out: whoever is
// put off call and deleted is missed at no time between.
func (h handlers) writeRoster(ctx context.Context, wire Roster, stored configuration) error {
	r := wholeRoster(wire)
	was, exists := stored.duties[r.ID]
	before := was.Rotations
	was.Roster = asPlanned(r, was.Roster)
	var err error
	switch {
	case !exists:
		err = h.rosters.CreateRoster(ctx, r, h.caller.Name)
	case sameRotations(r.Rotations, before): // what is planned for later stays planned
		err = h.updateRoster(ctx, was.Roster, was.Version)
	default:
		err = h.updateRoster(ctx, was.Revised(r.Rotations, h.view.counts), was.Version)
	}
	if err != nil {
		return writtenRoster(r, err)
	}
	if err := h.wantDrill(ctx, r.ID, &RosterDrill{Before: Duration(wire.drillBefore())}); err != nil {
		return err
	}
	return h.owned(wire.Team).give(ctx, rosterdb.OwnedRoster, wire.Slug)
}

// brought tells that rotations which were planned to count later count now, as those are that the document has.
func (h handlers) brought(was, is Roster, stored configuration) []FieldChange {
	planned := stored.duties[rosters.RosterID(was.Slug)].Since
	if !planned.After(h.view.counts) || same(was.Rotations, is.Rotations) {
		return nil
	}
	return []FieldChange{{Pointer: "/effective_from", Before: clock(planned), After: clock(h.view.counts)}}
}

// settled is a roster as it will be read: whose turn it is when a rotation goes on is not for the document to
// say, so that one which was written before the last change changes nothing.
func (h handlers) settled(wire Roster, stored configuration) Roster {
	r := wholeRoster(wire)
	if was, exists := stored.duties[r.ID]; exists {
		for i, t := range r.Rotations {
			r.Rotations[i] = inTurn(t, was.Rotations)
		}
		if !sameRotations(r.Rotations, was.Rotations) {
			r = asPlanned(r, was.Roster).Revised(r.Rotations, h.view.counts)
		}
	}
	return configuredRoster(r, rosters.TeamID(wire.Team), wire.drillBefore())
}

// drillBefore is how long before a shift the document wants a drill: it says all of a roster, so that one of which
// it does not speak is none.
func (r Roster) drillBefore() time.Duration {
	if r.Drill == nil {
		return 0
	}
	return time.Duration(r.Drill.Before)
}

// validConfiguredRoster tells all that is wrong with a roster.
func validConfiguredRoster(r Roster) error {
	var all []problem.Field
	for _, err := range []error{validRoster(wholeRoster(r)), validDrill("/drill", r.Drill)} {
		if err != nil {
			all = append(all, problemOf(err).Errors...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return invalid(all)
}

// inTurn is a rotation as it is stored, if nothing but the turn differs.
func inTurn(t rosters.Rotation, stored []rosters.Rotation) rosters.Rotation {
	for _, was := range stored {
		if moved := t; was.ID == t.ID {
			if moved.Ahead = was.Ahead; sameRotations([]rosters.Rotation{moved}, []rosters.Rotation{was}) {
				return was
			}
		}
	}
	return t
}

// asPlanned is a roster as it was sent, with the rotations of another: those that are to be revised.
func asPlanned(r, was rosters.Roster) rosters.Roster {
	r.Revision, r.Since, r.Rotations, r.Earlier, r.Overrides = was.Revision, was.Since, was.Rotations, was.Earlier, was.Overrides
	return r
}

func (h handlers) writePolicy(ctx context.Context, wire Policy, version int) (err error) {
	p := wholePolicy(wire)
	if version == 0 {
		err = h.incidents.CreatePolicy(ctx, p)
	} else {
		err = h.incidents.UpdatePolicy(ctx, p, version)
	}
	if err != nil {
		return writtenPolicy(p, err)
	}
	return h.owned(wire.Team).give(ctx, rosterdb.OwnedPolicy, wire.Slug)
}

func (h handlers) writeService(ctx context.Context, wire Service, version int) (err error) {
	s := wholeService(wire)
	if version == 0 {
		err = h.incidents.CreateService(ctx, s)
	} else {
		err = h.incidents.UpdateService(ctx, s, version)
	}
	if err != nil {
		return writtenService(s, err)
	}
	return h.owned(wire.Team).give(ctx, rosterdb.OwnedService, wire.Slug)
}

func (h handlers) removePerson(ctx context.Context, handle string) error {
	_, err := h.DeletePerson(ctx, DeletePersonRequestObject{Handle: handle})
	return err
}

func (h handlers) removeTeam(ctx context.Context, slug string) error {
	_, err := h.DeleteTeam(ctx, DeleteTeamRequestObject{Slug: slug})
	return err
}

func (h handlers) removeRoster(ctx context.Context, slug string) error {
	_, err := h.DeleteRoster(ctx, DeleteRosterRequestObject{Slug: slug})
	return err
}

func (h handlers) removePolicy(ctx context.Context, slug string) error {
	_, err := h.DeletePolicy(ctx, DeletePolicyRequestObject{Slug: slug})
	return err
}

func (h handlers) removeService(ctx context.Context, slug string) error {
	// A plan says that its keys go with it.
	_, err := h.DeleteService(ctx, DeleteServiceRequestObject{Slug: slug, Params: DeleteServiceParams{Force: true}})
	return err
}

// refer notes that something names something else, and where: the parts of a pointer.
type refer func(kind, id string, at ...any)

func teamNames(t Team, to refer) {
	for i, m := range t.Members {
		to("person", m.Person, "members", i, "person")
	}
}

func rosterNames(r Roster, to refer) {
	to("team", r.Team, "team")
	for i, t := range r.Rotations {
		for j, p := range t.Participants {
			to("person", p, "rotations", i, "participants", j)
		}
	}
}

func policyNames(p Policy, to refer) {
	to("team", p.Team, "team")
	for i, l := range p.Levels {
		for j, t := range l.Targets {
			to("person", t.Person, "levels", i, "targets", j, "person")
			to("roster", t.Roster, "levels", i, "targets", j, "roster")
		}
	}
}

func serviceNames(s Service, to refer) {
	to("team", s.Team, "team")
	to("policy", s.Policy, "policy")
}
