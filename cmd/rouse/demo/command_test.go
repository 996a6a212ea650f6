package demo

import (
	"strings"
	"testing"
	"time"
)

func TestACommandIsUnderstood(t *testing.T) {
	ann, bob := mustFind(t, "ann"), mustFind(t, "bob")
	for line, want := range map[string]command{
		"":                                {},
		"bob ack":                         {verb: "phone", person: bob, act: "ack"},
		"  Bob   Acknowledge ":            {verb: "phone", person: bob, act: "ack"},
		"ann press 1":                     {verb: "phone", person: ann, act: "press", text: "1"},
		"ann reply 482913 no":             {verb: "phone", person: ann, act: "reply", text: "482913 no"},
		"ann push Decline":                {verb: "phone", person: ann, act: "push", text: "decline"},
		"ann voicemail":                   {verb: "phone", person: ann, act: "voicemail"},
		"fire":                            {verb: "fire", service: "bitbucket", severity: "critical", text: "Requests to bitbucket fail"},
		"fire jira high Search is slow":   {verb: "fire", service: "jira", severity: "high", text: "Search is slow"},
		"fire payments Cards are refused": {verb: "fire", service: "payments", severity: "critical", text: "Cards are refused"},
		"repeat HOT-1":                    {verb: "repeat", key: "HOT-1"},
		"resolve hot-12":                  {verb: "resolve", key: "HOT-12"},
		"show 3":                          {verb: "show", key: "HOT-3"},
		"page HOT-1 dba locks everywhere": {verb: "page", key: "HOT-1", target: "dba", text: "locks everywhere"},
		"page 1 lena":                     {verb: "page", key: "HOT-1", target: "lena"},
		"provider down":                   {verb: "provider", down: true},
		"provider up twilio":              {verb: "provider", text: "twilio"},
		"wait 2.5s":                       {verb: "wait", pause: 2500 * time.Millisecond},
		"KILL":                            {verb: "kill"},
		"quit":                            {verb: "quit"},
	} {
		got, err := parse(line)
		if err != nil || got != want {
			t.Errorf("%q is understood as %+v, %v\nwant %+v", line, got, err, want)
		}
	}
}

func TestWhatIsNotUnderstoodSaysWhatIsPossible(t *testing.T) {
	for line, hint := range map[string]string{
		"fier":               "Did you mean fire?",
		"abn ack":            "Did you mean ann?",
		"xyzzyx":             "Type help",
		"bob":                "ack, decline, reply",
		"bob akc":            "Did you mean ack?",
		"bob ack HOT-1":      "just type bob ack",
		"bob press":          "bob press 1",
		"bob press one":      "bob press 1",
		"bob reply":          "bob reply <text>",
		"bob push":           "bob push ack",
		"repeat":             "repeat HOT-1",
		"resolve everything": "resolve HOT-1",
		"page":               "page HOT-1 dba",
		"page HOT-1":         "page HOT-1 dba",
		"page HOT-1 dbas":    "Did you mean dba?",
		"provider":           "provider down|up",
		"provider sideways":  "provider down|up",
		"provider down smtp": "twilio SMS and calls",
		"wait":               "wait 5",
		"wait 1h":            "wait 5",
		"kill bill":          "just type kill",
	} {
		c, err := parse(line)
		if err == nil {
			t.Errorf("%q is understood as %+v", line, c)
		} else if !strings.Contains(err.Error(), hint) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is answered %q, want one line with %q", line, err, hint)
		}
	}
}

func TestTabCompletesAWord(t *testing.T) {
	for line, want := range map[string]string{
		"an":            "ann ",
		"bob v":         "bob voicemail ",
		"page HOT-1 d":  "page HOT-1 d", // dba, dana, decline
		"page HOT-1 db": "page HOT-1 dba ",
		"zz":            "zz",
	} {
		if got, pos, ok := complete(line, len(line), '\t'); got != want || pos != len(want) || !ok {
			t.Errorf("tab makes %q of %q (cursor %d), want %q", got, line, pos, want)
		}
	}
	if _, _, ok := complete("an", 2, 'n'); ok {
		t.Error("a letter is taken for a tab")
	}
}

func mustFind(t *testing.T, handle string) person {
	t.Helper()
	p, ok := personByHandle(handle)
	if !ok {
		t.Fatalf("there is no %s", handle)
	}
	return p
}
