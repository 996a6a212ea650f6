package callbacks

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"rouse/engine"
)

func request(method, path, accept string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept", accept)
	return r
}

func TestButtons(t *testing.T) {
	for _, tt := range []struct {
		name, path, accept string
		outcome            engine.Outcome
		status             int
		said, effect       string
	}{
		{"acknowledge", "/a/" + annToken + "/ack", "", "", 200, "HOT-1: Acknowledged. You are now the incident manager.\n", "acknowledged by button"},
		{"decline", "/a/" + annToken + "/decline", "", "", 200, "HOT-1: Declined.", "declined by button"},
		{"somebody was quicker", "/a/" + annToken + "/ack", "", engine.OutcomeTaken, 200, "HOT-1: Already acknowledged by Bob.", "acknowledged by button"},
		{"resolved", "/a/" + annToken + "/ack", "", engine.OutcomeResolved, 200, "HOT-1: This is over.", "acknowledged by button"},
		{"in a browser", "/a/" + annToken + "/ack", "text/html,*/*", "", 200, ">HOT-1: Acknowledged.", "acknowledged by button"},
		{"unknown", "/a/1a-2-unknown/ack", "", "", 404, "This button does not work any more.\n", ""},
		{"unknown in a browser", "/a/1a-2-unknown/ack", "text/html", "", 404, ">This button does not work any more.", ""},
		{"malformed", "/a/" + url.PathEscape("x\x00y") + "/ack", "", "", 404, "does not work", ""},
		{"another word", "/a/" + annToken + "/ok", "", "", 404, "does not work", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.outcome, d.holder = tt.outcome, "Bob"
			w := d.do(request("POST", tt.path, tt.accept))
			wantText(t, w, tt.status, tt.said)
			if tt.effect != "" {
				d.wantEffects(t, tt.effect)
			} else {
				d.wantEffects(t)
			}
			if html := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); html != (tt.accept != "") {
				t.Errorf("Content-Type is %q", w.Header().Get("Content-Type"))
			}
			if w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", w.Header())
			}
			if strings.Contains(w.Body.String(), "<form") {
				t.Error("buttons are shown again")
			}
		})
	}
}

func TestButtonWhileTheEngineIsAway(t *testing.T) {
	d := newDesk(t)
	d.broken = 1
	wantText(t, d.do(request("POST", "/a/"+annToken+"/ack", "")), 200, "Acknowledged.")
	d.broken = 100
	w := d.do(request("POST", "/a/"+annToken+"/ack", ""))
	wantText(t, w, http.StatusServiceUnavailable, "Please try again in a minute.")
	if w.Header().Get("Retry-After") != "5" {
		t.Error("no Retry-After")
	}
	d.wantEffects(t, "acknowledged by button")
}
