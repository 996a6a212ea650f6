package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
)

// Report is what an incident's alerts with one dedup key say: the last word of each thing, as some are amended
// later and others are left out when an alert is repeated.
type Report struct {
	First, Last int64            // the alerts that it was told first and last by, for Original
	Service     engine.ServiceID // as the sender named it
	DedupKey    string
	Source      string // the dialect
	Summary     string
	Severity    engine.Severity
	Word        string // the sender's for the severity, or ""
	Firing      bool   // it is not over, as far as the source says
	Count       int    // how often it was told, amendments not counted
	FirstAt     time.Time
	LastAt      time.Time
	Cut         bool              // what follows is left out, as the list is long
	Labels      map[string]string // amended ones, too
	Details     string            // the beginning
	Links       []engine.Link
}

// How much of the reports of an incident is read at once.
const (
	maxReports       = 500
	maxReportDetails = 4000    // characters of each
	maxReportBytes   = 1 << 20 // of labels, details and links of all of them
)

// Reports lists what the alerts of an incident say, by dedup key: what is not over first, and of that the last
// first.
func (s Store) Reports(ctx context.Context, incident int64) ([]Report, error) {
	rows, _ := s.db.Query(ctx, `with told as (
			select a.id, a.action, a.received_at, a.service, coalesce(nullif(a.dedup_key, ''), i.dedup_key) dedup_key,
				a.labels <> '{}' labelled, a.details <> '' detailed, a.links <> '[]' linked
			from alert a join incident i on i.id = a.incident
			where a.incident = $1 and a.action in ('trigger', 'amend', 'resolve')
		), report as (
			select service, dedup_key, min(id) filter (where triggers) first_id, max(id) filter (where triggers) last_id, max(id) filter (where speaks) spoken,
				max(id) filter (where action = 'resolve') ended, count(*) filter (where triggers) n,
				min(received_at) filter (where triggers) first_at, max(received_at) filter (where triggers) last_at,
				max(id) filter (where speaks and detailed) detailed, max(id) filter (where speaks and linked) linked,
				array_agg(id) filter (where action = 'amend' and labelled) amended
			from told, lateral (select action = 'trigger' triggers, action <> 'resolve' speaks) a
			group by service, dedup_key
		), listed as materialized (
			select r.*, coalesce(g.firing, last_id > coalesce(ended, 0)) firing, coalesce(g.severity, t.severity) severity, t.word, t.source
			from report r join alert t on t.id = r.last_id left join grouped g on g.incident = $1 and g.origin = r.service and g.dedup_key = r.dedup_key
			order by firing desc, last_at desc, last_id desc limit $2
		), said as (
			select l.*, s.summary, left(coalesce(d.details, ''), $3) || case when length(d.details) > $3 then '…' else '' end details,
				coalesce(k.links, '[]') links,
				(select coalesce(jsonb_object_agg(m.key, m.value order by a.id), '{}') from alert a, jsonb_each(a.labels) m where a.id = l.last_id or a.id = any(l.amended)) labels
			from listed l join alert s on s.id = l.spoken left join alert d on d.id = l.detailed left join alert k on k.id = l.linked
		), sized as (
			select *, sum(octet_length(details) + octet_length(links::text) + octet_length(labels::text))
				over (order by firing desc, last_at desc, last_id desc) > $4 cut from said
		)
		select first_id, spoken, service, dedup_key, source, summary, severity, word, firing, n, first_at, last_at, cut,
			case when cut then '{}' else labels end, case when cut then '' else details end, case when cut then '[]' else links end
		from sized order by firing desc, last_at desc, last_id desc`, incident, maxReports, maxReportDetails, maxReportBytes)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Report, err error) {
		var labels, links []byte
		err = row.Scan(&r.First, &r.Last, &r.Service, &r.DedupKey, &r.Source, &r.Summary, &r.Severity, &r.Word, &r.Firing, &r.Count, &r.FirstAt, &r.LastAt,
			&r.Cut, &labels, &r.Details, &links)
		if err == nil {
			err = json.Unmarshal(labels, &r.Labels)
		}
		if err == nil {
			err = json.Unmarshal(links, &r.Links)
		}
		maps.DeleteFunc(r.Labels, func(_, value string) bool { return value == "" }) // it was taken back
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing what the alerts of incident %d say: %w", incident, err)
	}
	return found, nil
}

// Original reads the request of an alert of an incident, as it came but for the sender's key; ErrNotFound if the
// incident has no such alert, and "" if the original is not kept any more.
func (s Store) Original(ctx context.Context, incident engine.Key, alert int64) (raw []byte, err error) {
	err = s.db.QueryRow(ctx, `select a.raw from alert a join incident i on i.id = a.incident where i.key = $1 and a.id = $2`, incident, alert).Scan(&raw)
	return raw, notFound(err, "reading the original of an alert")
}
