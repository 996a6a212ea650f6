package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/notifiers/fake"
)

var realSenders = flag.Bool("senders", false, "have real senders talk to real servers: Alertmanager, the clients of PagerDuty and Opsgenie, Nagios; takes minutes")

// TestSenders proves that what people have already talks to Rouse as it is: Alertmanager, PagerDuty's and
// Opsgenie's own clients and Nagios themselves, and what Zabbix, Uptime Kuma and Grafana send. Of those that
// spoke to PagerDuty or Opsgenie before nothing is changed but the host: their keys are registered. With -v each
// says in a line what it sent, how often it had to do so again, and what Rouse had in the end.
func TestSenders(t *testing.T) {
	if !*realSenders {
		t.Skip("drives real senders, and is run by: go test ./cmd/rouse -run Senders -senders -v")
	}
	if _, err := program(); err != nil {
		t.Fatal(err)
	}
	t.Run("Alertmanager", tellOfAlertmanager)
	t.Run("SDKs", tellOfSDKs)
	t.Run("Nagios", tellOfNagios)
	t.Run("Zabbix", tellOfZabbix)
	t.Run("UptimeKuma", tellOfUptimeKuma)
	t.Run("Grafana", tellOfGrafana)
}

// limit ends a story, but for what it has to build first, when it takes too long.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Keys that PagerDuty and Opsgenie made for a team that comes from there.
const (
	pagerDutyKey = "R03E7A0DB1E24C5FBE11D0C1A2B3C4D5"
	opsgenieKey  = "6f1f5a7e-3c1b-4f0e-9a53-2d7c8b9e0f11"
)

// registers makes a key known that another system made, for one dialect.
func (h *house) registers(service, dialect, key string) {
	h.t.Helper()
	h.secret(key, "a registered key")
	h.does("POST", "/v1/services/"+service+"/keys", object{"name": dialect, "key": key, "dialect": dialect}, nil)
}

// watched makes a service, and somebody who is texted at once about whatever is wrong with it.
func (h *house) watched(service string) *resident {
	h.t.Helper()
	who := h.resident("on-"+service, bySMS(0))
	h.service(service, nil, level(later, who))
	return who
}

// of lists the incidents of a service, the oldest first.
func (h *house) of(service string) (all []told) {
	h.t.Helper()
	var page struct{ Items []told }
	h.does("GET", "/v1/incidents?limit=100&service="+service, nil, &page)
	slices.Reverse(page.Items)
	return page.Items
}

// comes waits until the incidents of a service are so.
func (h *house) comes(ctx context.Context, service, what string, is func([]told) bool) []told {
	h.t.Helper()
	var all []told
	if !eventually(func() bool { all = h.of(service); return is(all) || ctx.Err() != nil }) || !is(all) {
		h.t.Fatalf("%s: waited in vain for %s; there is %+v", service, what, all)
	}
	return all
}

// opens waits until a service has so many incidents, of which the last has just been opened, with this severity
// and this in its summary, and until somebody was texted about it.
func (h *house) opens(ctx context.Context, service string, n, severity int, summary string, who *resident) told {
	h.t.Helper()
	all := h.comes(ctx, service, fmt.Sprintf("incident %d", n), func(all []told) bool { return len(all) >= n })
	inc := all[len(all)-1]
	if len(all) != n || inc.Severity != severity || !strings.Contains(inc.Summary, summary) || inc.Service != service || inc.Status != "new" {
		h.t.Errorf("%s: instead of incident %d of severity %d about %q there is %+v", service, n, severity, summary, all)
	}
	h.secret(inc.Summary, "a summary")
	who.isTexted(inc.Key)
	return inc
}

// ends waits until all incidents of a service are resolved.
func (h *house) ends(ctx context.Context, service string, n int) {
	h.t.Helper()
	h.comes(ctx, service, fmt.Sprintf("the end of all %d", n), func(all []told) bool {
		return len(all) == n && !slices.ContainsFunc(all, func(inc told) bool { return inc.Status != "resolved" })
	})
}

// remembers waits until the timeline of an incident says these things.
func (h *house) remembers(key string, words ...string) {
	h.t.Helper()
	for _, w := range words {
		h.becomes(key, fmt.Sprintf("one whose timeline says %q", w), func(inc told) bool {
			return slices.ContainsFunc(inc.Timeline, func(l line) bool { return strings.Contains(l.Text, w) })
		})
	}
}

// has says what became of a service's incidents.
func (h *house) has(service string) string {
	h.t.Helper()
	var words []string
	for _, inc := range h.of(service) {
		words = append(words, fmt.Sprintf("%s SEV%d %s (reported %d×)", inc.Key, inc.Severity, inc.Status, inc.Alerts))
	}
	return strings.Join(words, ", ")
}

// wire is the address that a sender knows. What comes is handed on to a house as it is, and so is the answer; it
// remembers both. It can be out of order as what stands before servers is.
type wire struct {
	*httptest.Server
	state   fake.State // around what is below
	all     []exchange
	refuses int // so many more requests are answered 503, and go no further
	loses   int // of so many more behind those the answer is lost, and another one is 503
}

// exchange is a request and its answer.
type exchange struct {
	method, path   string // with the query
	sent, answered string
	status         int
}

func (h *house) wire() *wire {
	w := &wire{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(rw, r, h.door.handler()) }))
	h.t.Cleanup(w.Close)
	return w
}

func (w *wire) serve(rw http.ResponseWriter, r *http.Request, rouse http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, unavailable := httptest.NewRecorder(), httptest.NewRecorder()
	http.Error(unavailable, "Service Unavailable", http.StatusServiceUnavailable)
	refused, lost := w.fails()
	if !refused {
		rouse.ServeHTTP(answer, r)
	}
	if refused || lost {
		answer = unavailable
	}
	w.state.Update(func() {
		w.all = append(w.all, exchange{r.Method, r.URL.RequestURI(), string(body), answer.Body.String(), answer.Code})
	})
	for name, values := range answer.Header() {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes()) // the sender is gone
}

func (w *wire) fails() (refused, lost bool) {
	w.state.Update(func() {
		switch {
		case w.refuses > 0:
			w.refuses--
			refused = true
		case w.loses > 0:
			w.loses--
			lost = true
		}
	})
	return refused, lost
}

// breaks has the next requests fail: some are refused, and of some behind them the answer is lost.
func (w *wire) breaks(refused, lost int) {
	w.state.Update(func() { w.refuses, w.loses = refused, lost })
}

// heals waits until no more requests fail.
func (w *wire) heals(ctx context.Context, t *testing.T) {
	t.Helper()
	if !w.state.Await(ctx, func() bool { return w.refuses == 0 && w.loses == 0 }) {
		t.Fatalf("%d are still to be refused, and %d to be lost: the sender does not send again", w.refuses, w.loses)
	}
}

// exchanges are those so far.
func (w *wire) exchanges() []exchange {
	w.state.Lock()
	defer w.state.Unlock()
	return slices.Clone(w.all)
}

// failed counts the requests that were answered with a 5xx.
func (w *wire) failed() (n int) {
	for _, x := range w.exchanges() {
		if x.status >= 500 {
			n++
		}
	}
	return n
}

// reports says in a line what went over the wire, and what Rouse has of it. What was not meant to be refused must
// not have been: the statuses but for those of 5xx.
func (w *wire) reports(h *house, sender, service string, refused ...int) {
	h.t.Helper()
	all := w.exchanges()
	for _, x := range all {
		if (x.status < 200 || x.status > 299) && x.status < 500 && !slices.Contains(refused, x.status) {
			h.t.Errorf("%s: %s %s was answered %d: %s", sender, x.method, x.path, x.status, x.answered)
		}
	}
	h.t.Logf("%s: sent %s; %d of them got a 5xx and were sent again; Rouse had %s", sender, routes(all), w.failed(), h.has(service))
}

// routes counts exchanges by method and by the first two parts of the path, behind which ids and keys may stand.
func routes(all []exchange) string {
	count := map[string]int{}
	for _, x := range all {
		path, _, _ := strings.Cut(x.path, "?")
		parts := strings.Split(path, "/")
		count[x.method+" "+strings.Join(parts[:min(3, len(parts))], "/")]++
	}
	var words []string
	for _, route := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%d %s", count[route], route))
	}
	return strings.Join(words, ", ")
}

// fill copies a file of testdata/senders into a folder, and puts values in place of @NAMES@.
func fill(t *testing.T, dir, name string, values map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "senders", name))
	if err != nil {
		t.Fatal(err)
	}
	filled := string(text)
	for name, value := range values {
		filled = strings.ReplaceAll(filled, "@"+name+"@", value)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
