package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

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
// (which the person may have changed since), or gives ErrNotFound: so does a code that two of them have. A code
// answers for a whole message if that was the last text that quoted it.
func (s Store) PageByCode(ctx context.Context, people []rosters.PersonID, number, code string) (PageRef, error) {
	rows, _ := s.db.Query(ctx, `select p.incident, i.key, p.no, p.person, coalesce((select t.bundle from attempt t
			where t.incident = p.incident and t.page = p.no and t.channel = 'sms' and t.claimed_at is not null and t.bundle in ('', t.nonce)
			order by t.claimed_at desc limit 1), '')
		from page p join incident i on i.id = p.incident
		where p.code = $3 and (p.person = any($1)
			or exists (select from attempt a where a.incident = p.incident and a.page = p.no and a.address = $2))
		limit 2`, asText(people), number, code)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r PageRef, err error) {
		return r, row.Scan(&r.Incident, &r.Key, &r.Page, &r.Person, &r.Message)
	})
	switch {
	case err != nil:
		return PageRef{}, fmt.Errorf("finding a page by its code: %w", err)
	case len(found) != 1:
		return PageRef{}, ErrNotFound
	}
	return found[0], nil
}

// Candidate is a page that somebody may mean who is known by nothing but a phone number.
type Candidate struct {
	PageRef         // Message is the last text to the number that told it
	Nonce    string // of the page's first attempt
	Severity engine.Severity
	Summary  string
	Ask      bool
	Open     bool      // still to be answered
	Texted   time.Time // when it was last texted to the number; zero: never
	Told     time.Time // when it was last texted to the number, or called there
}

// ToldWithin is how long what was sent to a number may be answered from it without a code.
const ToldWithin = 24 * time.Hour

// Candidates lists the open pages of some people and those that were texted to a number within ToldWithin before
// an instant, the worst first. What was begun, or sent, after that instant is as if it was not.
func (s Store) Candidates(ctx context.Context, people []rosters.PersonID, number string, at time.Time) ([]Candidate, error) {
	rows, _ := s.db.Query(ctx, `with meant as (
			select incident, no from page where person = any($1) and state = 'open'
			union select incident, page from attempt where channel = 'sms' and address = $2 and claimed_at > $3::timestamptz - $4::interval and claimed_at <= $3)
		select p.incident, i.key, p.no, p.person, coalesce(t.text, ''), f.nonce, i.severity, i.summary, p.ask, p.state = 'open' and i.status <> 'resolved', t.texted, t.told
		from meant join page p using (incident, no) join incident i on i.id = p.incident
		cross join lateral (select nonce from attempt where incident = p.incident and page = p.no and queued_at <= $3 order by no limit 1) f
		cross join lateral (select max(claimed_at) as told, max(claimed_at) filter (where channel = 'sms') as texted,
				(array_agg(coalesce(nullif(bundle, ''), nonce) order by claimed_at desc) filter (where channel = 'sms'))[1] as text
			from attempt where incident = p.incident and page = p.no and channel in ('sms', 'voice') and address = $2 and claimed_at <= $3) t
		order by i.severity, i.opened_at, i.id, p.no`, asText(people), number, at, ToldWithin)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Candidate, err error) {
		return c, row.Scan(&c.Incident, &c.Key, &c.Page, &c.Person, &c.Message, &c.Nonce, &c.Severity, &c.Summary, &c.Ask, &c.Open,
			(*zeronull.Timestamptz)(&c.Texted), (*zeronull.Timestamptz)(&c.Told))
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pages of a number: %w", err)
	}
	return found, nil
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
