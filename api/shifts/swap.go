package shifts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rouse/api/problem"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

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
