package callbacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"rouse/api/devices"
	"rouse/notifiers"
	"rouse/notifiers/webpush"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// S2: whatever opens a link, short of pressing a button in it, acknowledges nothing, and burns nothing.
func TestBots(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/p/" + annToken, "/a/" + annToken, "/a/" + annToken + "/ack", "/a/" + annToken + "/decline"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} {
			if w := d.do(request(method, path, "text/html")); method == "GET" && w.Code != 200 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			for _, h := range []http.HandlerFunc{d.h.ViewPage, d.h.AnswerPage, d.h.AnswerButton} { // also if it is routed wrongly
				r := request(method, path, "text/html")
				r.SetPathValue("token", annToken)
				r.SetPathValue("answer", "ack")
				h(httptest.NewRecorder(), r)
			}
		}
	}
	wantText(t, d.do(request("POST", "/p/"+annToken, "text/html")), http.StatusMethodNotAllowed)
	wantText(t, d.do(request("POST", "/p/"+annToken+"/seen", "")), http.StatusNoContent)
	if d.wantEffects(t); d.calls != 1 { // the receipt
		t.Errorf("the engine was asked %d times", d.calls)
	}
}

func TestPage(t *testing.T) {
	d := newDesk(t)
	w := d.do(request("GET", "/p/"+annToken, "text/html"))
	body := w.Body.String()
	wantText(t, w, 200, "<title>HOT-1 SEV1", "Disk full &lt;b&gt;now&lt;/b&gt;", "Service bitbucket.", `<button class="ack">Acknowledge</button>`, "<button>Decline</button>",
		"Since 2026-11-20 03:00:00", "Nobody has taken it yet", "<b>Bob</b> <span>dba</span> <i>declined</i>")
	if regexp.MustCompile(`(?i)onload|http-equiv|<img|javascript:|<b>now`).MatchString(body) || strings.Contains(body, "<b>Ann") {
		t.Errorf("the page does more than it should: %s", body)
	}
	if len(body) > 20<<10 {
		t.Errorf("the page has %d bytes", len(body))
	}
	actions := regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindAllStringSubmatch(body, -1)
	if len(actions) != 2 || actions[0][1] != "/p/"+annToken+"/ack" || actions[1][1] != "/p/"+annToken+"/decline" {
		t.Errorf("the buttons post to %v", actions)
	}
	for header, want := range map[string]string{
		"Content-Security-Policy": policy,
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-store",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	d.language = "de"
	wantText(t, d.do(request("GET", "/p/"+annToken, "text/html")), 200, `<html lang="de-DE">`, ">Übernehmen</button>", "<b>Bob</b> <span>dba</span> <i>abgelehnt</i>")
	wantText(t, d.do(request("GET", "/p/"+url.PathEscape(`"><script>`), "text/html")), 404, "does not work any more")
	wantText(t, d.do(request("GET", "/p/1a-2-unknown", "text/html")), 404, "does not work any more")
	wantText(t, d.do(request("GET", "/app", "text/html")), 200, "nothing to do")
}

// A button of the page answers, and the page that comes back says so and has no button any more.
func TestPageAnswers(t *testing.T) {
	d := newDesk(t)
	w := d.do(request("POST", "/p/"+annToken+"/ack", "text/html"))
	wantText(t, w, 200, "HOT-1: Acknowledged. You are now the incident manager.", "You have it")
	if strings.Contains(w.Body.String(), "<form") {
		t.Error("the buttons are shown again")
	}
	d.wantEffects(t, "acknowledged by button")

	d = newDesk(t)
	d.holder, d.outcome = "Carla", "taken"
	wantText(t, d.do(request("GET", "/p/"+annToken, "text/html")), 200, "Carla has it")

	d = newDesk(t)
	d.broken = 100
	w = d.do(request("POST", "/p/"+annToken+"/ack", "text/html"))
	wantText(t, w, http.StatusServiceUnavailable, "Please try again in a minute.")
	d.broken = 1
	w = d.do(request("GET", "/p/"+annToken, "text/html")) // what cannot be read can be answered even so
	wantText(t, w, http.StatusServiceUnavailable, "/p/"+annToken+"/ack")
}

func TestPageAboutSeveral(t *testing.T) {
	d := newDesk(t)
	d.also = []notifiers.Named{{Key: "HOT-2", Severity: 2, Summary: "Replica lag"}}
	wantText(t, d.do(request("GET", "/p/"+annToken, "text/html")), 200, "HOT-2 SEV2 Replica lag", "Acknowledge all 2")
}

func TestAssets(t *testing.T) {
	d := newDesk(t)
	size := 0
	for name, kind := range kinds {
		w := d.do(request("GET", "/"+name, ""))
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %q", name, w.Code, w.Header().Get("Content-Type"))
		}
		size += w.Body.Len()
	}
	if size > 12<<10 {
		t.Errorf("what the page loads has %d bytes", size)
	}
	if w := d.do(request("GET", "/page.html", "")); w.Code != 404 {
		t.Errorf("page.html: %d", w.Code)
	}
}

type fakeDevices struct {
	added []string
	err   error
}

func (f *fakeDevices) Add(_ context.Context, who rosters.PersonID, s webpush.Subscription) error {
	f.added = append(f.added, string(who)+" "+s.Service())
	return f.err
}

func TestSubscribe(t *testing.T) {
	const good = `{"endpoint":"https://push.example.com/x","expirationTime":null,"keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`
	d := newDesk(t)
	seen := &fakeDevices{}
	d.h.devices, d.h.pushKey = seen, func() string { return "BPublicKey" }
	wantText(t, d.do(request("GET", "/p/"+annToken, "text/html")), 200, `data-key="BPublicKey"`, `data-to="/p/`+annToken+`/push"`, "Send pages to this browser")
	subscribe := func(token, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/p/"+token+"/push", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		return d.do(r)
	}
	wantText(t, subscribe(annToken, good), http.StatusNoContent)
	wantText(t, subscribe("1a-2-unknown", good), http.StatusNotFound)
	for _, bad := range []string{"", "null", "{}", strings.Replace(good, "https:", "ftp:", 1), strings.Replace(good, "BTBZ", "?", 1), strings.Repeat(" ", maxSubscription) + good} {
		wantText(t, subscribe(annToken, bad), http.StatusBadRequest, "not a push subscription")
	}
	if got := strings.Join(seen.added, ", "); got != "ann push.example.com" {
		t.Errorf("added: %s", got)
	}
	plain := httptest.NewRequest("POST", "/p/"+annToken+"/push", strings.NewReader(good)) // as a form of another page can
	plain.Header.Set("Content-Type", "text/plain")
	wantText(t, d.do(plain), http.StatusUnsupportedMediaType, "application/json")
	for _, private := range []string{"http://push.example.com/x", "https://127.0.0.1/x", "https://169.254.169.254/x", "https://localhost/x", "https://push/x"} {
		d.h.endpoint = notifiers.Guard{}.CheckURL
		wantText(t, subscribe(annToken, strings.Replace(good, "https://push.example.com/x", private, 1)), http.StatusBadRequest, "The endpoint ")
	}
	if len(seen.added) != 1 {
		t.Errorf("added: %v", seen.added)
	}
	for err, status := range map[error]int{devices.ErrFull: http.StatusConflict, rosterdb.ErrNotFound: http.StatusNotFound} {
		seen.err = fmt.Errorf("adding: %w", err)
		if w := subscribe(annToken, good); w.Code != status || w.Header().Get("Retry-After") != "" {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
	seen.err = errors.New("no connection")
	wantText(t, subscribe(annToken, good), http.StatusServiceUnavailable)
	d.wantEffects(t)
}
