package shifts

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// confirmWithin is how long the code of a wish counts.
const confirmWithin = 15 * time.Minute

// slugForm is that of a roster's name; nothing else that a text says is repeated.
var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Ask answers a text that asks to take or swap shifts with what that would do, and a code for it; what the person
// asked for before is given up. ErrUnknown if it asks for something else; another error if it may be asked again.
func (d *Desk) Ask(ctx context.Context, number, text string) (reply string, err error) {
	wanted, is, unclear := parseSaid(text)
	if !is {
		return "", ErrUnknown
	}
	err = d.inTx(ctx, d.cfg.DB, func(b Book) error {
		who, err := b.owner(ctx, number)
		if err != nil || who.ID == "" {
			reply = in("").several
			return err
		}
		if unclear {
			reply = wanted.how(who)
			return nil
		}
		w, refusal, err := b.understand(ctx, who, wanted)
		if err == nil && refusal == "" {
			refusal, err = d.unreachable(ctx, b, who, w)
		}
		if err != nil || refusal != "" {
			reply = refusal
			return err
		}
		if err := b.Rosters.DropWishes(ctx, who.ID); err != nil {
			return err
		}
		w.Until = b.Now.Add(confirmWithin)
		if w, err = b.Rosters.AddWish(ctx, w); err != nil {
			return err
		}
		reply, err = b.question(ctx, who, w)
		return err
	})
	return reply, err
}

// how says how to write what was not understood.
func (s said) how(who rosters.Person) string {
	say := in(who.Language)
	roster := s.roster
	if !slugForm.MatchString(roster) {
		roster = "web"
	}
	if s.take {
		return fmt.Sprintf(say.howTake, roster)
	}
	return fmt.Sprintf(say.howSwap, roster)
}

// understand makes a wish of what was said, or says why it cannot.
func (b Book) understand(ctx context.Context, who rosters.Person, s said) (w rosterdb.Wish, refusal string, err error) {
	say := in(who.Language)
	if !slugForm.MatchString(s.roster) { // nothing that somebody else wrote is repeated to whoever has the number
		return w, s.how(who), nil
	}
	stored, err := b.Rosters.RosterDuring(ctx, rosters.RosterID(s.roster), b.Now.AddDate(0, -2, 0), b.Now.AddDate(3, 0, 0))
	if errors.Is(err, rosterdb.ErrNotFound) {
		return w, fmt.Sprintf(say.noRoster, s.roster), nil
	}
	if err != nil {
		return w, "", err
	}
	c, _ := stored.Compile() // what cannot be read has nobody on call
	w = rosterdb.Wish{Person: who.ID, Roster: stored.ID}
	if s.take {
		w.Kind = rosterdb.WishTake
		if w.Give, refusal = s.taken(who, b.Now); refusal != "" {
			return w, refusal, nil
		}
		may, err := b.mayTake(ctx, stored, w.Give, who.ID)
		if err == nil && !may {
			return w, fmt.Sprintf(say.mayNot, stored.ID), nil
		}
		if err != nil {
			return w, "", err
		}
		if w.Whom = onCall(c, w.Give); slices.Equal(w.Whom, []rosters.PersonID{who.ID}) && !anyGap(c, w.Give) {
			refusal = fmt.Sprintf(say.already, stored.ID)
		}
		return w, refusal, nil
	}
	return b.understandSwap(ctx, who, s, stored, c)
}

// taken is the span of a take.
func (s said) taken(who rosters.Person, now time.Time) (span rosters.Span, refusal string) {
	zone := who.Location()
	span.From = now.Truncate(time.Microsecond)
	if s.from.day != nil || s.from.timed {
		span.From = s.from.after(now.In(zone))
	}
	if span.To = s.length.after(span.From.In(zone)); s.length == (length{}) {
		span.To = s.until.after(span.From.In(zone))
	}
	span = rosters.Span{From: span.From.UTC(), To: span.To.UTC()}
	switch say := in(who.Language); {
	case !span.From.Before(span.To), !span.To.After(now):
		return span, fmt.Sprintf(say.backward, spell(who, span))
	case span.To.Sub(span.From) < time.Minute, span.To.Sub(now) > takenAtMost:
		return span, fmt.Sprintf(say.tooLong, spell(who, span))
	}
	return span, ""
}

// takenAtMost is how far ahead a shift that is taken by text may end.
const takenAtMost = 366 * 24 * time.Hour

func (b Book) understandSwap(ctx context.Context, who rosters.Person, s said, stored rosterdb.Roster, c *rosters.Calendar) (w rosterdb.Wish, refusal string, err error) {
	partner, err := b.called(ctx, stored, s.partner)
	if err != nil {
		return w, "", err
	}
	if partner.ID == "" {
		return w, fmt.Sprintf(in(who.Language).noPerson, stored.ID), nil
	}
	w = rosterdb.Wish{Person: who.ID, Kind: rosterdb.WishOffer, Roster: stored.ID, Partner: partner.ID}
	find := shiftFinder{who: who, roster: stored.ID, calendar: c, now: b.Now.In(who.Location())}
	if w.Give, refusal = find.shift(who, s.give); refusal != "" {
		return w, refusal, nil
	}
	if s.inTurn.day != nil || s.inTurn.timed {
		if w.Take, refusal = find.shift(partner, s.inTurn); refusal != "" {
			return w, refusal, nil
		}
	}
	swap := rosters.Swap{Proposer: who.ID, Partner: partner.ID, Give: w.Give, Take: w.Take}
	if es, wrong := errors.AsType[rosters.FieldErrors](swap.Validate(c, b.Now)); wrong {
		return w, fmt.Sprintf(in(who.Language).refused, es[0].Problem+"."), nil
	}
	return w, "", nil
}

// called finds somebody in a roster by handle, name or first name; one who is not in it by handle. Nobody,
// if it may be two people.
func (b Book) called(ctx context.Context, r rosterdb.Roster, name string) (rosters.Person, error) {
	ids := []rosters.PersonID{rosters.PersonID(name)}
	for _, t := range r.Rotations {
		ids = append(ids, t.Participants...)
	}
	people, err := b.Rosters.People(ctx, ids)
	if err != nil {
		return rosters.Person{}, err
	}
	if exact := people[rosters.PersonID(name)]; exact.ID != "" {
		return exact, nil
	}
	var found rosters.Person
	for _, p := range people {
		full := strings.ToLower(p.Name)
		first, _, _ := strings.Cut(full, " ")
		if full != name && first != name {
			continue
		}
		if found.ID != "" {
			return rosters.Person{}, nil
		}
		found = p
	}
	return found, nil
}

// mayTake reports whether somebody may take a shift of a roster: whoever is one of its people then, or a member of
// the team that owns it.
func (b Book) mayTake(ctx context.Context, r rosterdb.Roster, shift rosters.Span, who rosters.PersonID) (bool, error) {
	if slices.Contains(peopleOf(r.Roster, shift), who) {
		return true, nil
	}
	if r.Team == "" {
		return false, nil
	}
	role, err := b.Rosters.RoleOf(ctx, r.Team, who)
	return role == rosters.Owner || role == rosters.TeamMember, err
}

// peopleOf are those who stand in a roster's rotations at some time within a span.
func peopleOf(r rosters.Roster, span rosters.Span) (all []rosters.PersonID) {
	revisions := append(slices.Clip(r.Earlier), rosters.Revision{Since: r.Since, Rotations: r.Rotations})
	for i, v := range revisions {
		if !v.Since.Before(span.To) || i+1 < len(revisions) && !revisions[i+1].Since.After(span.From) {
			continue
		}
		for _, t := range v.Rotations {
			all = append(all, t.Participants...)
		}
	}
	return all
}

// unreachable is why somebody who is about to come on call cannot be paged, "" if nobody is.
func (d *Desk) unreachable(ctx context.Context, b Book, asks rosters.Person, w rosterdb.Wish) (refusal string, err error) {
	comes := []rosters.PersonID{w.Person}
	if w.Kind == rosterdb.WishOffer {
		if comes[0] = w.Partner; w.Take != (rosters.Span{}) {
			comes = append(comes, w.Person)
		}
	}
	people, err := b.people(ctx, comes...)
	if err != nil {
		return "", err
	}
	channels := d.cfg.Channels()
	for _, id := range comes {
		usable := func(c rosters.Contact) bool { return !c.Disabled && channels[c.Channel] }
		if !slices.ContainsFunc(people[id].Contacts, usable) {
			return fmt.Sprintf(in(asks.Language).noContact, people[id].Name), nil
		}
	}
	return "", nil
}

// onCall lists who is on call at any time within a span, each once, by handle.
func onCall(c *rosters.Calendar, span rosters.Span) (who []rosters.PersonID) {
	for _, m := range c.Spans(span.From, span.To) {
		who = append(who, m.Persons...)
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// anyGap reports whether nobody is on call for some of a span.
func anyGap(c *rosters.Calendar, span rosters.Span) bool {
	return slices.ContainsFunc(c.Spans(span.From, span.To), func(m rosters.Manned) bool { return len(m.Persons) == 0 })
}

// question says what a wish would do, and asks for its code.
func (b Book) question(ctx context.Context, who rosters.Person, w rosterdb.Wish) (string, error) {
	say := in(who.Language)
	if w.Kind == rosterdb.WishOffer {
		people, err := b.people(ctx, w.Partner)
		return fmt.Sprintf(say.wantOffer, people[w.Partner].Name, spell(who, w.Give), w.Roster, spell(who, w.Take), w.Code), err
	}
	from := slices.DeleteFunc(slices.Clone(w.Whom), func(p rosters.PersonID) bool { return p == who.ID })
	people, err := b.people(ctx, from...)
	if err != nil {
		return "", err
	}
	whom := say.nobody
	if len(from) > 0 {
		whom = names(people, from)
	}
	return fmt.Sprintf(say.wantTake, w.Roster, spell(who, w.Give), whom, w.Code), nil
}
