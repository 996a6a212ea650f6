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

// PageByCode finds the page that has a code and belongs to one of the people, or was texted to the number
// (which the person may have changed since), or gives ErrNotFound.
func (s Store) PageByCode(ctx context.Context, people []rosters.PersonID, number, code string) (r PageRef, err error) {
	err = s.db.QueryRow(ctx, `select p.incident, i.key, p.no, p.person from page p join incident i on i.id = p.incident
		where p.code = $3 and (p.person = any($1)
			or exists (select from attempt a where a.incident = p.incident and a.page = p.no and a.address = $2))
		order by p.started_at desc limit 1`, asText(people), number, code).
		Scan(&r.Incident, &r.Key, &r.Page, &r.Person)
	return r, notFound(err, "finding a page by its code")
}

// Texted is a page that was texted to a number.
type Texted struct {
	PageRef
	Open bool // still to be answered
}

// TextedPages lists the pages that were texted to a number and are open, or were texted within the
// last ten minutes: what a reply without a code may be about.
func (s Store) TextedPages(ctx context.Context, number string, offset time.Duration) ([]Texted, error) {
	rows, err := s.db.Query(ctx, `select p.incident, i.key, p.no, 0, p.person, bool_or(p.state = 'open' and i.status <> 'resolved') as open
		from attempt a join page p on p.incident = a.incident and p.no = a.page join incident i on i.id = a.incident
		where a.channel = 'sms' and a.address = $1 and a.claimed_at is not null
			and (p.state = 'open' and i.status <> 'resolved' or a.claimed_at > (select clock_timestamp() + $2::interval - interval '10 minutes'))
		group by p.incident, i.key, p.no, p.person order by min(a.claimed_at)`, number, offset)
	if err != nil {
		return nil, fmt.Errorf("listing texted pages: %w", err)
	}
	pages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Texted, err error) {
		return t, row.Scan(&t.Incident, &t.Key, &t.Page, &t.Attempt, &t.Person, &t.Open)
	})
	if err != nil {
		return nil, fmt.Errorf("listing texted pages: %w", err)
	}
	return pages, nil
}

// PageWithTokens finds the page of an attempt that was made within age, with the hashes of the secrets
// in its buttons.
func (s Store) PageWithTokens(ctx context.Context, incident int64, attempt int, age, offset time.Duration) (r PageRef, hashes [][]byte, err error) {
	err = s.db.QueryRow(ctx, `select a.incident, i.key, a.page, a.no, p.person, a.tokens
		from attempt a join page p on p.incident = a.incident and p.no = a.page join incident i on i.id = a.incident
		where a.incident = $1 and a.no = $2 and a.queued_at > clock_timestamp() + $4::interval - $3::interval`, incident, attempt, age, offset).
		Scan(&r.Incident, &r.Key, &r.Page, &r.Attempt, &r.Person, &hashes)
	return r, hashes, notFound(err, "finding a page by its button")
}

// ProviderID says under which id a provider knows an attempt; "" if none took it yet.
func (s Store) ProviderID(ctx context.Context, incident int64, attempt int) (channel rosters.Channel, id string, err error) {
	err = s.db.QueryRow(ctx, `select channel, provider_id from attempt where incident = $1 and no = $2`, incident, attempt).Scan(&channel, &id)
	return channel, id, notFound(err, "finding an attempt")
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
