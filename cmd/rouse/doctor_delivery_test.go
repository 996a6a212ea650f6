package main

import (
	"strings"
	"testing"
	"time"

	"rouse/api/providers"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

func TestDoctorLooksAtCanaries(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		canary enginedb.Canary
		want   verdict
		says   string
	}{
		{enginedb.Canary{}, warn, "none is being sent"},
		{enginedb.Canary{SentAt: now.Add(-10 * time.Minute), CameAt: now.Add(-10 * time.Minute)}, warn, "none is being sent"},
		{enginedb.Canary{SentAt: now.Add(-time.Second)}, pass, "the first message to the robot is out"},
		{enginedb.Canary{SentAt: now.Add(-time.Second), CameAt: now, Took: 1234 * time.Millisecond}, pass, "was back after 1.2s"},
		{enginedb.Canary{SentAt: now.Add(-time.Second), Misses: 1, Detail: "busy"}, warn, "did not come back (busy)"},
		{enginedb.Canary{SentAt: now.Add(-time.Second), Misses: 3, DownSince: now}, fail, "3 messages to the robot did not come back, so the provider is asked last"},
	} {
		f := examineCanary("twilio", providers.ChannelView{Channel: notifiers.SMS, Canary: &test.canary}, time.Minute, now)
		if f.Check != "canary twilio sms" || f.Status != test.want || !strings.Contains(f.Text, test.says) {
			t.Errorf("%+v: %+v", test.canary, f)
		}
	}
}

func TestDoctorLooksAtDeadlines(t *testing.T) {
	d := deliverySettings{receipts: map[rosters.Channel]time.Duration{rosters.SMS: 30 * time.Second, rosters.WebPush: 20 * time.Second}, ringFor: 25 * time.Second}
	if f := examineDeadlines(d); f.Status != pass || !strings.Contains(f.Text, "30s (SMS), 20s (push to a browser); phones ring for 25s") {
		t.Errorf("%+v", f)
	}
	d.ringFor = 2 * time.Minute
	if f := examineDeadlines(d); f.Status != warn || !strings.Contains(f.Text, "Lower ROUSE_RECEIPT_SMS") {
		t.Errorf("%+v", f)
	}
}
