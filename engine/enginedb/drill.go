package enginedb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// DrillResult is what a drill showed.
type DrillResult string

// The results.
const (
	DrillOn       DrillResult = ""         // nothing yet
	DrillPassed   DrillResult = "passed"   // the person answered
	DrillDeclined DrillResult = "declined" // with no: the page arrived, and that is what counts
	DrillFailed   DrillResult = "failed"   // nobody answered in time, or no contact worked
	DrillStopped  DrillResult = "stopped"  // it was ended before it could show anything
)

// Passed reports whether the person was reached.
func (r DrillResult) Passed() bool { return r == DrillPassed || r == DrillDeclined }

// Drill is a page labelled TEST over somebody's plan to wake.
type Drill struct {
	Incident      int64
	Key           engine.Key // of its incident
	Person        rosters.PersonID
	Roster        rosters.RosterID // at whose wish, or for whose shift; "": none
	Shift         time.Time        // the beginning of the shift that it was made before; zero: none
	At            time.Time
	Until         time.Time // then it has failed
	EndedAt       time.Time // zero: it is under way
	Result        DrillResult
	AnsweredAfter time.Duration // since At; of one that was answered
	Channel       string        // that was answered through: sms, voice, call-in, button, rest
	Why           string        // it failed, or was stopped
	StartedBy     string        // "": the roster's wish to have one before each shift
}

const drillColumns = `d.incident, i.key, d.person, d.roster, d.shift, d.at, d.until_at, d.ended_at, d.result, coalesce(d.answered_after, '0'), d.channel, d.why, d.started_by`

func scanDrill(row pgx.CollectableRow) (d Drill, err error) {
	return d, row.Scan(&d.Incident, &d.Key, &d.Person, &d.Roster, (*zeronull.Timestamptz)(&d.Shift), &d.At, &d.Until, (*zeronull.Timestamptz)(&d.EndedAt),
		&d.Result, &d.AnsweredAfter, &d.Channel, &d.Why, &d.StartedBy)
}

// DrillPrefix begins the keys of drills.
const DrillPrefix = "TEST"

// DrillNumber draws the number of a new drill's incident, and its key, that no other incident has.
func (s Store) DrillNumber(ctx context.Context) (n Number, err error) {
	err = s.db.QueryRow(ctx, `select nextval('incident_id_seq'), k from (select $1 || '-' || nextval('drill_number') from generate_series(1, 10000000)) n (k)
		where not exists (select from incident i where i.key = n.k) limit 1`, DrillPrefix).Scan(&n.ID, &n.Key)
	if err != nil {
		return n, fmt.Errorf("drawing the number of a drill: %w", err)
	}
	return n, nil
}

// AddDrill keeps a new drill; its incident may follow in the same transaction. It reports whether it did: one is
// under way for the person already, or there was one for the shift.
func (s Store) AddDrill(ctx context.Context, d Drill) (bool, error) {
	tag, err := s.db.Exec(ctx, `insert into drill (incident, person, roster, shift, at, until_at, started_by) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict do nothing`, d.Incident, d.Person, d.Roster, zeronull.Timestamptz(d.Shift), d.At, d.Until, d.StartedBy)
	if err != nil {
		return false, fmt.Errorf("keeping a drill of %s: %w", d.Person, err)
	}
	return tag.RowsAffected() == 1, nil
}

// EndDrill writes down what a drill showed.
func (s Store) EndDrill(ctx context.Context, d Drill) error {
	var after *time.Duration
	if d.Result.Passed() {
		after = &d.AnsweredAfter
	}
	_, err := s.db.Exec(ctx, `update drill set ended_at = $2, result = $3, answered_after = $4, channel = $5, why = $6 where incident = $1 and ended_at is null`,
		d.Incident, d.EndedAt, string(d.Result), after, d.Channel, d.Why)
	if err != nil {
		return fmt.Errorf("writing down what drill %s showed: %w", d.Key, err)
	}
	return nil
}

// PagedFor is the incident, no drill, that somebody is to answer a page of now, the worst; "" if there is none.
func (s Store) PagedFor(ctx context.Context, who rosters.PersonID) (key engine.Key, err error) {
	err = s.db.QueryRow(ctx, `select coalesce((select i.key from page p join incident i on i.id = p.incident
		where p.person = $1 and p.state = 'open' and i.status <> 'resolved' and not i.drill order by i.severity, i.id limit 1), '')`, who).Scan(&key)
	if err != nil {
		return "", fmt.Errorf("asking what %s is paged for: %w", who, err)
	}
	return key, nil
}

// Interrupted is a drill under way that is to end: its person is being paged for real, or its incident is over.
type Interrupted struct {
	Drill engine.Key
	Real  engine.Key // "": its incident is over, see EndLostDrills
}

// InterruptedDrills lists the drills under way whose person is to answer a page of an incident that is none, and
// those that are lost.
func (s Store) InterruptedDrills(ctx context.Context) ([]Interrupted, error) {
	rows, _ := s.db.Query(ctx, `select t.key, coalesce(r.key, '') from drill d join incident t on t.id = d.incident left join lateral (
			select i.key from page p join incident i on i.id = p.incident
			where t.status <> 'resolved' and p.person = d.person and p.state = 'open' and i.status <> 'resolved' and not i.drill order by i.severity, i.id limit 1) r on true
		where d.ended_at is null and (r.key is not null or t.status = 'resolved')`)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Interrupted])
	if err != nil {
		return nil, fmt.Errorf("looking for drills that are to end: %w", err)
	}
	return found, nil
}

// EndLostDrills ends the drills whose incident is over without their being written down: an older release, which
// knows none, may have ended it.
func (s Store) EndLostDrills(ctx context.Context) (int64, error) {
	tag, err := s.db.Exec(ctx, `update drill d set ended_at = i.ended_at, result = 'stopped', why = 'An older release of Rouse ended it.'
		from incident i where i.id = d.incident and d.ended_at is null and i.status = 'resolved'`)
	if err != nil {
		return 0, fmt.Errorf("ending lost drills: %w", err)
	}
	return tag.RowsAffected(), nil
}

// OpenDrill is the drill of somebody that is under way, or ErrNotFound.
func (s Store) OpenDrill(ctx context.Context, who rosters.PersonID) (Drill, error) {
	rows, _ := s.db.Query(ctx, `select `+drillColumns+` from drill d join incident i on i.id = d.incident where d.person = $1 and d.ended_at is null`, who)
	d, err := pgx.CollectExactlyOneRow(rows, scanDrill)
	return d, notFound(err, "finding a drill")
}

// Drill finds a drill by the key of its incident, or gives ErrNotFound.
func (s Store) Drill(ctx context.Context, key engine.Key) (Drill, error) {
	rows, _ := s.db.Query(ctx, `select `+drillColumns+` from drill d join incident i on i.id = d.incident where i.key = $1`, key)
	d, err := pgx.CollectExactlyOneRow(rows, scanDrill)
	return d, notFound(err, "finding a drill")
}

// DrillFilter says which drills to list, the newest first.
type DrillFilter struct {
	Person rosters.PersonID // "": of everybody
	Roster rosters.RosterID // "": of all
	Cursor string           // "" begins; else what the last answer gave
	Limit  int              // 1 to 200; 0 is 50
}

// Drills lists drills and says where the list goes on; next is "" at its end.
func (s Store) Drills(ctx context.Context, f DrillFilter) (list []Drill, next string, err error) {
	before, limit, err := listFrom(f.Cursor, f.Limit)
	if err != nil {
		return nil, "", err
	}
	rows, _ := s.db.Query(ctx, `select `+drillColumns+` from drill d join incident i on i.id = d.incident
		where d.incident < $1 and ($2 = '' or d.person = $2) and ($3 = '' or d.roster = $3) order by d.incident desc limit $4`,
		before, string(f.Person), string(f.Roster), limit+1)
	if list, err = pgx.CollectRows(rows, scanDrill); err != nil {
		return nil, "", fmt.Errorf("listing drills: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = strconv.FormatInt(list[limit-1].Incident, 36)
	}
	return list, next, nil
}

// LastDrills is the last drill of each person that showed something, nil people being everybody. Who had none is
// left out.
func (s Store) LastDrills(ctx context.Context, people []rosters.PersonID) (map[rosters.PersonID]Drill, error) {
	rows, _ := s.db.Query(ctx, `select distinct on (d.person) `+drillColumns+` from drill d join incident i on i.id = d.incident
		where d.result in ('passed', 'declined', 'failed') and ($1::text[] is null or d.person = any($1)) order by d.person, d.at desc`, people)
	list, err := pgx.CollectRows(rows, scanDrill)
	if err != nil {
		return nil, fmt.Errorf("reading the last drills: %w", err)
	}
	last := make(map[rosters.PersonID]Drill, len(list))
	for _, d := range list {
		last[d.Person] = d
	}
	return last, nil
}

// ShiftDrilled reports whether there was a drill of somebody before a shift.
func (s Store) ShiftDrilled(ctx context.Context, roster rosters.RosterID, shift time.Time, who rosters.PersonID) (there bool, err error) {
	err = s.db.QueryRow(ctx, `select exists (select from drill where roster = $1 and shift = $2 and person = $3)`, roster, shift, who).Scan(&there)
	if err != nil {
		return false, fmt.Errorf("looking for a drill before a shift: %w", err)
	}
	return there, nil
}

// RosterDrills says how long before each shift a roster wants a drill, for those that do.
func (s Store) RosterDrills(ctx context.Context) (map[rosters.RosterID]time.Duration, error) {
	rows, err := s.db.Query(ctx, `select roster, before from roster_drill`)
	if err != nil {
		return nil, fmt.Errorf("reading which rosters want drills: %w", err)
	}
	wanted := map[rosters.RosterID]time.Duration{}
	var roster rosters.RosterID
	var before time.Duration
	if _, err := pgx.ForEachRow(rows, []any{&roster, &before}, func() error { wanted[roster] = before; return nil }); err != nil {
		return nil, fmt.Errorf("reading which rosters want drills: %w", err)
	}
	return wanted, nil
}

// SetRosterDrill has a roster want a drill so long before each shift; 0: none. The roster has another version then.
// ErrNotFound: there is no such roster.
func (s Store) SetRosterDrill(ctx context.Context, roster rosters.RosterID, before time.Duration) error {
	var stands time.Duration
	err := s.db.QueryRow(ctx, `select coalesce((select before from roster_drill where roster = $1), '0') from roster where id = $1`, roster).Scan(&stands)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("roster %s: %w", roster, ErrNotFound)
	case err != nil:
		return fmt.Errorf("asking what drills roster %s wants: %w", roster, err)
	case stands == before:
		return nil
	}
	sql, args := `insert into roster_drill (roster, before) select id, $2 from changed on conflict (roster) do update set before = excluded.before`, []any{roster, before}
	if before == 0 {
		sql, args = `delete from roster_drill where roster = (select id from changed)`, args[:1]
	}
	if _, err := s.db.Exec(ctx, `with changed as (update roster set version = version + 1, updated_at = now() where id = $1 returning id) `+sql, args...); err != nil {
		return fmt.Errorf("having roster %s want drills: %w", roster, err)
	}
	return nil
}
