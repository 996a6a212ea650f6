package main

import (
	"strings"
	"testing"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

func TestDeliverySettings(t *testing.T) {
	sid := "AC0123456789abcdef0123456789abcdef"
	cfg, err := parseConfig(settingsOf(), serverSections...)
	if d := cfg.delivery; err != nil || d.receipts[rosters.SMS] != 30*time.Second || d.receipts[rosters.WebPush] != 20*time.Second || d.ringFor != 25*time.Second ||
		d.canaryEvery != time.Minute || d.budgets != nil || cfg.twilio.canary != nil {
		t.Errorf("by default %+v, %v", cfg.delivery, err)
	}
	cfg, err = parseConfig(settingsOf("ROUSE_RECEIPT_SMS=5s", "ROUSE_RECEIPT_PUSH=10m", "ROUSE_RING_FOR=40s", "ROUSE_CANARY_EVERY=30s", "ROUSE_BUDGET=sms 200/day, voice 5/hour",
		"ROUSE_TWILIO_ACCOUNT_SID="+sid, "ROUSE_TWILIO_AUTH_TOKEN=x", "ROUSE_TWILIO_FROM=+15005550006", "ROUSE_TWILIO_CANARY_SMS=+15005550007", "ROUSE_TWILIO_CANARY_VOICE=+15005550008",
		"ROUSE_NTFY_URL=https://ntfy.example.com", "ROUSE_NTFY_CANARY=robot-x7"), serverSections...)
	if err != nil {
		t.Fatal(err)
	}
	d := cfg.delivery
	if d.receipts[rosters.SMS] != 5*time.Second || d.receipts[rosters.WebPush] != 10*time.Minute || d.ringFor != 40*time.Second || d.canaryEvery != 30*time.Second ||
		len(d.budgets) != 2 || d.budgets[1] != (pager.Budget{Channel: notifiers.Voice, Limit: 5, Per: pager.PerHour}) {
		t.Errorf("read %+v", d)
	}
	given, err := fromSettings(cfg)
	if err != nil || given[0].Canary[notifiers.SMS] != "+15005550007" || given[0].Canary[notifiers.Voice] != "+15005550008" || given[1].Canary[notifiers.Push] != "robot-x7" {
		t.Errorf("robots %+v, %v", given, err)
	}
	for setting, want := range map[string]string{
		"ROUSE_RECEIPT_SMS=4s":           "set it to one from 5s to 10m",
		"ROUSE_RECEIPT_PUSH=11m":         "set it to one from 5s to 10m",
		"ROUSE_RING_FOR=2m0.5s":          "set it to whole seconds from 5s to 10m",
		"ROUSE_CANARY_EVERY=29s":         "set it to one from 30s to 1h",
		"ROUSE_BUDGET=sms 200":           "such as sms 200/day",
		"ROUSE_TWILIO_CANARY_SMS=0151":   "is not a robot's phone number",
		"ROUSE_NTFY_CANARY=a topic":      "is not a topic",
		"ROUSE_NTFY_CANARY=robot":        "ROUSE_NTFY_URL is missing",
		"ROUSE_TWILIO_CANARY_SMS=+49151": "is not a robot's phone number",
	} {
		if _, err := parseConfig(settingsOf(setting), serverSections...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", setting, err, want)
		}
	}
	if _, err := parseConfig(settingsOf("ROUSE_TWILIO_CANARY_VOICE=+15005550008"), serverSections...); err == nil || !strings.Contains(err.Error(), "needs a Twilio account") {
		t.Errorf("a robot without an account: %v", err)
	}
}
