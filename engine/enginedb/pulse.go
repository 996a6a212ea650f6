package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
)

// beatEvery is how often the pulse is written in the whole instance.
const beatEvery = 5 * time.Second

// patientMarking is how long Resume waits for incidents that somebody else holds.
const patientMarking = 2 * time.Second

// Stop is a time in which nobody kept time for the incidents.
type Stop struct {
	Since     time.Time // when somebody last did; zero: there was no such time
	Now       time.Time
	Incidents int64 // that wait for something, and are told of it by their next tick
	Held      int64 // those of which somebody held the lock, so that they are not told
}

// isStopped is the condition that nobody has kept time for longer than engine.LongStop, by the clock with
// the offset of the pulse, which two parameters give.
func isStopped(offset, longStop string) string {
	return `coalesce((select at < clock_timestamp() + ` + offset + `::interval - ` + longStop + `::interval from pulse), false)`
}

// Stopped reports whether nobody has kept time for longer than engine.LongStop. pulse is the offset of the
// clock that the pulse is kept by.
func (s Store) Stopped(ctx context.Context, pulse time.Duration) (stopped bool, err error) {
	if err := s.db.QueryRow(ctx, `select `+isStopped("$1", "$2"), pulse, engine.LongStop).Scan(&stopped); err != nil {
		return false, fmt.Errorf("asking when time was last kept: %w", err)
	}
	return stopped, nil
}

// queueBeat writes that time is kept, unless it was written lately, or a stop has not been dealt with.
func queueBeat(b *pgx.Batch, look Search) {
	b.Queue(`update pulse set at = c.now from (select clock_timestamp() + $1::interval) c (now)
		where at is null or at between c.now - $2::interval and c.now - $3::interval`, look.Pulse, engine.LongStop, beatEvery)
}

// Resume ends a time in which nobody kept time for longer than engine.LongStop: every incident that waits
// for something is due now, and its next tick is told since when it was stopped. One node does so; the
// others wait until it has, and find nothing to do. pulse is the offset of the pulse's clock, moved what
// the incidents' clock is ahead of that.
//
// A release that keeps no pulse may have kept time meanwhile, so the timeline is asked, too.
func (s Store) Resume(ctx context.Context, pulse, moved time.Duration) (stop Stop, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		stop = Stop{}
		var since, now, noted time.Time
		// The clock is read in the outer select, after the lock was given.
		err := tx.QueryRow(ctx, `with p as materialized (select at from pulse for update)
			select at, clock_timestamp() + $1::interval, (select at from timeline order by id desc limit 1) - $2::interval from p`, pulse, moved).
			Scan((*zeronull.Timestamptz)(&since), &now, (*zeronull.Timestamptz)(&noted))
		if errors.Is(err, pgx.ErrNoRows) || err == nil && (since.IsZero() || now.Sub(since) < engine.LongStop) {
			return nil
		}
		if err != nil {
			return err
		}
		if noted.After(since) {
			since = noted
		}
		resumed := time.Time{}
		if now.Sub(since) >= engine.LongStop {
			resumed = now
			stop = Stop{Since: since.Add(moved), Now: now.Add(moved)}
			if err := stop.mark(ctx, tx); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `update pulse set at = $1, resumed_at = coalesce($2, resumed_at)`, now, zeronull.Timestamptz(resumed))
		return err
	})
	if err != nil {
		return Stop{}, fmt.Errorf("taking up what was stopped: %w", err)
	}
	return stop, nil
}

// mark tells the incidents of the stop: first those that nobody holds, and then, but not for ever, the
// others. One that stays held is ticked as if nothing had been.
func (s *Stop) mark(ctx context.Context, tx pgx.Tx) error {
	const update = `update incident set stopped_at = coalesce(stopped_at, $1), deadline = least(deadline, $2) where `
	tag, err := tx.Exec(ctx, update+`id in (select id from incident where deadline is not null for update skip locked)`, s.Since, s.Now)
	if err != nil {
		return err
	}
	s.Incidents = tag.RowsAffected()
	const left = `deadline is not null and stopped_at is null`
	if err := tx.QueryRow(ctx, `select count(*) from incident where `+left).Scan(&s.Held); err != nil || s.Held == 0 {
		return err
	}
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
		if _, err := tx.Exec(ctx, `select set_config('lock_timeout', $1, true)`, fmt.Sprintf("%dms", patientMarking.Milliseconds())); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, update+left, s.Since, s.Now)
		s.Incidents, s.Held = s.Incidents+tag.RowsAffected(), 0
		return err
	})
	if isLockTimeout(err) {
		return tx.QueryRow(ctx, `select count(*) from incident where `+left).Scan(&s.Held)
	}
	return err
}
