package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// Routing is what decides where alerts go, as stored: expressions are texts here.
type Routing struct {
	Version int64
	Rules   []engine.Rule // those for all alerts, then each team's, in order
	Words   engine.Words
	Windows []Maintenance // those that may still come
}

// Maintenance is a maintenance as stored.
type Maintenance struct {
	engine.Maintenance
	Stamp
}

// Routing reads all of it, as it was at one moment.
func (s Store) Routing(ctx context.Context) (r Routing, err error) {
	var b pgx.Batch
	// The version first: what is changed meanwhile is newer than it, and read again.
	b.Queue(`select version from routing`).QueryRow(func(row pgx.Row) error { return row.Scan(&r.Version) })
	b.Queue(`select ` + ruleColumns + ` from rule order by team nulls first, position`).Query(func(rows pgx.Rows) (err error) {
		r.Rules, err = pgx.CollectRows(rows, scanRule)
		return err
	})
	b.Queue(`select source, word, meaning from word`).Query(r.takeWords)
	b.Queue(`select ` + maintenanceColumns + ` from maintenance where to_at is null or to_at > now() - interval '1 day' order by id`).Query(func(rows pgx.Rows) (err error) {
		r.Windows, err = pgx.CollectRows(rows, scanMaintenance)
		return err
	})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return r, fmt.Errorf("reading rules, words and maintenances: %w", err)
	}
	return r, nil
}

// RoutingVersion is the version of what Routing would read.
func (s Store) RoutingVersion(ctx context.Context) (version int64, err error) {
	if err = s.db.QueryRow(ctx, `select version from routing`).Scan(&version); err != nil {
		return 0, fmt.Errorf("asking for the version of the routing: %w", err)
	}
	return version, nil
}

func (r *Routing) takeWords(rows pgx.Rows) error {
	r.Words = engine.Words{}
	var source, word string
	var meaning engine.Meaning
	_, err := pgx.ForEachRow(rows, []any{&source, &word, &meaning}, func() error {
		if r.Words[source] == nil {
			r.Words[source] = map[string]engine.Meaning{}
		}
		r.Words[source][word] = meaning
		return nil
	})
	return err
}

const ruleColumns = `id, coalesce(team, ''), name, condition, off, service, severity, policy, page`

func scanRule(row pgx.CollectableRow) (r engine.Rule, err error) {
	return r, row.Scan(&r.ID, &r.Team, &r.Name, &r.When, &r.Off, &r.Service, &r.Severity, &r.Policy, &r.Page)
}

// Rules reads the rules for all alerts, or those of a team, in order, with the version of all lists.
func (s Store) Rules(ctx context.Context, team rosters.TeamID) (rules []engine.Rule, version int, err error) {
	var b pgx.Batch
	b.Queue(`select rules from routing`).QueryRow(func(row pgx.Row) error { return row.Scan(&version) })
	b.Queue(`select `+ruleColumns+` from rule where coalesce(team, '') = $1 order by position`, team).Query(func(rows pgx.Rows) (err error) {
		rules, err = pgx.CollectRows(rows, scanRule)
		return err
	})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, 0, fmt.Errorf("reading rules: %w", err)
	}
	return rules, version, nil
}

// ReplaceRules replaces the rules for all alerts, or those of a team; ErrVersion if the lists have another
// version by now (AnyVersion: whatever they have), ErrExists if another list has a rule of the same name.
func (s Store) ReplaceRules(ctx context.Context, team rosters.TeamID, rules []engine.Rule, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "rules", version); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from rule where coalesce(team, '') = $1`, team); err != nil {
			return err
		}
		for i, r := range rules {
			if r.Page == nil {
				r.Page = []rosters.RosterID{}
			}
			_, err := tx.Exec(ctx, `insert into rule (id, team, position, name, condition, off, service, severity, policy, page)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
				r.ID, zeronull.Text(team), i, r.Name, r.When, r.Off, r.Service, r.Severity, r.Policy, r.Page)
			if err != nil {
				return fmt.Errorf("rule %s: %w", r.ID, mapped(err, ErrNotFound))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replacing rules: %w", err)
	}
	return nil
}

// touchRouting counts up what nodes look at, and one of the lists.
func touchRouting(ctx context.Context, tx pgx.Tx, list string, version int) error {
	var have int
	if err := tx.QueryRow(ctx, `select case $1 when 'rules' then rules when 'words' then words else 0 end from routing for update`, list).Scan(&have); err != nil {
		return err
	}
	if version != AnyVersion && have != version {
		return ErrVersion
	}
	_, err := tx.Exec(ctx, `update routing set version = version + 1, rules = rules + ($1 = 'rules')::int, words = words + ($1 = 'words')::int`, list)
	return err
}

// Words reads what the operator has senders' words mean, with its version.
func (s Store) Words(ctx context.Context) (engine.Words, int, error) {
	var r Routing
	var version int
	var b pgx.Batch
	b.Queue(`select words from routing`).QueryRow(func(row pgx.Row) error { return row.Scan(&version) })
	b.Queue(`select source, word, meaning from word`).Query(r.takeWords)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, 0, fmt.Errorf("reading words for severities: %w", err)
	}
	return r.Words, version, nil
}

// ReplaceWords replaces all of them; ErrVersion if they have another version by now.
func (s Store) ReplaceWords(ctx context.Context, words engine.Words, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "words", version); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from word`); err != nil {
			return err
		}
		for source, of := range words {
			for word, meaning := range of {
				if _, err := tx.Exec(ctx, `insert into word (source, word, meaning) values ($1, $2, $3)`, source, word, meaning); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replacing words for severities: %w", err)
	}
	return nil
}

const maintenanceColumns = `id, service, reason, by, condition, from_at, to_at, again, version, created_at, updated_at`

func scanMaintenance(row pgx.CollectableRow) (m Maintenance, err error) {
	var again []byte
	err = row.Scan(&m.ID, &m.Service, &m.Reason, &m.By, &m.When, (*zeronull.Timestamptz)(&m.From), (*zeronull.Timestamptz)(&m.To), &again,
		&m.Version, &m.CreatedAt, &m.UpdatedAt)
	if err != nil || again == nil {
		return m, err
	}
	return m, json.Unmarshal(again, &m.Again)
}

// Maintenances reads those of a service that end after an instant, or recur, after the given one, at most
// limit.
func (s Store) Maintenances(ctx context.Context, service engine.ServiceID, ending time.Time, after int64, limit int) ([]Maintenance, error) {
	rows, _ := s.db.Query(ctx, `select `+maintenanceColumns+` from maintenance where service = $1 and id > $2 and (to_at is null or to_at > $3) order by id limit $4`,
		service, after, ending, limit)
	found, err := pgx.CollectRows(rows, scanMaintenance)
	if err != nil {
		return nil, fmt.Errorf("listing the maintenances of %s: %w", service, err)
	}
	return found, nil
}

// Maintenance reads one of a service.
func (s Store) Maintenance(ctx context.Context, service engine.ServiceID, id int64) (Maintenance, error) {
	rows, _ := s.db.Query(ctx, `select `+maintenanceColumns+` from maintenance where service = $1 and id = $2`, service, id)
	m, err := pgx.CollectExactlyOneRow(rows, scanMaintenance)
	if err != nil {
		return m, fmt.Errorf("reading maintenance %d of %s: %w", id, service, mapped(err, err))
	}
	return m, nil
}

// CreateMaintenance stores a new one; ErrNotFound if there is no such service.
func (s Store) CreateMaintenance(ctx context.Context, m engine.Maintenance) (stored Maintenance, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "", AnyVersion); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `insert into maintenance (service, reason, by, condition, from_at, to_at, again) values ($1, $2, $3, $4, $5, $6, $7)
			returning `+maintenanceColumns, m.Service, m.Reason, m.By, m.When, zeronull.Timestamptz(m.From), zeronull.Timestamptz(m.To), againOf(m))
		stored, err = pgx.CollectExactlyOneRow(rows, scanMaintenance)
		return mapped(err, ErrNotFound)
	})
	if err != nil {
		return stored, fmt.Errorf("creating a maintenance of %s: %w", m.Service, err)
	}
	return stored, nil
}

func againOf(m engine.Maintenance) []byte {
	if m.Again == nil {
		return nil
	}
	return asJSON(m.Again)
}

// UpdateMaintenance replaces one; ErrVersion if the stored version is another.
func (s Store) UpdateMaintenance(ctx context.Context, m engine.Maintenance, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "", AnyVersion); err != nil {
			return err
		}
		if err := askAnew(ctx, tx, m.Service); err != nil {
			return err
		}
		return oneOf(ctx, tx, version, m.Service, m.ID, `update maintenance set reason = $3, by = $4, condition = $5, from_at = $6, to_at = $7, again = $8,
			version = version + 1, updated_at = now() where service = $1 and id = $2`,
			m.Reason, m.By, m.When, zeronull.Timestamptz(m.From), zeronull.Timestamptz(m.To), againOf(m))
	})
	if err != nil {
		return fmt.Errorf("updating maintenance %d of %s: %w", m.ID, m.Service, err)
	}
	return nil
}

// DeleteMaintenance takes one away: what it holds back pages from then on.
func (s Store) DeleteMaintenance(ctx context.Context, service engine.ServiceID, id int64, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "", AnyVersion); err != nil {
			return err
		}
		if err := askAnew(ctx, tx, service); err != nil {
			return err
		}
		return oneOf(ctx, tx, version, service, id, `delete from maintenance where service = $1 and id = $2`)
	})
	if err != nil {
		return fmt.Errorf("deleting maintenance %d of %s: %w", id, service, err)
	}
	return nil
}

// oneOf changes one maintenance of the version given.
func oneOf(ctx context.Context, tx pgx.Tx, version int, service engine.ServiceID, id int64, sql string, args ...any) error {
	var have int
	err := tx.QueryRow(ctx, `select version from maintenance where service = $1 and id = $2 for update`, service, id).Scan(&have)
	if err != nil {
		return mapped(err, err)
	}
	if version != AnyVersion && have != version {
		return ErrVersion
	}
	_, err = tx.Exec(ctx, sql, append([]any{service, id}, args...)...)
	return err
}

// askAnew has the incidents of a service looked at whose paging waits: a maintenance is not what it was. One that
// waits for something else may be about to wait for that, in a transaction that has not seen the change.
func askAnew(ctx context.Context, tx pgx.Tx, service engine.ServiceID) error {
	_, err := tx.Exec(ctx, `update incident set deadline = least(deadline, clock_timestamp()) where id in (
		select i.id from incident i join escalation e on e.incident = i.id
		where i.service = $1 and i.status <> 'resolved' and e.state = 'waiting' order by i.id for update of i)`, service)
	return err
}

// FirstAlert is the alert that opened an incident, as far as rules look at one.
func (s Store) FirstAlert(ctx context.Context, incident int64) (a engine.Alert, err error) {
	var labels []byte
	err = s.db.QueryRow(ctx, `select a.action, a.service, a.severity, a.word, a.summary, a.details, a.source, a.dedup_key, a.labels
		from alert a where a.incident = $1 order by a.id limit 1`, incident).
		Scan(&a.Action, &a.Service, &a.Severity, &a.Word, &a.Summary, &a.Details, &a.Source, &a.DedupKey, &labels)
	if err != nil {
		return a, fmt.Errorf("reading the first alert of incident %d: %w", incident, mapped(err, err))
	}
	return a, json.Unmarshal(labels, &a.Labels)
}

// LastAlerts reads the alerts that came last, the latest first, as far as rules look at them: with the
// service as the sender named it.
func (s Store) LastAlerts(ctx context.Context, limit int) ([]Arrived, error) {
	rows, _ := s.db.Query(ctx, `select a.received_at, a.action, a.service, a.severity, a.word, a.summary, a.details, a.source, a.dedup_key, a.labels, coalesce(i.key, '')
		from alert a left join incident i on i.id = a.incident where a.action = 'trigger' order by a.id desc limit $1`, limit)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Arrived, err error) {
		var labels []byte
		err = row.Scan(&a.At, &a.Action, &a.Service, &a.Severity, &a.Word, &a.Summary, &a.Details, &a.Source, &a.DedupKey, &labels, &a.Incident)
		if err != nil {
			return a, err
		}
		return a, json.Unmarshal(labels, &a.Labels)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the last alerts: %w", err)
	}
	return found, nil
}

// Arrived is an alert that came, and the incident that it opened or joined.
type Arrived struct {
	engine.Alert
	At       time.Time
	Incident engine.Key // "": none
}

// SetWord says what a word of a source means, both folded; a source of "" is every source.
func (s Store) SetWord(ctx context.Context, source, word string, m engine.Meaning) error {
	return s.changeWord(ctx, `insert into word (source, word, meaning) values ($1, $2, $3) on conflict (source, word) do update set meaning = excluded.meaning`, source, word, m)
}

// DropWord forgets what a word of a source means.
func (s Store) DropWord(ctx context.Context, source, word string) error {
	return s.changeWord(ctx, `delete from word where source = $1 and word = $2`, source, word)
}

func (s Store) changeWord(ctx context.Context, sql string, args ...any) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "words", AnyVersion); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("changing a word for severities: %w", err)
	}
	return nil
}
