package main

import (
	"slices"
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

// Doctor tells of what failed last, as signing in does not show all that can: not of what worked since, or is not in use.
func TestDoctorTellsWhatFailedLast(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	view := func(name string, state providers.State, channel notifiers.Channel, h notifiers.Health) providers.View {
		return providers.View{Provider: enginedb.Provider{Name: name}, State: state, Channels: []providers.ChannelView{{Channel: channel, Health: h}}}
	}
	failed := notifiers.Health{LastSuccess: at.Add(-time.Hour), LastFailure: at, Failure: "work: Rouse's app is not in the channel"}
	failing, since := failed, failed
	failing.FailingSince = at.Add(-time.Minute)
	since.LastSuccess = at.Add(time.Minute)
	got := examineHealth([]providers.View{
		view("work", providers.Failing, providers.Chat, failing), view("modem", providers.Well, notifiers.SMS, failed), view("well", providers.Well, notifiers.SMS, since),
		view("new", providers.Well, notifiers.SMS, notifiers.Health{}), view("off", providers.Disabled, notifiers.SMS, failing), view("odd", providers.Broken, notifiers.SMS, failing),
	}, reader{time.UTC})
	want := []finding{
		{"last post work chat", warn, "every post failed since Fri 2026-11-20 11:59 UTC, last at Fri 2026-11-20 12:00 UTC: work: Rouse's app is not in the channel"},
		{"last message modem sms", warn, "the last message failed at Fri 2026-11-20 12:00 UTC: work: Rouse's app is not in the channel"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %+v\nwant %+v", got, want)
	}
}
