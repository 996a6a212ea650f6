package enginedb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/rosters"
)

// Cap is how many texts, or calls, about what somebody was told before go to an address while several incidents are about them:
// the rest waits, and goes out as one that names all (rule 12). It does not hold back who was not reached yet, nor what
// is about a single incident.
type Cap struct {
	N      int           // 0: as many as there are
	Within time.Duration // since the first of them
}

// news is what an incident pages anew for: nobody was told of that before.
var news = []engine.Reason{engine.ReasonSeverityRaised, engine.ReasonReturned, engine.ReasonEscalated, engine.ReasonPagedIn, engine.ReasonReleased,
	engine.ReasonHandedBack, engine.ReasonAckExpired, engine.ReasonAskUnanswered}

// Again reports whether an attempt that a change makes is for somebody who was reached about the incident before, as far
// as is known. Not so what the incident pages for anew, as it is worse or came back, what follows a contact that failed or
// said nothing (rule 11), what asks a holder, who has little time to answer, and drills.
func (c Change) Again(attempt int) bool {
	_, of, a := c.After.Attempt(attempt)
	if a == nil || a.Reason == engine.ReasonNextProvider || of.Ask || c.After.Drill {
		return false
	}
	for _, ef := range c.Effects {
		n, ok := ef.(engine.Note)
		if ok && (slices.Contains(news, n.Reason) || n.Person == of.Person && (n.Reason == engine.ReasonContactSilent || n.Reason == engine.ReasonContactFailed)) {
			return false
		}
	}
	for _, e := range c.After.Escalations {
		for _, p := range e.Pages {
			if p.Person == of.Person && slices.ContainsFunc(p.Attempts, func(b engine.Attempt) bool {
				return b.No < attempt && (b.State == engine.Sent || b.State == engine.Delivered)
			}) {
				return true
			}
		}
	}
	return false
}

// Address is where messages go.
type Address struct {
	Channel rosters.Channel
	Address string
}

// saidAgain are, in a query with the columns channel and address of l, the messages since some time of which everything had
// been told before: when each went out, null if it is still queued. Each of the partial indexes serves its channel.
func saidAgain(since string) string {
	return `select min(t.claimed_at) as at from attempt t
		where t.again and t.channel = l.channel and t.address = l.address and (t.claimed_at > ` + since + ` or t.claimed_at is null and t.state = 'queued')
			and (t.bundle = '' or not exists (select from attempt b where b.bundle = t.bundle and not b.again))
		group by coalesce(nullif(t.bundle, ''), t.nonce)`
}

// aboutOthers says, in such a query, whether something about another incident than that went there since.
func aboutOthers(incident, since string) string {
	there := func(channel string) string {
		return `l.channel = '` + channel + `' and exists (select from attempt o where o.channel = '` + channel + `' and o.address = l.address
			and o.incident <> ` + incident + ` and (o.claimed_at > ` + since + ` or o.claimed_at is null and o.state = 'queued')
			and not exists (select from drill where drill.incident = o.incident))`
	}
	return `(` + there("sms") + ` or ` + there("voice") + `)`
}

// capped says, in such a query, how long the cap holds an address: in seconds, 0 if it does not.
func capped(offset, channels, ns, within string) string {
	return `coalesce((select extract(epoch from m.at + ` + within + `::interval - clock_timestamp() - ` + offset + `::interval)
			from (select n from unnest(` + channels + `::text[], ` + ns + `::int[]) k (channel, n) where k.channel = l.channel and n > 0) k
			cross join lateral (select at from (` + saidAgain(`clock_timestamp() + `+offset+`::interval - `+within+`::interval`) + `) s
				where at is not null order by at desc offset k.n - 1 limit 1) m), 0)::float8`
}

// Crowded says at which addresses, of those to which messages about an incident are to go, something about another one
// was told within the time of the caps, or is to be, or somebody decides about one just now: there the caps count, and the
// sweeper keeps to them.
func (s Store) Crowded(ctx context.Context, incident int64, to []Address, caps map[rosters.Channel]Cap, offset time.Duration) (all []Address, err error) {
	_, _, within := unzip(caps)
	var of, at []string
	for _, a := range to {
		of, at = append(of, string(a.Channel)), append(at, a.Address)
	}
	collect := func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Address])
		all = append(all, found...)
		return err
	}
	var b pgx.Batch
	b.Queue(`select l.channel, l.address from unnest($1::text[], $2::text[]) l (channel, address) where not pg_try_advisory_xact_lock(`+addressLock+`)`, of, at).Query(collect)
	b.Queue(`select l.channel, l.address from unnest($1::text[], $2::text[]) l (channel, address)
		where `+aboutOthers("$5", `clock_timestamp() + $3::interval - $4::interval`), of, at, offset, within, incident).Query(collect)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("asking what somebody was told lately: %w", err)
	}
	return all, nil
}

// addressLock is, in a query with the columns channel and address of l, the advisory lock of who decides what goes there.
const addressLock = `hashtextextended(l.channel || ' ' || l.address, 0)`

// held asks once more, now that nobody else sends there, whether the cap holds what is to go out together.
func (b *bundler) held(some []left) (held bool, err error) {
	k := b.to.Cap
	if k.N == 0 || slices.ContainsFunc(some, func(l left) bool { return !l.again }) {
		return false, nil
	}
	several := slices.ContainsFunc(some, func(l left) bool { return l.Incident != some[0].Incident })
	err = b.tx.QueryRow(b.ctx, `select ($6 or `+aboutOthers("$7", "clock_timestamp() + $1::interval - $4::interval")+`) and `+capped("$1", "$2", "$3", "$4")+` > 0
		from (select $5::text as channel, $8::text as address) l`,
		b.lease.Offset, []string{string(b.to.Channel)}, []int{k.N}, k.Within, string(b.to.Channel), several, some[0].Incident, b.to.Address).Scan(&held)
	return held, err
}

// unzip gives caps as columns. They have one time.
func unzip(caps map[rosters.Channel]Cap) (channels []string, ns []int, within time.Duration) {
	channels, ns = []string{}, []int{}
	for channel, c := range caps {
		channels, ns, within = append(channels, string(channel)), append(ns, c.N), c.Within
	}
	return channels, ns, within
}
