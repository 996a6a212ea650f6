package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/serviceworker"
	cdptarget "github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"rouse/engine"
	"rouse/notifiers/webpush/webpushsim"
)

// What a phone's browser does with the page behind a link. The tests are skipped where there is no Chromium:
//
//	apt-get install chromium
//	go test ./cmd/rouse -run TestE2EChromium -v -screenshots /tmp/pages -axe node_modules/axe-core/axe.min.js
var (
	screenshots = flag.String("screenshots", "", "folder to keep pictures of the responder page in")
	axe         = flag.String("axe", "", "axe.min.js of the npm package axe-core, to look the responder page through with")
)

// phone is a browser as a phone has it, with one window.
type phone struct {
	t   *testing.T
	ctx context.Context // of the window

	idle   chan string // loaders that have loaded all
	worker chan *serviceworker.Registration

	mu       sync.Mutex
	bytes    map[network.RequestID]float64
	requests []string // method, path, and the referer if there was one
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	file := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			file = found
			break
		}
	}
	if file == "" {
		t.Skip("there is no Chromium: apt-get install chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(file), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")) // it asks nobody but Rouse
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // events that are newer than the library
	t.Cleanup(cancel)
	p := &phone{t: t, ctx: ctx, bytes: map[network.RequestID]float64{}, idle: make(chan string, 100), worker: make(chan *serviceworker.Registration, 100)}
	p.does() // starts it
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	tell(p, network.Enable, network.EnableParams{})
	tell(p, page.SetLifecycleEventsEnabled, page.SetLifecycleEventsEnabledParams{Enabled: true})
	p.does(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch))
	return p
}

func (p *phone) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		asked := e.Request.Method + " " + strings.SplitN(e.Request.URL, "/", 4)[3]
		for name, value := range e.Request.Headers {
			if strings.EqualFold(name, "Referer") && value != "" {
				asked += fmt.Sprint(" from ", value)
			}
		}
		p.requests = append(p.requests, asked)
	case *network.EventLoadingFinished:
		p.bytes[e.RequestID] = e.EncodedDataLength
	case *page.EventLifecycleEvent:
		if e.Name == "networkIdle" {
			select {
			case p.idle <- string(e.LoaderID):
			default: // of pages that nobody waits for
			}
		}
	case *serviceworker.EventWorkerRegistrationUpdated:
		for _, r := range e.Registrations {
			select {
			case p.worker <- r:
			default: // it is known
			}
		}
	}
}

func (p *phone) does(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*soon)
	defer cancel()
	if len(steps) == 0 {
		ctx = p.ctx // the browser lives as long as the first context
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// tell sends a command of the protocol to the window, and gives its result.
func tell[P, R any](p *phone, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	result, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// find evaluates an expression in the page, and awaits it.
func find[T any](p *phone, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*soon)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%.60s: %v", expression, err)
	}
	return result
}

// opens loads a page, and waits until nothing happens any more.
func (p *phone) opens(url string) {
	p.t.Helper()
	p.does(chromedp.Navigate("about:blank"))
	p.mu.Lock()
	p.requests = nil
	clear(p.bytes)
	p.mu.Unlock()
	loader := tell(p, page.Navigate, page.NavigateParams{URL: url}).LoaderID
	for {
		select {
		case id := <-p.idle:
			if id == string(loader) {
				return
			}
		case <-time.After(2 * soon):
			p.t.Fatalf("%s did not become idle", url)
		}
	}
}

// taps touches an element with a finger.
func (p *phone) taps(selector string) {
	p.t.Helper()
	p.does(chromedp.Tap(chromedp.CSS(selector)))
}

func (p *phone) shows(words string) {
	p.t.Helper()
	text := ""
	if !eventually(func() bool {
		found, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
		text = found
		return err == nil && strings.Contains(text, words)
	}) {
		p.t.Fatalf("the page does not show %q but %q", words, text)
	}
}

// photographs writes a picture of the whole page.
func (p *phone) photographs(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	folder := *screenshots
	if folder == "" {
		folder = p.t.TempDir()
	}
	file := filepath.Join(folder, name+".png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.t.Logf("picture: %s, %d bytes", file, len(picture))
}

// linkOf is the page behind a button of a push.
func linkOf(button string) string {
	return strings.Replace(button[:strings.LastIndex(button, "/")], "/a/", "/p/", 1)
}

// Rule 10: what opens the page, and runs all of it, acknowledges nothing; a finger does, with and without JavaScript.
func TestE2EChromiumOnlyATapAcknowledges(t *testing.T) {
	story(t)
	p := newPhone(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	link := linkOf(ann.isPushed(key).Actions[0].URL)

	t.Log("a preview of the link, a scanner, and a browser that loads the page ahead")
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		for _, path := range []string{"", "/ack", "/decline"} {
			req, err := http.NewRequestWithContext(t.Context(), method, link+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("User-Agent", "facebookexternalhit/1.1 Slackbot-LinkExpanding 1.0")
			req.Header.Set("Sec-Purpose", "prefetch;prerender")
			res, err := h.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
	}
	p.opens(link)
	p.shows("Pushes fail")
	for _, asked := range p.requests {
		if !strings.HasPrefix(asked, "GET ") || strings.Contains(asked, " from ") {
			t.Errorf("loading the page asked %s", asked)
		}
	}
	h.isNobodys(key)

	t.Log("a tap")
	p.taps("button.ack")
	p.shows("Acknowledged")
	h.isManagedBy(key, ann)
	p.does(chromedp.Reload()) // of the answer's address, or the same again: harmless
	p.shows("You have it")
	if n := len(h.incident(key).lines(engine.ReasonAcknowledged)); n != 1 {
		t.Errorf("acknowledged %d times", n)
	}

	t.Log("a tap without JavaScript")
	key = h.alert("bitbucket", 2, "Pulls fail")
	link = linkOf(ann.isPushed(key).Actions[0].URL)
	tell(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.opens(link)
	p.taps("form:nth-of-type(2) button")
	p.shows("Declined")
	h.becomes(key, "declined by ann", func(i told) bool { return i.says(engine.ReasonDeclined, ann, "") })
}

// The page offers pushes where JavaScript runs; the service worker that it registers shows them with two buttons,
// of which each answers.
func TestE2EChromiumShowsPushesWithButtons(t *testing.T) {
	story(t)
	p := newPhone(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	ann := h.resident("ann", byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	link := linkOf(ann.isPushed(key).Actions[0].URL)
	sim, err := webpushsim.Start(webpushsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)

	t.Log("without JavaScript nothing is offered")
	tell(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.opens(link)
	if p.isSeen("#subscribe") {
		t.Error("pushes are offered to a browser that cannot take them")
	}
	tell(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})

	t.Log("with it, the offer registers the service worker and subscribes; the push service is a simulator's")
	device := sim.Subscribe("")
	device.Sleeps() // the real service worker tells that it shows a push
	h.secret(device.Auth(), "what a browser decrypts with")
	subscription, err := json.Marshal(object{"endpoint": device.Endpoint(), "keys": object{"p256dh": device.P256dh(), "auth": device.Auth()}})
	if err != nil {
		t.Fatal(err)
	}
	tell(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `if (window.PushManager) PushManager.prototype.subscribe = async () => (` + string(subscription) + `)`})
	p.allows("notifications", h.door.URL)
	tell(p, serviceworker.Enable, cdp.Empty{})
	p.opens(link)
	if !p.isSeen("#subscribe") {
		t.Fatal("pushes are not offered")
	}
	p.taps("#subscribe")
	p.shows("Pages come to this browser from now on")
	h.acknowledge(key, ann)
	var worker *serviceworker.Registration
	select {
	case worker = <-p.worker:
	case <-time.After(soon):
		t.Fatal("no service worker was registered")
	}

	t.Log("a push comes through the push service; the service worker shows it and tells so")
	for _, answer := range []struct{ action, reason string }{{"ack", string(engine.ReasonAcknowledged)}, {"decline", string(engine.ReasonDeclined)}} {
		key = h.alert("bitbucket", 1, "Nobody can "+answer.action)
		push := device.Expect(t, soon, key+" SEV1")
		payload, err := json.Marshal(push)
		if err != nil {
			t.Fatal(err)
		}
		tell(p, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: h.door.URL, RegistrationID: worker.RegistrationID, Data: string(payload)})
		h.becomes(key, "shown by the browser", func(i told) bool { return strings.Contains(i.attempts(ann), "web_push delivered") })
		h.isNobodys(key)
		type button struct{ Action, Title string }
		shown := find[[]struct {
			Title   string
			Actions []button
		}](p, `navigator.serviceWorker.ready.then((r) => r.getNotifications({tag: "`+key+`"})).then((all) => all.map((n) => ({title: n.title, actions: n.actions.map((a) => ({action: a.action, title: a.title}))})))`)
		if len(shown) != 1 || !strings.HasPrefix(shown[0].Title, key+" SEV1 ") || len(shown[0].Actions) != 2 || shown[0].Actions[0].Title != "Acknowledge" || shown[0].Actions[1].Title != "Decline" {
			t.Fatalf("shown is %+v", shown)
		}
		p.clicks(key, answer.action)
		h.becomes(key, "answered by the push's button", func(i told) bool { return i.says(engine.Reason(answer.reason), ann, "") })
	}
}

// clicks has the service worker learn that a button of its notification was clicked: the screen itself is
// beyond the reach of the protocol.
func (p *phone) clicks(tag, action string) {
	p.t.Helper()
	targets, err := chromedp.Targets(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	i := slices.IndexFunc(targets, func(t *cdptarget.Info) bool { return t.Type == "service_worker" })
	if i < 0 {
		p.t.Fatalf("the service worker does not run: %+v", targets)
	}
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithTargetID(targets[i].TargetID))
	defer cancel()
	if done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(async () => {
		const [notification] = await self.registration.getNotifications({tag: %q});
		const event = new NotificationEvent("notificationclick", {notification, action: %q});
		let work;
		event.waitUntil = (promise) => { work = promise }; // only the browser's own events have one
		self.dispatchEvent(event);
		await work;
		return true;
	})()`, tag, action), chromedp.EvalAwaitPromise)); err != nil || !done {
		p.t.Fatalf("the click: %v", err)
	}
}

// isSeen tells whether an element has a place on the screen, also where JavaScript is off for the page.
func (p *phone) isSeen(selector string) bool {
	p.t.Helper()
	nodes, err := chromedp.Run(p.ctx, chromedp.Nodes(chromedp.CSS(selector), chromedp.AtLeast(0)))
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.ContainsFunc(nodes, func(n *chromedp.Node) bool {
		_, err := chromedp.Call(p.ctx, dom.GetBoxModel, dom.GetBoxModelParams{NodeID: n.NodeID})
		return err == nil
	})
}

// allows grants a permission.
func (p *phone) allows(permission, origin string) {
	p.t.Helper()
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: permission},
		Setting: browser.PermissionSettingGranted, Origin: origin}); err != nil {
		p.t.Fatal(err)
	}
}

// A page for a phone at night: small, quick, dark, with buttons that a thumb finds and words that a screen reader
// reads; in English and German, before and after the answer.
func TestE2EChromiumPageForThePhoneAtNight(t *testing.T) {
	story(t)
	p := newPhone(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	for _, language := range []string{"en", "de"} {
		ann, bob, cem := h.resident("ann-"+language, byPush(0)), h.resident("bob-"+language, bySMS(0)), h.resident("cem-"+language, bySMS(0))
		h.does("PUT", "/v1/people/"+ann.handle, object{"handle": ann.handle, "name": "Ann", "language": language, "zone": "Europe/Berlin",
			"contacts": []object{{"channel": "push", "address": ann.screen.Topic(), "after": "0s"}}}, nil)
		h.service("bitbucket-"+language, nil, level(later, ann, bob, cem))
		key := h.alert("bitbucket-"+language, 1, "Replica lag on db-eu-3 is 47 min: pushes to "+language+" repositories fail")
		link := linkOf(ann.isPushed(key).Actions[0].URL)

		h.does("POST", "/v1/incidents/"+key+"/page", object{"roster": "imoc", "why": "the primary does not answer", "wait": "1h"}, nil)
		if language == "en" {
			p.measures(link)
		}
		p.opens(link)
		p.photographs(language + "-1-paged")
		p.isReadable(language)
		p.taps("button.ack")
		p.shows(map[string]string{"en": "You have it", "de": "Sie haben es"}[language])
		p.photographs(language + "-2-acknowledged")
		p.isReadable(language)
	}
	p.opens(h.door.URL + "/p/1a-2-unknown")
	p.photographs("en-3-too-old")
	p.isReadable("en")
}

// measures prints what the page costs, first without a limit, then over a bad line on a slow phone. How long it takes is no
// promise beside other tests.
func (p *phone) measures(link string) {
	p.t.Helper()
	for _, line := range []struct {
		name           string
		latency, speed float64 // ms, bytes/s
		cpu            float64
	}{{"local", 0, -1, 1}, {"400 ms, 400 kbit/s, processor 4 times slower", 400, 50_000, 4}} {
		tell(p, network.ClearBrowserCache, cdp.Empty{})
		p.slows(line.latency, line.speed, line.cpu)
		p.opens(link)
		paint := find[float64](p, `new Promise((done) => new PerformanceObserver((l, o) => { for (const e of l.getEntries()) if (e.name == "first-contentful-paint") { o.disconnect(); done(e.startTime) } }).observe({type: "paint", buffered: true}))`)
		size, count := p.loaded()
		p.t.Logf("%s: %d requests, %.0f bytes with headers, first contentful paint after %.0f ms", line.name, count, size, paint)
		if size > 20<<10 {
			p.t.Errorf("the page loads %.0f bytes, more than 20 kB", size)
		}
	}
	p.slows(0, -1, 1)
}

// slows makes every request and the processor slower.
func (p *phone) slows(latency, speed, cpu float64) {
	p.t.Helper()
	tell(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
		{Latency: latency, DownloadThroughput: speed, UploadThroughput: speed}}})
	tell(p, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: cpu})
}

func (p *phone) loaded() (size float64, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.bytes {
		size += n
	}
	return size, len(p.bytes)
}

// isReadable checks what axe-core would of a page that is so simple, and asks axe-core itself if it is there.
func (p *phone) isReadable(language string) {
	p.t.Helper()
	found := find[struct {
		Lang, Title     string
		H1, Main, Empty int
		Wide            bool
		Buttons         []struct{ Width, Height float64 }
		Texts           []struct {
			Text   string
			Colour []float64
			Ground []float64
		}
	}](p, lookAtPage)
	if !strings.HasPrefix(found.Lang, language+"-") || found.Title == "" || found.H1 != 1 || found.Main != 1 || found.Empty > 0 || found.Wide {
		p.t.Errorf("language %q, title %q, %d first headings, %d main parts, %d elements without a name, wider than the screen: %v", found.Lang, found.Title, found.H1, found.Main, found.Empty, found.Wide)
	}
	for _, b := range found.Buttons {
		if b.Height < 48 || b.Width < 300 {
			p.t.Errorf("a button of %v by %v", b.Width, b.Height)
		}
	}
	if len(found.Texts) == 0 {
		p.t.Error("there is no text")
	}
	for _, text := range found.Texts {
		if c := contrast(text.Colour, text.Ground); c < 4.5 {
			p.t.Errorf("%q has a contrast of %.1f", text.Text, c)
		}
		if brightness(text.Ground) > 0.5 {
			p.t.Errorf("%q stands on a bright ground", text.Text)
		}
	}
	if *axe == "" {
		p.t.Log("not looked at by axe-core: npm install axe-core, then -axe node_modules/axe-core/axe.min.js")
		return
	}
	script, err := os.ReadFile(*axe)
	if err != nil {
		p.t.Fatal(err)
	}
	find[bool](p, string(script)+";true")
	violations := find[[]struct {
		ID, Help string
		Nodes    []struct{ HTML string }
	}](p, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.map((n) => ({html: n.html}))})))`)
	p.t.Logf("axe-core finds %d violations", len(violations))
	for _, v := range violations {
		p.t.Errorf("axe-core: %s: %s: %+v", v.ID, v.Help, v.Nodes)
	}
}

const lookAtPage = `(() => {
	const parse = (c) => c.match(/[\d.]+/g).map(Number);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
	const seen = (e) => e.getClientRects().length > 0;
	const all = [...document.querySelectorAll("body *")].filter(seen);
	return {
		lang: document.documentElement.lang, title: document.title,
		h1: document.querySelectorAll("h1").length, main: document.querySelectorAll("main").length,
		empty: all.filter((e) => /^(BUTTON|H1|H2|A)$/.test(e.tagName) && !e.textContent.trim()).length,
		wide: document.documentElement.scrollWidth > window.innerWidth,
		buttons: all.filter((e) => e.tagName == "BUTTON").map((e) => { const r = e.getBoundingClientRect(); return {width: r.width, height: r.height} }),
		texts: all.filter((e) => [...e.childNodes].some((n) => n.nodeType == 3 && n.data.trim())).map((e) => ({text: e.textContent.trim(), colour: parse(getComputedStyle(e).color), ground: ground(e)})),
	};
})()`

// contrast is that of WCAG 2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func contrast(a, b []float64) float64 {
	x, y := brightness(a), brightness(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func brightness(rgb []float64) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := rgb[i] / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
