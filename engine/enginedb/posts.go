package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/rosters"
)

// PostRef names the post of an incident in a chat.
type PostRef struct {
	Incident int64
	Provider string
}

// DuePost is a post that is to be written, and held by whoever claimed it.
type DuePost struct {
	PostRef
	Channel string
	Ref     string // "" before it is there
	Line    int64  // the last line of the timeline at the moment of the claim
	Tries   int    // in vain, before this one
	Key     engine.Key
}

// recent is how far back incidents are looked for that have no post yet: those that opened while no node ran for
// longer than that are not posted any more.
const recent = time.Hour

// OpenPosts makes posts for the incidents of late that a chat is to show and does not yet. channels has the channel for
// each service, that for "" being for all others; none for a service that is not to be shown.
func (s Store) OpenPosts(ctx context.Context, provider string, channels map[engine.ServiceID]string, offset time.Duration) error {
	var services, names []string
	for service, channel := range channels {
		services, names = append(services, string(service)), append(names, channel)
	}
	_, err := s.db.Exec(ctx, `insert into post (incident, provider, channel)
		select i.id, $1, coalesce(own.channel, others.channel)
		from incident i left join unnest($2::text[], $3::text[]) own (service, channel) on own.service = i.service and own.service <> ''
			left join unnest($2::text[], $3::text[]) others (service, channel) on others.service = ''
		where i.status <> 'resolved' and not i.drill and i.opened_at > clock_timestamp() + $4::interval - $5::interval and coalesce(own.channel, others.channel) is not null
			and not exists (select from post p where p.incident = i.id and p.provider = $1)
		on conflict do nothing`, provider, services, names, offset, recent)
	if err == nil { // what was over before it was shown
		_, err = s.db.Exec(ctx, `update post p set done = true from incident i
			where p.provider = $1 and not p.done and p.ref = '' and i.id = p.incident and i.status = 'resolved' and p.lease_until <= clock_timestamp()`, provider)
	}
	if err != nil {
		return fmt.Errorf("making posts: %w", err)
	}
	return nil
}

// ClaimPosts takes posts of a chat that show less than has happened, the worst and oldest incidents first, for the time
// of a lease. One that is to be written for the first time is left out if its incident is over.
func (s Store) ClaimPosts(ctx context.Context, provider string, limit int, lease time.Duration) ([]DuePost, error) {
	rows, _ := s.db.Query(ctx, `with last as (select p.incident, p.provider, (select max(t.id) from timeline t where t.incident = p.incident) as line,
				i.key, i.severity, i.status
			from post p join incident i on i.id = p.incident
			where p.provider = $1 and not p.done and p.lease_until <= clock_timestamp() and (p.ref <> '' or i.status <> 'resolved')),
		due as (select p.incident, p.provider, l.line, l.key from post p join last l using (incident, provider)
			where not p.done and p.lease_until <= clock_timestamp() and l.line > p.line
			order by l.severity, p.incident limit $2 for update of p skip locked)
		update post p set lease_until = clock_timestamp() + $3::interval, tries = p.tries + 1 from due
		where p.incident = due.incident and p.provider = due.provider
		returning p.incident, p.provider, p.channel, p.ref, due.line, p.tries - 1, due.key`, provider, limit, lease)
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DuePost, err error) {
		return d, row.Scan(&d.Incident, &d.Provider, &d.Channel, &d.Ref, &d.Line, &d.Tries, &d.Key)
	})
	if err != nil {
		return nil, fmt.Errorf("claiming posts: %w", err)
	}
	return due, nil
}

// PostWritten notes what a post shows now. done: it is never written again.
func (s Store) PostWritten(ctx context.Context, p DuePost, done bool) error {
	_, err := s.db.Exec(ctx, `update post set ref = $3, line = $4, done = $5, tries = 0, lease_until = '-infinity', detail = ''
		where incident = $1 and provider = $2`, p.Incident, p.Provider, p.Ref, p.Line, done)
	if err != nil {
		return fmt.Errorf("noting a post: %w", err)
	}
	return nil
}

// PostFailed lets a post that could not be written rest, and keeps why. given up: it is not tried again.
func (s Store) PostFailed(ctx context.Context, p DuePost, rest time.Duration, givenUp bool, why string) error {
	_, err := s.db.Exec(ctx, `update post set lease_until = clock_timestamp() + $3::interval, done = $4, detail = $5
		where incident = $1 and provider = $2`, p.Incident, p.Provider, rest, givenUp, why)
	if err != nil {
		return fmt.Errorf("letting a post rest: %w", err)
	}
	return nil
}

// LinkChatUser says who somebody is in a chat; whoever it was before is so no longer.
func (s Store) LinkChatUser(ctx context.Context, provider, id string, person rosters.PersonID) error {
	_, err := s.db.Exec(ctx, `insert into chat_user (provider, id, person) values ($1, $2, $3)
		on conflict (provider, id) do update set person = excluded.person`, provider, id, person)
	return mapped(err, ErrNotFound)
}

// UnlinkChatUser takes that back. ErrNotFound if nobody was.
func (s Store) UnlinkChatUser(ctx context.Context, provider, id string) error {
	tag, err := s.db.Exec(ctx, `delete from chat_user where provider = $1 and id = $2`, provider, id)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return err
}

// ChatUser is who somebody is in a chat, or ErrNotFound.
func (s Store) ChatUser(ctx context.Context, provider, id string) (person rosters.PersonID, err error) {
	err = s.db.QueryRow(ctx, `select person from chat_user where provider = $1 and id = $2`, provider, id).Scan(&person)
	return person, notFound(err, "looking up who somebody is in a chat")
}
