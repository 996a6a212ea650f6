// Package shifts lets people take shifts, and offer, accept and decline swaps, wherever they say so: over REST,
// and in a text to Rouse's number (text.go). A text changes nothing by itself: it is answered with what it
// would do and a code, and the code does it, so that whoever forges a number changes nothing.
//
// Whoever is put on call, or taken off, by somebody else is told in ordinary words.
package shifts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Book is the rosters as one transaction has them, at one instant. What it does counts when that commits.
type Book struct {
	Rosters rosterdb.Store
	Notices enginedb.Store
	Now     time.Time
}

// ever is later than any override.
var ever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Valid checks an override as part of its roster: FieldErrors from the override on, or rosterdb's ErrNotFound.
// One that is over cannot be made.
func (b Book) Valid(ctx context.Context, roster rosters.RosterID, o rosters.Override) error {
	stored, err := b.Rosters.RosterDuring(ctx, roster, b.Now, ever)
	if err != nil {
		return err
	}
	i := len(stored.Overrides)
	for j, other := range stored.Overrides {
		if other.ID == o.ID {
			i = j
		}
	}
	if o.ID == "" {
		o.ID = "new"
	}
	stored.Overrides = append(stored.Overrides[:i:i], o)
	if es, ok := errors.AsType[rosters.FieldErrors](stored.Validate()); ok {
		for j := range es {
			es[j].Field = strings.TrimPrefix(es[j].Field, fmt.Sprintf("/overrides/%d", i))
		}
		return es
	}
	if !o.To.After(b.Now) {
		return wrong("/to", o.To.UTC().Format(time.RFC3339), "is over; who was on call does not change any more")
	}
	return nil
}

func wrong(field, value, what string) error {
	return rosters.FieldErrors{{Field: field, Value: value, Problem: what}}
}

// Override makes an override, and tells whom it concerns. One that was to begin before now begins now: the
// past does not change (rule 16). The errors are those of Valid and of rosterdb's CreateOverride.
func (b Book) Override(ctx context.Context, roster rosters.RosterID, o rosters.Override, by rosters.PersonID) (rosters.Override, error) {
	if err := b.Valid(ctx, roster, o); err != nil {
		return o, err
	}
	if o.From.Before(b.Now) {
		o.From = b.Now.Truncate(time.Microsecond) // as the database keeps it
	}
	err := b.Telling(ctx, roster, rosters.Span{From: o.From, To: o.To}, by, func() (about string, err error) {
		o, err = b.Rosters.CreateOverride(ctx, roster, o, by)
		return AboutOverride(o.ID, 1), err
	})
	return o, err
}

// AboutOverride is what a notice about a version of an override is about; version 0 is its deletion.
func AboutOverride(id string, version int) string {
	return fmt.Sprintf("override %s, version %d", id, version)
}

// Telling makes a change of who is on call in a roster within a span, and tells those whom it concerns, but not
// the one who made it. The change says what it is about.
func (b Book) Telling(ctx context.Context, roster rosters.RosterID, span rosters.Span, by rosters.PersonID, change func() (about string, err error)) error {
	if span.From.Before(b.Now) {
		span.From = b.Now
	}
	before, err := b.calendar(ctx, roster, span.From, span.To)
	if err != nil {
		return err
	}
	about, err := change()
	if err != nil {
		return err
	}
	after, err := b.calendar(ctx, roster, span.From, span.To)
	if err != nil {
		return err
	}
	return b.tellOfChanges(ctx, roster, about, by, rosters.Changes(before, after, span.From, span.To))
}

// calendar is who is on call in a roster; what cannot be read has nobody.
func (b Book) calendar(ctx context.Context, roster rosters.RosterID, from, to time.Time) (*rosters.Calendar, error) {
	stored, err := b.Rosters.RosterDuring(ctx, roster, from, to)
	if err != nil {
		return nil, err
	}
	c, _ := stored.Compile()
	return c, nil
}

// turnover is what a change means to one person: on call, or off, from the first instant that is otherwise to
// the last.
type turnover struct {
	who rosters.PersonID
	on  bool
	rosters.Span
}

// turnovers are what changes mean to each person, but for the one who made them.
func turnovers(changes []rosters.Change, by rosters.PersonID) (all []turnover) {
	for _, c := range changes {
		for _, p := range slices.Concat(c.Before, c.After) {
			on := slices.Contains(c.After, p)
			if p == by || on == slices.Contains(c.Before, p) {
				continue
			}
			i := slices.IndexFunc(all, func(t turnover) bool { return t.who == p && t.on == on })
			if i < 0 {
				all = append(all, turnover{p, on, c.Span})
			} else {
				all[i].To = c.To
			}
		}
	}
	return all
}

func (b Book) tellOfChanges(ctx context.Context, roster rosters.RosterID, about string, by rosters.PersonID, changes []rosters.Change) error {
	concerned := turnovers(changes, by)
	if len(concerned) == 0 {
		return nil
	}
	ids := []rosters.PersonID{by}
	for _, t := range concerned {
		ids = append(ids, t.who)
	}
	people, err := b.people(ctx, ids...)
	if err != nil {
		return err
	}
	var notices []enginedb.Notice
	for _, t := range concerned {
		n := b.notice(roster, about, t, people[t.who])
		if by != "" {
			n.Text += " That was " + people[by].Name + "."
		}
		notices = append(notices, n)
	}
	return b.Notices.AddNotices(ctx, notices)
}

// notice tells somebody what changes. Whoever comes on call is told before that, at night if need be; whoever goes
// off can sleep on. What begins at once is the hand-over itself, of which people are told once.
func (b Book) notice(roster rosters.RosterID, about string, t turnover, who rosters.Person) enginedb.Notice {
	n := enginedb.Notice{Person: t.who, Kind: "shift changed", About: about, Until: t.To}
	at, now := "put on", enginedb.OnCallNotice
	n.Due = rosters.NextDaytime(who.Zone, b.Now, t.From)
	if !t.on {
		at, now = "taken off", enginedb.OffCallNotice
		n.Due = rosters.NextDaytime(who.Zone, b.Now, t.To)
	}
	n.Text = fmt.Sprintf("You are %s call in roster %s: %s.", at, roster, spell(english(who), t.Span))
	if t.From.Sub(b.Now) < time.Minute {
		n.Kind, n.About = now, enginedb.AboutRelief(roster, t.From)
	}
	return n
}

// people reads some; one who is not there has only a handle.
func (b Book) people(ctx context.Context, ids ...rosters.PersonID) (map[rosters.PersonID]rosters.Person, error) {
	people, err := b.Rosters.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if people[id].ID == "" {
			people[id] = rosters.Person{ID: id, Name: string(id)}
		}
	}
	return people, nil
}

// Offer offers a swap, and tells the partner, with a code to answer it by text. FieldErrors if it cannot be done
// now; rosterdb's ErrNotFound for the roster, and MissingError for the partner.
func (b Book) Offer(ctx context.Context, roster rosters.RosterID, w rosters.Swap) (rosterdb.Swap, error) {
	if err := b.validSwap(ctx, roster, w); err != nil {
		return rosterdb.Swap{}, err
	}
	made, err := b.Rosters.CreateSwap(ctx, roster, w)
	if err != nil {
		return made, err
	}
	people, err := b.people(ctx, made.Proposer, made.Partner)
	if err != nil {
		return made, err
	}
	asked, err := b.Rosters.AddWish(ctx, rosterdb.Wish{Person: made.Partner, Kind: rosterdb.WishAnswer, Roster: roster, Swap: made.ID, Until: begins(made.Swap)})
	if err != nil {
		return made, err
	}
	partner := people[made.Partner]
	return made, b.tellOfSwap(ctx, made, partner, enginedb.Notice{
		Text: fmt.Sprintf("%s offers you the shift %s in roster %s, for %s. rouse roster swap %[3]s --accept %[5]d, or --decline %[5]d.",
			people[made.Proposer].Name, spell(english(partner), made.Give), made.Roster, spell(english(partner), made.Take), made.ID),
		Reply: fmt.Sprintf(in(partner.Language).replySwap, asked.Code),
	})
}

// begins is when the first of the shifts of a swap begins: until then it can be answered.
func begins(w rosters.Swap) time.Time {
	if !w.Take.From.IsZero() && w.Take.From.Before(w.Give.From) {
		return w.Take.From
	}
	return w.Give.From
}

// tellOfSwap lets somebody know what became of a swap.
func (b Book) tellOfSwap(ctx context.Context, w rosterdb.Swap, whom rosters.Person, n enginedb.Notice) error {
	n.Person, n.Kind, n.About = whom.ID, swapKind(w.State), fmt.Sprint(w.ID)
	n.Due, n.Until = rosters.NextDaytime(whom.Zone, b.Now, begins(w.Swap).Add(-time.Hour)), w.Give.From
	return b.Notices.AddNotices(ctx, []enginedb.Notice{n})
}

// validSwap holds an offer against the roster as it is now.
func (b Book) validSwap(ctx context.Context, roster rosters.RosterID, w rosters.Swap) error {
	from, to := begins(w), w.Give.To
	if w.Take.To.After(to) {
		to = w.Take.To
	}
	c, err := b.calendar(ctx, roster, from, to)
	if err != nil {
		return err
	}
	return w.Validate(c, b.Now)
}

// Answer lets an offer become what its partner, or to withdraw it its proposer, makes of it; by "" is an admin,
// who may be both. Accepted, it is held against the roster once more: shifts may have changed since, and
// another swap may be accepted at the same moment, which is why the roster is held until the end.
func (b Book) Answer(ctx context.Context, roster rosters.RosterID, id int64, state rosterdb.SwapState, by rosters.PersonID) (rosterdb.Swap, error) {
	// The roster first, as whoever deletes it has it.
	if err := b.Rosters.LockRoster(ctx, roster); err != nil {
		return rosterdb.Swap{}, err
	}
	w, err := b.Rosters.LockSwap(ctx, roster, id)
	if err != nil {
		return w, err
	}
	whose := w.Partner
	if state == rosterdb.Withdrawn {
		whose = w.Proposer
	}
	if by != "" && by != whose {
		return w, problem.Forbidden.Because("Swap %d is for %s to answer.", id, whose)
	}
	if w.State != rosterdb.Proposed {
		return w, problem.Taken.Because("Swap %d was %s at %s.", id, w.State, w.AnsweredAt.UTC().Format(time.RFC3339))
	}
	if state == rosterdb.Accepted {
		if err := b.carryOut(ctx, w); err != nil {
			return w, err
		}
	}
	offered := w.State
	w.State, w.AnsweredAt = state, b.Now
	if err := b.Rosters.AnswerSwap(ctx, id, state, b.Now); err != nil {
		return w, err
	}
	if err := b.Notices.DropNotices(ctx, w.Partner, swapKind(offered), fmt.Sprint(id)); err != nil {
		return w, err
	}
	return w, b.tellOfAnswer(ctx, w, by)
}

// tellOfAnswer tells both what became of their swap, but for the one who answered.
func (b Book) tellOfAnswer(ctx context.Context, w rosterdb.Swap, by rosters.PersonID) error {
	people, err := b.people(ctx, w.Proposer, w.Partner)
	if err != nil {
		return err
	}
	for _, id := range []rosters.PersonID{w.Proposer, w.Partner} {
		if id == by {
			continue
		}
		text := fmt.Sprintf("The swap %d in roster %s, shift %s, was %s.", w.ID, w.Roster, spell(english(people[id]), w.Give), w.State)
		if err := b.tellOfSwap(ctx, w, people[id], enginedb.Notice{Text: text}); err != nil {
			return err
		}
	}
	return nil
}

func swapKind(state rosterdb.SwapState) string { return "swap " + string(state) }

func (b Book) carryOut(ctx context.Context, w rosterdb.Swap) error {
	if err := b.validSwap(ctx, w.Roster, w.Swap); err != nil {
		return notAnyMore(w.ID, err)
	}
	for _, o := range w.Overrides() { // nobody's own, so that nobody takes back half of a swap
		_, err := b.Rosters.CreateOverride(ctx, w.Roster, o, "")
		if _, gone := errors.AsType[*rosterdb.MissingError](err); gone || errors.Is(err, rosterdb.ErrRotation) {
			return problem.Past.Because("Swap %d cannot be done any more: the person or the rotation is gone.", w.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notAnyMore says that an offer was good and is not any more.
func notAnyMore(id int64, err error) error {
	es, ok := errors.AsType[rosters.FieldErrors](err)
	if !ok {
		return err
	}
	return problem.Past.Because("Swap %d cannot be done any more: %s %s.", id, es[0].Field[1:], es[0].Problem)
}
