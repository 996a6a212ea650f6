package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/notifiers/twilio"
	"rouse/notifiers/webpush/webpushsim"
)

// S1: a thousand repetitions of what Twilio signed, a text and a key of a call, after the person has changed her mind:
// nothing of it counts a second time.
func TestE2EAThousandReplaysHaveNoEffect(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second})
	ann := h.resident("ann", bySMS(0), byCall(0))
	h.service("bitbucket", nil, level(later, ann))
	token := h.twilio.AuthToken()
	text := func(body, sid string) callback {
		return callback{path: twilio.SMSPath, token: token, form: url.Values{"From": {ann.Number()}, "Body": {body}, "MessageSid": {sid}}}
	}
	key := h.alert("bitbucket", 1, "Pushes fail")
	code := ann.isTexted(key)
	_, call := h.nonces(ann)
	recorded := []callback{
		text(code, "SM00000000000000000000000000000001"),
		{path: twilio.KeyPath + call, token: token, form: url.Values{"CallSid": {callSID}, "Digits": {"1"}, "From": {ann.Number()}}},
	}
	for _, c := range recorded {
		if status, body := h.posts(c); status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.path, status, body)
		}
	}
	h.isManagedBy(key, ann)
	last := text(code+" no", "SM00000000000000000000000000000002")
	if status, body := h.posts(last); status != http.StatusOK {
		t.Fatalf("handing back: %d %s", status, body)
	}
	effects := func() (n int) {
		inc := h.incident(key)
		return len(inc.lines(engine.ReasonAcknowledged)) + len(inc.lines(engine.ReasonDeclined)) + len(inc.lines(engine.ReasonHandedBack))
	}
	before, state := effects(), h.incident(key).Escalations[0].State
	if before < 2 {
		t.Fatalf("acknowledging and handing back left %d lines", before)
	}
	recorded = append(recorded, last)
	const replays = 1000
	began := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < replays; i += 8 {
				status, _ := h.posts(recorded[i%len(recorded)])
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(began).Round(time.Millisecond)
	if after := effects(); after != before || h.incident(key).Escalations[0].State != state {
		t.Errorf("%d replays had %d effects; it was %s and is %s", replays, after-before, state, h.incident(key).Escalations[0].State)
	} else {
		t.Logf("%d replays of signed callbacks in %s, answered %v: %d second effects", replays, took, answers, after-before)
	}
	if status, body := h.posts(text(code, "SM00000000000000000000000000000003")); status != http.StatusOK || effects() != before+1 {
		t.Errorf("a text that is new has %d effects: %d %s", effects()-before, status, body)
	}
	h.again = replays // what the replies say is the same each time
}

// asks makes a request as a program would that is no browser.
func (h *house) asks(method, url string, header map[string]string, body io.Reader) (int, http.Header, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, url, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatalf("%s: %v", method, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

// What strangers may try at the page behind a link, and at what belongs to it.
func TestE2EAttacksOnThePage(t *testing.T) {
	story(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	ann, bob := h.resident("ann", byPush(0)), h.resident("bob", byPush(0))
	h.service("bitbucket", nil, level(later, ann, bob))
	key := h.alert("bitbucket", 1, "Pushes fail")
	link := linkOf(ann.isPushed(key).Actions[0].URL)
	bobs := linkOf(bob.isPushed(key).Actions[0].URL)
	token := link[strings.LastIndex(link, "/")+1:]
	json := map[string]string{"Content-Type": "application/json"}

	t.Log("tokens that are nearly right, and others")
	forged := []string{"", "x", "..", "%2e%2e%2fapp.js", "%00", "a%2fb", strings.Repeat("x", 129), token + "x", token + "%20", token + "=", strings.ToUpper(token), token[1:], token[:len(token)-1],
		strings.SplitN(token, "-", 3)[0] + "-" + strings.SplitN(token, "-", 3)[1] + "-" + strings.Repeat("A", 22), "' OR 1=1--", `"><script>alert(1)</script>`, "1-1-1"}
	for i := range len(token) { // each letter another one
		b := []byte(token)
		if b[i]++; b[i] != '-' && token[i] != '-' {
			forged = append(forged, string(b))
		}
	}
	for _, f := range forged {
		base := h.door.URL + "/p/" + strings.ReplaceAll(strings.ReplaceAll(f, " ", "%20"), `"`, "%22")
		for _, path := range []string{"/ack", "/decline", "/seen", "/push"} {
			if status, _, body := h.asks("POST", base+path, json, strings.NewReader("{}")); status < 400 || status >= 500 || strings.Contains(body, "<script>") || strings.Contains(body, "Pushes fail") {
				t.Errorf("POST %q%s: %d %s", f, path, status, body)
			}
		}
		if status, _, body := h.asks("GET", base, nil, nil); status == http.StatusOK || status >= 500 || strings.Contains(body, "Pushes fail") {
			t.Errorf("GET %q: %d", f, status)
		}
	}
	t.Logf("%d forged tokens, %d requests", len(forged), len(forged)*5)

	t.Log("huge bodies and wrong kinds of content")
	huge := strings.Repeat("x", 200<<10) // the server reads no more to answer
	for _, path := range []string{"/push", "/seen"} {
		for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "", "application/json; charset=\x7f"} {
			header := map[string]string{"Content-Type": strings.ReplaceAll(kind, "\x7f", "utf-16")}
			if status, _, body := h.asks("POST", link+path, header, strings.NewReader(`{"endpoint":"`+huge+`"}`)); status >= 500 || path == "/push" && status < 400 || len(body) > 300 {
				t.Errorf("POST %s of %q with 200 KiB: %d, %d bytes: %.200s", path, kind, status, len(body), body)
			}
		}
	}
	for _, body := range []string{"", "null", "[]", "0", `{"endpoint":null}`, `{"endpoint":["https://x.example.com"]}`, "{", strings.Repeat("[", 8000), "\xff\xfe", `{"endpoint":"https://x.example.com/","keys":{"p256dh":"AAAA","auth":"AAAA"}}`} {
		if status, _, answer := h.asks("POST", link+"/push", json, strings.NewReader(body)); status != http.StatusBadRequest || body != "" && len(body) > 9 && strings.Contains(answer, body) {
			t.Errorf("subscribing with %.40q: %d %s", body, status, answer)
		}
	}

	t.Log("a page of somebody else's in somebody's browser: it can neither read nor frame this one, nor post without the token")
	for _, path := range []string{"", "/ack", "/decline"} {
		cross := map[string]string{"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site", "Cookie": "token=" + token, "Referer": link, "Content-Type": "text/plain"}
		if status, _, _ := h.asks("POST", h.door.URL+"/p/"+strings.Repeat("A", 30)+path, cross, strings.NewReader("token="+token)); status < 400 {
			t.Errorf("POST %s without the token: %d", path, status)
		}
	}
	for _, url := range []string{link, link + "/ack", h.door.URL + "/p/unknown", h.door.URL + "/app"} {
		status, header, _ := h.asks("GET", url, map[string]string{"Origin": "https://evil.example.com", "If-None-Match": "*", "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, nil)
		if status == http.StatusNotModified || header.Get("Access-Control-Allow-Origin") != "" || header.Get("Set-Cookie") != "" {
			t.Errorf("%d, others may read it: %v", status, header)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"} {
			if got := header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("Content-Security-Policy is %q", policy)
		}
	}
	h.isNobodys(key)

	t.Log("browsers without end: the fiftieth contact is the last, and a clear refusal comes after it")
	sim, err := webpushsim.Start(webpushsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	statuses, last := map[int]int{}, ""
	for range 60 {
		b := sim.Subscribe("")
		h.secret(b.Auth(), "what a browser decrypts with")
		var sent bytes.Buffer
		fmt.Fprintf(&sent, `{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}`, b.Endpoint(), b.P256dh(), b.Auth())
		status, header, body := h.asks("POST", link+"/push", json, &sent)
		if statuses[status]++; status != http.StatusNoContent {
			last = body
		}
		if header.Get("Retry-After") != "" {
			t.Errorf("%d asks for the same again", status)
		}
	}
	if statuses[http.StatusNoContent] != 49 || statuses[http.StatusConflict] != 11 || !strings.Contains(last, "Remove one") {
		t.Errorf("60 browsers beside one push contact: %v, %q", statuses, last)
	}

	t.Log("Bob's token answers for Bob only")
	if status, _, body := h.asks("POST", bobs+"/decline", nil, nil); status != http.StatusOK || !strings.Contains(body, "Declined") {
		t.Fatalf("%d %s", status, body)
	}
	inc := h.becomes(key, "declined by bob", func(i told) bool { return i.says(engine.ReasonDeclined, bob, "") })
	if slices.ContainsFunc(inc.Timeline, func(l line) bool { return l.Reason == engine.ReasonDeclined && l.Person == ann.handle }) {
		t.Errorf("Bob's token: %+v", inc.lines(engine.ReasonDeclined))
	}

	t.Log("a day later neither shows nor answers anything")
	h.nodes[0].Stop()
	h.nodes[0].Environ = append(h.nodes[0].Environ, "ROUSE_CLOCK_OFFSET=24h1m")
	h.start(h.nodes[0])
	for _, path := range []string{"", "/ack"} {
		method := "POST"
		if path == "" {
			method = "GET"
		}
		if status, _, body := h.asks(method, link+path, nil, nil); status != http.StatusNotFound || strings.Contains(body, "Pushes fail") {
			t.Errorf("%s of an old token: %d %s", method, status, body)
		}
	}
	h.isNobodys(key)
}

// The guard of the strict setting, in the program itself: an address in the house is refused when a browser gives it.
func TestE2EPrivateEndpointsAreRefused(t *testing.T) {
	story(t)
	var asked int
	trap, err := webpushsim.Start(webpushsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trap.Close)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	ann := h.resident("ann", byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	link := linkOf(ann.isPushed(key).Actions[0].URL)
	browser := trap.Subscribe("")
	h.secret(browser.Auth(), "what a browser decrypts with")
	h.nodes[0].Stop()
	h.nodes[0].Environ = append(h.nodes[0].Environ, "ROUSE_ALLOW_PRIVATE_ADDRESSES=false")
	h.start(h.nodes[0])
	for _, endpoint := range []string{browser.Endpoint(), strings.Replace(browser.Endpoint(), "http:", "https:", 1), "https://localhost/x", "https://169.254.169.254/x", "https://[::ffff:127.0.0.1]/x", "https://2130706433/x"} {
		body := fmt.Sprintf(`{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}`, endpoint, browser.P256dh(), browser.Auth())
		if status, _, answer := h.asks("POST", link+"/push", map[string]string{"Content-Type": "application/json"}, strings.NewReader(body)); status != http.StatusBadRequest || !strings.Contains(answer, "The endpoint ") {
			t.Errorf("%s: %d %s", endpoint, status, answer)
		}
		asked += len(browser.Inbox())
	}
	if asked != 0 {
		t.Errorf("%d pushes came to a private address", asked)
	}
}
