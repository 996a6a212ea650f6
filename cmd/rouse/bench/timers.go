package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Deadlines are spread over these seconds, so many on each.
const (
	timersFrom     = 6 * time.Second
	timersUntil    = 30 * time.Second
	timersEach     = 8
	seededAtATime  = 20_000
	timersMany     = 100_000
	timersTheLimit = 1_000_000
)

func measureTimers(ctx context.Context, r *rig) ([]Figure, error) {
	alone, err := r.timers(ctx, "timer lateness")
	if err != nil {
		return nil, err
	}
	among, err := r.timersAmong(ctx, timersMany, "100,000")
	return append(alone, among...), err
}

func measureTimersMillion(ctx context.Context, r *rig) ([]Figure, error) {
	return r.timersAmong(ctx, timersTheLimit, "1,000,000")
}

// timersAmong measures with n more incidents open, whose deadlines lie ahead.
func (r *rig) timersAmong(ctx context.Context, n int, word string) ([]Figure, error) {
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	if _, err := r.open(ctx, r.size(n)); err != nil {
		return nil, err
	}
	return r.timers(ctx, "timer lateness among "+word+" open")
}

// timers opens incidents whose first level ends in 6 to 30 s, and reads from the timeline how long after
// its deadline each level was ended.
func (r *rig) timers(ctx context.Context, name string) ([]Figure, error) {
	until := timersUntil
	if r.o.Quick {
		until = timersFrom + time.Second
	}
	var waits []time.Duration
	for wait := timersFrom; wait <= until; wait += time.Second {
		waits = append(waits, slices.Repeat([]time.Duration{wait}, timersEach)...)
	}
	ladders, err := r.ladders(ctx, waits...)
	if err != nil {
		return nil, err
	}
	second := map[string]string{} // whom each incident pages then
	for _, l := range ladders {
		key, err := r.client.send(ctx, newAlert(l.service, "timer"))
		if err != nil {
			return nil, err
		}
		second[key] = l.second
	}
	r.o.Say(fmt.Sprintf("  waiting %s for %d deadlines", until, len(second)))
	called := map[string]time.Time{}
	if err := r.provider.follow(ctx, time.Minute, func(p pushed) bool {
		if p.topic == second[p.key] && called[p.key].IsZero() {
			called[p.key] = p.at
		}
		return len(called) == len(second)
	}); err != nil {
		return nil, err
	}
	return r.lateness(ctx, name, called)
}

// lateness compares deadlines with when they were acted on, and with when the provider was called then.
func (r *rig) lateness(ctx context.Context, name string, called map[string]time.Time) ([]Figure, error) {
	deadlines, decided, err := r.levels(ctx, slices.Collect(maps.Keys(called)))
	if err != nil {
		return nil, err
	}
	var decision, provider []time.Duration
	for key, deadline := range deadlines {
		decision = append(decision, decided[key].Sub(deadline))
		provider = append(provider, called[key].Sub(deadline))
	}
	return append(spread(name+", decided", "", "≤ 150", decision), spread(name+", provider called", "", "≤ 150", provider)...), nil
}

// levels reads when the first level of each incident was to end, and when it was ended.
func (r *rig) levels(ctx context.Context, keys []string) (deadlines, decided map[string]time.Time, err error) {
	rows, err := r.db.Query(ctx, `select i.key, b.at + (b.basis ->> 'wait')::interval, o.at
		from incident i join timeline b on b.incident = i.id and b.reason = 'level begins' and b.level = 0
		join timeline o on o.incident = i.id and o.reason = 'level over' and o.level = 0
		where i.key = any($1)`, keys)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	deadlines, decided = map[string]time.Time{}, map[string]time.Time{}
	for rows.Next() {
		var key string
		var deadline, over time.Time
		if err := rows.Scan(&key, &deadline, &over); err != nil {
			return nil, nil, err
		}
		deadlines[key], decided[key] = deadline, over
	}
	return deadlines, decided, rows.Err()
}

// open adds n incidents that nobody has answered yet, whose levels end tomorrow. Each is a copy of one
// that was opened and paged for in the usual way, and whose key is returned. They are paged to a thousand
// people who are not there: nothing asks for them before tomorrow.
func (r *rig) open(ctx context.Context, n int) (original string, err error) {
	ladders, err := r.ladders(ctx, 24*time.Hour)
	if err != nil {
		return "", err
	}
	if original, err = r.client.send(ctx, newAlert(ladders[0].service, "original")); err != nil {
		return "", err
	}
	if err := r.provider.follow(ctx, 20*time.Second, func(p pushed) bool { return p.key == original }); err != nil {
		return "", err
	}
	if err := r.settle(ctx); err != nil {
		return "", err
	}
	made := 0
	defer r.saying(func() string { return strconv.Itoa(made) + " of " + strconv.Itoa(n) + " incidents are open" })()
	for ; made < n; made += seededAtATime {
		if _, err := r.db.Exec(ctx, copyIncident, original, made+1, min(made+seededAtATime, n)); err != nil {
			return "", fmt.Errorf("copying an incident: %w", err)
		}
	}
	_, err = r.db.Exec(ctx, "analyze incident, escalation, page, attempt") // as autovacuum does where they open one by one
	return original, err
}

const copyIncident = `with original as (select * from incident where key = $1),
	copy as (
		insert into incident (key, service, severity, summary, status, dedup_key, manager, hours, alert_n, page_n, attempt_n, opened_at, alerted_at, deadline)
		select 'COPY-' || n, service, severity, summary, status, 'copy-' || n, manager, hours, alert_n, page_n, attempt_n, opened_at, alerted_at,
			deadline + n * interval '50 milliseconds'
		from original cross join generate_series($2::int, $3::int) n
		returning id, deadline),
	escalations as (
		insert into escalation (incident, no, role, by, why, urgent, ladder, state, level, round, round_at, level_until, wait_until, holder,
			ack_until, ask_until, declined, paged_in_round)
		select copy.id, e.no, e.role, e.by, e.why, e.urgent, e.ladder, e.state, e.level, e.round, e.round_at, copy.deadline, e.wait_until, e.holder,
			e.ack_until, e.ask_until, e.declined, e.paged_in_round
		from copy cross join escalation e where e.incident = (select id from original)),
	pages as (
		insert into page (incident, no, escalation, person, ask, level, round, state, started_at, contacts, next, next_at, code, live)
		select copy.id, p.no, p.escalation, 'copy-' || copy.id % 1000, p.ask, p.level, p.round, p.state, p.started_at, p.contacts, p.next, p.next_at,
			lpad((copy.id % 100000000)::text, 8, '0'), p.live
		from copy cross join page p where p.incident = (select id from original))
	insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, receipt_by, nonce, lease_until, claimed_at,
		provider, provider_id)
	select copy.id, a.no, a.page, a.contact, a.channel, a.address, a.state, a.reason, a.queued_at, a.sent_at, a.receipt_by, 'copy-' || copy.id, a.lease_until,
		a.claimed_at, a.provider, a.provider_id
	from copy cross join attempt a where a.incident = (select id from original)`
