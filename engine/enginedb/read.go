package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// Filter says which incidents to list, the newest first.
type Filter struct {
	Status  []engine.Status   // none: all
	Service *engine.ServiceID // nil: all
	Drills  bool              // drills, too
	Cursor  string            // "" begins; else what the last answer gave
	Limit   int               // 1 to 200; 0 is 50
}

// Summary is one incident in a list.
type Summary struct {
	ID       int64
	Key      engine.Key
	Service  engine.ServiceID
	Severity engine.Severity
	Summary  string
	Status   engine.Status
	Manager  rosters.PersonID
	OpenedAt time.Time
	AlertN   int
	Deadline time.Time // zero: nothing is pending
}

// listFrom is where a list of incidents, the newest first, goes on, and how long it is: 50, or up to 200.
func listFrom(cursor string, limit int) (before int64, n int, err error) {
	before, n = 1<<63-1, 50
	if limit > 0 {
		n = min(limit, 200)
	}
	if cursor != "" {
		if before, err = strconv.ParseInt(cursor, 36, 64); err != nil {
			return 0, 0, fmt.Errorf("cursor %q is not one that a list gave", cursor)
		}
	}
	return before, n, nil
}

// Incidents lists incidents and says where the list goes on; next is "" at its end.
func (s Store) Incidents(ctx context.Context, f Filter) (list []Summary, next string, err error) {
	before, limit, err := listFrom(f.Cursor, f.Limit)
	if err != nil {
		return nil, "", err
	}
	status := make([]string, 0, len(f.Status))
	for _, st := range f.Status {
		status = append(status, string(st))
	}
	which := "" // said in so many words, for the index of the few that are
	if len(f.Status) > 0 && !slices.Contains(f.Status, engine.Resolved) {
		which = " and status <> 'resolved'"
	}
	if !f.Drills {
		which += " and not drill"
	}
	var service *string
	if f.Service != nil {
		service = (*string)(f.Service)
	}
	rows, err := s.db.Query(ctx, `select id, key, service, severity, summary, status, manager, opened_at, alert_n, deadline from incident
		where id < $1 and (cardinality($2::text[]) = 0 or status = any($2)) and ($3::text is null or service = $3)`+which+`
		order by id desc limit $4`, before, status, service, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("listing incidents: %w", err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Summary, err error) {
		return m, row.Scan(&m.ID, &m.Key, &m.Service, &m.Severity, &m.Summary, &m.Status, &m.Manager, &m.OpenedAt, &m.AlertN,
			(*zeronull.Timestamptz)(&m.Deadline))
	})
	if err != nil {
		return nil, "", fmt.Errorf("listing incidents: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = strconv.FormatInt(list[limit-1].ID, 36)
	}
	return list, next, nil
}

// Line is one line of an incident's timeline.
type Line struct {
	At   time.Time
	Note engine.Note
}

// Timeline reads an incident's timeline, the oldest line first.
func (s Store) Timeline(ctx context.Context, incident int64) ([]Line, error) {
	rows, err := s.db.Query(ctx, `select at, reason, escalation, level, person, channel, attempt, by, text, basis
		from timeline where incident = $1 order by id`, incident)
	if err != nil {
		return nil, fmt.Errorf("reading a timeline: %w", err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Line, err error) {
		var basis []byte
		n := &l.Note
		if err := row.Scan(&l.At, &n.Reason, &n.Escalation, &n.Level, &n.Person, &n.Channel, &n.Attempt, &n.By, &n.Text, &basis); err != nil {
			return l, err
		}
		return l, json.Unmarshal(basis, &n.Basis)
	})
	if err != nil {
		return nil, fmt.Errorf("reading a timeline: %w", err)
	}
	return lines, nil
}

// CountByStatus counts incidents that are not resolved, by status; drills are none.
func (s Store) CountByStatus(ctx context.Context) (map[engine.Status]int, error) {
	rows, err := s.db.Query(ctx, `select status, count(*) from incident where status <> 'resolved' and not drill group by status`)
	if err != nil {
		return nil, fmt.Errorf("counting incidents: %w", err)
	}
	counts := map[engine.Status]int{engine.New: 0, engine.Fixing: 0}
	var st engine.Status
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&st, &n}, func() error { counts[st] = n; return nil }); err != nil {
		return nil, fmt.Errorf("counting incidents: %w", err)
	}
	return counts, nil
}
