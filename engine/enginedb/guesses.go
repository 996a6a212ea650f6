package enginedb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Guess is a code that came from a phone number, and is being looked up.
type Guess struct {
	ID    int64 // 0: too many, it is not to be looked up
	Wrong int   // codes from the number that were wrong within the window
}

// BeginGuess takes note of a code from a number, unless as many within the window were wrong, or are still being
// looked up, as limit says. EndGuess has to follow; a node that dies before counts as a wrong code.
func (s Store) BeginGuess(ctx context.Context, number string, limit int, window time.Duration) (g Guess, err error) {
	hash := sha256.Sum256([]byte(number))
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// One at a time for a number, or two nodes would both count four.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('guess ' || encode($1, 'hex'), 0))`, hash[:]); err != nil {
			return err
		}
		all := 0
		if err := tx.QueryRow(ctx, `with old as (delete from guess where id in (select id from guess where at < clock_timestamp() - $2::interval limit 100 for update skip locked))
			select count(*), count(*) filter (where wrong) from guess where number = $1 and at >= clock_timestamp() - $2::interval`,
			hash[:], window).Scan(&all, &g.Wrong); err != nil || all >= limit {
			return err
		}
		return tx.QueryRow(ctx, `insert into guess (number) values ($1) returning id`, hash[:]).Scan(&g.ID)
	})
	if err != nil {
		return Guess{}, fmt.Errorf("counting codes: %w", err)
	}
	return g, nil
}

// EndGuess says what became of a code: only wrong ones are kept.
func (s Store) EndGuess(ctx context.Context, id int64, wrong bool) error {
	sql := `delete from guess where id = $1`
	if wrong {
		sql = `update guess set wrong = true where id = $1`
	}
	if _, err := s.db.Exec(ctx, sql, id); err != nil {
		return fmt.Errorf("counting codes: %w", err)
	}
	return nil
}

// Came is when a text or call first came, by its id: now, unless it is repeated.
func (s Store) Came(ctx context.Context, id string, offset time.Duration) (at time.Time, err error) {
	if id == "" {
		err = s.db.QueryRow(ctx, `select clock_timestamp() + $1::interval`, offset).Scan(&at)
	} else {
		err = s.db.QueryRow(ctx, `insert into seen (id, at) values ($1, clock_timestamp() + $2::interval)
			on conflict (id) do update set at = seen.at returning at`, id, offset).Scan(&at)
	}
	if err != nil {
		return at, fmt.Errorf("marking a text: %w", err)
	}
	return at, nil
}

// ActedOn reports whether one of some callbacks was acted on.
func (s Store) ActedOn(ctx context.Context, ids []string) (acted bool, err error) {
	err = s.db.QueryRow(ctx, `select true from seen where id = any($1) limit 1`, ids).Scan(&acted)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for callbacks: %w", err)
	}
	return acted, nil
}
