package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/rosters"
)

// Look is what a page of an incident is about, for the person who was paged.
type Look struct {
	Key      engine.Key
	Severity engine.Severity
	Summary  string
	Service  engine.ServiceID
	Status   engine.Status
	OpenedAt time.Time
	Manager  rosters.PersonID // "" while there is none

	Role   string
	Why    string
	Ask    bool
	State  engine.PageState
	Holder rosters.PersonID // of the page's escalation, "" while nobody has it
}

// Look reads what a page is about, or gives ErrNotFound.
func (s Store) Look(ctx context.Context, incident int64, page int) (l Look, err error) {
	err = s.db.QueryRow(ctx, `select i.key, i.severity, i.summary, i.service, i.status, i.opened_at, i.manager, e.role, e.why, p.ask, p.state, e.holder
		from page p join incident i on i.id = p.incident join escalation e on e.incident = p.incident and e.no = p.escalation
		where p.incident = $1 and p.no = $2`, incident, page).
		Scan(&l.Key, &l.Severity, &l.Summary, &l.Service, &l.Status, &l.OpenedAt, &l.Manager, &l.Role, &l.Why, &l.Ask, &l.State, &l.Holder)
	return l, notFound(err, "reading a page")
}

// Paged is somebody who was paged into an incident, and how their last page stands.
type Paged struct {
	Person rosters.PersonID
	Name   string
	Role   string
	State  engine.PageState
	Round  int
}

// Paged lists everybody who was paged into an incident, each role by itself, those paged last first.
func (s Store) Paged(ctx context.Context, incident int64, limit int) ([]Paged, error) {
	rows, err := s.db.Query(ctx, `select person, name, role, state, round from (
			select distinct on (p.person, e.no) p.person, coalesce(who.name, p.person) as name, e.role, p.state, p.round, p.started_at, p.no
			from page p join escalation e on e.incident = p.incident and e.no = p.escalation left join person who on who.id = p.person
			where p.incident = $1 order by p.person, e.no, p.no desc) last
		order by started_at desc, no desc limit $2`, incident, limit)
	if err != nil {
		return nil, fmt.Errorf("listing who was paged: %w", err)
	}
	paged, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Paged, err error) {
		return p, row.Scan(&p.Person, &p.Name, &p.Role, &p.State, &p.Round)
	})
	if err != nil {
		return nil, fmt.Errorf("listing who was paged: %w", err)
	}
	return paged, nil
}

// AttemptedContact is whom an attempt was made to reach, and where, or ErrNotFound.
func (s Store) AttemptedContact(ctx context.Context, incident int64, attempt int) (who rosters.PersonID, c rosters.Contact, err error) {
	err = s.db.QueryRow(ctx, `select p.person, a.channel, a.address from attempt a join page p on p.incident = a.incident and p.no = a.page
		where a.incident = $1 and a.no = $2`, incident, attempt).Scan(&who, &c.Channel, &c.Address)
	return who, c, notFound(err, "finding whom an attempt was to reach")
}

// Nonce is that of an attempt, or ErrNotFound.
func (s Store) Nonce(ctx context.Context, incident int64, attempt int) (nonce string, err error) {
	err = s.db.QueryRow(ctx, `select nonce from attempt where incident = $1 and no = $2`, incident, attempt).Scan(&nonce)
	return nonce, notFound(err, "finding an attempt")
}
