package prove

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/rosters"
)

// record is all that is compared: the ledger's book, the database's word, and what should have come.
type record struct {
	book
	world     *world
	incidents []incident
	until     time.Time // nothing after it is known
}

// incident is one as the database has it, with what was decided about it.
type incident struct {
	id       int64
	key      engine.Key
	trouble  string // as the summary names it, else the dedup key
	service  engine.ServiceID
	status   engine.Status
	holder   rosters.PersonID // of the manager's escalation
	openedAt time.Time
	lines    []line
	pages    []page
}

// line is one of the timeline's.
type line struct {
	at, committed time.Time
	reason        engine.Reason
	escalation    int
	level         int
	round         int // with a level that begins
	person        rosters.PersonID
	attempt       int
	via           string // how an answer came
}

type page struct {
	no, escalation int
	person         rosters.PersonID
	level, round   int
	state          engine.PageState
	startedAt      time.Time
	attempts       []attempt
}

type attempt struct {
	no         int
	contact    int
	channel    rosters.Channel
	address    string
	state      engine.AttemptState
	nonce      string
	bundle     string // nonce of the attempt whose message told this one as well; "" if it went out alone
	queuedAt   time.Time
	claimedAt  time.Time // first; zero: never
	generation int
}

// readIncidents reads every incident there is, in one snapshot.
func readIncidents(ctx context.Context, db *pgxpool.Pool) (all []incident, err error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, options, func(tx pgx.Tx) error {
		all, err = readSnapshot(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what the database says: %w", err)
	}
	return all, nil
}

func readSnapshot(ctx context.Context, tx pgx.Tx) (all []incident, err error) {
	rows, _ := tx.Query(ctx, `select i.id, i.key, coalesce(substring(i.summary from '#([a-z0-9-]+)'), i.dedup_key), i.service, i.status, coalesce(e.holder, ''), i.opened_at
		from incident i left join escalation e on e.incident = i.id and e.no = 1 order by i.id`)
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i incident, err error) {
		return i, row.Scan(&i.id, &i.key, &i.trouble, &i.service, &i.status, &i.holder, &i.openedAt)
	})
	if err != nil {
		return nil, err
	}
	place := map[int64]*incident{}
	for i := range all {
		place[all[i].id] = &all[i]
	}
	for _, read := range []func(context.Context, pgx.Tx, map[int64]*incident) error{readLines, readPages, readAttempts} {
		if err := read(ctx, tx, place); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readLines takes the moment of the commit from Postgres itself: a line's own time is from before.
func readLines(ctx context.Context, tx pgx.Tx, place map[int64]*incident) error {
	rows, _ := tx.Query(ctx, `select incident, at, coalesce(pg_xact_commit_timestamp(xmin), at), reason, escalation, level,
		coalesce((basis ->> 'round')::int, 0), person, attempt, coalesce(basis ->> 'via', '') from timeline order by id`)
	var id int64
	var l line
	_, err := pgx.ForEachRow(rows, []any{&id, &l.at, &l.committed, &l.reason, &l.escalation, &l.level, &l.round, &l.person, &l.attempt, &l.via}, func() error {
		place[id].lines = append(place[id].lines, l)
		return nil
	})
	return err
}

func readPages(ctx context.Context, tx pgx.Tx, place map[int64]*incident) error {
	rows, _ := tx.Query(ctx, `select incident, no, escalation, person, level, round, state, started_at from page order by incident, no`)
	var id int64
	var p page
	_, err := pgx.ForEachRow(rows, []any{&id, &p.no, &p.escalation, &p.person, &p.level, &p.round, &p.state, &p.startedAt}, func() error {
		place[id].pages = append(place[id].pages, p)
		return nil
	})
	return err
}

// readAttempts asks for the bundle in a way that a version without bundles understands.
func readAttempts(ctx context.Context, tx pgx.Tx, place map[int64]*incident) error {
	rows, _ := tx.Query(ctx, `select incident, page, no, contact, channel, address, state, nonce,
		coalesce(to_jsonb(attempt) ->> 'bundle', ''), queued_at, claimed_at, generation from attempt order by incident, no`)
	var id int64
	var no int
	var a attempt
	_, err := pgx.ForEachRow(rows, []any{&id, &no, &a.no, &a.contact, &a.channel, &a.address, &a.state, &a.nonce, &a.bundle, &a.queuedAt,
		(*zeronull.Timestamptz)(&a.claimedAt), &a.generation}, func() error {
		pages := place[id].pages
		for i := range pages {
			if pages[i].no == no {
				pages[i].attempts = append(pages[i].attempts, a)
			}
		}
		return nil
	})
	return err
}

// first is the earliest line for a reason, zero if there is none.
func (i *incident) first(escalation int, reason engine.Reason) (line, bool) {
	for _, l := range i.lines {
		if l.escalation == escalation && l.reason == reason {
			return l, true
		}
	}
	return line{}, false
}

// silent is from when on nobody needs to be paged by an escalation: it was acknowledged, or all is over.
func (i *incident) silent(escalation int) (from time.Time, ok bool) {
	for _, l := range i.lines {
		if l.escalation == escalation && l.reason == engine.ReasonAcknowledged || l.reason == engine.ReasonResolved {
			return l.committed, true
		}
	}
	return time.Time{}, false
}

// settled is when it was written down what became of an attempt, zero if it never was.
func (i *incident) settled(attempt int) time.Time {
	for _, l := range i.lines {
		if l.attempt == attempt && (l.reason == engine.ReasonSent || l.reason == engine.ReasonDelivered || l.reason == engine.ReasonFailed) {
			return l.committed
		}
	}
	return time.Time{}
}
