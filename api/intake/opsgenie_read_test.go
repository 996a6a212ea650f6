package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// fakeBook tells what it is set to, and keeps what it was asked.
type fakeBook struct {
	taken     map[string]enginedb.TakenAlert
	incidents []enginedb.SenderIncident
	lines     []enginedb.SenderLine
	pages     []enginedb.SenderPage
	fail      error

	filters []enginedb.SenderFilter
	asked   []enginedb.SenderLines
}

func (b *fakeBook) TakenAlert(_ context.Context, once string) (enginedb.TakenAlert, error) {
	a, ok := b.taken[once]
	if !ok && b.fail == nil {
		return a, fmt.Errorf("finding: %w", enginedb.ErrNotFound)
	}
	return a, b.fail
}

// SenderIncidents knows the incidents of one key or alias, and gives at most Limit.
func (b *fakeBook) SenderIncidents(_ context.Context, f enginedb.SenderFilter) (found []enginedb.SenderIncident, err error) {
	b.filters = append(b.filters, f)
	for _, m := range b.incidents {
		if (f.Key == "" || f.Key == m.Key) && (f.DedupKey == "" || f.DedupKey == m.DedupKey) && len(found) < f.Limit {
			found = append(found, m)
		}
	}
	return found, b.fail
}

func (b *fakeBook) CountSenderIncidents(_ context.Context, f enginedb.SenderFilter) (int, error) {
	b.filters = append(b.filters, f)
	return len(b.incidents), b.fail
}

func (b *fakeBook) SenderLines(_ context.Context, f enginedb.SenderLines) ([]enginedb.SenderLine, error) {
	b.asked = append(b.asked, f)
	return b.lines[:min(len(b.lines), f.Limit)], b.fail
}

func (b *fakeBook) SenderPages(context.Context, int64, int) ([]enginedb.SenderPage, error) {
	return b.pages, b.fail
}

func newReadingDesk(b *fakeBook) *desk {
	d := newDesk(nil)
	d.h.book = b
	return d
}

// What Opsgenie's client for Go reads of an answer: its structs take these types and no others.
type (
	sdkAlert struct {
		Seen           bool
		ID             string
		TinyID         string
		Alias          string
		Message        string
		Status         string
		Acknowledged   bool
		IsSeen         bool
		Tags           []string
		Snoozed        bool
		SnoozedUntil   time.Time
		Count          int
		LastOccurredAt time.Time
		CreatedAt      time.Time
		UpdatedAt      time.Time
		Source         string
		Owner          string
		Priority       string
		Responders     []struct{ Type, Name, ID, Username string }
		Integration    struct{ ID, Name, Type string }
		Report         struct {
			AckTime, CloseTime       int64
			AcknowledgedBy, ClosedBy string
		}
		Actions     []string
		Entity      string
		Description string
		Details     map[string]string
		OwnerTeamID string
	}
	sdkStatus struct {
		Success, IsSuccess                            bool
		Action, IntegrationID, Status, AlertID, Alias string
		ProcessedAt                                   time.Time
	}
)

// sdk reads the data of an answer as strictly as Opsgenie's client would.
func sdk[T any](t *testing.T, a genieAnswer) (v T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, a.Data)
	}
	return v
}

var began = time.Date(2026, 11, 20, 17, 0, 0, 123456789, time.UTC)

// snoozed is an incident that ann snoozed.
func snoozed() enginedb.SenderIncident {
	return enginedb.SenderIncident{ID: 7, Key: "HOT-7", DedupKey: "disk", Severity: 3, Word: "p4", Summary: "Disk full", Status: engine.Fixing,
		Acknowledged: true, Snoozed: true, Until: began.Add(time.Hour), Holder: "ann", Manager: "bob", AlertN: 3, OpenedAt: began,
		AlertedAt: began.Add(time.Minute), AckedAt: began.Add(2 * time.Minute), ChangedAt: began.Add(2 * time.Minute), Source: "opsgenie",
		Labels:  map[string]string{"tag:a": "true", "tag:env:prod": "true", "env": "prod", "tag:gone": "", "entity": "db1", "source": "zabbix", "user": "mon", "free": "3GB", "old": ""},
		Details: "All of it", Targets: []engine.Target{{Roster: "dba"}, {Person: "bob"}}}
}

func TestAnAlertAsOpsgenieShowsIt(t *testing.T) {
	d := newReadingDesk(&fakeBook{incidents: []enginedb.SenderIncident{snoozed()}})
	got := sdk[sdkAlert](t, wantGenie(t, d.genie("GET", "/v2/alerts/disk?identifierType=alias", ""), 200))
	at := func(s string) time.Time { v, _ := time.Parse(time.RFC3339Nano, s); return v }
	want := sdkAlert{Seen: true, ID: "HOT-7", TinyID: "HOT-7", Alias: "disk", Message: "Disk full", Status: "open", Acknowledged: true, IsSeen: true,
		Tags: []string{"a", "env:prod"}, Snoozed: true, SnoozedUntil: at("2026-11-20T18:00:00.123Z"), Count: 3,
		LastOccurredAt: at("2026-11-20T17:01:00.123Z"), CreatedAt: at("2026-11-20T17:00:00.123Z"), UpdatedAt: at("2026-11-20T17:02:00.123Z"),
		Source: "zabbix", Owner: "ann", Priority: "P4", Actions: []string{}, Entity: "db1", Description: "All of it", Details: map[string]string{"free": "3GB"}}
	want.Integration.Name, want.Integration.Type = "opsgenie", "API"
	want.Report.AckTime, want.Report.AcknowledgedBy = 120_000, "bob"
	want.Responders = []struct{ Type, Name, ID, Username string }{{Type: "schedule", Name: "dba", ID: "dba"}, {Type: "user", ID: "bob", Username: "bob"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	over := snoozed()
	over.Status, over.Snoozed, over.Holder, over.Severity, over.EndedAt, over.ResolvedBy, over.Labels, over.Targets = engine.Resolved, false, "", 2, began.Add(time.Hour), "opsgenie", nil, nil
	d = newReadingDesk(&fakeBook{incidents: []enginedb.SenderIncident{over}})
	w := d.genie("GET", "/v2/alerts/HOT-7", "")
	got = sdk[sdkAlert](t, wantGenie(t, w, 200))
	if got.Status != "closed" || got.Owner != "bob" || got.Priority != "P2" || got.Report.CloseTime != 3_600_000 || got.Report.ClosedBy != "opsgenie" ||
		got.Source != "opsgenie" || strings.Contains(w.Body.String(), "snoozedUntil") || strings.Contains(w.Body.String(), "null") {
		t.Errorf("got %+v: %s", got, w.Body)
	}
}

// An id is an incident's key; an alias that somebody forgot to call one is understood.
func TestHowOpsgeniesReadersNameAnAlert(t *testing.T) {
	for path, want := range map[string]string{
		"/v2/alerts/HOT-7":                          "HOT-7",
		"/v2/alerts/hot-7?identifierType=tiny":      "HOT-7",
		"/v2/alerts/HOT-7?identifierType=alias":     "",
		"/v2/alerts/disk?identifierType=alias":      "HOT-7",
		"/v2/alerts/disk/":                          "HOT-7",
		"/jsm/ops/integration/v2/alerts/disk":       "HOT-7",
		"/v2/alerts/OPS-1":                          "HOT-8",
		"/v2/alerts/a%2Fb?identifierType=alias":     "HOT-9",
		"/v2/alerts/a/b?identifierType=alias":       "HOT-9",
		"/v2/alerts/HOT-77":                         "",
		"/v2/alerts/a/b/attachments":                "",
		"/v2/alerts/disk/logs?identifierType=alias": "logs",
	} {
		b := &fakeBook{incidents: []enginedb.SenderIncident{snoozed(), {Key: "HOT-8", DedupKey: "OPS-1"}, {Key: "HOT-9", DedupKey: "a/b"}}}
		d := newReadingDesk(b)
		w := d.genie("GET", path, "")
		switch {
		case want == "logs":
			wantGenie(t, w, 200)
		case want == "":
			wantGenie(t, w, 404)
		default:
			if got := sdk[sdkAlert](t, wantGenie(t, w, 200)); got.ID != want {
				t.Errorf("%s: got %s, want %s", path, got.ID, want)
			}
		}
		for _, f := range b.filters {
			if f.Service != "db" || f.Limit != 1 {
				t.Errorf("%s: asked for %+v", path, f)
			}
		}
	}
}

func TestAListOfOpsgeniesAlerts(t *testing.T) {
	b := &fakeBook{}
	for i := range 25 {
		m := snoozed()
		m.Key = engine.Key(fmt.Sprintf("HOT-%d", i))
		b.incidents = append(b.incidents, m)
	}
	d := newReadingDesk(b)
	list := func(target string) ([]sdkAlert, genieAnswer) {
		t.Helper()
		a := wantGenie(t, d.genie("GET", target, ""), 200)
		return sdk[[]sdkAlert](t, a), a
	}
	got, a := list("/v2/alerts")
	if len(got) != 20 || got[0].ID != "HOT-0" || got[0].Description != "" || a.Paging["next"] != "http://example.com/v2/alerts?offset=20" || a.Paging["prev"] != "" {
		t.Errorf("%d alerts, paging %v", len(got), a.Paging)
	}
	if f := b.filters[0]; f.Limit != 21 || f.Details || len(f.Labels) == 0 || f.Sort != enginedb.ByOpening || f.Ascending {
		t.Errorf("asked for %+v", f)
	}
	r := httptest.NewRequest("GET", "https://rouse.example/jsm/ops/integration/v2/alerts?limit=10&offset=40&sort=updatedAt&order=asc&query=status%3Aopen&apiKey=key-of-db", nil)
	w := httptest.NewRecorder()
	d.h.Opsgenie(w, r)
	a = wantGenie(t, w, 200)
	const rest = "&order=asc&query=status%3Aopen&sort=updatedAt"
	const at = "https://rouse.example/jsm/ops/integration/v2/alerts?limit=10&offset="
	if want := map[string]string{"first": at + "0" + rest, "prev": at + "30" + rest, "next": at + "50" + rest}; !reflect.DeepEqual(a.Paging, want) {
		t.Errorf("got  %v\nwant %v", a.Paging, want)
	}
	if f := b.filters[1]; f.Service != "db" || f.Sort != enginedb.ByChange || !f.Ascending || f.Offset != 40 || f.Limit != 11 || f.Open == nil || !*f.Open {
		t.Errorf("asked for %+v", f)
	}
	if strings.Contains(w.Body.String(), "key-of-db") {
		t.Errorf("the answer tells the key: %s", w.Body)
	}
	for target, limit := range map[string]int{"?limit=0": 20, "?limit=-1": 20, "?limit=x": 20, "?limit=1000": 100, "?limit=25&offset=-9": 25} {
		b.filters = nil
		if list("/v2/alerts" + target); b.filters[0].Limit != limit+1 || b.filters[0].Offset != 0 {
			t.Errorf("%s: asked for %+v", target, b.filters[0])
		}
	}
	for target, field := range map[string]string{"?sort=colour": "sort", "?offset=20001": "offset", "?query=colour%3Ared": "query"} {
		if a := wantGenie(t, d.genie("GET", "/v2/alerts"+target, ""), 422); a.Errors[field] == "" {
			t.Errorf("%s: %+v", target, a)
		}
	}
	if n := sdk[struct{ Count int }](t, wantGenie(t, d.genie("GET", "/v2/alerts/count?query=status%3Dopen", ""), 200)); n.Count != 25 {
		t.Errorf("counted %d", n.Count)
	}
	d = newReadingDesk(&fakeBook{})
	if a := wantGenie(t, d.genie("GET", "/v2/alerts", ""), 200); string(a.Data) != "[]" {
		t.Errorf("nothing is %s", a.Data)
	}
}

func TestWhatBecameOfARequestToOpsgenie(t *testing.T) {
	const id = "0000abcd-0000-8000-8000-00000000000f"
	for what, test := range map[string]struct {
		taken  enginedb.TakenAlert
		ok     bool
		action string
		status string
	}{
		"opened or joined":     {enginedb.TakenAlert{Action: engine.Trigger, Incident: "HOT-1"}, true, "Create", "Created alert HOT-1"},
		"kept on record":       {enginedb.TakenAlert{Action: engine.Trigger}, true, "Create", "Kept on record: no incident was opened for it, and nobody paged."},
		"closed":               {enginedb.TakenAlert{Action: engine.Resolve, Incident: "HOT-1"}, true, "Close", "Told HOT-1"},
		"nothing to close":     {enginedb.TakenAlert{Action: engine.Resolve}, false, "Close", "There is no open alert with this id or alias. Nothing was done."},
		"nothing to amend":     {enginedb.TakenAlert{Action: engine.Amend}, false, "Update", "There is no open alert with this id or alias. Nothing was done."},
		"an acknowledgement":   {enginedb.TakenAlert{Action: engine.Acknowledge, Incident: "HOT-1"}, true, "Acknowledge", "Told HOT-1. It is acknowledged only if the user is a person who is known to Rouse."},
		"somebody was paged":   {enginedb.TakenAlert{Action: engine.PageMore, Incident: "HOT-1"}, true, "AddResponder", "Told HOT-1"},
		"a note for the alert": {enginedb.TakenAlert{Action: engine.Comment, Incident: "HOT-1"}, true, "AddNote", "Told HOT-1"},
	} {
		test.taken.At, test.taken.DedupKey = began, "disk"
		d := newReadingDesk(&fakeBook{taken: map[string]enginedb.TakenAlert{"opsgenie:" + id: test.taken}})
		got := sdk[sdkStatus](t, wantGenie(t, d.genie("GET", "/v2/alerts/requests/"+strings.ToUpper(id), ""), 200))
		want := sdkStatus{Success: test.ok, IsSuccess: test.ok, Action: test.action, IntegrationID: "1", Status: test.status,
			AlertID: string(test.taken.Incident), Alias: "disk", ProcessedAt: began.Truncate(time.Millisecond)}
		if got != want {
			t.Errorf("%s: got  %+v\nwant %+v", what, got, want)
		}
	}
	d := newReadingDesk(&fakeBook{})
	w := d.genie("GET", "/v2/alerts/requests/"+id, "")
	if wantGenie(t, w, 404); w.Header().Get("X-Opsgenie-Errortype") != "RequestNotProcessed" {
		t.Errorf("headers %v", w.Header())
	}
}

// Opsgenie's client asks for the request that X-Request-Id named, Zabbix for the one that the body did.
func TestARequestToOpsgenieHasTwoNames(t *testing.T) {
	b := &fakeBook{taken: map[string]enginedb.TakenAlert{}}
	d := newReadingDesk(b)
	r := httptest.NewRequest("POST", "/v2/alerts", strings.NewReader(`{"message": "x"}`))
	r.Header.Set("Authorization", "GenieKey key-of-db")
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "MFRGGZDFMZTWQ2LK") // as it is set before
	d.h.Opsgenie(w, r)
	id := wantGenie(t, w, http.StatusAccepted).RequestID
	b.taken[d.got[0].Once] = enginedb.TakenAlert{Action: engine.Trigger, Incident: "HOT-1"}
	for _, name := range []string{id, w.Header().Get("X-Request-Id")} {
		if got := sdk[sdkStatus](t, wantGenie(t, d.genie("GET", "/v2/alerts/requests/"+name, ""), 200)); got.AlertID != "HOT-1" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestNotesAndLogOfOpsgenie(t *testing.T) {
	b := &fakeBook{incidents: []enginedb.SenderIncident{snoozed()}, lines: []enginedb.SenderLine{
		{ID: 9, At: began, By: "ann", Text: "called +4915112345617", Kind: "sent"}, {ID: 5, At: began, Text: "Opened.", Kind: "opened"}}}
	d := newReadingDesk(b)
	type line struct {
		Note, Log, Type, Owner, Offset string
		CreatedAt                      time.Time
	}
	a := wantGenie(t, d.genie("GET", "/v2/alerts/disk/notes?identifierType=alias&limit=2", ""), 200)
	if got := sdk[[]line](t, a); len(got) != 2 || got[0] != (line{Note: "called +4915112345617", Owner: "ann", Offset: "9", CreatedAt: began.Truncate(time.Millisecond)}) {
		t.Errorf("notes %+v", got)
	}
	if next, err := url.Parse(a.Paging["next"]); err != nil || next.Path != "/v2/alerts/disk/notes" || next.Query().Get("offset") != "5" || next.Query().Get("identifierType") != "alias" {
		t.Errorf("paging %v", a.Paging)
	}
	a = wantGenie(t, d.genie("GET", "/v2/alerts/HOT-7/logs", ""), 200)
	if got := sdk[[]line](t, a); len(got) != 2 || got[0].Type != "sent" || strings.Contains(got[0].Log, "151123456") || got[1].Log != "Opened." || a.Paging["next"] != "" {
		t.Errorf("log %+v, paging %v", got, a.Paging)
	}
	for query, want := range map[string]enginedb.SenderLines{
		"":                                     {Incident: 7, Limit: 20},
		"?order=asc&offset=5&limit=7":          {Incident: 7, Ascend: true, Behind: 5, Limit: 7},
		"?offset=5&direction=prev":             {Incident: 7, Ascend: true, Behind: 5, Limit: 20},
		"?order=asc&offset=5&direction=prev":   {Incident: 7, Behind: 5, Limit: 20},
		"?offset=-5&limit=500&direction=round": {Incident: 7, Limit: 100},
	} {
		b.asked = nil
		if d.genie("GET", "/v2/alerts/HOT-7/logs"+query, ""); b.asked[0] != want {
			t.Errorf("%s: asked for %+v, want %+v", query, b.asked[0], want)
		}
	}
	back := sdk[[]line](t, wantGenie(t, d.genie("GET", "/v2/alerts/HOT-7/logs?direction=prev", ""), 200))
	if back[0].Offset != "5" {
		t.Errorf("read backwards, it is not turned round: %+v", back)
	}
	wantGenie(t, d.genie("GET", "/v2/alerts/HOT-8/logs", ""), 404)
}

func TestRecipientsOfOpsgenie(t *testing.T) {
	b := &fakeBook{incidents: []enginedb.SenderIncident{snoozed()}, pages: []enginedb.SenderPage{
		{Person: "ann", State: engine.PageSuperseded, At: began, LastAt: began}, {Person: "bob", State: engine.PageDeclined, At: began, LastAt: began},
		{Person: "ann", State: engine.PageAcknowledged, At: began.Add(time.Minute), LastAt: began.Add(time.Hour)}, {Person: "eve", State: engine.PageOpen, At: began, LastAt: began}}}
	d := newReadingDesk(b)
	type recipient struct {
		User                 struct{ ID, Username string }
		State, Method        string
		CreatedAt, UpdatedAt time.Time
	}
	var got []string
	for _, r := range sdk[[]recipient](t, wantGenie(t, d.genie("GET", "/v2/alerts/HOT-7/recipients", ""), 200)) {
		got = append(got, fmt.Sprintf("%s %s/%s %v", r.User.Username, r.State, r.Method, r.UpdatedAt.Sub(r.CreatedAt)))
	}
	if want := []string{"ann action/Acknowledge 1h0m0s", "bob action/Decline 0s", "eve active/ 0s"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatOpsgenieCannotTellJustNow(t *testing.T) {
	for _, path := range []string{"", "/HOT-7", "/count", "/requests/x", "/HOT-7/notes", "/HOT-7/recipients"} {
		d := newReadingDesk(&fakeBook{fail: errors.New("password of the database")})
		if w := d.genie("GET", "/v2/alerts"+path, ""); strings.Contains(w.Body.String(), "password") {
			t.Errorf("%s: %s", path, w.Body)
		} else {
			wantGenie(t, w, http.StatusServiceUnavailable)
		}
		if !strings.Contains(d.log.String(), "password of the database") {
			t.Errorf("%s: the log says %q", path, d.log)
		}
	}
}

func TestOpsgeniesQueries(t *testing.T) {
	yes, no := true, false
	at := time.UnixMilli
	type filter = enginedb.SenderFilter
	for query, want := range map[string]filter{
		"":                                       {},
		"  ":                                     {},
		"status:open":                            {Open: &yes},
		"status=open":                            {Open: &yes},
		"status: closed":                         {Open: &no},
		"Status : OPEN":                          {Open: &yes},
		"status:acked":                           {Open: &yes, Acknowledged: &yes},
		"status:unacked":                         {Open: &yes, Acknowledged: &no},
		"acknowledged: true":                     {Acknowledged: &yes},
		"acknowledged:false":                     {Acknowledged: &no},
		"status:open AND tag:a":                  {Open: &yes, Told: []string{"tag:a"}},
		"status:open and tags=a":                 {Open: &yes, Told: []string{"tag:a"}},
		"tag:a tag:env:prod":                     {Told: []string{"tag:a", "tag:env:prod"}},
		"priority:P1":                            {Severity: 1},
		"priority: p2":                           {Severity: 2},
		"priority:P3":                            {Severity: 3, OtherWords: []string{"p4", "p5"}},
		"priority:P5":                            {Severity: 3, Words: []string{"p5"}},
		`alias:"life is short"`:                  {DedupKey: "life is short"},
		`alias: 'a "b" c'`:                       {DedupKey: `a "b" c`},
		"alias:http://a:80/(x)":                  {DedupKey: "http://a:80/(x)"},
		"alias:a*":                               {DedupKey: "a*"},
		"tinyId:hot-7":                           {Key: "HOT-7"},
		"alertId: HOT-7":                         {Key: "HOT-7"},
		"message:disk":                           {Said: []string{"disk"}},
		"message: disk full on db1":              {Said: []string{"disk", "full", "on", "db1"}},
		"message: disk full AND status:open":     {Said: []string{"disk", "full"}, Open: &yes},
		"message: disk full status:open":         {Said: []string{"disk", "full"}, Open: &yes},
		`message:"disk full" AND message:db1`:    {Said: []string{"disk full", "db1"}},
		"createdAt:1000":                         {From: at(1000), To: at(1001)},
		"createdAt > 1000 AND createdAt <= 2000": {From: at(1001), To: at(2001)},
		"createdAt>=1000 AND createdAt<2000":     {From: at(1000), To: at(2000)},
		"createdAt>5 AND createdAt>1 AND createdAt<9 createdAt<11": {From: at(6), To: at(9)},
		"alias:open AND status:open":                               {DedupKey: "open", Open: &yes},
		"tag:AND":                                                  {Told: []string{"tag:AND"}},
	} {
		var got filter
		if err := parseOpsgenieQuery(query, &got); err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		got.From, got.To, want.From, want.To = got.From.UTC(), got.To.UTC(), want.From.UTC(), want.To.UTC()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got  %+v\nwant %+v", query, got, want)
		}
	}
}

// What is not understood is not left out: the answer would be to another question.
func TestQueriesThatAreNotUnderstood(t *testing.T) {
	for query, says := range map[string]string{
		"disk":                             `"disk"`,
		`"disk full"`:                      `"disk full"`,
		"status:":                          `"status"`,
		"status":                           `"status"`,
		":open":                            `":open"`,
		"status:sleeping":                  `"status:sleeping"`,
		"status>open":                      `"status>open"`,
		"NOT status:open":                  `"NOT"`,
		"status:open OR tag:a":             `"OR"`,
		"(status:open)":                    `"(status:open)"`,
		"tag: (a AND b)":                   `"tag:(a"`,
		"tag:a*":                           `"tag:a*"`,
		"message: disk*":                   `"message:disk*"`,
		"message: disk OR full":            `"OR"`,
		"status:open AND":                  "ends in AND",
		"AND status:open":                  `"AND"`,
		"owner:ann":                        `"owner:ann"`,
		"createdAt>yesterday":              `"createdAt>yesterday"`,
		"createdAt>-1":                     `"createdAt>-1"`,
		"createdAt>9999999999999999":       `"createdAt>9999999999999999"`,
		"status:open status:open":          "asks for status twice",
		"status:acked acknowledged:no":     `"acknowledged:no"`,
		"status:open AND alias:\x00":       `alias`,
		"acknowledged:true status:unacked": `"status:unacked"`,
		strings.Repeat("x", 1001):          "longer than 1000 bytes",
	} {
		err := parseOpsgenieQuery(query, &enginedb.SenderFilter{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %s", query, err, says)
		} else if !strings.Contains(says, " ") && !strings.Contains(err.Error(), "joined by AND") {
			t.Errorf("%q: does not say what is understood: %v", query, err)
		}
	}
}
