package main

import (
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

func TestABadgeSaysHowTheLastDrillWent(t *testing.T) {
	now := time.Date(2026, 1, 12, 10, 0, 0, 0, time.UTC)
	for want, b := range map[string]*badge{
		"never":                              nil,
		"passed in 14s by sms, 3 days ago":   {At: now.Add(-80 * time.Hour), Result: "passed", AnsweredAfter: "14s", Channel: "sms"},
		"passed in 1m2s by voice, 5 min ago": {At: now.Add(-5 * time.Minute), Result: "declined", AnsweredAfter: "1m2s", Channel: "voice"},
		"failed, 26 h ago":                   {At: now.Add(-26 * time.Hour), Result: "failed"},
		"failed, just now":                   {At: now, Result: "failed"},
	} {
		if got := b.text(now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDrillSaysWhatIsMissing(t *testing.T) {
	for args, want := range map[string]string{
		"":                                      "who is to be drilled?",
		"--person ann --roster dba":             "say one of them",
		"--list --no-wait":                      "--list only shows",
		"--before-shifts 2h":                    "--before-shifts is for a roster",
		"--roster dba --before-shifts tomorrow": `"tomorrow" is no time`,
	} {
		_, _, err := call(t, settingsOf("ROUSE_URL=http://127.0.0.1:1"), append([]string{"drill"}, strings.Fields(args)...)...)
		if exitStatus(err) != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("rouse drill %s: %v", args, err)
		}
	}
}

// The exit status tells a drill that failed from one that was passed.
func TestADrillThatFailedIsNoSuccess(t *testing.T) {
	for result, want := range map[string]string{"failed": "no answer from ann: make their contacts work", "stopped": "the drill of ann was stopped", "passed": ""} {
		api := newFakeAPI(t, map[string]string{
			"POST /v1/drills":          `{"items":[{"key":"TEST-7","person":"ann","at":"2026-01-12T10:00:00Z","until":"2026-01-12T10:05:00Z"}]}`,
			"GET /v1/drills/TEST-7":    `{"key":"TEST-7","person":"ann","at":"2026-01-12T10:00:00Z","ended_at":"2026-01-12T10:00:14Z","result":"` + result + `","why":"Drill failed. No answer within 5m."}`,
			"GET /v1/incidents/TEST-7": `{"timeline":[{"at":"2026-01-12T10:00:00Z","reason":"opened","text":"Opened"},{"at":"2026-01-12T10:00:01Z","channel":"sms","text":"SMS to Ann sent."}]}`,
		})
		out, err := api.call(t, "drill", "--person", "ann")
		if want == "" && err != nil || want != "" && (exitStatus(err) != 1 || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s ends with %v", result, err)
		}
		if !strings.Contains(out, "TEST-7     1s  SMS to Ann sent.") || strings.Contains(out, "Opened") {
			t.Errorf("shown is %s", out)
		}
	}
}

func TestDoctorWarnsOfWhomTheLastDrillDidNotReach(t *testing.T) {
	from := time.Date(2026, 1, 12, 10, 0, 0, 0, time.UTC)
	d := duty{from: from, to: from.Add(week), people: map[rosters.PersonID]rosters.Person{"ann": {ID: "ann", Name: "Ann"}},
		catchAll: engine.CatchAll{LastResort: []rosters.PersonID{"ann"}}, failed: map[rosters.PersonID]time.Time{"ann": from}}
	found := d.examineDrills(reader{time.UTC})
	if len(found) != 1 || found[0].Status != warn || !strings.Contains(found[0].Text, "`rouse drill --person ann`") {
		t.Errorf("found is %+v", found)
	}
}
