package providers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
)

// Every kind of provider may be limited on the channels that it has, and what is wrong with a limit is told at its field.
func TestEveryKindMayBeLimited(t *testing.T) {
	o, err := build(Outside{}, "phone", Ntfy, json.RawMessage(`{"url":"https://ntfy.example.com","limits":{"push":"10/s burst 20"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if l := o.Limits[notifiers.Push]; l.Every != 100*time.Millisecond || l.Burst != 20 {
		t.Errorf("the limit is %+v", l)
	}
	for settings, want := range map[string]string{
		`{"url":"https://ntfy.example.com","limits":{"push":"ten a second"}}`: "/settings/limits/push",
		`{"url":"https://ntfy.example.com","limits":{"sms":"10/s"}}`:          "/settings/limits/sms",
		`{"url":"https://ntfy.example.com","limits":"10/s"}`:                  "/settings/limits",
		`{"url":"https://ntfy.example.com","limit":{"push":"10/s"}}`:          "/settings",
	} {
		if _, err := build(Outside{}, "phone", Ntfy, json.RawMessage(settings), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error at %s", settings, err, want)
		}
	}
}
