package enginedb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/rosters"
)

// Search is what a node is ready to do.
type Search struct {
	Offset time.Duration
	Pulse  time.Duration // offset of the clock that the pulse is kept by
	Ticks  int           // incidents at most
	Leave  []int64       // incidents that it is ticking already, or has given a rest
	Sends  []Room        // messages at most

	RingFor time.Duration // how long a call may ring, with the time to say that it did; what is less than 45 s is 45 s
	Caps    map[rosters.Channel]Cap
}

// Room is for so many messages on a channel, to addresses that begin with Prefix and with none of Except.
type Room struct {
	Channel rosters.Channel
	Prefix  string
	Except  []string
	N       int
}

// Rooms shares n places between the numbers that are sent to from senders of their own and the rest; what cannot be shared
// goes round, by turns.
func Rooms(c rosters.Channel, prefixes []string, n, turn int) (all []Room) {
	slices.Sort(prefixes)
	prefixes = slices.Compact(append([]string{""}, prefixes...))
	for i, prefix := range prefixes {
		r := Room{Channel: c, Prefix: prefix, N: (n + (i+turn)%len(prefixes)) / len(prefixes)}
		for _, other := range prefixes {
			if len(other) > len(prefix) && strings.HasPrefix(other, prefix) {
				r.Except = append(r.Except, other)
			}
		}
		all = append(all, r)
	}
	return all
}

// Sweep is what it finds to do.
type Sweep struct {
	Stopped bool          // nobody has kept time for long: nothing else was looked for, see Resume
	Due     []int64       // incidents whose deadline has passed, the longest overdue first
	Waiting []Waiting     // where something is to be sent that nobody is sending
	Ringing []AttemptRef  // calls that nobody needs any more and nobody has hung up
	Next    time.Duration // until the next deadline of any incident; negative if there is none
	Overdue time.Duration // how long the oldest deadline has passed
}

// hangUpWithin is how long after it was placed a call is still hung up: none lasts longer than three
// minutes.
const hangUpWithin = 4 * time.Minute

// Sweep looks for what is overdue, and for addresses to which something is to be sent that was left: queued
// longer than Patience, or in the hands of a worker whose lease has run out. It also writes that time is
// kept.
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
	b.Queue(`select id from incident where deadline <= (select clock_timestamp() + $1::interval) and id <> all($2) and not `+isStopped("$4", "$5")+`
		order by deadline limit $3`, look.Offset, look.Leave, look.Ticks, look.Pulse, engine.LongStop).
		Query(func(rows pgx.Rows) (err error) {
			w.Due, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
	queueWaiting(&b, look, &w)
	queueRinging(&b, look, &w)
	queueBeat(&b, look)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return w, fmt.Errorf("sweeping: %w", err)
	}
	return w, nil
}

func queueRinging(b *pgx.Batch, look Search, w *Sweep) {
	b.Queue(`with ringing as (
			select incident, no from attempt
			where unwanted and channel = 'voice' and state in ('sent', 'delivered') and not hung_up
				and lease_until < (select clock_timestamp()) and sent_at > (select clock_timestamp() + $2::interval - $1::interval)
				and not `+wantedBeside("attempt")+`
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
			extract(epoch from n - (select min(deadline) from incident))::float8, `+isStopped("$2", "$3")+`
		from (select clock_timestamp() + $1::interval) c (n)`, look.Offset, look.Pulse, engine.LongStop).
		QueryRow(func(row pgx.Row) error {
			var next, overdue *float64
			if err := row.Scan(&next, &overdue, &w.Stopped); err != nil && !errors.Is(err, pgx.ErrNoRows) {
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

// HungUp marks a call as over, for every page that it was about: no sweep hangs it up again.
func (s Store) HungUp(ctx context.Context, incident int64, attempt int) error {
	if _, err := s.db.Exec(ctx, `update attempt set hung_up = true where incident = $1 and no = $2
			or bundle = (select nullif(bundle, '') from attempt where incident = $1 and no = $2)`, incident, attempt); err != nil {
		return fmt.Errorf("marking a call as over: %w", err)
	}
	return nil
}

// CallOver marks the call with a nonce as over, and says whose phone is free.
func (s Store) CallOver(ctx context.Context, nonce string) (number string, err error) {
	err = s.db.QueryRow(ctx, `with over as (update attempt set hung_up = true
			where channel = 'voice' and (nonce = $1 or bundle = $1 and bundle <> '') returning address)
		select coalesce(min(address), '') from over`, nonce).Scan(&number)
	if err != nil {
		return "", fmt.Errorf("marking a call as over: %w", err)
	}
	return number, nil
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
