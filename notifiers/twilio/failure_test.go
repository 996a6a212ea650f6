package twilio

import (
	"net/http"
	"testing"

	"rouse/notifiers"
)

func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		status, code        int
		kind                notifiers.Kind
		elsewhere, doubtful bool
		shown               string
	}{
		{400, 21211, notifiers.Final, false, false, "21211"},
		{400, 21610, notifiers.Final, false, false, "21610"},
		{400, 21614, notifiers.Final, false, false, "21614"},
		{400, 21408, notifiers.Final, true, false, "21408"},
		{400, 21212, notifiers.Final, true, false, "21212"},
		{400, 29999, notifiers.Final, true, false, "29999"}, // a code that Twilio has not made yet
		{401, 20003, notifiers.Passing, false, false, "20003"},
		{403, 0, notifiers.Passing, false, false, "403"},
		{429, 20429, notifiers.Passing, false, false, "20429"},
		{429, 0, notifiers.Passing, false, false, "429"},
		{500, 20500, notifiers.Passing, false, true, "20500"},
		{502, 0, notifiers.Passing, false, true, "502"}, // a gateway's: who knows what is behind it
		{503, 20503, notifiers.Passing, false, false, "20503"},
		{302, 0, notifiers.Passing, false, false, "302"},
		{404, 20404, notifiers.Final, true, false, "20404"},
	} {
		f := failureOf(c.status, c.code)
		if f.Kind != c.kind || f.Elsewhere != c.elsewhere || f.Doubtful != c.doubtful || f.Code != c.shown || f.Detail == "" {
			t.Errorf("%s %d: %+v, want %+v", http.StatusText(c.status), c.code, f, c)
		}
	}
}
