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

// Save writes what Step changed, with the notes it made, in one round trip: before is what was loaded
// under the lock, or an incident with nothing but its row. New pages get codes of so many digits; a code
// that the person had before is a unique violation.
func (s Store) Save(ctx context.Context, before Locked, after engine.Incident, effects []engine.Effect, digits int) error {
	w := writer{id: after.ID, digits: digits}
	w.incident(before, after)
	for i := range after.Escalations {
		w.escalation(before.Escalation(after.Escalations[i].No), &after.Escalations[i])
	}
	for _, ef := range effects {
		if n, ok := ef.(engine.Note); ok {
			w.note(before.Now, n)
		}
	}
	b := &w.Batch
	if b.Len() == 0 {
		return nil
	}
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("saving incident %s: %w", after.Key, err)
	}
	return nil
}

// writer gathers the statements of one Save.
type writer struct {
	pgx.Batch
	id     int64
	digits int
}

func (b *writer) incident(before Locked, after engine.Incident) {
	x, y := before.Incident, after
	x.Escalations, y.Escalations = nil, nil
	if reflect.DeepEqual(x, y) && before.Deadline.Equal(after.Deadline()) {
		return
	}
	b.Queue(`update incident set severity = $2, status = $3, manager = $4, alert_n = $5, page_n = $6, attempt_n = $7, alerted_at = $8,
			acked_at = $9, ended_at = $10, deadline = $11 where id = $1`,
		after.ID, after.Severity, string(after.Status), string(after.Manager), after.AlertN, after.PageN, after.AttemptN, after.AlertedAt,
		zeronull.Timestamptz(after.AckedAt), zeronull.Timestamptz(after.EndedAt), zeronull.Timestamptz(after.Deadline()))
}

func (b *writer) escalation(before, after *engine.Escalation) {
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
		b.Queue(`insert into escalation (incident, no, role, by, why, urgent, ladder, state, level, round, round_at, level_until, wait_until,
				holder, ack_until, ask_until, declined, paged_in_round)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
			b.id, after.No, after.Role, after.By, after.Why, after.Urgent, asJSON(after.Ladder), string(after.State), after.Level, after.Round,
			after.RoundAt, zeronull.Timestamptz(after.LevelUntil), zeronull.Timestamptz(after.WaitUntil), string(after.Holder),
			zeronull.Timestamptz(after.AckUntil), zeronull.Timestamptz(after.AskUntil), declined, after.PagedInRound)
	case !reflect.DeepEqual(x, y):
		b.Queue(`update escalation set state = $3, level = $4, round = $5, round_at = $6, level_until = $7, wait_until = $8, holder = $9,
				ack_until = $10, ask_until = $11, declined = $12, paged_in_round = $13 where incident = $1 and no = $2`,
			b.id, after.No, string(after.State), after.Level, after.Round, after.RoundAt, zeronull.Timestamptz(after.LevelUntil),
			zeronull.Timestamptz(after.WaitUntil), string(after.Holder), zeronull.Timestamptz(after.AckUntil),
			zeronull.Timestamptz(after.AskUntil), declined, after.PagedInRound)
	}
	pages := make(map[int]*engine.Page, len(before.Pages))
	for i := range before.Pages {
		pages[before.Pages[i].No] = &before.Pages[i]
	}
	for i := range after.Pages {
		b.page(after.No, pages[after.Pages[i].No], &after.Pages[i])
	}
}

func (b *writer) page(escalation int, before, after *engine.Page) {
	known := before != nil
	if !known {
		before = &engine.Page{}
	}
	x, y := *before, *after
	x.Attempts, y.Attempts = nil, nil
	switch {
	case !known:
		b.Queue(`insert into page (incident, no, escalation, person, ask, level, round, state, started_at, contacts, next, next_at, code, live)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			b.id, after.No, escalation, string(after.Person), after.Ask, after.Level, after.Round, string(after.State), after.StartedAt,
			asJSON(after.Contacts), after.Next, zeronull.Timestamptz(after.NextAt), newCode(b.digits), after.Live())
	case !reflect.DeepEqual(x, y) || before.Live() != after.Live():
		b.Queue(`update page set state = $3, next = $4, next_at = $5, live = $6 where incident = $1 and no = $2`,
			b.id, after.No, string(after.State), after.Next, zeronull.Timestamptz(after.NextAt), after.Live())
	}
	attempts := make(map[int]engine.Attempt, len(before.Attempts))
	for _, a := range before.Attempts {
		attempts[a.No] = a
	}
	for _, a := range after.Attempts {
		was, known := attempts[a.No]
		b.attempt(after.No, was, a, known)
	}
}

func (b *writer) attempt(page int, before, after engine.Attempt, known bool) {
	switch {
	case !known:
		b.Queue(`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, receipt_by, unwanted, nonce, lease_until)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, clock_timestamp() + $14::interval)`,
			b.id, after.No, page, after.Contact, string(after.Channel), after.Address, string(after.State), string(after.Reason), after.QueuedAt,
			zeronull.Timestamptz(after.SentAt), zeronull.Timestamptz(after.ReceiptBy), after.Unwanted, rand.Text(), Patience)
	case before != after:
		// lease_until: an unwanted call that the queue does not hang up in time is hung up by a sweep.
		b.Queue(`update attempt set state = $3, sent_at = $4, receipt_by = $5, unwanted = $6,
				lease_until = case when $6 and state <> 'sending' then clock_timestamp() + $7::interval else lease_until end
			where incident = $1 and no = $2`,
			b.id, after.No, string(after.State), zeronull.Timestamptz(after.SentAt), zeronull.Timestamptz(after.ReceiptBy), after.Unwanted, Patience)
	}
}

func (b *writer) note(now time.Time, n engine.Note) {
	if n.Basis == nil {
		n.Basis = map[string]string{}
	}
	b.Queue(`insert into timeline (incident, at, reason, escalation, level, person, channel, attempt, by, text, basis)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		b.id, now, string(n.Reason), n.Escalation, n.Level, string(n.Person), string(n.Channel), n.Attempt, n.By, n.Text, asJSON(n.Basis))
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
