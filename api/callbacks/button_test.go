package callbacks

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"rouse/engine"
)

func request(method, path, accept string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept", accept)
	return r
}

// S2: whatever opens a link, short of pressing a button in it, acknowledges nothing.
func TestBots(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/a/" + annToken, "/a/" + annToken + "/ack", "/a/" + annToken + "/decline"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
			if w := d.do(request(method, path, "text/html")); method == "GET" && w.Code != 200 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			for _, h := range []http.HandlerFunc{d.h.AnswerPage, d.h.AnswerButton} { // also if it is routed wrongly
				r := request(method, path, "text/html")
				r.SetPathValue("token", annToken)
				r.SetPathValue("answer", "ack")
				h(httptest.NewRecorder(), r)
			}
		}
	}
	wantText(t, d.do(request("POST", "/a/"+annToken, "text/html")), http.StatusMethodNotAllowed)
	if d.calls != 0 {
		t.Errorf("the engine was asked %d times", d.calls)
	}
}

func TestPage(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/a/" + annToken, "/a/" + annToken + "/decline"} {
		w := d.do(request("GET", path, "text/html"))
		body := w.Body.String()
		wantText(t, w, 200, "Please acknowledge or decline.", "<button>Acknowledge</button>", "<button>Decline</button>")
		if regexp.MustCompile(`(?i)<script|onload|http-equiv|<img|<link|src=|HOT-`).MatchString(body) {
			t.Errorf("the page does more than it should, or tells more: %s", body)
		}
		actions := regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindAllStringSubmatch(body, -1)
		if len(actions) != 2 || resolved(t, path, actions[0][1]) != "/a/"+annToken+"/ack" || resolved(t, path, actions[1][1]) != "/a/"+annToken+"/decline" {
			t.Errorf("%s: the buttons post to %v", path, actions)
		}
		look := regexp.MustCompile(`<style>(.*)</style>`).FindStringSubmatch(body)
		sum := sha256.Sum256([]byte(look[1]))
		for header, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "no-referrer",
			"Cache-Control":           "no-store",
			"X-Content-Type-Options":  "nosniff",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s is %q, want %q", header, got, want)
			}
		}
	}
	german := request("GET", "/a/"+annToken, "text/html")
	german.Header.Set("Accept-Language", "de-CH, en;q=0.5")
	wantText(t, d.do(german), 200, `<html lang="de-DE">`, "<button>Übernehmen</button>")
	wantText(t, d.do(request("GET", "/a/"+url.PathEscape(`"><script>`), "text/html")), 404, "does not work any more")
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
		{"in a browser", "/a/" + annToken + "/ack", "text/html,*/*", "", 200, "<p>HOT-1: Acknowledged.", "acknowledged by button"},
		{"unknown", "/a/1a-2-unknown/ack", "", "", 404, "This button does not work any more.\n", ""},
		{"unknown in a browser", "/a/1a-2-unknown/ack", "text/html", "", 404, "<p>This button does not work any more.", ""},
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
