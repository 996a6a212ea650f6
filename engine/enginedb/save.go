package enginedb

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
)

// Change is what became of an incident in a transaction.
type Change struct {
	Before  Locked // as it was loaded under the lock; an incident that is new has no ID there
	After   engine.Incident
	Effects []engine.Effect
	Alerts  []engine.Alert // what came in about it, to be kept
	Settle  *Settlement    // what a provider said about an attempt, under the lock that allows it; or nil
}

// Save writes what Step changed, with the notes it made and the alerts that made it, in one round trip.
// New pages get codes of so many digits; a code that the person had before is a unique violation, as is
// an incident whose key, or open dedup key, somebody else took in the meantime.
func (s Store) Save(ctx context.Context, changes []Change, digits int) error {
	w := writer{digits: digits}
	for _, c := range changes {
		w.change(c)
	}
	b := w.batch()
	if b.Len() == 0 {
		return nil
	}
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("saving %d incidents, %s among them: %w", len(changes), changes[0].After.Key, err)
	}
	return nil
}

// writer gathers what one Save writes: new rows by table, each table one statement, and updates.
type writer struct {
	digits  int
	now     time.Time // of the change that is being written
	of      Change    // that one
	updates pgx.Batch

	incidents, alerts, escalations, pages, attempts, notes newRows
	incidentsNow, attemptsNow, described                   newRows // what changes in rows that are there
}

// newRows are rows for one table, column by column.
type newRows [][]any

func (r *newRows) add(values ...any) {
	if *r == nil {
		*r = make([][]any, len(values))
	}
	for i, v := range values {
		(*r)[i] = append((*r)[i], v)
	}
}

func (r newRows) queue(b *pgx.Batch, insert string, others ...any) {
	if r == nil {
		return
	}
	var args []any
	for i := range r {
		args = append(args, r[i])
	}
	b.Queue(insert, append(args, others...)...)
}

// The inserts. Each array is a column.
const (
	insertIncidents = `insert into incident (id, key, sender_key, service, severity, summary, status, dedup_key, manager, hours, alert_n, page_n,
			attempt_n, opened_at, alerted_at, acked_at, ended_at, deadline, origin, group_key, auto_close, return_n, calm, calm_until, drill)
		overriding system value
		select * from unnest($1::bigint[], $2::text[], $3::bool[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::text[],
			$10::jsonb[], $11::int[], $12::int[], $13::int[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[],
			$18::timestamptz[], $19::text[], $20::text[], $21::interval[], $22::int[], $23::interval[], $24::timestamptz[], $25::bool[])`
	updateDescribed = `update incident i set summary = u.summary, service = u.service, origin = u.origin, particulars = u.particulars
		from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) u (id, summary, service, origin, particulars) where i.id = u.id`
	insertAlerts = `insert into alert (incident, received_at, action, source, service, severity, summary, dedup_key, details, links, raw,
			word, labels, note, by, once)
		select * from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::text[],
			$10::jsonb[], $11::bytea[], $12::text[], $13::jsonb[], $14::text[], $15::text[], $16::text[])`
	insertEscalations = `insert into escalation (incident, no, role, by, why, urgent, ladder, state, level, round, round_at, level_until,
			wait_until, holder, ack_until, ask_until, declined, paged_in_round, wait_for)
		select incident, no, role, by, why, urgent, ladder, state, level, round, round_at, level_until, wait_until, holder, ack_until, ask_until,
			array(select jsonb_array_elements_text(declined)), paged_in_round, wait_for
		from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::jsonb[], $8::text[], $9::int[], $10::int[],
			$11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::text[], $15::timestamptz[], $16::timestamptz[], $17::jsonb[], $18::bool[], $19::text[])
			e (incident, no, role, by, why, urgent, ladder, state, level, round, round_at, level_until, wait_until, holder, ack_until, ask_until,
			declined, paged_in_round, wait_for)`
	insertPages = `insert into page (incident, no, escalation, person, ask, level, round, state, started_at, contacts, next, next_at, code, live, call_again)
		select * from unnest($1::bigint[], $2::int[], $3::int[], $4::text[], $5::bool[], $6::int[], $7::int[], $8::text[], $9::timestamptz[],
			$10::jsonb[], $11::int[], $12::timestamptz[], $13::text[], $14::bool[], $15::interval[])`
	insertAttempts = `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, receipt_by, unwanted,
			nonce, again, lease_until)
		select a.*, clock_timestamp() + $15::interval
		from unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
			$10::timestamptz[], $11::timestamptz[], $12::bool[], $13::text[], $14::bool[]) a`
	updateIncidents = `update incident i set severity = u.severity, status = u.status, manager = u.manager, alert_n = u.alert_n, page_n = u.page_n,
			attempt_n = u.attempt_n, alerted_at = u.alerted_at, acked_at = u.acked_at, ended_at = u.ended_at, deadline = u.deadline,
			return_n = u.return_n, calm = u.calm, calm_until = u.calm_until,
			stopped_at = null -- it was told
		from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[], $8::timestamptz[], $9::timestamptz[],
			$10::timestamptz[], $11::timestamptz[], $12::int[], $13::interval[], $14::timestamptz[])
			u (id, severity, status, manager, alert_n, page_n, attempt_n, alerted_at, acked_at, ended_at, deadline, return_n, calm, calm_until)
		where i.id = u.id`
	// lease_until: an unwanted call that the queue does not hang up in time is hung up by a sweep.
	updateAttempts = `update attempt a set state = u.state, sent_at = u.sent_at, receipt_by = u.receipt_by, unwanted = u.unwanted,
			lease_until = case when u.unwanted and a.state <> 'sending' then clock_timestamp() + $11::interval else a.lease_until end,
			provider = coalesce(nullif(u.provider, ''), a.provider), provider_id = coalesce(nullif(u.provider_id, ''), a.provider_id),
			detail = coalesce(nullif(u.detail, ''), a.detail),
			delivered_at = case when u.state = 'delivered' then coalesce(a.delivered_at, u.now) else a.delivered_at end
		from unnest($1::bigint[], $2::int[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bool[], $7::text[], $8::text[], $9::text[],
			$10::timestamptz[]) u (incident, no, state, sent_at, receipt_by, unwanted, provider, provider_id, detail, now)
		where a.incident = u.incident and a.no = u.no`
	insertNotes = `insert into timeline (incident, at, reason, escalation, level, person, channel, attempt, by, text, basis)
		select * from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::int[], $5::int[], $6::text[], $7::text[], $8::int[], $9::text[],
			$10::text[], $11::jsonb[])`
)

func (w *writer) batch() *pgx.Batch {
	b := &pgx.Batch{}
	// Updates first: an incident that ends makes room for the next with its dedup key.
	w.incidentsNow.queue(b, updateIncidents)
	w.attemptsNow.queue(b, updateAttempts, Patience)
	b.QueuedQueries = append(b.QueuedQueries, w.updates.QueuedQueries...)
	w.incidents.queue(b, insertIncidents)
	w.described.queue(b, updateDescribed)
	w.alerts.queue(b, insertAlerts)
	w.escalations.queue(b, insertEscalations)
	w.pages.queue(b, insertPages)
	w.attempts.queue(b, insertAttempts, Patience)
	w.notes.queue(b, insertNotes)
	return b
}

func (w *writer) change(c Change) {
	id := c.After.ID
	w.now, w.of = c.Before.Now, c
	w.incident(c.Before, c.After, c.Alerts)
	for _, a := range c.Alerts {
		w.alert(id, a, c.Before.Now)
	}
	for i := range c.After.Escalations {
		w.escalation(id, c.Before.Escalation(c.After.Escalations[i].No), &c.After.Escalations[i], c.Settle)
	}
	for _, ef := range c.Effects {
		if n, ok := ef.(engine.Note); ok {
			w.note(id, c.Before.Now, n)
		}
	}
}

func (w *writer) incident(before Locked, after engine.Incident, alerts []engine.Alert) {
	x, y := before.Incident, after
	x.Escalations, y.Escalations = nil, nil
	if described := !reflect.DeepEqual(x.Particulars, y.Particulars) || x.ID != 0 && (x.Summary != y.Summary || x.Service != y.Service); described {
		w.described.add(after.ID, after.Summary, string(after.Service), elsewhere(after), asJSON(after.Particulars))
	}
	switch {
	case before.ID == 0:
		givenBySender := len(alerts) > 0 && alerts[0].Key == after.Key
		w.incidents.add(after.ID, string(after.Key), givenBySender, string(after.Service), int16(after.Severity), after.Summary,
			string(after.Status), after.DedupKey, string(after.Manager), asJSON(after.Hours), after.AlertN, after.PageN, after.AttemptN,
			after.OpenedAt, after.AlertedAt, zeronull.Timestamptz(after.AckedAt), zeronull.Timestamptz(after.EndedAt),
			zeronull.Timestamptz(after.Deadline()), elsewhere(after), after.Group, after.AutoClose, after.ReturnN, after.Calm,
			zeronull.Timestamptz(after.CalmUntil), after.Drill)
	case !reflect.DeepEqual(x, y) || !before.Deadline.Equal(after.Deadline()) || !before.StoppedAt.IsZero():
		w.incidentsNow.add(after.ID, int16(after.Severity), string(after.Status), string(after.Manager), after.AlertN, after.PageN, after.AttemptN, after.AlertedAt,
			zeronull.Timestamptz(after.AckedAt), zeronull.Timestamptz(after.EndedAt), zeronull.Timestamptz(after.Deadline()),
			after.ReturnN, after.Calm, zeronull.Timestamptz(after.CalmUntil))
	}
}

// elsewhere is where the incident came from, if a rule sent it elsewhere; nil if none did.
func elsewhere(inc engine.Incident) *string {
	if inc.Origin == inc.Service {
		return nil
	}
	origin := string(inc.Origin)
	return &origin
}

// alert keeps an alert as it came; incident is 0 if none is concerned.
func (w *writer) alert(incident int64, a engine.Alert, now time.Time) {
	if a.Links == nil {
		a.Links = []engine.Link{}
	}
	if a.Raw == nil {
		a.Raw = []byte{}
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	w.alerts.add(zeronull.Int8(incident), now, string(a.Action), a.Source, string(a.Service), int16(a.Severity), a.Summary, a.DedupKey, a.Details,
		asJSON(a.Links), a.Raw, a.Word, asJSON(a.Labels), a.Note, string(a.By), zeronull.Text(a.Once))
}

func (w *writer) escalation(id int64, before, after *engine.Escalation, settle *Settlement) {
	known := before != nil
	if !known {
		before = &engine.Escalation{}
	}
	x, y := *before, *after
	x.Pages, y.Pages = nil, nil
	declined := make([]string, 0, len(after.Declined))
	for _, p := range after.Declined {
		declined = append(declined, string(p))
	}
	switch {
	case !known:
		w.escalations.add(id, after.No, after.Role, after.By, after.Why, after.Urgent, asJSON(after.Ladder), string(after.State), after.Level,
			after.Round, after.RoundAt, zeronull.Timestamptz(after.LevelUntil), zeronull.Timestamptz(after.WaitUntil), string(after.Holder),
			zeronull.Timestamptz(after.AckUntil), zeronull.Timestamptz(after.AskUntil), asJSON(declined), after.PagedInRound, string(after.WaitFor))
	case !reflect.DeepEqual(x, y):
		w.updates.Queue(`update escalation set state = $3, level = $4, round = $5, round_at = $6, level_until = $7, wait_until = $8, holder = $9,
				ack_until = $10, ask_until = $11, declined = $12, paged_in_round = $13, wait_for = $14, why = $15 where incident = $1 and no = $2`,
			id, after.No, string(after.State), after.Level, after.Round, after.RoundAt, zeronull.Timestamptz(after.LevelUntil),
			zeronull.Timestamptz(after.WaitUntil), string(after.Holder), zeronull.Timestamptz(after.AckUntil),
			zeronull.Timestamptz(after.AskUntil), declined, after.PagedInRound, string(after.WaitFor), after.Why)
	}
	pages := make(map[int]*engine.Page, len(before.Pages))
	for i := range before.Pages {
		pages[before.Pages[i].No] = &before.Pages[i]
	}
	for i := range after.Pages {
		w.page(id, after.No, pages[after.Pages[i].No], &after.Pages[i], settle)
	}
}

func (w *writer) page(id int64, escalation int, before, after *engine.Page, settle *Settlement) {
	known := before != nil
	if !known {
		before = &engine.Page{}
	}
	x, y := *before, *after
	x.Attempts, y.Attempts = nil, nil
	switch {
	case !known:
		w.pages.add(id, after.No, escalation, string(after.Person), after.Ask, after.Level, after.Round, string(after.State), after.StartedAt,
			asJSON(after.Contacts), after.Next, zeronull.Timestamptz(after.NextAt), newCode(w.digits), after.Live(), after.Again)
	case !reflect.DeepEqual(x, y) || before.Live() != after.Live():
		w.updates.Queue(`update page set state = $3, next = $4, next_at = $5, live = $6, started_at = $7 where incident = $1 and no = $2`,
			id, after.No, string(after.State), after.Next, zeronull.Timestamptz(after.NextAt), after.Live(), after.StartedAt)
	}
	attempts := make(map[int]engine.Attempt, len(before.Attempts))
	for _, a := range before.Attempts {
		attempts[a.No] = a
	}
	for _, a := range after.Attempts {
		was, known := attempts[a.No]
		var s *Settlement
		if settle != nil && settle.Attempt == a.No {
			s = settle
		}
		w.attempt(id, after.No, was, a, known, s)
	}
}

func (w *writer) attempt(id int64, page int, before, after engine.Attempt, known bool, said *Settlement) {
	switch {
	case !known:
		w.attempts.add(id, after.No, page, after.Contact, string(after.Channel), after.Address, string(after.State), string(after.Reason),
			after.QueuedAt, zeronull.Timestamptz(after.SentAt), zeronull.Timestamptz(after.ReceiptBy), after.Unwanted, rand.Text(), w.of.Again(after.No))
	case before != after || said != nil:
		if said == nil {
			said = &Settlement{}
		}
		w.attemptsNow.add(id, after.No, string(after.State), zeronull.Timestamptz(after.SentAt), zeronull.Timestamptz(after.ReceiptBy),
			after.Unwanted, said.Provider, said.ProviderID, said.Detail, w.now)
	}
}

func (w *writer) note(id int64, now time.Time, n engine.Note) {
	if n.Basis == nil {
		n.Basis = map[string]string{}
	}
	w.notes.add(id, now, string(n.Reason), n.Escalation, n.Level, string(n.Person), string(n.Channel), n.Attempt, n.By, n.Text, asJSON(n.Basis))
}

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // plain structs of strings and numbers
		panic(err)
	}
	return b
}

// newCode makes the digits that an SMS reply quotes, 1 to 18 of them. A code that the person had before
// hits a unique index, and the transaction is tried again with another.
func newCode(digits int) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	all := uint64(math.Pow10(digits))
	return fmt.Sprintf("%0*d", digits, binary.BigEndian.Uint64(b[:])%all)
}
