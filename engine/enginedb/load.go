package enginedb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// Named says which parts of an incident an event is about: they are loaded though they are closed.
type Named struct{ Page, Attempt int }

// ErrLocked says that somebody else is at work on the incident just now.
var ErrLocked = errors.New("incident is locked")

// Locked is an incident under its lock, with what the database says beside it.
type Locked struct {
	engine.Incident
	Now      time.Time // taken when the lock was held
	Deadline time.Time // as it is stored
}

const incidentColumns = `id, key, service, severity, summary, status, dedup_key, manager, hours, alert_n, page_n, attempt_n,
	opened_at, alerted_at, acked_at, ended_at, deadline`

// Lock locks the incident's row and loads what Step needs of it. With skip it gives ErrLocked instead of
// waiting for another holder.
func (s Store) Lock(ctx context.Context, id int64, n Named, offset time.Duration, skip bool) (Locked, error) {
	mode := "for update"
	if skip {
		mode = "for update skip locked"
	}
	// The clock is read in the outer select, after the lock was given.
	head := `with locked as materialized (select ` + incidentColumns + ` from incident where id = $1 ` + mode + `)
		select clock_timestamp() + $2::interval, ` + incidentColumns + ` from locked`
	// The lock is held from the first statement on, so the others see the incident as it is.
	var b pgx.Batch
	l, err := s.load(ctx, &b, head, []any{id, offset}, id, n, false)
	if skip && errors.Is(err, ErrNotFound) {
		return l, ErrLocked
	}
	return l, err
}

// Incident reads an incident whole, with every page and attempt it ever had, as it was at one moment.
func (s Store) Incident(ctx context.Context, key engine.Key) (engine.Incident, error) {
	var id int64
	err := s.db.QueryRow(ctx, `select id from incident where key = $1`, string(key)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return engine.Incident{}, fmt.Errorf("incident %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return engine.Incident{}, fmt.Errorf("finding incident %s: %w", key, err)
	}
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return engine.Incident{}, fmt.Errorf("reading incident %s: %w", key, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // nothing was written
	// One snapshot for all statements.
	if _, err := tx.Exec(ctx, `set transaction isolation level repeatable read, read only`); err != nil {
		return engine.Incident{}, fmt.Errorf("reading incident %s: %w", key, err)
	}
	var b pgx.Batch
	head := `select now(), ` + incidentColumns + ` from incident where id = $1`
	l, err := New(tx).load(ctx, &b, head, []any{id}, id, Named{}, true)
	return l.Incident, err
}

func (s Store) load(ctx context.Context, b *pgx.Batch, head string, args []any, id int64, n Named, all bool) (l Locked, err error) {
	inc := &l.Incident
	b.Queue(head, args...).QueryRow(func(row pgx.Row) error { return scanIncident(row, &l) })
	b.Queue(`select no, role, by, why, urgent, ladder, state, level, round, round_at, level_until, wait_until, holder, ack_until,
			ask_until, declined, paged_in_round
		from escalation where incident = $1 order by no`, id).
		Query(func(rows pgx.Rows) error {
			inc.Escalations, err = pgx.CollectRows(rows, scanEscalation)
			return err
		})
	const wanted = `(live or $4 or no = $2 or no = (select page from attempt where incident = $1 and no = $3))`
	b.Queue(`select escalation, no, person, ask, level, round, state, started_at, contacts, next, next_at
		from page where incident = $1 and `+wanted+` order by no`, id, n.Page, n.Attempt, all).
		Query(func(rows pgx.Rows) error { return addPages(rows, inc) })
	b.Queue(`select page, no, contact, channel, address, state, reason, queued_at, sent_at, receipt_by, unwanted
		from attempt where incident = $1 and page in (select no from page where incident = $1 and `+wanted+`) order by no`,
		id, n.Page, n.Attempt, all).
		Query(func(rows pgx.Rows) error { return addAttempts(rows, inc) })
	err = s.db.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return l, fmt.Errorf("incident %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return l, fmt.Errorf("loading incident %d: %w", id, err)
	}
	return l, nil
}

func scanIncident(row pgx.Row, l *Locked) error {
	inc := &l.Incident
	var hours []byte
	err := row.Scan(&l.Now, &inc.ID, &inc.Key, &inc.Service, &inc.Severity, &inc.Summary, &inc.Status, &inc.DedupKey, &inc.Manager,
		&hours, &inc.AlertN, &inc.PageN, &inc.AttemptN, &inc.OpenedAt, &inc.AlertedAt,
		(*zeronull.Timestamptz)(&inc.AckedAt), (*zeronull.Timestamptz)(&inc.EndedAt), (*zeronull.Timestamptz)(&l.Deadline))
	if err != nil {
		return err
	}
	return json.Unmarshal(hours, &inc.Hours)
}

func scanEscalation(row pgx.CollectableRow) (e engine.Escalation, err error) {
	var ladder []byte
	var declined []string
	err = row.Scan(&e.No, &e.Role, &e.By, &e.Why, &e.Urgent, &ladder, &e.State, &e.Level, &e.Round, &e.RoundAt,
		(*zeronull.Timestamptz)(&e.LevelUntil), (*zeronull.Timestamptz)(&e.WaitUntil), &e.Holder,
		(*zeronull.Timestamptz)(&e.AckUntil), (*zeronull.Timestamptz)(&e.AskUntil), &declined, &e.PagedInRound)
	if err != nil {
		return e, err
	}
	for _, p := range declined {
		e.Declined = append(e.Declined, rosters.PersonID(p))
	}
	return e, json.Unmarshal(ladder, &e.Ladder)
}

func addPages(rows pgx.Rows, inc *engine.Incident) error {
	var p engine.Page
	var no int
	var contacts []byte
	_, err := pgx.ForEachRow(rows, []any{&no, &p.No, &p.Person, &p.Ask, &p.Level, &p.Round, &p.State, &p.StartedAt, &contacts, &p.Next,
		(*zeronull.Timestamptz)(&p.NextAt)}, func() error {
		p.Contacts = nil
		if err := json.Unmarshal(contacts, &p.Contacts); err != nil {
			return err
		}
		e := inc.Escalation(no)
		if e == nil {
			return fmt.Errorf("page %d belongs to escalation %d, which is not there", p.No, no)
		}
		e.Pages = append(e.Pages, p)
		return nil
	})
	return err
}

func addAttempts(rows pgx.Rows, inc *engine.Incident) error {
	pages := make(map[int]*engine.Page)
	for i := range inc.Escalations {
		for j := range inc.Escalations[i].Pages {
			p := &inc.Escalations[i].Pages[j]
			pages[p.No] = p
		}
	}
	var a engine.Attempt
	var no int
	_, err := pgx.ForEachRow(rows, []any{&no, &a.No, &a.Contact, &a.Channel, &a.Address, &a.State, &a.Reason, &a.QueuedAt,
		(*zeronull.Timestamptz)(&a.SentAt), (*zeronull.Timestamptz)(&a.ReceiptBy), &a.Unwanted}, func() error {
		p := pages[no]
		if p == nil {
			return fmt.Errorf("attempt %d belongs to page %d, which is not there", a.No, no)
		}
		p.Attempts = append(p.Attempts, a)
		return nil
	})
	return err
}
