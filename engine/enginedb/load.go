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

// Want is an incident to lock, and what a provider said about one of its attempts.
type Want struct {
	ID     int64
	Named  Named
	Settle *Settlement // nil: nothing
}

// Settlement is what a provider said about an attempt. A worker gives the generation it holds; a
// provider's callback gives 0. An empty provider id leaves the known one.
type Settlement struct {
	AttemptRef
	Provider, ProviderID, Detail string
}

// ErrLocked says that somebody else is at work on the incident just now.
var ErrLocked = errors.New("incident is locked")

// Locked is an incident under its lock, with what the database says beside it.
type Locked struct {
	engine.Incident
	Now       time.Time // taken when the lock was held
	Deadline  time.Time // as it is stored
	StoppedAt time.Time // since when nobody kept time for it; zero: somebody does
	Settled   bool      // whether the settlement may be saved: false if its generation is stale
}

const incidentColumns = `id, key, service, severity, summary, status, dedup_key, manager, hours, alert_n, page_n, attempt_n,
	opened_at, alerted_at, acked_at, ended_at, deadline, stopped_at, coalesce(origin, service), group_key, auto_close, return_n, calm, calm_until, drill, particulars`

// Lock locks incidents and loads what Step needs of them, in one round trip. With skip it leaves out those
// that somebody else holds, instead of waiting; those that are not there are left out either way. Nothing
// comes of one that is wanted twice but the last settlement.
func (s Store) Lock(ctx context.Context, wants []Want, offset time.Duration, skip bool) ([]Locked, error) {
	mode := "for update"
	if skip {
		mode = "for update skip locked"
	}
	l := loading{place: map[int64]int{}}
	ids := make([]int64, 0, len(wants))
	for _, w := range wants {
		ids = append(ids, w.ID)
		l.name(w.ID, w.Named)
	}
	// Always in the same order, so that two who lock several never wait for each other. The clock is read
	// in the outer select, after the lock was given.
	var b pgx.Batch
	b.Queue(`with locked as materialized (select * from incident where id = any($1) order by id `+mode+`)
		select clock_timestamp() + $2::interval, `+incidentColumns+` from locked`, ids, offset).Query(l.incidents)
	// The locks are held from the first statement on, so the others see the incidents as they are.
	l.queueSettlements(&b, wants, mode)
	l.queueParts(&b, ids, false)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("loading incidents %v: %w", ids, err)
	}
	return l.found, nil
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
	l := loading{place: map[int64]int{}}
	b.Queue(`select now(), `+incidentColumns+` from incident where id = $1`, id).Query(l.incidents)
	l.queueParts(&b, []int64{id}, true)
	if err := New(tx).db.SendBatch(ctx, &b).Close(); err != nil {
		return engine.Incident{}, fmt.Errorf("reading incident %s: %w", key, err)
	}
	if len(l.found) == 0 {
		return engine.Incident{}, fmt.Errorf("incident %s: %w", key, ErrNotFound)
	}
	return l.found[0].Incident, nil
}

// loading gathers incidents and their parts, row by row.
type loading struct {
	found []Locked
	place map[int64]int // of an incident in found

	// What is loaded though it is closed: pages and attempts of incidents, three lists side by side.
	named    []int64
	page     []int
	attempts []int
}

func (l *loading) name(id int64, n Named) {
	if n != (Named{}) {
		l.named, l.page, l.attempts = append(l.named, id), append(l.page, n.Page), append(l.attempts, n.Attempt)
	}
}

func (l *loading) incidents(rows pgx.Rows) error {
	for rows.Next() {
		var inc Locked
		if err := scanIncident(rows, &inc); err != nil {
			return err
		}
		l.place[inc.ID] = len(l.found)
		l.found = append(l.found, inc)
	}
	return rows.Err()
}

// at is a loaded incident; nil for one that somebody else holds.
func (l *loading) at(id int64) *Locked {
	if i, ok := l.place[id]; ok {
		return &l.found[i]
	}
	return nil
}

// queueSettlements finds out which workers may still report: the attempt must be in their generation. It
// locks the attempts, so that it stays so until the commit, and only those of incidents that are locked, so
// that nobody is waited for.
func (l *loading) queueSettlements(b *pgx.Batch, wants []Want, mode string) {
	var ids []int64
	var no, generation []int
	for _, w := range wants {
		if s := w.Settle; s != nil {
			ids, no, generation = append(ids, w.ID), append(no, s.Attempt), append(generation, s.Generation)
		}
	}
	if len(ids) == 0 {
		return
	}
	b.Queue(`with mine as materialized (select id from incident where id = any($1) order by id `+mode+`)
		select a.incident from unnest($1::bigint[], $2::int[], $3::int[]) r (incident, no, generation)
		join mine on mine.id = r.incident
		join attempt a on a.incident = r.incident and a.no = r.no and (r.generation = 0 or a.generation = r.generation)
		for update of a`, ids, no, generation).
		Query(func(rows pgx.Rows) error {
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
				if inc := l.at(id); inc != nil {
					inc.Settled = true
				}
				return nil
			})
			return err
		})
}

// queueParts loads escalations, and the pages and attempts that Step needs, or all of them.
func (l *loading) queueParts(b *pgx.Batch, ids []int64, all bool) {
	b.Queue(`select incident, no, role, by, why, urgent, ladder, state, level, round, round_at, level_until, wait_until, holder, ack_until,
			ask_until, declined, paged_in_round, wait_for
		from escalation where incident = any($1) order by incident, no`, ids).Query(l.escalations)
	const wanted = `(live or $2 or exists (select from unnest($3::bigint[], $4::int[], $5::int[]) w (incident, page, attempt)
		where w.incident = page.incident and (w.page = page.no
			or page.no = (select a.page from attempt a where a.incident = w.incident and a.no = w.attempt))))`
	b.Queue(`select incident, escalation, no, person, ask, level, round, state, started_at, contacts, next, next_at, call_again
		from page where incident = any($1) and `+wanted+` order by incident, no`, ids, all, l.named, l.page, l.attempts).Query(l.pages)
	b.Queue(`select incident, page, no, contact, channel, address, state, reason, queued_at, sent_at, receipt_by, unwanted
		from attempt where incident = any($1) and (incident, page) in (select incident, no from page where incident = any($1) and `+wanted+`)
		order by incident, no`, ids, all, l.named, l.page, l.attempts).Query(l.attemptsOf)
}

func scanIncident(row pgx.CollectableRow, l *Locked) error {
	inc := &l.Incident
	var hours, particulars []byte
	err := row.Scan(&l.Now, &inc.ID, &inc.Key, &inc.Service, &inc.Severity, &inc.Summary, &inc.Status, &inc.DedupKey, &inc.Manager,
		&hours, &inc.AlertN, &inc.PageN, &inc.AttemptN, &inc.OpenedAt, &inc.AlertedAt,
		(*zeronull.Timestamptz)(&inc.AckedAt), (*zeronull.Timestamptz)(&inc.EndedAt), (*zeronull.Timestamptz)(&l.Deadline),
		(*zeronull.Timestamptz)(&l.StoppedAt), &inc.Origin, &inc.Group, &inc.AutoClose, &inc.ReturnN, &inc.Calm, (*zeronull.Timestamptz)(&inc.CalmUntil), &inc.Drill, &particulars)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(hours, &inc.Hours); err != nil || string(particulars) == "{}" {
		return err
	}
	return json.Unmarshal(particulars, &inc.Particulars)
}

func (l *loading) escalations(rows pgx.Rows) error {
	for rows.Next() {
		var id int64
		var e engine.Escalation
		var ladder []byte
		var declined []string
		err := rows.Scan(&id, &e.No, &e.Role, &e.By, &e.Why, &e.Urgent, &ladder, &e.State, &e.Level, &e.Round, &e.RoundAt,
			(*zeronull.Timestamptz)(&e.LevelUntil), (*zeronull.Timestamptz)(&e.WaitUntil), &e.Holder,
			(*zeronull.Timestamptz)(&e.AckUntil), (*zeronull.Timestamptz)(&e.AskUntil), &declined, &e.PagedInRound, &e.WaitFor)
		if err != nil {
			return err
		}
		for _, p := range declined {
			e.Declined = append(e.Declined, rosters.PersonID(p))
		}
		if err := json.Unmarshal(ladder, &e.Ladder); err != nil {
			return err
		}
		if inc := l.at(id); inc != nil {
			inc.Escalations = append(inc.Escalations, e)
		}
	}
	return rows.Err()
}

func (l *loading) pages(rows pgx.Rows) error {
	for rows.Next() {
		var id int64
		var no int
		var p engine.Page
		var contacts []byte
		err := rows.Scan(&id, &no, &p.No, &p.Person, &p.Ask, &p.Level, &p.Round, &p.State, &p.StartedAt, &contacts, &p.Next,
			(*zeronull.Timestamptz)(&p.NextAt), &p.Again)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(contacts, &p.Contacts); err != nil {
			return err
		}
		inc := l.at(id)
		if inc == nil {
			continue
		}
		e := inc.Escalation(no)
		if e == nil {
			return fmt.Errorf("page %d of %s belongs to escalation %d, which is not there", p.No, inc.Key, no)
		}
		e.Pages = append(e.Pages, p)
	}
	return rows.Err()
}

func (l *loading) attemptsOf(rows pgx.Rows) error {
	for rows.Next() {
		var id int64
		var no int
		var a engine.Attempt
		err := rows.Scan(&id, &no, &a.No, &a.Contact, &a.Channel, &a.Address, &a.State, &a.Reason, &a.QueuedAt,
			(*zeronull.Timestamptz)(&a.SentAt), (*zeronull.Timestamptz)(&a.ReceiptBy), &a.Unwanted)
		if err != nil {
			return err
		}
		inc := l.at(id)
		if inc == nil {
			continue
		}
		_, p := inc.Page(no)
		if p == nil {
			return fmt.Errorf("attempt %d of %s belongs to page %d, which is not there", a.No, inc.Key, no)
		}
		p.Attempts = append(p.Attempts, a)
	}
	return rows.Err()
}
