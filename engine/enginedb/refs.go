package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/rosters"
)

// PageRef names a page, and the attempt it was found by (0 if by none).
type PageRef struct {
	Incident int64
	Key      engine.Key
	Page     int
	Attempt  int
	Person   rosters.PersonID
	Message  string // nonce of the message that is answered by it and told other pages as well; "" if it is only about this one
}

// Told is a page that a message told.
type Told struct {
	PageRef
	Severity engine.Severity
	Summary  string
	Ask      bool
	Open     bool // still to be answered
}

// IncidentID finds an incident by key, or gives ErrNotFound.
func (s Store) IncidentID(ctx context.Context, key engine.Key) (id int64, err error) {
	err = s.db.QueryRow(ctx, `select id from incident where key = $1`, string(key)).Scan(&id)
	return id, notFound(err, "finding an incident")
}

// PageOfAttempt finds the page of the attempt with a nonce, or gives ErrNotFound.
func (s Store) PageOfAttempt(ctx context.Context, nonce string) (r PageRef, err error) {
	err = s.db.QueryRow(ctx, `select a.incident, i.key, a.page, a.no, p.person
		from attempt a join page p on p.incident = a.incident and p.no = a.page join incident i on i.id = a.incident
		where a.nonce = $1`, nonce).Scan(&r.Incident, &r.Key, &r.Page, &r.Attempt, &r.Person)
	return r, notFound(err, "finding an attempt")
}

// ToldBy lists the pages that the message with a nonce told, the one that leads first, or gives ErrNotFound.
func (s Store) ToldBy(ctx context.Context, nonce string) ([]Told, error) {
	rows, err := s.db.Query(ctx, `select a.incident, i.key, a.page, a.no, p.person, a.bundle, i.severity, i.summary, p.ask,
			p.state = 'open' and i.status <> 'resolved'
		from attempt a join page p on p.incident = a.incident and p.no = a.page join incident i on i.id = a.incident
		where a.nonce = $1 or a.bundle = $1 and a.bundle <> '' order by a.nonce <> $1, i.severity, i.opened_at, i.id`, nonce)
	if err != nil {
		return nil, fmt.Errorf("finding the pages of a message: %w", err)
	}
	told, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Told, err error) {
		return t, row.Scan(&t.Incident, &t.Key, &t.Page, &t.Attempt, &t.Person, &t.Message, &t.Severity, &t.Summary, &t.Ask, &t.Open)
	})
	if err == nil && len(told) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("finding the pages of a message: %w", err)
	}
	return told, nil
}

// PageByCode finds the page that has a code and belongs to one of the people, or was texted to the number
// (which the person may have changed since), or gives ErrNotFound. A code answers for a whole message if that
// was the last text that quoted it.
func (s Store) PageByCode(ctx context.Context, people []rosters.PersonID, number, code string) (r PageRef, err error) {
	err = s.db.QueryRow(ctx, `select p.incident, i.key, p.no, p.person, coalesce((select t.bundle from attempt t
			where t.incident = p.incident and t.page = p.no and t.channel = 'sms' and t.claimed_at is not null and t.bundle in ('', t.nonce)
			order by t.claimed_at desc limit 1), '')
		from page p join incident i on i.id = p.incident
		where p.code = $3 and (p.person = any($1)
			or exists (select from attempt a where a.incident = p.incident and a.page = p.no and a.address = $2))
		order by p.started_at desc limit 1`, asText(people), number, code).
		Scan(&r.Incident, &r.Key, &r.Page, &r.Person, &r.Message)
	return r, notFound(err, "finding a page by its code")
}

// Texted is a page that was texted to a number, and the last text that told it.
type Texted struct {
	PageRef
	Text string // nonce
	Open bool   // still to be answered
}

// TextedPages lists the pages that were texted to a number and are open, or were texted within the
// last ten minutes: what a reply without a code may be about. Those that were told last come first.
func (s Store) TextedPages(ctx context.Context, number string, offset time.Duration) ([]Texted, error) {
	rows, err := s.db.Query(ctx, `select p.incident, i.key, p.no, 0, p.person, bool_or(p.state = 'open' and i.status <> 'resolved') as open,
			(array_agg(coalesce(nullif(a.bundle, ''), a.nonce) order by a.claimed_at desc))[1]
		from attempt a join page p on p.incident = a.incident and p.no = a.page join incident i on i.id = a.incident
		where a.channel = 'sms' and a.address = $1 and a.claimed_at is not null
			and (p.state = 'open' and i.status <> 'resolved' or a.claimed_at > (select clock_timestamp() + $2::interval - interval '10 minutes'))
		group by p.incident, i.key, p.no, p.person order by max(a.claimed_at) desc`, number, offset)
	if err != nil {
		return nil, fmt.Errorf("listing texted pages: %w", err)
	}
	pages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Texted, err error) {
		return t, row.Scan(&t.Incident, &t.Key, &t.Page, &t.Attempt, &t.Person, &t.Open, &t.Text)
	})
	if err != nil {
		return nil, fmt.Errorf("listing texted pages: %w", err)
	}
	return pages, nil
}

// PageWithTokens finds the page of an attempt that was made within age, with the hashes of the secrets
// in its buttons.
func (s Store) PageWithTokens(ctx context.Context, incident int64, attempt int, age, offset time.Duration) (r PageRef, hashes [][]byte, err error) {
	err = s.db.QueryRow(ctx, `select a.incident, i.key, a.page, a.no, p.person, case when a.bundle = a.nonce then a.bundle else '' end, a.tokens
		from attempt a join page p on p.incident = a.incident and p.no = a.page join incident i on i.id = a.incident
		where a.incident = $1 and a.no = $2 and a.queued_at > clock_timestamp() + $4::interval - $3::interval`, incident, attempt, age, offset).
		Scan(&r.Incident, &r.Key, &r.Page, &r.Attempt, &r.Person, &r.Message, &hashes)
	return r, hashes, notFound(err, "finding a page by its button")
}

// Call is what is to be known of an attempt that is to be hung up.
type Call struct {
	Channel    rosters.Channel
	ProviderID string // "" if no provider took it yet
	Wanted     bool   // it told other pages as well, and some of those are still to be answered
}

// Call reads what is to be known of an attempt before it is hung up.
func (s Store) Call(ctx context.Context, incident int64, attempt int) (c Call, err error) {
	err = s.db.QueryRow(ctx, `select channel, provider_id, `+wantedBeside("attempt")+` from attempt where incident = $1 and no = $2`, incident, attempt).
		Scan(&c.Channel, &c.ProviderID, &c.Wanted)
	return c, notFound(err, "finding an attempt")
}

func notFound(err error, doing string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func asText(people []rosters.PersonID) []string {
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = string(p)
	}
	return ids
}
