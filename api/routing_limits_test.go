package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestARuleThatFailsForMostAlertsIsRefused(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	for n := range 4 {
		if got := d.as("bitbucket", "POST", "/v1/alerts", fmt.Sprintf(`{"summary": "disk full on db%d", "labels": {"used": "%d"}}`, n, 90+n)); got.status != 202 {
			t.Fatal(got.said())
		}
	}
	d.as("bitbucket", "POST", "/v1/alerts", `{"summary": "slow", "labels": {"tier": "web"}}`)
	const most, few = `{"id": "broken", "when": "int(labels.tier) > 1"}`, `{"id": "used", "when": "int(labels.used) > 95"}`
	const says = `(int(labels.tier) > 1) fails for 5 of the last 5 alerts, the limit is half of them. Rule broken failed (`
	fine := `{"id": "fine", "when": "severity == 1"}, `
	for _, body := range []string{`{"items": [` + most + `]}`, `{"items": [` + fine + most + `]}`} {
		if got := d.must(422, "PUT", "/v1/rules", body).said(); !strings.Contains(got, says) || !strings.Contains(got, "/when") {
			t.Errorf("%s: %s", body, got)
		}
	}
	for _, query := range []string{"?dry_run=true", ""} { // the plan says so, too
		got := d.must(422, "PUT", "/v1/configuration"+query, `{"rules": [{"items": [`+fine+most+`]}]}`).said()
		if !strings.Contains(got, "[/rules/0/items/1/when "+says) {
			t.Errorf("%q: %s", query, got)
		}
	}
	d.must(200, "PUT", "/v1/rules", `{"items": [`+few+`]}`) // of one alert of five it cannot be told
	d.must(200, "PUT", "/v1/rules", `{"items": [`+strings.Replace(most, `"when"`, `"off": true, "when"`, 1)+`]}`)
}

func TestARuleThatFailsAlreadyKeepsNobodyFromSavingOthers(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	const broken = `{"id": "broken", "when": "int(labels.tier) > 1"}`
	d.must(200, "PUT", "/v1/rules", `{"items": [`+broken+`]}`) // before there are alerts that tell
	d.as("bitbucket", "POST", "/v1/alerts", `{"summary": "slow"}`)
	d.must(200, "PUT", "/v1/rules", `{"items": [`+broken+`, {"id": "fine", "when": "severity == 1"}]}`)
}

func TestAMaintenanceIsNotEndlessAndLooksAtNoClock(t *testing.T) {
	d := newDesk(t)
	const again = `"again": {"start": "2026-01-03T22:00:00", "rule": "%s", "length": "%s"}`
	for body, says := range map[string]string{
		fmt.Sprintf(`{"reason": "x", `+again+`}`, "FREQ=DAILY", "24h"):                           "[/again/length (24h0m0s) comes again before it ends: together that is longer than 720h0m0s, the limit; give it a break, or an end]",
		fmt.Sprintf(`{"reason": "x", `+again+`}`, "FREQ=HOURLY", "22h"):                          "[/again/length (22h0m0s) comes again before it ends",
		fmt.Sprintf(`{`+again+`}`, "FREQ=DAILY;COUNT=2", "24h"):                                  "[/reason is needed for more than 24h0m0s without a break",
		fmt.Sprintf(`{`+again+`, "when": "now.clock(\"UTC\") > \"20:00\""}`, "FREQ=DAILY", "1h"): `[/when (now.clock("UTC") > "20:00") looks at now; a maintenance that comes at certain times is a recurring one`,
		fmt.Sprintf(`{`+again+`, "when": "serverity == 1"}`, "FREQ=DAILY", "1h"):                 `undeclared reference`,
	} {
		if got := d.must(422, "POST", "/v1/services/bitbucket/maintenance", body).said(); !strings.Contains(got, says) {
			t.Errorf("%s: %s", body, got)
		}
	}
	d.must(201, "POST", "/v1/services/bitbucket/maintenance", fmt.Sprintf(`{`+again+`, "when": "severity == 3"}`, "FREQ=DAILY", "8h"))
}
