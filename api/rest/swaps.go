package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/api/problem"
	"rouse/api/shifts"
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
	found, err := h.rosters.Swaps(ctx, rosters.RosterID(r.Slug), rosterdb.SwapState(r.Params.State), rosters.PersonID(r.Params.Person), before, limit+1)
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
	if w.Proposer == "" {
		return nil, problem.Forbidden.Because("The key acts as nobody, who has no shifts to offer. Say whose with proposer, or take a key that is bound to a person.")
	}
	if !h.caller.Admin && w.Proposer != h.caller.Person {
		return nil, problem.Forbidden.Because("The key acts as %s, who offers nobody else's shifts.", h.caller.Person)
	}
	book, err := h.book(ctx)
	if err != nil {
		return nil, err
	}
	made, err := book.Offer(ctx, rosters.RosterID(r.Slug), w)
	if _, ok := errors.AsType[*rosterdb.MissingError](err); ok {
		return nil, wrong("/partner", string(w.Partner), "there is no such person")
	}
	if err != nil {
		return nil, aboutRoster(r.Slug, err)
	}
	return ProposeSwap201JSONResponse(swapOut(made)), nil
}

// book is the rosters as the request's transaction has them.
func (h handlers) book(ctx context.Context) (shifts.Book, error) {
	now, err := h.now(ctx)
	return shifts.Book{Rosters: h.rosters, Notices: h.incidents, Now: now}, err
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

func (h handlers) answerSwap(ctx context.Context, slug string, id int64, state rosterdb.SwapState) (rosterdb.Swap, error) {
	book, err := h.book(ctx)
	if err != nil {
		return rosterdb.Swap{}, err
	}
	by := h.caller.Person
	if h.caller.Admin {
		by = ""
	} else if by == "" {
		if w, err := h.rosters.LockSwap(ctx, rosters.RosterID(slug), id); err != nil {
			return w, aboutSwap(slug, id, err)
		}
		return rosterdb.Swap{}, problem.Forbidden.Because("The key acts as nobody, and swaps are for people to answer. Take a key that is bound to a person.")
	}
	w, err := book.Answer(ctx, rosters.RosterID(slug), id, state, by)
	return w, aboutSwap(slug, id, err)
}
