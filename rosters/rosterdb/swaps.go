package rosterdb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/rosters"
)

// SwapState is what became of an offer.
type SwapState string

// The states. All but the first are final.
const (
	Proposed  SwapState = "proposed"
	Accepted  SwapState = "accepted"
	Declined  SwapState = "declined"
	Withdrawn SwapState = "withdrawn"
)

// Swap is a swap as stored.
type Swap struct {
	rosters.Swap
	ID         int64
	Roster     rosters.RosterID
	State      SwapState
	ProposedAt time.Time
	AnsweredAt time.Time // zero: it is open
}

const swapColumns = `id, roster, rotation, proposer, partner, give_from, give_to, take_from, take_to, state, proposed_at, answered_at`

func scanSwap(row pgx.CollectableRow) (s Swap, err error) {
	err = row.Scan(&s.ID, &s.Roster, &s.Rotation, &s.Proposer, &s.Partner, &s.Give.From, &s.Give.To,
		(*zeronull.Timestamptz)(&s.Take.From), (*zeronull.Timestamptz)(&s.Take.To), &s.State, &s.ProposedAt, (*zeronull.Timestamptz)(&s.AnsweredAt))
	return s, err
}

// CreateSwap stores an offer. MissingError if the partner is not there.
func (s Store) CreateSwap(ctx context.Context, roster rosters.RosterID, w rosters.Swap) (Swap, error) {
	rows, _ := s.db.Query(ctx, `insert into swap (roster, rotation, proposer, partner, give_from, give_to, take_from, take_to)
		values ($1, $2, $3, $4, $5, $6, $7, $8) returning `+swapColumns,
		roster, w.Rotation, w.Proposer, w.Partner, w.Give.From, w.Give.To, instant(w.Take.From), instant(w.Take.To))
	made, err := pgx.CollectExactlyOneRow(rows, scanSwap)
	if err != nil {
		return made, fmt.Errorf("offering a swap in roster %s: %w", roster, mapped(err, &MissingError{People: []rosters.PersonID{w.Partner}}))
	}
	return made, nil
}

// Swaps lists the offers of a roster, the last made first: those before the given one, or all with 0, at
// most limit; in a state, and by or to a person, if they are not "".
func (s Store) Swaps(ctx context.Context, roster rosters.RosterID, state SwapState, who rosters.PersonID, before int64, limit int) ([]Swap, error) {
	rows, _ := s.db.Query(ctx, `select `+swapColumns+` from swap where roster = $1 and ($2 = 0 or id < $2) and ($4 = '' or state = $4)
		and ($5 = '' or $5 in (proposer, partner)) order by id desc limit $3`, roster, before, limit, state, who)
	found, err := pgx.CollectRows(rows, scanSwap)
	if err != nil {
		return nil, fmt.Errorf("listing the swaps of roster %s: %w", roster, err)
	}
	return found, nil
}

// LockSwap reads an offer of a roster for an answer in the same transaction: of two answers at once the
// second waits, and finds what the first made of it.
func (s Store) LockSwap(ctx context.Context, roster rosters.RosterID, id int64) (Swap, error) {
	rows, _ := s.db.Query(ctx, `select `+swapColumns+` from swap where roster = $1 and id = $2 for update`, roster, id)
	w, err := pgx.CollectExactlyOneRow(rows, scanSwap)
	if err != nil {
		return w, fmt.Errorf("reading swap %d of roster %s: %w", id, roster, mapped(err, err))
	}
	return w, nil
}

// LockRoster lets nobody else change a roster, or make an override of it, until the transaction ends. Who is on
// call can be read all the while.
func (s Store) LockRoster(ctx context.Context, roster rosters.RosterID) error {
	tag, err := s.db.Exec(ctx, `select from roster where id = $1 for no key update`, roster)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("holding roster %s: %w", roster, err)
	}
	return nil
}

// AnswerSwap stores what became of an offer.
func (s Store) AnswerSwap(ctx context.Context, id int64, state SwapState, at time.Time) error {
	if _, err := s.db.Exec(ctx, `update swap set state = $2, answered_at = $3 where id = $1 and state = $4`, id, state, at, Proposed); err != nil {
		return fmt.Errorf("answering swap %d: %w", id, err)
	}
	return nil
}
