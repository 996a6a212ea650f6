package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/api/problem"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func spanOf(s *Span) rosters.Span {
	if s == nil {
		return rosters.Span{}
	}
	return rosters.Span{From: s.From.UTC().Truncate(time.Microsecond), To: s.To.UTC().Truncate(time.Microsecond)}
}

func spanOut(s rosters.Span) *Span {
	if s == (rosters.Span{}) {
		return nil
	}
	return &Span{From: s.From.UTC(), To: s.To.UTC()}
}

func swapOut(s rosterdb.Swap) Swap {
	return Swap{ID: s.ID, Rotation: s.Rotation, Proposer: string(s.Proposer), Partner: string(s.Partner), Give: *spanOut(s.Give), Take: spanOut(s.Take),
		State: SwapState(s.State), ProposedAt: s.ProposedAt.UTC(), AnsweredAt: utc(s.AnsweredAt)}
}

func aboutSwap(slug string, id int64, err error) error {
	return about(fmt.Sprintf("swap %d of roster %s", id, slug), err)
}

func (h handlers) ListSwaps(ctx context.Context, r ListSwapsRequestObject) (ListSwapsResponseObject, error) {
	if _, err := h.readRoster(ctx, r.Slug); err != nil {
		return nil, err
	}
	before, err := rowCursor(r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := h.limit(r.Params.Limit)
	found, err := h.rosters.Swaps(ctx, rosters.RosterID(r.Slug), before, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(s rosterdb.Swap) string { return strconv.FormatInt(s.ID, 10) })
	return ListSwaps200JSONResponse{Items: mapped(found, swapOut), Next: next}, nil
}

// ProposeSwap offers a swap in the name of the key's person; an admin may name another one.
func (h handlers) ProposeSwap(ctx context.Context, r ProposeSwapRequestObject) (ProposeSwapResponseObject, error) {
	w := rosters.Swap{Rotation: r.Body.Rotation, Proposer: rosters.PersonID(orElse(r.Body.Proposer, string(h.caller.Person))),
		Partner: rosters.PersonID(r.Body.Partner), Give: spanOf(&r.Body.Give), Take: spanOf(r.Body.Take)}
	if !h.caller.Admin && w.Proposer != h.caller.Person {
		return nil, problem.Forbidden.Because("The key acts as %s, who offers nobody else's shifts.", h.caller.Person)
	}
	if err := h.validSwap(ctx, r.Slug, w); err != nil {
		return nil, err
	}
	made, err := h.rosters.CreateSwap(ctx, rosters.RosterID(r.Slug), w)
	if _, ok := errors.AsType[*rosterdb.MissingError](err); ok {
		return nil, wrong("/partner", string(w.Partner), "there is no such person")
	}
	if err != nil {
		return nil, err
	}
	names, err := h.names(ctx, []rosters.Shift{{Person: made.Proposer}})
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s offers you the shift %s in roster %s, for %s. rouse roster swap %[3]s --accept %[5]d, or --decline %[5]d.",
		names[made.Proposer], shiftText(made.Give), made.Roster, shiftText(made.Take), made.ID)
	if err := h.tell(ctx, made, made.Partner, text); err != nil {
		return nil, err
	}
	return ProposeSwap201JSONResponse(swapOut(made)), nil
}

// shiftText is a span in words, by the clock in UTC: it stands in a text for one person, and is the roster's.
func shiftText(s rosters.Span) string {
	if s == (rosters.Span{}) {
		return "nothing"
	}
	const layout = "Mon 2006-01-02 15:04"
	return s.From.UTC().Format(layout) + " – " + s.To.UTC().Format(layout+" MST")
}

// tell lets somebody know what became of a swap.
func (h handlers) tell(ctx context.Context, w rosterdb.Swap, whom rosters.PersonID, text string) error {
	return h.incidents.AddNotices(ctx, []enginedb.Notice{{Person: whom, Kind: "swap " + string(w.State), About: fmt.Sprint(w.ID), Text: text, Until: w.Give.From}})
}

// validSwap holds an offer against the roster as it is now.
func (h handlers) validSwap(ctx context.Context, slug string, w rosters.Swap) error {
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	from, to := w.Give.From, w.Give.To
	if !w.Take.From.IsZero() && w.Take.From.Before(from) {
		from = w.Take.From
	}
	if w.Take.To.After(to) {
		to = w.Take.To
	}
	stored, err := h.rosters.RosterDuring(ctx, rosters.RosterID(slug), from, to)
	if err != nil {
		return aboutRoster(slug, err)
	}
	c, _ := stored.Compile() // what cannot be read has nobody on call
	return w.Validate(c, now)
}

func (h handlers) AcceptSwap(ctx context.Context, r AcceptSwapRequestObject) (AcceptSwapResponseObject, error) {
	w, err := h.answerSwap(ctx, r.Slug, r.ID, rosterdb.Accepted)
	if err != nil {
		return nil, err
	}
	return AcceptSwap200JSONResponse(swapOut(w)), nil
}

func (h handlers) DeclineSwap(ctx context.Context, r DeclineSwapRequestObject) (DeclineSwapResponseObject, error) {
	w, err := h.answerSwap(ctx, r.Slug, r.ID, rosterdb.Declined)
	if err != nil {
		return nil, err
	}
	return DeclineSwap200JSONResponse(swapOut(w)), nil
}

func (h handlers) WithdrawSwap(ctx context.Context, r WithdrawSwapRequestObject) (WithdrawSwapResponseObject, error) {
	w, err := h.answerSwap(ctx, r.Slug, r.ID, rosterdb.Withdrawn)
	if err != nil {
		return nil, err
	}
	return WithdrawSwap200JSONResponse(swapOut(w)), nil
}

// answerSwap lets an offer become what its partner, or to withdraw it its proposer, makes of it. Accepted,
// it is held against the roster once more: shifts may have changed since.
func (h handlers) answerSwap(ctx context.Context, slug string, id int64, state rosterdb.SwapState) (rosterdb.Swap, error) {
	w, err := h.rosters.LockSwap(ctx, rosters.RosterID(slug), id)
	if err != nil {
		return w, aboutSwap(slug, id, err)
	}
	whose := w.Partner
	if state == rosterdb.Withdrawn {
		whose = w.Proposer
	}
	if !h.caller.Admin && h.caller.Person != whose {
		return w, problem.Forbidden.Because("Swap %d is for %s to answer.", id, whose)
	}
	if w.State != rosterdb.Proposed {
		return w, problem.Taken.Because("Swap %d was %s at %s.", id, w.State, clock(w.AnsweredAt))
	}
	now, err := h.now(ctx)
	if err != nil {
		return w, err
	}
	if state == rosterdb.Accepted {
		if err := h.validSwap(ctx, slug, w.Swap); err != nil {
			return w, notAnyMore(id, err)
		}
		for _, o := range w.Overrides() {
			if _, err := h.rosters.CreateOverride(ctx, w.Roster, o, w.Proposer); err != nil {
				return w, aboutRoster(slug, named(writtenOverrideAgain(o, err)))
			}
		}
	}
	w.State, w.AnsweredAt = state, now
	if err := h.rosters.AnswerSwap(ctx, id, state, now); err != nil {
		return w, err
	}
	other := w.Proposer
	if state == rosterdb.Withdrawn {
		other = w.Partner
	}
	return w, h.tell(ctx, w, other, fmt.Sprintf("The swap %d in roster %s, shift %s, was %s.", id, slug, shiftText(w.Give), state))
}

// notAnyMore says that an offer was good and is not any more.
func notAnyMore(id int64, err error) error {
	es, ok := errors.AsType[rosters.FieldErrors](err)
	if !ok {
		return err
	}
	return problem.Past.Because("Swap %d cannot be done any more: %s %s.", id, es[0].Field[1:], es[0].Problem)
}
