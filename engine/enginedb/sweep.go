package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// Search is what a node is ready to do.
type Search struct {
	Offset time.Duration
	Ticks  int                     // incidents at most
	Leave  []int64                 // incidents that it is ticking already, or has given a rest
	Sends  map[rosters.Channel]int // attempts at most, by channel
}

// Sweep is what it finds to do.
type Sweep struct {
	Due     []int64       // incidents whose deadline has passed, the longest overdue first
	Unsent  []Unsent      // attempts that nobody is sending, to be sent under these generations
	Ringing []AttemptRef  // calls that nobody needs any more and nobody has hung up
	Next    time.Duration // until the next deadline of any incident; negative if there is none
	Overdue time.Duration // how long the oldest deadline has passed
}

// Unsent is an attempt that was taken over.
type Unsent struct {
	AttemptRef
	Channel rosters.Channel
}

// hangUpWithin is how long after it was placed a call is still hung up: none lasts longer than three
// minutes.
const hangUpWithin = 4 * time.Minute

// Sweep looks for what is overdue, and takes over attempts that were left: queued longer than Patience,
// or in the hands of a worker whose lease has run out. A taken-over attempt gets a new generation, so
// that the old worker can write nothing; one that nobody wants any more is withdrawn.
//
// The clock stands in sub-selects, which are evaluated once, so that the indexes serve.
func (s Store) Sweep(ctx context.Context, look Search) (Sweep, error) {
	w := Sweep{Next: -1}
	if look.Leave == nil {
		look.Leave = []int64{}
	}
	// What is next is asked first: a deadline that passes between two of the statements is then due.
	var b pgx.Batch
	queueNext(&b, look, &w)
	b.Queue(`select id from incident where deadline <= (select clock_timestamp() + $1::interval) and id <> all($2)
		order by deadline limit $3`, look.Offset, look.Leave, look.Ticks).
		Query(func(rows pgx.Rows) (err error) {
			w.Due, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
	queueUnsent(&b, look, &w)
	queueRinging(&b, look, &w)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return w, fmt.Errorf("sweeping: %w", err)
	}
	return w, nil
}

func queueUnsent(b *pgx.Batch, look Search, w *Sweep) {
	channels, limits := make([]string, 0, len(look.Sends)), make([]int, 0, len(look.Sends))
	for c, n := range look.Sends {
		channels, limits = append(channels, string(c)), append(limits, n)
	}
	b.Queue(`with left_over as (
			select l.incident, l.no from unnest($1::text[], $2::int[]) c (channel, n) cross join lateral (
				select incident, no from attempt
				where state in ('queued', 'sending') and channel = c.channel and lease_until < (select clock_timestamp())
				order by lease_until limit c.n for update skip locked) l)
		update attempt a set generation = generation + 1,
			lease_until = clock_timestamp() + $3::interval, -- for the node that takes it now
			state = case when unwanted then 'withdrawn' else 'queued' end
		from left_over l where a.incident = l.incident and a.no = l.no
		returning a.incident, a.no, a.generation, a.channel, a.unwanted`, channels, limits, Patience).
		Query(func(rows pgx.Rows) error {
			var u Unsent
			var unwanted bool
			_, err := pgx.ForEachRow(rows, []any{&u.Incident, &u.Attempt, &u.Generation, &u.Channel, &unwanted}, func() error {
				if !unwanted {
					w.Unsent = append(w.Unsent, u)
				}
				return nil
			})
			return err
		})
}

func queueRinging(b *pgx.Batch, look Search, w *Sweep) {
	b.Queue(`with ringing as (
			select incident, no from attempt
			where unwanted and channel = 'voice' and state in ('sent', 'delivered') and not hung_up
				and lease_until < (select clock_timestamp()) and sent_at > (select clock_timestamp() + $2::interval - $1::interval)
			limit 20 for update skip locked)
		update attempt a set lease_until = clock_timestamp() + interval '3 seconds'
		from ringing r where a.incident = r.incident and a.no = r.no
		returning a.incident, a.no, a.generation`, hangUpWithin, look.Offset).
		Query(func(rows pgx.Rows) (err error) {
			w.Ringing, err = pgx.CollectRows(rows, pgx.RowToStructByPos[AttemptRef])
			return err
		})
}

func queueNext(b *pgx.Batch, look Search, w *Sweep) {
	b.Queue(`select extract(epoch from (select min(deadline) from incident where deadline > n) - n)::float8,
			extract(epoch from n - (select min(deadline) from incident))::float8
		from (select clock_timestamp() + $1::interval) c (n)`, look.Offset).
		QueryRow(func(row pgx.Row) error {
			var next, overdue *float64
			if err := row.Scan(&next, &overdue); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			if next != nil {
				w.Next = time.Duration(*next * float64(time.Second))
			}
			if overdue != nil && *overdue > 0 {
				w.Overdue = time.Duration(*overdue * float64(time.Second))
			}
			return nil
		})
}

// HungUp marks a call as over: no sweep hangs it up again.
func (s Store) HungUp(ctx context.Context, incident int64, attempt int) error {
	if _, err := s.db.Exec(ctx, `update attempt set hung_up = true where incident = $1 and no = $2`, incident, attempt); err != nil {
		return fmt.Errorf("marking a call as over: %w", err)
	}
	return nil
}

// Repair gives a deadline of now to incidents that need one and have none stored, as a dump or a hand in
// the table may leave them: the tick that follows sets it right (rule 2). It says how many there were.
func (s Store) Repair(ctx context.Context, offset time.Duration) (int64, error) {
	tag, err := s.db.Exec(ctx, `update incident i set deadline = clock_timestamp() + $1::interval
		where status <> 'resolved' and deadline is null
			and exists (select from escalation e where e.incident = i.id and e.state in ('waiting', 'climbing', 'asking'))`, offset)
	if err != nil {
		return 0, fmt.Errorf("repairing deadlines: %w", err)
	}
	return tag.RowsAffected(), nil
}
