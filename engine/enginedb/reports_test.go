package enginedb_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

func TestWhatTheAlertsOfAnIncidentSay(t *testing.T) {
	s, db := sent(t)
	mustExec(t, db, `update alert set received_at = '2026-11-20 17:00:00Z'::timestamptz + id * interval '1 second', raw = '{"alias": "disk"}',
		links = case when id = 2 then '[{"href": "https://wiki.example/backup"}]'::jsonb else '[]' end`)
	at := func(second int) time.Time { return sentAt.Add(time.Duration(second) * time.Second) }
	reports := func(id int64) []enginedb.Report {
		t.Helper()
		got, err := s.Reports(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i].FirstAt, got[i].LastAt = got[i].FirstAt.UTC(), got[i].LastAt.UTC()
		}
		return got
	}
	// Told, told again, and amended twice: a label was taken away, others are as they were told last.
	want := []enginedb.Report{{First: 2, Last: 5, Service: "db", DedupKey: "backup", Source: "opsgenie", Severity: 3, Word: "P5", Firing: true, Count: 2,
		FirstAt: at(2), LastAt: at(3), Labels: map[string]string{"tag:again": "true", "tag:b": "true", "free": "2GB"}, Details: "as it is now",
		Links: []engine.Link{{Href: "https://wiki.example/backup"}}}}
	if got := reports(2); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// It is over when its source says so, whoever resolved the incident.
	if got := reports(1); len(got) != 1 || !got[0].Firing {
		t.Errorf("a person resolved it: %+v", got)
	}
	mustExec(t, db, `insert into alert (incident, received_at, action, source, service, severity, summary) values (1, now(), 'resolve', 'opsgenie', 'db', 1, 'over')`)
	if got := reports(1); len(got) != 1 || got[0].Firing || got[0].Count != 1 {
		t.Errorf("its source says that it is over, naming the incident: %+v", got)
	}
	if got := reports(5); len(got) != 0 {
		t.Errorf("an incident without alerts: %+v", got)
	}

	raw, err := s.Original(t.Context(), "HOT-1", 1)
	if err != nil || string(raw) != `{"alias": "disk"}` {
		t.Errorf("got %q, %v", raw, err)
	}
	for _, of := range []engine.Key{"HOT-2", "HOT-99", ""} { // it is another incident's
		if _, err := s.Original(t.Context(), of, 1); !errors.Is(err, enginedb.ErrNotFound) {
			t.Errorf("of %q: %v", of, err)
		}
	}
	db.Close()
	if _, err := s.Reports(t.Context(), 1); err == nil {
		t.Error("read without a database")
	}
}

// Alerts that are long, and many, do not make the answer so.
func TestWhatAlertsSayIsBounded(t *testing.T) {
	db := dbtest.New(t)
	s := enginedb.New(db)
	mustExec(t, db, `insert into incident (key, service, severity, summary, status, alert_n, opened_at, alerted_at) values ('HOT-1', 'db', 1, 'many', 'new', 600, now(), now())`)
	mustExec(t, db, `insert into alert (incident, received_at, action, source, service, severity, summary, dedup_key, details, labels)
		select 1, now(), 'trigger', 'opsgenie', 'db', 1, 'disk', 'disk-' || n, repeat('ä', 60000), '{"host": "db"}' from generate_series(1, 600) n`)
	got, err := s.Reports(t.Context(), 1)
	if err != nil || len(got) != 500 {
		t.Fatalf("%d, %v", len(got), err)
	}
	size, cut := 0, 0
	for i, r := range got {
		size += len(r.Details)
		if r.Cut {
			cut++
		} else if cut > 0 || len([]rune(r.Details)) != 4001 || !strings.HasSuffix(r.Details, "…") || r.Labels["host"] != "db" {
			t.Errorf("%d, after %d that were cut: %d characters, %v", i, cut, len([]rune(r.Details)), r.Labels)
		}
		if r.Cut && (r.Details != "" || len(r.Labels) > 0) || r.DedupKey == "" {
			t.Errorf("%d is cut, and has %+v", i, r)
		}
	}
	if size > 1<<20 || size < 900_000 || cut == 0 {
		t.Errorf("%d bytes, %d cut", size, cut)
	}
}
