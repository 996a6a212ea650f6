package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Spent counts what providers took on a channel from a moment until a later one, whether it arrived or not: messages of
// pages, however many one told, and notices. What none took is none of them, nor are answers to texts, tests and canaries.
func (s Store) Spent(ctx context.Context, channel string, from, to time.Time) (n int, err error) {
	err = s.db.QueryRow(ctx, `select (select count(*) from attempt where claimed_at >= $2 and claimed_at < $3 and sent_at is not null and channel = $1 and bundle in ('', nonce))
			+ (select count(*) from notice where told_at >= $2 and told_at < $3 and detail = $1)`, channel, from, to).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what was sent: %w", err)
	}
	return n, nil
}

// RaiseBudgetAlarm notes that more was sent than a budget has in one of its hours or days, which began at a moment;
// false: that is known already. It forgets those of long ago.
func (s Store) RaiseBudgetAlarm(ctx context.Context, channel, per string, began, now time.Time, sent int) (bool, error) {
	var b pgx.Batch
	b.Queue(`delete from budget_alarm where began < $1`, began.AddDate(0, 0, -32))
	raised := false
	b.Queue(`insert into budget_alarm (channel, per, began, told_at, sent) values ($1, $2, $3, $4, $5) on conflict do nothing returning true`, channel, per, began, now, sent).
		QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&raised); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return false, fmt.Errorf("raising a budget's alarm: %w", err)
	}
	return raised, nil
}
