package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// duty is everything that says who may be paged in the time from From until To.
type duty struct {
	from, to     time.Time
	rosters      []rosters.Roster
	policies     []engine.Policy
	people       map[rosters.PersonID]rosters.Person
	catchAll     engine.CatchAll
	usable       map[rosters.Channel]bool
	verifiedOnly bool                           // contacts that were not verified are not used
	failed       map[rosters.PersonID]time.Time // whose last drill failed, and when it began
}

func examineOnCall(ctx context.Context, cfg config, getenv func(string) string, db postgres, r reader) []finding {
	d, err := readDuty(ctx, cfg, getenv, db)
	if err != nil {
		return []finding{{"on call", fail, fmt.Sprintf("cannot be read: %v", err)}}
	}
	return d.examine(r)
}

func readDuty(ctx context.Context, cfg config, getenv func(string) string, db postgres) (d duty, err error) {
	who, what := rosterdb.New(db.Pool), enginedb.New(db.Pool)
	if d.from, err = who.Now(ctx); err != nil {
		return d, err
	}
	d.to, d.catchAll, d.verifiedOnly = d.from.Add(week), cfg.catchAll, cfg.verifiedOnly
	carriers, err := readCarriers(ctx, cfg, getenv, db)
	if err != nil {
		return d, err
	}
	d.usable = carriers.Usable()
	const limit = 10_000
	ids, err := who.RosterIDs(ctx, "", "", limit)
	if err != nil {
		return d, err
	}
	stored, err := who.RostersDuring(ctx, ids, d.from, d.to)
	if err != nil {
		return d, err
	}
	for _, s := range stored {
		d.rosters = append(d.rosters, s.Roster)
	}
	if d.failed, err = pager.FailedDrills(ctx, what); err != nil {
		return d, err
	}
	policies, err := what.Policies(ctx, "", "", limit)
	if err != nil {
		return d, err
	}
	for _, p := range policies {
		d.policies = append(d.policies, p.Policy)
	}
	people, err := who.StoredPeople(ctx, "", 100_000)
	if err != nil {
		return d, err
	}
	d.people = map[rosters.PersonID]rosters.Person{}
	for _, p := range people {
		d.people[p.ID] = p.Person
	}
	return d, nil
}

// examine says whether everybody who may be paged can be.
func (d duty) examine(r reader) (all []finding) {
	all = append(all, d.examineIMOC(r)...)
	all = append(all, d.examineLastResort()...)
	for _, roster := range d.rosters {
		all = append(all, d.examineRoster(roster, r)...)
	}
	for _, p := range d.policies {
		all = append(all, d.examinePolicy(p)...)
	}
	all = append(all, d.examineVerified()...)
	all = append(all, d.examineDrills(r)...)
	if !slices.ContainsFunc(all, func(f finding) bool { return f.Status == fail }) {
		all = append(all, finding{"on call", pass, "everyone on call in the next 7 days has a usable contact"})
	}
	return all
}

// examineIMOC looks at the roster where every ladder ends: it alone may have no gap.
func (d duty) examineIMOC(r reader) []finding {
	id := d.catchAll.Roster
	name := "roster " + string(id)
	i := slices.IndexFunc(d.rosters, func(roster rosters.Roster) bool { return roster.ID == id })
	if i < 0 {
		return []finding{{name, fail, "does not exist, and every ladder ends there: make it, or name another in ROUSE_IMOC"}}
	}
	if gaps := d.rosters[i].Gaps(d.from, d.to); len(gaps) > 0 {
		return []finding{{name, fail, "catches what has no owner, and nobody is on call " + spans(gaps, r) + ": add somebody"}}
	}
	return []finding{{name, pass, "catches what has no owner, and has no gap in the next 7 days"}}
}

// examineVerified names who has contacts that nobody knows to reach them.
func (d duty) examineVerified() []finding {
	var who []string
	for _, id := range slices.Sorted(maps.Keys(d.people)) {
		if slices.ContainsFunc(d.people[id].Contacts, func(c rosters.Contact) bool { return !c.Disabled && !c.Verified() }) {
			who = append(who, string(id))
		}
	}
	if len(who) == 0 {
		return nil
	}
	const most = 10
	if n := len(who) - most; n > 0 {
		who = append(who[:most], fmt.Sprintf("and %d more", n))
	}
	return []finding{{"contacts", warn, "nobody knows whether they reach their owner: " + strings.Join(who, ", ") + " have some that were not verified. `rouse contact verify` does that"}}
}

// examineDrills names who is to be paged and could not be reached by the last drill.
func (d duty) examineDrills(r reader) (all []finding) {
	c := engine.Coverage{Policies: d.policies, CatchAll: d.catchAll, People: d.people, Failed: d.failed, Calendars: map[rosters.RosterID]*rosters.Calendar{}}
	for _, roster := range d.rosters {
		c.Calendars[roster.ID], _ = roster.Compile() // what cannot be read is told elsewhere
	}
	for _, u := range c.Unreached(d.from, d.to) {
		all = append(all, finding{"drills", warn, u.Text(r.zone)})
	}
	return all
}

func (d duty) examineLastResort() (all []finding) {
	const name = "last resort"
	if len(d.catchAll.LastResort) == 0 {
		return []finding{{name, warn, "nobody is named for when the catch-all roster is empty: set ROUSE_LAST_RESORT to handles, ann,bob"}}
	}
	for _, id := range d.catchAll.LastResort {
		if trouble := d.trouble(id); trouble != "" {
			all = append(all, finding{name, fail, trouble + ", though named in ROUSE_LAST_RESORT"})
		}
	}
	if all == nil {
		all = []finding{{name, pass, fmt.Sprintf("%s can be paged", plural(len(d.catchAll.LastResort), "person", "people"))}}
	}
	return all
}

func (d duty) examineRoster(roster rosters.Roster, r reader) (all []finding) {
	name := "roster " + string(roster.ID)
	calendar, err := roster.Compile()
	if err != nil {
		all = append(all, finding{name, fail, fmt.Sprintf("has a rotation that cannot be read: %v. Correct it through the API", err)})
	}
	onCall := map[rosters.PersonID][]rosters.Span{}
	var order []rosters.PersonID
	for _, s := range calendar.Shifts(d.from, d.to) {
		if onCall[s.Person] == nil {
			order = append(order, s.Person)
		}
		onCall[s.Person] = joinSpan(onCall[s.Person], rosters.Span{From: s.From, To: s.To})
	}
	for _, id := range order {
		if trouble := d.trouble(id); trouble != "" {
			all = append(all, finding{name, fail, trouble + ", and is on call " + spans(onCall[id], r)})
		}
	}
	if gaps := calendar.Gaps(d.from, d.to); len(gaps) > 0 && roster.ID != d.catchAll.Roster {
		all = append(all, finding{name, warn, "nobody is on call " + spans(gaps, r) + ": what comes then goes on to the next level"})
	}
	return all
}

// examinePolicy looks at the people whom a policy names in person: they are always on call.
func (d duty) examinePolicy(p engine.Policy) (all []finding) {
	for _, level := range p.Levels {
		for _, target := range level.Targets {
			if target.Person == "" {
				continue
			}
			if trouble := d.trouble(target.Person); trouble != "" {
				all = append(all, finding{"policy " + string(p.ID), fail, trouble + ", though the policy names them"})
			}
		}
	}
	return all
}

// remedies say what sets a provider up.
var remedies = map[rosters.Channel]string{
	rosters.Push:  "set ROUSE_NTFY_URL",
	rosters.SMS:   "set ROUSE_TWILIO_ACCOUNT_SID and what belongs to it",
	rosters.Voice: "set ROUSE_TWILIO_ACCOUNT_SID and what belongs to it",
}

// trouble says why a person cannot be paged and what to do, "" if they can.
func (d duty) trouble(id rosters.PersonID) string {
	p, known := d.people[id]
	if !known {
		return fmt.Sprintf("%s does not exist", id)
	}
	var why []string
	for _, c := range p.Contacts {
		switch {
		case c.Plan == rosters.Tell:
			why = append(why, string(c.Channel)+" is for severity 3 and notices only: give it the plan both")
		case c.Disabled:
			why = append(why, string(c.Channel)+" is disabled")
		case !d.usable[c.Channel]:
			why = append(why, "no provider for "+string(c.Channel)+" is set up: "+remedies[c.Channel])
		case c.Validate() != nil:
			why = append(why, "the address for "+string(c.Channel)+" is not valid")
		case !c.Verified() && d.verifiedOnly:
			why = append(why, string(c.Channel)+" is not verified, which ROUSE_VERIFIED_ONLY asks for: rouse contact verify")
		default:
			return ""
		}
	}
	if len(why) == 0 {
		return fmt.Sprintf("%s has no contact", id)
	}
	slices.Sort(why)
	return fmt.Sprintf("%s has no usable contact (%s)", id, strings.Join(slices.Compact(why), "; "))
}

// joinSpan adds a span to those before it; what goes on where the last one ends is one with it.
func joinSpan(list []rosters.Span, s rosters.Span) []rosters.Span {
	if n := len(list); n > 0 && !s.From.After(list[n-1].To) {
		if s.To.After(list[n-1].To) {
			list[n-1].To = s.To
		}
		return list
	}
	return append(list, s)
}

// spans writes spans for people: the first three, and how many more.
func spans(list []rosters.Span, r reader) string {
	var texts []string
	for i, s := range list {
		if i == 3 {
			texts = append(texts, fmt.Sprintf("and %d times more", len(list)-i))
			break
		}
		texts = append(texts, r.show(s.From)+" to "+r.show(s.To))
	}
	return strings.Join(texts, ", ")
}
