package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

func weekly(people ...rosters.PersonID) rosters.Rotation {
	return rosters.Rotation{ID: "primary", Zone: "UTC", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY", Participants: people}
}

func person(id string, contacts ...rosters.Contact) rosters.Person {
	return rosters.Person{ID: rosters.PersonID(id), Name: id, Contacts: contacts}
}

func byChannel(channel rosters.Channel, address string) rosters.Contact {
	return rosters.Contact{Channel: channel, Address: address}
}

func TestDoctorLooksAtEverybodyWhoMayBePaged(t *testing.T) {
	from := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) // a Friday
	people := map[rosters.PersonID]rosters.Person{}
	for _, p := range []rosters.Person{
		person("ann", byChannel(rosters.SMS, "+4917012345617"), byChannel(rosters.Voice, "+4917012345617")),
		person("bob", byChannel(rosters.SMS, "+4917012345618")), // no provider for SMS below
		person("cat"),
		person("dan", rosters.Contact{Channel: rosters.Push, Address: "dan", Disabled: true}, byChannel(rosters.Voice, "0170")),
		person("eve", byChannel(rosters.Push, "eve")),
	} {
		people[p.ID] = p
	}
	d := duty{from: from, to: from.Add(week), people: people,
		catchAll: engine.CatchAll{Roster: "imoc", LastResort: []rosters.PersonID{"eve", "zoe"}},
		usable:   map[rosters.Channel]bool{rosters.Push: true, rosters.Voice: true},
		rosters: []rosters.Roster{
			{ID: "days", Rotations: []rosters.Rotation{{ID: "d", Zone: "UTC", Start: "2026-01-05T09:00:00", Rule: "FREQ=DAILY", Length: 8 * time.Hour, Participants: []rosters.PersonID{"eve"}}}},
			{ID: "imoc", Rotations: []rosters.Rotation{weekly("ann", "bob")}},
			{ID: "odd", Rotations: []rosters.Rotation{{ID: "o", Zone: "Mars/Olympus", Start: "2026-01-05T09:00:00", Rule: "FREQ=DAILY", Participants: []rosters.PersonID{"eve"}}}},
			{ID: "team", Rotations: []rosters.Rotation{weekly("cat"), weekly("dan")}},
		},
		policies: []engine.Policy{{ID: "web", Levels: []engine.Level{{Targets: []engine.Target{{Roster: "team"}, {Person: "cat"}, {Person: "ann"}}}}}},
	}
	r, _ := (&cli{getenv: settingsOf()}).reader("")
	var got strings.Builder
	for _, f := range d.examine(r) {
		fmt.Fprintf(&got, "%-4s  %s: %s\n", f.Status, f.Check, f.Text)
	}
	golden(t, "doctor-oncall.txt", got.String())
}

func TestDoctorIsContent(t *testing.T) {
	from := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	d := duty{from: from, to: from.Add(week), catchAll: engine.CatchAll{Roster: "imoc", LastResort: []rosters.PersonID{"ann"}},
		people:  map[rosters.PersonID]rosters.Person{"ann": person("ann", rosters.Contact{Channel: rosters.Push, Address: "ann", VerifiedAt: from})},
		usable:  map[rosters.Channel]bool{rosters.Push: true},
		rosters: []rosters.Roster{{ID: "imoc", Rotations: []rosters.Rotation{weekly("ann")}}}}
	r, _ := (&cli{getenv: settingsOf()}).reader("")
	for _, f := range d.examine(r) {
		if f.Status != pass {
			t.Errorf("got %+v", f)
		}
	}
	d.rosters[0].Rotations[0].Length = time.Hour
	if got := d.examineIMOC(r); got[0].Status != fail || !strings.Contains(got[0].Text, "nobody is on call") {
		t.Errorf("a gap in the catch-all: got %+v", got)
	}
	d.rosters = nil
	if got := d.examineIMOC(r); got[0].Status != fail || !strings.Contains(got[0].Text, "does not exist") {
		t.Errorf("no catch-all: got %+v", got)
	}
}

const sid = "AC0123456789abcdef0123456789abcdef"

func twilioAt(url string) config {
	return config{publicURL: "https://rouse.example.com", allowPrivate: true,
		twilio: twilioSettings{accountSID: sid, authTokens: []string{"token"}, from: "+15005550006", baseURL: url}}
}

func TestDoctorSignsInWithTwilio(t *testing.T) {
	account := `{"status":"active","type":"Full"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user == sid && password == "token" && r.URL.Path == "/2010-04-01/Accounts/"+sid+".json":
			fmt.Fprint(w, account)
		case user == sid && password == "token", user == "SK1" && password == "secret" && strings.HasSuffix(r.URL.Path, "/Messages.json"):
			fmt.Fprint(w, `{"messages":[]}`)
		default:
			w.WriteHeader(401)
		}
	}))
	defer server.Close()
	check := func(cfg config, want verdict, says string) {
		t.Helper()
		got := examineTwilio(t.Context(), cfg.outside(), cfg)
		if got.Status != want || !strings.Contains(got.Text, says) || strings.Contains(got.Text, "secret") {
			t.Errorf("got %+v, want %s and %q", got, want, says)
		}
	}
	cfg := twilioAt(server.URL)
	check(cfg, pass, "accepts")
	cfg.twilio.apiKey, cfg.twilio.apiSecret = "SK1", "secret"
	check(cfg, pass, "accepts")
	cfg.twilio.apiSecret = "other secret"
	check(cfg, fail, "ROUSE_TWILIO_API_SECRET")
	cfg = twilioAt(server.URL)
	cfg.twilio.authTokens = []string{"old"}
	check(cfg, fail, "ROUSE_TWILIO_AUTH_TOKEN")
	cfg = twilioAt(server.URL)
	account = `{"status":"active","type":"Trial"}`
	check(cfg, warn, "Upgrade")
	account = `{"status":"suspended","type":"Full"}`
	check(cfg, fail, "suspended")
	cfg.allowPrivate = false
	check(cfg, fail, "ROUSE_ALLOW_PRIVATE_ADDRESSES")
	cfg = twilioAt("http://127.0.0.1:1")
	check(cfg, fail, "no answer")
}

func TestDoctorAsksNtfy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/health":
			fmt.Fprint(w, `{"healthy":true}`)
		case r.Header.Get("Authorization") != "Bearer tk_1":
			w.WriteHeader(401)
		}
	}))
	defer server.Close()
	client := config{allowPrivate: true}.outside()
	for _, test := range []struct {
		ntfy ntfySettings
		want verdict
		says string
	}{
		{ntfySettings{url: server.URL}, pass, "healthy"},
		{ntfySettings{url: server.URL, token: "tk_1"}, pass, "accepts the token"},
		{ntfySettings{url: server.URL, token: "tk_2"}, fail, server.URL + "/v1/account answers 401, and so refuses the token: check ROUSE_NTFY_TOKEN"},
		{ntfySettings{url: server.URL + "/elsewhere"}, fail, server.URL + "/elsewhere/v1/health answers 401, and not as a healthy ntfy does: check ROUSE_NTFY_URL"},
		{ntfySettings{url: "http://127.0.0.1:1"}, fail, "no answer"},
	} {
		if got := examineNtfy(t.Context(), client, test.ntfy); got.Status != test.want || !strings.Contains(got.Text, test.says) {
			t.Errorf("%+v: got %+v", test.ntfy, got)
		}
	}
}

func TestDoctorAsksThePublicURL(t *testing.T) {
	healthy, readiness := `{"service":"rouse","status":"ok"}`, http.StatusOK
	audit := `{"ready":true,"checks":[{"check":"database","status":"ok","text":"answers"},{"check":"heartbeat","status":"ok","text":"given 9s ago"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			fmt.Fprint(w, healthy)
			return
		}
		w.WriteHeader(readiness)
		fmt.Fprint(w, audit)
	}))
	defer server.Close()
	check := func(cfg config, want ...string) {
		t.Helper()
		var got []string
		for _, f := range examineServer(t.Context(), cfg) {
			got = append(got, string(f.Status)+" "+f.Check+" "+f.Text)
		}
		if len(got) != len(want) {
			t.Fatalf("got %q", got)
		}
		for i := range want {
			if !strings.HasPrefix(got[i], strings.Fields(want[i])[0]) || !strings.Contains(got[i], strings.SplitN(want[i], " ", 2)[1]) {
				t.Errorf("got %q, want %q", got[i], want[i])
			}
		}
	}
	cfg := config{publicURL: server.URL}
	cfg.heartbeat.url = "https://hc-ping.com/x"
	check(cfg, "warn no phone elsewhere", "ok ready to page", "ok server: database answers", "ok server: heartbeat given 9s ago")
	audit = `{"ready":true,"checks":[{"check":"deadlines","status":"fail","text":"3 overdue"}]}`
	check(cfg, "warn no phone elsewhere", "ok ready to page", "fail server: deadlines 3 overdue", "fail heartbeat ROUSE_HEARTBEAT_URL is set here, and not for the server")
	cfg.heartbeat.url = ""
	check(cfg, "warn no phone elsewhere", "ok ready to page", "fail server: deadlines 3 overdue", "warn heartbeat nobody is told when this Rouse dies: set ROUSE_HEARTBEAT_URL")
	readiness, audit = http.StatusServiceUnavailable, `{"ready":false,"checks":[{"check":"sweeper","status":"fail","text":"last ran 9s ago"}]}`
	check(cfg, "warn no phone elsewhere", "fail not ready to page", "fail server: sweeper last ran 9s ago", "warn heartbeat")
	audit = `<html>`
	cfg.twilio = twilioSettings{accountSID: sid}
	check(cfg, "fail Twilio cannot reach it", "fail does not say why: see the log", "warn heartbeat")
	healthy = `<html>`
	check(cfg, "fail not as Rouse does", "warn heartbeat nobody")
	server.Close()
	cfg.heartbeat.url = "https://hc-ping.com/x"
	check(cfg, "fail no answer from", "warn heartbeat is set; what became of the last one, only a running server can tell")
}
