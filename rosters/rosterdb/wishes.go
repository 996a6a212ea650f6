package rosterdb

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/rosters"
)

// WishKind is what a wish is for.
type WishKind string

// The kinds.
const (
	WishTake   WishKind = "take"   // Give is the shift that the person takes, from whoever has it
	WishOffer  WishKind = "offer"  // Give is offered to Partner, for Take or for nothing
	WishAnswer WishKind = "answer" // Swap is accepted, or declined
)

// Wish is what a person asked for in a text, and confirms with its code.
type Wish struct {
	ID      int64
	Person  rosters.PersonID
	Code    string
	Kind    WishKind
	Roster  rosters.RosterID
	Partner rosters.PersonID
	Give    rosters.Span
	Take    rosters.Span // zero: none
	Swap    int64
	Whom    []rosters.PersonID // of a take: who was on call when it was asked for
	Until   time.Time          // from then on the code is worth nothing
	DoneAt  time.Time          // zero: it is not confirmed
}

// wishDigits is one more than the codes of pages have, so that no code means two things.
const wishDigits = 7

// AddWish keeps a wish and gives it a code that no other has.
func (s Store) AddWish(ctx context.Context, w Wish) (Wish, error) {
	for range 10 {
		n, err := rand.Int(rand.Reader, big.NewInt(1e7))
		if err != nil {
			return w, fmt.Errorf("making a code: %w", err)
		}
		w.Code = fmt.Sprintf("%0*d", wishDigits, n)
		err = s.db.QueryRow(ctx, `insert into wish (person, code, kind, roster, partner, give, take, swap, until_at, from_whom)
			select $1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, '{}'::text[]) where not exists (select from wish where code = $2) returning id`,
			w.Person, w.Code, w.Kind, w.Roster, w.Partner, rangeOf(w.Give), rangeOf(w.Take), zeronull.Int8(w.Swap), w.Until, w.Whom).Scan(&w.ID)
		if err == nil {
			return w, nil
		}
		if mapped(err, err) != ErrNotFound {
			return w, fmt.Errorf("keeping a wish of %s: %w", w.Person, mapped(err, err))
		}
	}
	return w, fmt.Errorf("keeping a wish of %s: every code that was tried is another's", w.Person)
}

// DropWishes gives up what a person asked for by text and did not confirm: it is asked anew, or otherwise.
func (s Store) DropWishes(ctx context.Context, who rosters.PersonID) error {
	if _, err := s.db.Exec(ctx, `delete from wish where person = $1 and kind <> 'answer' and done_at is null`, who); err != nil {
		return fmt.Errorf("dropping the wishes of %s: %w", who, err)
	}
	return nil
}

// LockWish reads the wish of one of some people by its code, for an answer in the same transaction: of two
// answers at once the second waits, and finds what became of it. ErrNotFound if there is none at an instant.
func (s Store) LockWish(ctx context.Context, people []rosters.PersonID, code string, at time.Time) (w Wish, err error) {
	var give, take pgtype.Range[time.Time]
	err = s.db.QueryRow(ctx, `select id, person, code, kind, roster, partner, give, take, swap, from_whom, until_at, done_at from wish
		where code = $1 and person = any($2) and until_at > $3 for update`, code, people, at).
		Scan(&w.ID, &w.Person, &w.Code, &w.Kind, &w.Roster, &w.Partner, &give, &take, (*zeronull.Int8)(&w.Swap), &w.Whom, &w.Until, (*zeronull.Timestamptz)(&w.DoneAt))
	if err != nil {
		return w, fmt.Errorf("looking for a wish: %w", mapped(err, err))
	}
	w.Give, w.Take = spanOf(give), spanOf(take)
	return w, nil
}

// HasWish reports whether one of some people asked for something by text that may be confirmed at an instant, and
// was not.
func (s Store) HasWish(ctx context.Context, people []rosters.PersonID, at time.Time) (has bool, err error) {
	err = s.db.QueryRow(ctx, `select exists (select from wish where person = any($1) and kind <> 'answer' and done_at is null and until_at > $2)`, people, at).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("looking for wishes: %w", err)
	}
	return has, nil
}

// WishDone notes that a wish was carried out, or given up.
func (s Store) WishDone(ctx context.Context, id int64, at time.Time) error {
	if _, err := s.db.Exec(ctx, `update wish set done_at = $2 where id = $1`, id, at); err != nil {
		return fmt.Errorf("noting that a wish is done: %w", err)
	}
	return nil
}

// PruneWishes forgets wishes whose codes have been worth nothing for a while, at most limit.
func (s Store) PruneWishes(ctx context.Context, before time.Time, limit int) (int64, error) {
	tag, err := s.db.Exec(ctx, `delete from wish where id in (select id from wish where until_at < $1 order by until_at limit $2 for update skip locked)`, before, limit)
	if err != nil {
		return 0, fmt.Errorf("pruning wishes: %w", err)
	}
	return tag.RowsAffected(), nil
}

func rangeOf(s rosters.Span) pgtype.Range[time.Time] {
	if s == (rosters.Span{}) {
		return pgtype.Range[time.Time]{}
	}
	return pgtype.Range[time.Time]{Lower: s.From, Upper: s.To, LowerType: pgtype.Inclusive, UpperType: pgtype.Exclusive, Valid: true}
}

func spanOf(r pgtype.Range[time.Time]) rosters.Span {
	if !r.Valid {
		return rosters.Span{}
	}
	return rosters.Span{From: r.Lower.UTC(), To: r.Upper.UTC()}
}
