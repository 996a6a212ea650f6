package enginedb_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// sentAt is when the first incident of sent opens; the others follow by the minute.
var sentAt = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)

// sent has, all of the service db but for the last two:
//
//	HOT-1  severity 1, resolved, was acknowledged by ann; alias disk
//	HOT-2  severity 3 by the word P4, open, held by bob; its tag a was taken away, b was added
//	HOT-3  severity 3 without a word, opened by Alertmanager, nobody has it; groups the alias of-the-group
//	HOT-4  severity 2, the alias disk again, open; a rule brought it from db to storage
//	HOT-5  of the service web
//	HOT-6  of no service
func sent(t *testing.T) (enginedb.Store, *pgxpool.Pool) {
	t.Helper()
	db := dbtest.New(t)
	mustExec(t, db, `insert into incident (key, service, origin, severity, summary, status, dedup_key, manager, alert_n, opened_at, alerted_at, acked_at, ended_at)
		select key, service, origin, severity, summary, status, dedup, manager, n, at, at + n * interval '1 second', at + acked, at + ended
		from (values
			('HOT-1', 'db', null, 1, 'Disk full on db1', 'resolved', 'disk', 'ann', 3, 0, interval '2 minutes', interval '9 minutes'),
			('HOT-2', 'db', null, 3, 'Backup is late', 'fixing', 'backup', 'bob', 2, 1, '30 seconds', null),
			('HOT-3', 'db', null, 3, 'Many disks', 'new', '', '', 7, 2, null, null),
			('HOT-4', 'storage', 'db', 2, 'DISK FULL on db2', 'new', 'disk', '', 1, 3, null, null),
			('HOT-5', 'web', null, 1, 'Disk full', 'new', 'disk', '', 1, 4, null, null),
			('HOT-6', '', null, 1, 'Disk full', 'new', 'disk', '', 1, 5, null, null)
		) i (key, service, origin, severity, summary, status, dedup, manager, n, no, acked, ended),
		lateral (select timestamptz '2026-11-20 17:00:00Z' + no * interval '1 minute') t (at)`)
	mustExec(t, db, `insert into escalation (incident, no, role, ladder, state, level, round, round_at, holder, ack_until) values
		(1, 1, 'incident manager', '{"levels": [{"targets": [{"roster": "dba"}]}]}', 'stopped', 0, 1, now(), '', null),
		(2, 1, 'incident manager', '{"levels": [{"targets": [{"roster": "dba"}, {"person": "bob"}]}, {"targets": [{"roster": "dba"}]}]}', 'acknowledged', 0, 1, now(), 'bob', '2026-11-20 19:00:00Z'),
		(2, 2, 'network', '{"levels": [{"targets": [{"roster": "net"}]}]}', 'climbing', 0, 1, now(), '', null),
		(3, 1, 'incident manager', '{"levels": [{"targets": [{"roster": "dba"}]}]}', 'climbing', 0, 1, now(), '', null)`)
	mustExec(t, db, `insert into alert (incident, received_at, action, source, service, severity, summary, dedup_key, details, word, labels, note, by, once) values
		(1, now(), 'trigger', 'opsgenie', 'db', 1, '', 'disk', '', 'P1', '{"tag:a": "true"}', '', '', 'one'),
		(2, now(), 'trigger', 'opsgenie', 'db', 3, '', 'backup', 'as it began', 'P4', '{"tag:a": "true", "entity": "db1", "free": "3GB"}', 'first', 'mon', null),
		(2, now(), 'trigger', 'opsgenie', 'db', 3, '', 'backup', 'told again', 'P5', '{"tag:again": "true", "free": "1GB"}', '', '', null),
		(2, now(), 'amend', 'opsgenie', 'db', 2, '', 'backup', 'as it is now', '', '{"tag:a": "", "tag:b": "true", "free": "2GB"}', 'second', 'bob', 'amended'),
		(2, now(), 'amend', 'opsgenie', 'db', 2, '', 'backup', '', '', '{}', '', '', null),
		(3, now(), 'trigger', 'alertmanager', 'db', 3, '', '', '', '', '{"severity": "info"}', '', '', null),
		(4, now(), 'trigger', 'opsgenie', 'db', 2, '', 'disk', '', 'P2', '{}', '', '', null),
		(null, now(), 'resolve', 'opsgenie', 'db', 2, '', 'nothing', '', '', '{}', '', '', 'stray')`)
	mustExec(t, db, `insert into grouped (incident, origin, dedup_key, summary, severity, firing, first_at, last_at) values (3, 'db', 'of-the-group', 'x', 3, true, now(), now())`)
	mustExec(t, db, `insert into timeline (incident, at, reason, person, by, text) values
		(1, now(), 'snoozed', 'ann', '', 'Until six.'), (1, now(), 'resolved', '', 'opsgenie', 'Resolved.'), (3, now(), 'snoozed', 'eve', '', 'And released.'), (2, now(), 'opened', '', '', 'Opened.'),
		(2, now(), 'acknowledged', 'bob', '', 'Bob has it.'), (2, now(), 'snoozed', 'bob', '', 'Until seven.'), (2, now(), 'the source says', '', 'mon', 'It says.')`)
	return enginedb.New(db), db
}

func TestWhatBecameOfAnAlertThatWasTakenIn(t *testing.T) {
	s, db := sent(t)
	for once, want := range map[string]enginedb.TakenAlert{
		"one":     {Action: engine.Trigger, Incident: "HOT-1", DedupKey: "disk"},
		"amended": {Action: engine.Amend, Incident: "HOT-2", DedupKey: "backup"},
		"stray":   {Action: engine.Resolve, DedupKey: "nothing"},
	} {
		got, err := s.TakenAlert(t.Context(), once)
		if since := time.Since(got.At); err != nil || since < 0 || since > time.Minute {
			t.Errorf("%s: %v ago, %v", once, since, err)
		}
		if got.At = (time.Time{}); got != want {
			t.Errorf("%s: got %+v, want %+v", once, got, want)
		}
	}
	for _, once := range []string{"", "two"} {
		if _, err := s.TakenAlert(t.Context(), once); !errors.Is(err, enginedb.ErrNotFound) {
			t.Errorf("%q: %v", once, err)
		}
	}
	db.Close()
	if _, err := s.TakenAlert(t.Context(), "one"); err == nil || errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("without a database: %v", err)
	}
}

func TestAnIncidentAsItsSendersSeeIt(t *testing.T) {
	s, _ := sent(t)
	found, err := s.SenderIncidents(t.Context(), enginedb.SenderFilter{Service: "db", Key: "HOT-2", Limit: 5, Details: true})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d incidents, %v", len(found), err)
	}
	got := found[0]
	for _, at := range []*time.Time{&got.OpenedAt, &got.AlertedAt, &got.AckedAt, &got.ChangedAt, &got.Until} {
		*at = at.UTC()
	}
	opened := sentAt.Add(time.Minute)
	want := enginedb.SenderIncident{ID: 2, Key: "HOT-2", DedupKey: "backup", Severity: 3, Word: "P4", Summary: "Backup is late", Status: engine.Fixing,
		Acknowledged: true, Snoozed: true, Until: time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC), Holder: "bob", Manager: "bob", AlertN: 2,
		OpenedAt: opened, AlertedAt: opened.Add(2 * time.Second), AckedAt: opened.Add(30 * time.Second), ChangedAt: opened.Add(30 * time.Second),
		Source: "opsgenie", Labels: map[string]string{"tag:a": "", "tag:b": "true", "entity": "db1", "free": "2GB"}, Details: "as it is now",
		Targets: got.Targets}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	slices.SortFunc(got.Targets, func(a, b engine.Target) int { return strings.Compare(a.String(), b.String()) })
	if !reflect.DeepEqual(got.Targets, []engine.Target{{Person: "bob"}, {Roster: "dba"}, {Roster: "net"}}) {
		t.Errorf("its ladders name %v", got.Targets)
	}

	found, err = s.SenderIncidents(t.Context(), enginedb.SenderFilter{Service: "db", Limit: 5, Labels: []string{"tag:"}, Ascending: true})
	if err != nil || len(found) != 4 {
		t.Fatalf("%d incidents, %v", len(found), err)
	}
	if got := found[1]; got.Details != "" || !reflect.DeepEqual(got.Labels, map[string]string{"tag:a": "", "tag:b": "true"}) {
		t.Errorf("more was read than was asked for: %+v", got)
	}
	if got := found[0]; !got.Acknowledged || got.Snoozed || got.ResolvedBy != "opsgenie" || got.EndedAt.Sub(got.OpenedAt) != 9*time.Minute || !got.Until.IsZero() {
		t.Errorf("resolved: %+v", got)
	}
	if got := found[2]; got.Acknowledged || got.Snoozed || got.Source != "alertmanager" || len(got.Labels) != 0 || !got.AckedAt.IsZero() || !got.EndedAt.IsZero() {
		t.Errorf("nobody has it: %+v", got)
	}
	if got := found[3]; len(got.Targets) != 0 || got.Acknowledged {
		t.Errorf("without an escalation: %+v", got)
	}
}

func TestWhichIncidentsASenderFinds(t *testing.T) {
	s, _ := sent(t)
	yes, no := true, false
	for what, test := range map[string]struct {
		f    enginedb.SenderFilter
		want string
	}{
		"all of its service":               {enginedb.SenderFilter{Service: "db"}, "HOT-4 HOT-3 HOT-2 HOT-1"},
		"of another service":               {enginedb.SenderFilter{Service: "web"}, "HOT-5"},
		"where a rule sent it, as another": {enginedb.SenderFilter{Service: "storage"}, ""},
		"of no service":                    {enginedb.SenderFilter{}, "HOT-6"},
		"a key":                            {enginedb.SenderFilter{Service: "db", Key: "HOT-3"}, "HOT-3"},
		"a key of another service":         {enginedb.SenderFilter{Service: "db", Key: "HOT-5"}, ""},
		"an alias, open and resolved":      {enginedb.SenderFilter{Service: "db", DedupKey: "disk"}, "HOT-4 HOT-1"},
		"an alias that was grouped":        {enginedb.SenderFilter{Service: "db", DedupKey: "of-the-group"}, "HOT-3"},
		"grouped for another service":      {enginedb.SenderFilter{Service: "web", DedupKey: "of-the-group"}, ""},
		"open":                             {enginedb.SenderFilter{Service: "db", Open: &yes}, "HOT-4 HOT-3 HOT-2"},
		"resolved":                         {enginedb.SenderFilter{Service: "db", Open: &no}, "HOT-1"},
		"acknowledged":                     {enginedb.SenderFilter{Service: "db", Acknowledged: &yes}, "HOT-2 HOT-1"},
		"open and not acknowledged":        {enginedb.SenderFilter{Service: "db", Acknowledged: &no, Open: &yes}, "HOT-4 HOT-3"},
		"a severity":                       {enginedb.SenderFilter{Service: "db", Severity: 3}, "HOT-3 HOT-2"},
		"a severity by a word":             {enginedb.SenderFilter{Service: "db", Severity: 3, Words: []string{"p4"}}, "HOT-2"},
		"not by a word":                    {enginedb.SenderFilter{Service: "db", Severity: 3, OtherWords: []string{"p4", "p5"}}, "HOT-3"},
		"a word of a repeated alert":       {enginedb.SenderFilter{Service: "db", Words: []string{"p5"}}, ""},
		"a tag":                            {enginedb.SenderFilter{Service: "db", Told: []string{"tag:a"}}, "HOT-1"},
		"a tag that was added":             {enginedb.SenderFilter{Service: "db", Told: []string{"tag:b"}}, "HOT-2"},
		"two tags that none has":           {enginedb.SenderFilter{Service: "db", Told: []string{"tag:a", "tag:b"}}, ""},
		"a tag of a repeated alert":        {enginedb.SenderFilter{Service: "db", Told: []string{"tag:again"}}, ""},
		"words, whatever the case":         {enginedb.SenderFilter{Service: "db", Said: []string{"disk", "Full"}}, "HOT-4 HOT-1"},
		"words that are no pattern":        {enginedb.SenderFilter{Service: "db", Said: []string{"%"}}, ""},
		"from a time on":                   {enginedb.SenderFilter{Service: "db", From: sentAt.Add(time.Minute)}, "HOT-4 HOT-3 HOT-2"},
		"to a time":                        {enginedb.SenderFilter{Service: "db", To: sentAt.Add(time.Minute)}, "HOT-1"},
		"the oldest first":                 {enginedb.SenderFilter{Service: "db", Ascending: true}, "HOT-1 HOT-2 HOT-3 HOT-4"},
		"by what changed last":             {enginedb.SenderFilter{Service: "db", Sort: enginedb.ByChange}, "HOT-1 HOT-4 HOT-3 HOT-2"},
		"by the last alert":                {enginedb.SenderFilter{Service: "db", Sort: enginedb.ByAlert}, "HOT-4 HOT-3 HOT-2 HOT-1"},
		"by key":                           {enginedb.SenderFilter{Service: "db", Sort: enginedb.ByKey, Ascending: true}, "HOT-1 HOT-2 HOT-3 HOT-4"},
		"by alias":                         {enginedb.SenderFilter{Service: "db", Sort: enginedb.ByDedupKey}, "HOT-4 HOT-1 HOT-2 HOT-3"},
		"by status":                        {enginedb.SenderFilter{Service: "db", Sort: enginedb.ByStatus, Ascending: true}, "HOT-2 HOT-3 HOT-4 HOT-1"},
		"by summary":                       {enginedb.SenderFilter{Service: "db", Sort: enginedb.BySummary, Severity: 3}, "HOT-3 HOT-2"},
		"the worst first":                  {enginedb.SenderFilter{Service: "db", Sort: enginedb.BySeverity, Ascending: true}, "HOT-1 HOT-4 HOT-2 HOT-3"},
		"by the number of alerts":          {enginedb.SenderFilter{Service: "db", Sort: enginedb.ByAlertN}, "HOT-3 HOT-1 HOT-2 HOT-4"},
		"a text that would be SQL":         {enginedb.SenderFilter{Service: "db", DedupKey: "') or true --", Said: []string{"' or ''='"}}, ""},
	} {
		test.f.Limit = 10
		found, err := s.SenderIncidents(t.Context(), test.f)
		var keys []string
		for _, m := range found {
			keys = append(keys, string(m.Key))
		}
		if got := strings.Join(keys, " "); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v; want %q", what, got, err, test.want)
		}
		if n, err := s.CountSenderIncidents(t.Context(), test.f); err != nil || n != len(found) {
			t.Errorf("%s: counted %d, %v; listed %d", what, n, err, len(found))
		}
	}
	if found, err := s.SenderIncidents(t.Context(), enginedb.SenderFilter{Service: "db", Offset: 1, Limit: 2}); err != nil || len(found) != 2 || found[0].Key != "HOT-3" {
		t.Errorf("the second and third: %+v, %v", found, err)
	}
	if _, err := s.SenderIncidents(t.Context(), enginedb.SenderFilter{Sort: "id; drop table incident"}); err == nil {
		t.Error("sorted by what is no order")
	}
}

// An alias is looked for by an index, however many incidents there are.
func TestAnAliasIsFoundByAnIndex(t *testing.T) {
	s, db := sent(t)
	mustExec(t, db, `insert into incident (key, service, severity, summary, status, dedup_key, opened_at, alerted_at)
		select 'OLD-' || n, 'db', 1, 'x', 'resolved', 'alias-' || n, now(), now() from generate_series(1, 20000) n`)
	mustExec(t, db, `analyze incident`)
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	before := rowsRead(t, tx)
	if found, err := enginedb.New(tx).SenderIncidents(t.Context(), enginedb.SenderFilter{Service: "db", DedupKey: "alias-7", Limit: 1}); err != nil || len(found) != 1 || found[0].Key != "OLD-7" {
		t.Errorf("%+v, %v", found, err)
	}
	if n := rowsRead(t, tx) - before; n > 100 {
		t.Errorf("%d rows were read to find one", n)
	}
	_ = s
}

func TestWhatWasSaidAndDone(t *testing.T) {
	s, _ := sent(t)
	read := func(f enginedb.SenderLines) (said string, ids []int64) {
		t.Helper()
		lines, err := s.SenderLines(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			said += fmt.Sprintf("%s/%s/%s ", l.By, l.Text, l.Kind)
			ids = append(ids, l.ID)
		}
		return strings.TrimSpace(said), ids
	}
	if got, _ := read(enginedb.SenderLines{Incident: 2, Notes: true, Limit: 9}); got != "bob/second/amend mon/first/trigger" {
		t.Errorf("notes: %s", got)
	}
	const all = "/Opened./opened bob/Bob has it./acknowledged bob/Until seven./snoozed mon/It says./the source says"
	got, ids := read(enginedb.SenderLines{Incident: 2, Ascend: true, Limit: 9})
	if got != all {
		t.Errorf("log: %s", got)
	}
	if got, _ := read(enginedb.SenderLines{Incident: 2, Ascend: true, Limit: 2, Behind: ids[0]}); got != "bob/Bob has it./acknowledged bob/Until seven./snoozed" {
		t.Errorf("behind the first: %s", got)
	}
	if got, _ := read(enginedb.SenderLines{Incident: 2, Limit: 2, Behind: ids[2]}); got != "bob/Bob has it./acknowledged /Opened./opened" {
		t.Errorf("before the third: %s", got)
	}
	if got, _ := read(enginedb.SenderLines{Incident: 4, Limit: 2}); got != "" {
		t.Errorf("of another: %s", got)
	}
}

func TestWhoWasPaged(t *testing.T) {
	s, db := sent(t)
	mustExec(t, db, `insert into page (incident, no, escalation, person, level, round, state, started_at, contacts, next, code, live) values
		(2, 1, 1, 'ann', 0, 1, 'covered', '2026-11-20 17:01:00Z', '[]', 0, '1', false), (2, 2, 1, 'bob', 0, 1, 'acknowledged', '2026-11-20 17:02:00Z', '[]', 0, '2', false),
		(3, 1, 1, 'eve', 0, 1, 'open', '2026-11-20 17:02:00Z', '[]', 0, '3', false)`)
	mustExec(t, db, `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, nonce, lease_until) values
		(2, 1, 2, 0, 'push', 'x', 'sent', '', '2026-11-20 17:02:00Z', '2026-11-20 17:02:01Z', 'a', now()), (2, 2, 2, 0, 'sms', 'x', 'queued', '', '2026-11-20 17:03:00Z', null, 'b', now())`)
	pages, err := s.SenderPages(t.Context(), 2, 9)
	if err != nil || len(pages) != 2 {
		t.Fatalf("%+v, %v", pages, err)
	}
	at := sentAt.Add(time.Minute)
	if p := pages[0]; p.Person != "ann" || p.State != engine.PageCovered || !p.At.Equal(at) || !p.LastAt.Equal(at) {
		t.Errorf("got %+v", p)
	}
	if p := pages[1]; p.Person != "bob" || p.State != engine.PageAcknowledged || !p.At.Equal(at.Add(time.Minute)) || !p.LastAt.Equal(at.Add(2*time.Minute)) {
		t.Errorf("got %+v", p)
	}
	if pages, err = s.SenderPages(t.Context(), 2, 1); err != nil || len(pages) != 1 {
		t.Errorf("at most one: %+v, %v", pages, err)
	}
}
