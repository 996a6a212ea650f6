package enginedb

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/rosters"
)

// Open is an incident that is not resolved, and whom it concerns.
type Open struct {
	Key      engine.Key
	Severity engine.Severity
	Summary  string
	Manager  rosters.PersonID   // or ""
	Holders  []rosters.PersonID // of its escalations, each once
	Rosters  []rosters.RosterID // that its ladders name, each once
}

// OpenIncidents lists what is not resolved, the worst first, then the oldest, at most limit.
func (s Store) OpenIncidents(ctx context.Context, limit int) ([]Open, error) {
	rows, _ := s.db.Query(ctx, `with open as materialized (select id, key, severity, summary, manager from incident where status <> 'resolved' and not drill
			order by severity, id limit $1)
		select i.key, i.severity, i.summary, i.manager,
			array(select distinct e.holder from escalation e where e.incident = i.id and e.holder <> ''),
			array(select distinct t->>0 from escalation e, jsonb_path_query(e.ladder, '$.levels[*].targets[*].roster') t where e.incident = i.id)
		from open i order by i.severity, i.id`, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Open])
	if err != nil {
		return nil, fmt.Errorf("listing what is open: %w", err)
	}
	return list, nil
}
