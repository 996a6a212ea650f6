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

// PageByCode finds the page of one of the people that has a code, or gives ErrNotFound.
func (s Store) PageByCode(ctx context.Context, people []rosters.PersonID, code string) (r PageRef, err error) {
	err = s.db.QueryRow(ctx, `select p.incident, i.key, p.no, p.person from page p join incident i on i.id = p.incident
		where p.person = any($1) and p.code = $2 order by p.started_at desc limit 1`, asText(people), code).
		Scan(&r.Incident, &r.Key, &r.Page, &r.Person)
	return r, notFound(err, "finding a page by its code")
}

// OpenPages lists the open pages of people on unresolved incidents.
func (s Store) OpenPages(ctx context.Context, people []rosters.PersonID) ([]PageRef, error) {
	rows, err := s.db.Query(ctx, `select p.incident, i.key, p.no, 0, p.person from page p join incident i on i.id = p.incident
		where p.person = any($1) and p.state = 'open' and i.status <> 'resolved' order by p.started_at`, asText(people))
	if err != nil {
		return nil, fmt.Errorf("listing open pages: %w", err)
	}
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PageRef])
	if err != nil {
		return nil, fmt.Errorf("listing open pages: %w", err)
	}
	return refs, nil
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
