package main

import (
	"strings"
	"testing"
)

const forecastAnswer = `{"at":"2026-12-25T03:00:00Z","service":"bitbucket","severity":1,"policy":"bitbucket","remarks":["Ann Example has a contact of channel voice, but no provider of it is configured: nothing is sent there."],"again":"2026-12-25T03:15:00Z",
	"pages":[
		{"at":"2026-12-25T03:00:00Z","person":"ann","name":"Ann Example","role":"incident manager","level":1,"contacts":[
			{"at":"2026-12-25T03:00:00Z","channel":"push","address":"ann-pages"},{"at":"2026-12-25T03:01:00Z","channel":"sms","address":"+49…17"}]},
		{"at":"2026-12-25T03:10:00Z","person":"dora","name":"Dora","role":"incident manager","level":3,"catch_all":true,"contacts":[
			{"at":"2026-12-25T03:10:00Z","channel":"voice","address":"+49…99"}]}],
	"lines":[{"at":"2026-12-25T03:00:00Z","reason":"level begins","text":"Level 1 begins: paging Ann Example."}]}`

func TestWhoWould(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"POST /v1/simulate": forecastAnswer})
	out, err := api.call(t, "whowould", "--service", "bitbucket", "--severity", "1", "--at", "2026-12-25T03:00Z", "--label", "tier=db", "--zone", "Europe/Berlin", "--why")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "whowould.txt", out)
	if want := `POST /v1/simulate {"service":"bitbucket","severity":1,"labels":{"tier":"db"},"at":"2026-12-25T03:00:00Z"}`; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}
}

func TestWhoWouldSaysWhyNobodyIsPaged(t *testing.T) {
	for answer, says := range map[string]string{
		`{"unpaged":true,"pages":[],"lines":[]}`: "the sender's word for the severity pages nobody here",
		`{"pages":[],"lines":[]}`:                "Nobody within 15 days",
		strings.Replace(forecastAnswer, `"severity":1`, `"severity":1,"joins":"HOT-7"`, 1): "It would join HOT-7",
	} {
		out, err := newFakeAPI(t, map[string]string{"POST /v1/simulate": answer}).call(t, "whowould")
		if err != nil || !strings.Contains(out, says) {
			t.Errorf("got %q, %v, want %q", out, err, says)
		}
	}
	if _, err := newFakeAPI(t, nil).call(t, "whowould", "--label", "tier"); err == nil || !strings.Contains(err.Error(), "cluster=prod") {
		t.Errorf("a label without a value: %v", err)
	}
}
