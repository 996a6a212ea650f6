package pager

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	handoffEvery = time.Minute // more or less
	// Somebody who came on call while no node ran is told within an hour; who went off, until half a day after the
	// morning of it.
	handoffLate = time.Hour
	offLate     = 12 * time.Hour
	// A night is no longer, so that whoever comes on call in it is told in the evening before.
	handoffEarly  = 13 * time.Hour
	beforeEvening = 10 * time.Minute // ends: enough for a round to come by
	// So far ahead it is looked until when somebody is on call.
	onCallAtMost = 60 * 24 * time.Hour
	// So many incidents are named, of so many that are looked at.
	openNamed    = 3
	openLooked   = 1000
	rostersAtOne = 200 // that are read in one go
)

// TellHandoffs tells those who come on call, and those who go off, with what is open, until ctx ends. Any number
// of nodes may do it: nobody is told twice.
func (p *Pager) TellHandoffs(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(handoffEvery*3/4 + rand.N(handoffEvery/2)):
		}
		if err := p.tellHandoffs(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("hand-offs could not be told; trying again", "err", err)
		}
	}
}

func (p *Pager) tellHandoffs(ctx context.Context) error {
	who := rosterdb.New(p.cfg.DB)
	now, err := who.Now(ctx)
	if err != nil {
		return err
	}
	now = now.Add(p.Offset()).UTC()
	for last := rosters.RosterID(""); ; {
		ids, err := who.RosterIDs(ctx, "", last, rostersAtOne)
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		found, err := who.RostersDuring(ctx, ids, now.Add(-2*offLate), now.Add(onCallAtMost))
		if err != nil {
			return err
		}
		var handoffs []handoff
		for _, r := range found {
			handoffs = append(handoffs, handoffsOf(r, now)...)
		}
		if err := p.addHandoffs(ctx, handoffs); err != nil {
			return err
		}
	}
}

// handoffsOf are those of one roster of which somebody may be to be told by now.
func handoffsOf(r rosterdb.Roster, now time.Time) (all []handoff) {
	if r.Handoff.Silent {
		return nil
	}
	calendar, _ := r.Compile() // what cannot be read has nobody on call
	from := now.Add(-2 * offLate)
	if r.CreatedAt.After(from) { // nobody changed over before there was the roster
		from = r.CreatedAt
	}
	for _, relief := range calendar.Reliefs(from, now.Add(r.Handoff.Ahead+handoffEarly)) {
		all = append(all, handoff{roster: r.Roster, calendar: calendar, relief: relief, onCall: calendar.OnCall(now), now: now})
	}
	return all
}

// addHandoffs keeps what nobody was told yet, with what is open.
func (p *Pager) addHandoffs(ctx context.Context, handoffs []handoff) error {
	var concerned []rosters.PersonID
	for _, h := range handoffs {
		concerned = append(append(append(concerned, h.onCall...), h.relief.On...), h.relief.Off...)
	}
	if len(concerned) == 0 {
		return nil
	}
	slices.Sort(concerned)
	people, err := rosterdb.New(p.cfg.DB).People(ctx, slices.Compact(concerned))
	if err != nil {
		return err
	}
	var notices []enginedb.Notice
	for _, h := range handoffs {
		h.people = people
		notices = append(notices, h.notices()...)
	}
	if len(notices) == 0 {
		return nil
	}
	db := enginedb.New(p.cfg.DB)
	notices, err = db.NotTold(ctx, notices)
	if err != nil || len(notices) == 0 {
		return err
	}
	open, err := db.OpenIncidents(ctx, openLooked)
	if err != nil {
		return err
	}
	for i := range notices {
		if n := &notices[i]; n.Kind != kindAhead {
			roster, _, _ := strings.Cut(n.About, " ")
			if n.Text += " " + p.whatIsOpen(ctx, open, rosters.RosterID(roster), n.Person); len(open) == openLooked {
				n.Text += " There may be more."
			}
		}
	}
	return db.AddNotices(ctx, notices)
}

// The kinds of notices about hand-offs.
const (
	kindOn    = enginedb.OnCallNotice
	kindAhead = "on call ahead"
	kindOff   = enginedb.OffCallNotice
)

// handoff is one relief of one roster.
type handoff struct {
	roster   rosters.Roster
	calendar *rosters.Calendar
	relief   rosters.Relief
	onCall   []rosters.PersonID // by now
	people   map[rosters.PersonID]rosters.Person
	now      time.Time
}

// notices are those that are due by now and not too late. Who comes on call at night is told in the evening
// before, who goes off in the morning, unless on call again by then.
func (h handoff) notices() (all []enginedb.Notice) {
	at := h.relief.At
	add := func(who rosters.PersonID, kind string, due, late time.Time, text func(rosters.Person) string) {
		person, there := h.people[who]
		if there && !due.After(h.now) && h.now.Before(late) { // known so late that it is night by now, it waits as long as it can
			all = append(all, enginedb.Notice{Person: who, Kind: kind, About: enginedb.AboutRelief(h.roster.ID, at), Text: text(person),
				Due: rosters.NextDaytime(person.Zone, h.now, at), Until: late})
		}
	}
	for _, who := range h.relief.On {
		zone := h.people[who].Zone
		on := byDay(zone, at)
		if ahead := h.roster.Handoff.Ahead; ahead > 0 {
			if due := byDay(zone, at.Add(-ahead)); due.Before(on) { // else the other tells the same
				add(who, kindAhead, due, on, h.onText)
			}
		}
		add(who, kindOn, on, at.Add(handoffLate), h.onText)
	}
	for _, who := range h.relief.Off {
		if !slices.Contains(h.onCall, who) {
			due := rosters.NextDaytime(h.people[who].Zone, at, at.Add(offLate))
			add(who, kindOff, due, due.Add(offLate), h.offText)
		}
	}
	return all
}

// byDay is when to tell of something ahead: at an instant by day, or before the evening ends that precedes it.
func byDay(zone string, at time.Time) time.Time {
	day := rosters.LastDaytime(zone, at)
	if day.Before(at) {
		day = day.Add(-beforeEvening)
	}
	return day
}

// onText is what whoever comes on call is told.
func (h handoff) onText(who rosters.Person) string {
	at, zone := h.relief.At, who.Location()
	text := fmt.Sprintf("You are on call in roster %s", h.roster.ID)
	if at.After(h.now) {
		text = fmt.Sprintf("You will be on call in roster %s from %s", h.roster.ID, clock(at, zone))
	}
	if until := h.calendar.OnUntil(who.ID, at, at.Add(onCallAtMost)); until.Before(at.Add(onCallAtMost)) {
		text += " until " + clock(until, zone)
	}
	if len(h.relief.Off) > 0 {
		text += ", after " + h.names(h.relief.Off)
	}
	return text + "."
}

// offText is what whoever goes off is told.
func (h handoff) offText(who rosters.Person) string {
	text := fmt.Sprintf("You are off call in roster %s since %s", h.roster.ID, clock(h.relief.At, who.Location()))
	switch len(h.onCall) {
	case 0:
		return text + ". Nobody is on call there."
	case 1:
		return fmt.Sprintf("%s; %s is on call.", text, h.names(h.onCall))
	default:
		return fmt.Sprintf("%s; %s are on call.", text, h.names(h.onCall))
	}
}

func (h handoff) names(ids []rosters.PersonID) string {
	var names []string
	for _, id := range ids {
		name := h.people[id].Name
		if name == "" {
			name = string(id)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func clock(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("Mon 2006-01-02 15:04 MST")
}

// whatIsOpen says in words what of some incidents a roster may be paged for, or a person has.
func (p *Pager) whatIsOpen(ctx context.Context, open []enginedb.Open, roster rosters.RosterID, who rosters.PersonID) string {
	var lines []string
	all := 0
	for _, i := range open {
		if !slices.Contains(i.Rosters, roster) && i.Manager != who && !slices.Contains(i.Holders, who) {
			continue
		}
		if all++; all > openNamed {
			continue
		}
		whose := "nobody's yet"
		switch i.Manager {
		case "":
		case who:
			whose = "yours"
		default:
			whose = p.name(ctx, rosterdb.New(p.cfg.DB), i.Manager)
		}
		lines = append(lines, fmt.Sprintf("%s severity %d %s (%s)", i.Key, i.Severity, i.Summary, whose))
	}
	if all == 0 {
		return "Nothing is open."
	}
	text := "Open: " + strings.Join(lines, "; ")
	if more := all - len(lines); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text + "."
}
