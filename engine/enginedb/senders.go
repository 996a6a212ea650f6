package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// TakenAlert is what became of an alert that was taken in.
type TakenAlert struct {
	Action   engine.Action
	At       time.Time  // when it was stored
	Incident engine.Key // "" if it concerned none
	DedupKey string     // of the incident, else its own
}

// TakenAlert finds an alert by what is unique to it (engine.Alert.Once), or gives ErrNotFound: it is not stored
// yet, or it was removed since.
func (s Store) TakenAlert(ctx context.Context, once string) (a TakenAlert, err error) {
	err = s.db.QueryRow(ctx, `select a.action, a.received_at, coalesce(i.key, ''), coalesce(i.dedup_key, a.dedup_key)
		from alert a left join incident i on i.id = a.incident where a.once = $1`, once).
		Scan(&a.Action, &a.At, &a.Incident, &a.DedupKey)
	return a, notFound(err, "finding an alert")
}

// SenderFilter says which incidents a sender asks for. All of what is not zero has to hold.
type SenderFilter struct {
	Service      engine.ServiceID // as the senders name it; always, also if it is ""
	Key          engine.Key
	DedupKey     string // the incident's, or that of an alert that it grouped
	Open         *bool
	Acknowledged *bool
	Severity     engine.Severity
	Words        []string  // one of them is the sender's word for the severity, whatever the case
	OtherWords   []string  // none of them is
	Told         []string  // labels that were told with a value, and not emptied since
	Said         []string  // what the summary holds, whatever the case
	From, To     time.Time // of the opening; To is not included

	Sort      SenderSort // "" is ByOpening
	Ascending bool       // else the newest, or the greatest, comes first
	Offset    int
	Limit     int // not counted by CountSenderIncidents

	Labels  []string // how the names of the labels begin that are to be read; none: all labels are
	Details bool     // are to be read
}

// SenderSort is what a sender's incidents are sorted by.
type SenderSort string

// The orders. What is equal stands as it was opened.
const (
	ByOpening  SenderSort = "opening"
	ByChange   SenderSort = "change"
	ByAlert    SenderSort = "alert"
	ByKey      SenderSort = "key"
	ByDedupKey SenderSort = "dedup key"
	BySummary  SenderSort = "summary"
	ByStatus   SenderSort = "status"
	BySeverity SenderSort = "severity"
	ByAlertN   SenderSort = "alerts"
)

var senderSorts = map[SenderSort]string{"": "i.opened_at", ByOpening: "i.opened_at", ByChange: changedAt, ByAlert: "i.alerted_at", ByKey: "i.id",
	ByDedupKey: "i.dedup_key", BySummary: "i.summary", ByStatus: "i.status", BySeverity: "i.severity", ByAlertN: "i.alert_n"}

// SenderIncident is an incident as its senders may see it.
type SenderIncident struct {
	ID           int64
	Key          engine.Key
	DedupKey     string
	Severity     engine.Severity
	Word         string // the sender's last word for the severity, "" if it has none
	Summary      string
	Status       engine.Status
	Acknowledged bool             // the manager's escalation is held by somebody; once it is resolved: it ever was
	Snoozed      bool             // by the last acknowledgement
	Until        time.Time        // how long the acknowledgement counts; zero: for ever
	Holder       rosters.PersonID // of the manager's escalation, or ""
	Manager      rosters.PersonID // or ""
	ResolvedBy   string
	AlertN       int
	OpenedAt     time.Time
	AlertedAt    time.Time
	AckedAt      time.Time         // the first time; zero: never
	EndedAt      time.Time         // zero: not yet
	ChangedAt    time.Time         // the last of these
	Source       string            // the dialect of the alert that opened it
	Labels       map[string]string // as they were told at the opening and amended since; an empty one was taken back
	Details      string            // likewise
	Targets      []engine.Target   // whom its ladders name, each once
}

// Expressions over incident i and its first escalation e.
const (
	heldNow = `case when i.status = 'resolved' then i.acked_at is not null else coalesce(e.state in ('acknowledged', 'asking'), false) end`

	changedAt = `greatest(i.alerted_at, i.acked_at, i.ended_at)`

	// What a sender said at the opening, and what it amended since: its repeated alerts change nothing.
	opener   = `(select min(o.id) from alert o where o.incident = i.id and o.action = 'trigger')`
	said     = `(a.action = 'amend' or a.id = ` + opener + `)`
	lastWord = `coalesce((select a.word from alert a where a.incident = i.id and a.word <> '' and ` + said + ` order by a.id desc limit 1), '')`
)

// conditions are what has to hold of incident i and its first escalation e, with their arguments.
type conditions struct {
	all  []string
	args []any
}

// add adds a condition in which %[1]d stands for the number of its argument.
func (c *conditions) add(condition string, arg any) {
	c.args = append(c.args, arg)
	c.all = append(c.all, fmt.Sprintf(condition, len(c.args)))
}

// conditions writes down only what is asked for, so that Postgres can choose an index for it.
func (f SenderFilter) conditions() (c conditions) {
	c.add(`coalesce(i.origin, i.service) = $%[1]d`, f.Service)
	c.all = append(c.all, `not i.drill`)
	if f.DedupKey != "" { // $1 is the service
		c.add(`i.id in (select id from incident where coalesce(origin, service) = $1 and dedup_key = $%[1]d and dedup_key <> '' and status <> 'resolved'
			union all select id from incident where coalesce(origin, service) = $1 and dedup_key = $%[1]d and dedup_key <> '' and status = 'resolved'
			union all select incident from grouped where origin = $1 and dedup_key = $%[1]d)`, f.DedupKey)
	}
	if f.Key != "" {
		c.add(`i.key = $%[1]d`, f.Key)
	}
	if f.Open != nil {
		is := map[bool]string{true: "<>", false: "="}[*f.Open]
		c.all = append(c.all, `i.status `+is+` 'resolved'`)
	}
	if f.Acknowledged != nil {
		c.add(`(`+heldNow+`) = $%[1]d`, *f.Acknowledged)
	}
	if f.Severity != 0 {
		c.add(`i.severity = $%[1]d`, f.Severity)
	}
	if len(f.Words) > 0 {
		c.add(`lower(`+lastWord+`) = any($%[1]d)`, f.Words)
	}
	if len(f.OtherWords) > 0 {
		c.add(`lower(`+lastWord+`) <> all($%[1]d)`, f.OtherWords)
	}
	for _, name := range f.Told {
		c.add(`coalesce((select a.labels->>$%[1]d from alert a where a.incident = i.id and a.labels ? $%[1]d and `+said+` order by a.id desc limit 1), '') <> ''`, name)
	}
	for _, word := range f.Said {
		c.add(`strpos(lower(i.summary), lower($%[1]d)) > 0`, word)
	}
	if !f.From.IsZero() {
		c.add(`i.opened_at >= $%[1]d`, f.From)
	}
	if !f.To.IsZero() {
		c.add(`i.opened_at < $%[1]d`, f.To)
	}
	return c
}

// SenderIncidents lists a sender's incidents.
func (s Store) SenderIncidents(ctx context.Context, f SenderFilter) ([]SenderIncident, error) {
	order, ok := senderSorts[f.Sort]
	if !ok {
		return nil, fmt.Errorf("listing a sender's incidents: cannot sort by %q", f.Sort)
	}
	if order += " desc, i.id desc"; f.Ascending {
		order = senderSorts[f.Sort] + ", i.id"
	}
	c := f.conditions()
	n := len(c.args)
	c.args = append(c.args, f.Offset, f.Limit, append([]string{}, f.Labels...), f.Details, engine.ReasonResolved, engine.ReasonSnoozed,
		[]engine.Reason{engine.ReasonSnoozed, engine.ReasonAcknowledged, engine.ReasonStillOn})
	rows, _ := s.db.Query(ctx, fmt.Sprintf(`with wanted as materialized (
			select i.id from incident i left join escalation e on e.incident = i.id and e.no = 1
			where `+strings.Join(c.all, " and ")+` order by `+order+` offset $%[1]d limit $%[2]d)
		select i.id, i.key, i.dedup_key, i.severity, `+lastWord+`, i.summary, i.status, `+heldNow+`,
			coalesce((select t.reason = $%[6]d from timeline t where t.incident = i.id and t.reason = any($%[7]d) order by t.id desc limit 1), false),
			e.ack_until, coalesce(e.holder, ''), i.manager,
			coalesce((select t.by from timeline t where t.incident = i.id and t.reason = $%[5]d order by t.id desc limit 1), ''),
			i.alert_n, i.opened_at, i.alerted_at, i.acked_at, i.ended_at, `+changedAt+`,
			coalesce((select o.source from alert o where o.id = `+opener+`), ''),
			coalesce((select jsonb_object_agg(l.key, l.value order by a.id) from alert a, jsonb_each_text(a.labels) l
				where a.incident = i.id and `+said+`
					and (cardinality($%[3]d::text[]) = 0 or exists (select from unnest($%[3]d::text[]) n where starts_with(l.key, n)))), '{}'),
			case when $%[4]d then coalesce((select a.details from alert a where a.incident = i.id and a.details <> '' and `+said+`
				order by a.id desc limit 1), '') else '' end,
			coalesce((select jsonb_agg(distinct t) from escalation x, jsonb_path_query(x.ladder, '$.levels[*].targets[*]') t
				where x.incident = i.id), '[]')
		from wanted join incident i using (id) left join escalation e on e.incident = i.id and e.no = 1
		order by `+order, n+1, n+2, n+3, n+4, n+5, n+6, n+7), c.args...)
	list, err := pgx.CollectRows(rows, scanSenderIncident)
	if err != nil {
		return nil, fmt.Errorf("listing a sender's incidents: %w", err)
	}
	return list, nil
}

func scanSenderIncident(row pgx.CollectableRow) (m SenderIncident, err error) {
	var labels, targets []byte
	err = row.Scan(&m.ID, &m.Key, &m.DedupKey, &m.Severity, &m.Word, &m.Summary, &m.Status, &m.Acknowledged, &m.Snoozed,
		(*zeronull.Timestamptz)(&m.Until), &m.Holder, &m.Manager, &m.ResolvedBy, &m.AlertN, &m.OpenedAt, &m.AlertedAt,
		(*zeronull.Timestamptz)(&m.AckedAt), (*zeronull.Timestamptz)(&m.EndedAt), &m.ChangedAt, &m.Source, &labels, &m.Details, &targets)
	if err == nil {
		err = json.Unmarshal(labels, &m.Labels)
	}
	if err == nil {
		err = json.Unmarshal(targets, &m.Targets)
	}
	m.Snoozed = m.Snoozed && m.Acknowledged && m.Status != engine.Resolved
	return m, err
}

// CountSenderIncidents counts a sender's incidents.
func (s Store) CountSenderIncidents(ctx context.Context, f SenderFilter) (n int, err error) {
	c := f.conditions()
	err = s.db.QueryRow(ctx, `select count(*) from incident i left join escalation e on e.incident = i.id and e.no = 1
		where `+strings.Join(c.all, " and "), c.args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting a sender's incidents: %w", err)
	}
	return n, nil
}

// SenderLine is something that was said or done about an incident.
type SenderLine struct {
	ID   int64 // goes up with time
	At   time.Time
	By   string // or ""
	Text string
	Kind string // of a note the action it came with, else the reason
}

// SenderLines says which lines of an incident a sender asks for: what senders said, or all that was done.
type SenderLines struct {
	Incident int64
	Notes    bool  // else the timeline
	Behind   int64 // the ID of the line behind which to go on; 0 begins
	Ascend   bool  // else the newest comes first
	Limit    int
}

// SenderLines lists lines of an incident.
func (s Store) SenderLines(ctx context.Context, f SenderLines) ([]SenderLine, error) {
	from, order := `id, at, case when by <> '' then by else person end, text, reason from timeline where incident = $1`, `id desc`
	if f.Notes {
		from = `id, received_at, by, note, action from alert where incident = $1 and note <> ''`
	}
	behind := ` and ($2 = 0 or id < $2)`
	if f.Ascend {
		behind, order = ` and id > $2`, `id`
	}
	rows, _ := s.db.Query(ctx, `select `+from+behind+` order by `+order+` limit $3`, f.Incident, f.Behind, f.Limit)
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SenderLine])
	if err != nil {
		return nil, fmt.Errorf("listing what was said about an incident: %w", err)
	}
	return lines, nil
}

// SenderPage is a person who was paged about an incident.
type SenderPage struct {
	Person rosters.PersonID
	State  engine.PageState
	At     time.Time // when the page began
	LastAt time.Time // of its last message; At if there was none
}

// SenderPages lists the pages of an incident in the order in which they began, at most limit.
func (s Store) SenderPages(ctx context.Context, incident int64, limit int) ([]SenderPage, error) {
	rows, _ := s.db.Query(ctx, `select p.person, p.state, p.started_at, coalesce((select max(coalesce(a.sent_at, a.queued_at)) from attempt a
			where a.incident = p.incident and a.page = p.no), p.started_at)
		from page p where p.incident = $1 order by p.no limit $2`, incident, limit)
	pages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SenderPage])
	if err != nil {
		return nil, fmt.Errorf("listing the pages of an incident: %w", err)
	}
	return pages, nil
}
