package rosters_test

import (
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

func channels(plan []rosters.Contact) string {
	var all []string
	for _, c := range plan {
		all = append(all, string(c.Channel))
	}
	return strings.Join(all, " ")
}

func TestAPersonHasAPlanToWakeAndOneToTell(t *testing.T) {
	every := func(rosters.Contact) bool { return true }
	contact := func(c rosters.Channel, p rosters.Plan) rosters.Contact { return rosters.Contact{Channel: c, Plan: p} }
	for _, test := range []struct {
		name                string
		contacts            []rosters.Contact
		wakes, tells, hears string
	}{
		{"nothing said", []rosters.Contact{contact("push", ""), contact("voice", "")}, "push voice", "push voice", "push"},
		{"both plans", []rosters.Contact{contact("voice", rosters.Wake), contact("email", rosters.Tell)}, "voice", "email", "email"},
		{"one for both", []rosters.Contact{contact("sms", rosters.Both), contact("voice", rosters.Wake)}, "sms voice", "sms", "sms"},
		{"told by a call", []rosters.Contact{contact("sms", rosters.Wake), contact("voice", rosters.Tell)}, "sms", "voice", "sms"},
		{"nothing wakes", []rosters.Contact{contact("email", rosters.Tell)}, "", "email", "email"},
	} {
		p := rosters.Person{Contacts: test.contacts}
		if w, s, h := channels(p.Wakes(every)), channels(p.Tells(every)), channels(p.Hears(every)); w != test.wakes || s != test.tells || h != test.hears {
			t.Errorf("%s: woken by %q, told by %q, hears by %q; want %q, %q, %q", test.name, w, s, h, test.wakes, test.tells, test.hears)
		}
	}
	mails := func(c rosters.Contact) bool { return c.Channel != rosters.Email }
	p := rosters.Person{Contacts: []rosters.Contact{contact("voice", ""), contact("push", ""), contact("email", rosters.Tell)}}
	if s, h := channels(p.Tells(mails)), channels(p.Hears(mails)); s != "voice push" || h != "push" {
		t.Errorf("with no mail they are told by %q and hear by %q", s, h)
	}
}

func TestWhoIsCalledAgain(t *testing.T) {
	p := rosters.Person{CallAgain: 5 * time.Minute}
	if p.CallsAgain(1) != 5*time.Minute || p.CallsAgain(2) != 0 || p.CallsAgain(3) != 0 {
		t.Error("it is for severity 1 where nothing is said")
	}
	p.CallAgainFor = 2
	if p.CallsAgain(2) != 5*time.Minute || p.CallsAgain(3) != 0 {
		t.Error("it may be for severity 2, and never is for 3")
	}
}

func TestQuietHoursEnd(t *testing.T) {
	at := func(text string) time.Time {
		instant, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return instant
	}
	night := rosters.Quiet{From: "22:00", To: "07:00"}
	for _, test := range []struct {
		zone, at, until string
		quiet           rosters.Quiet
	}{
		{"UTC", "2026-01-12T23:00:00Z", "2026-01-13T07:00:00Z", night},
		{"UTC", "2026-01-12T06:59:00Z", "2026-01-12T07:00:00Z", night},
		{"UTC", "2026-01-12T07:00:00Z", "2026-01-12T07:00:00Z", night},
		{"UTC", "2026-01-12T21:59:59Z", "2026-01-12T21:59:59Z", night},
		{"Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T05:00:00Z", night}, // the night of the spring forward
		{"UTC", "2026-01-12T13:00:00Z", "2026-01-12T14:00:00Z", rosters.Quiet{From: "12:30", To: "14:00"}},
		{"UTC", "2026-01-12T03:00:00Z", "2026-01-12T06:00:00Z", rosters.Quiet{From: "00:00", To: "06:00"}},
		{"UTC", "2026-01-12T23:00:00Z", "2026-01-13T00:00:00Z", rosters.Quiet{From: "22:00", To: "00:00"}},
		{"UTC", "2026-01-12T03:00:00Z", "2026-01-12T03:00:00Z", rosters.Quiet{}},
	} {
		p := rosters.Person{Zone: test.zone, Quiet: test.quiet}
		if got := p.QuietUntil(at(test.at)); !got.Equal(at(test.until)) {
			t.Errorf("%v at %s in %s: until %s, want %s", test.quiet, test.at, test.zone, got.UTC(), test.until)
		}
	}
}

func TestWhatOfAPlanIsRefused(t *testing.T) {
	good := rosters.Person{ID: "ann", CallAgain: 5 * time.Minute, CallAgainFor: 2, Quiet: rosters.Quiet{From: "22:00", To: "07:00"}, Language: "pt-BR"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, bad := range map[string]rosters.Person{
		"/call_again":      {ID: "ann", CallAgain: 30 * time.Second},
		"/call_again_for":  {ID: "ann", CallAgainFor: 3},
		"/quiet/from":      {ID: "ann", Quiet: rosters.Quiet{From: "25:00", To: "07:00"}},
		"/quiet/to":        {ID: "ann", Quiet: rosters.Quiet{From: "22:00", To: "22:00"}},
		"/contacts/0/plan": {ID: "ann", Contacts: []rosters.Contact{{Channel: rosters.Push, Address: "ann", Plan: "nap"}}},
		"/language":        {ID: "ann", Language: "de_DE"},
	} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want something about %s", bad, err, want)
		}
	}
}

func TestABrowserNeedsNoCode(t *testing.T) {
	for channel, verified := range map[rosters.Channel]bool{rosters.SMS: false, rosters.Voice: false, rosters.Push: false, rosters.Email: false, rosters.WebPush: true, rosters.Webhook: true} {
		if c := (rosters.Contact{Channel: channel}); c.Verified() != verified {
			t.Errorf("%s: verified %t", channel, c.Verified())
		}
	}
	if c := (rosters.Contact{Channel: rosters.SMS, VerifiedAt: time.Unix(1, 0)}); !c.Verified() {
		t.Error("a code that came back verifies nothing")
	}
}
