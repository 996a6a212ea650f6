package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fakeAPI answers requests with canned texts and keeps what was asked: "GET /v1/oncall?limit=200" and
// the bodies of POSTs behind it.
type fakeAPI struct {
	url   string
	asked []string
}

func newFakeAPI(t *testing.T, answers map[string]string) *fakeAPI {
	t.Helper()
	f := &fakeAPI{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		if r.Header.Get("Authorization") != "Bearer rouse_test" {
			answerProblem(w, 401, "No valid key")
			return
		}
		answer, known := answers[r.Method+" "+r.URL.RequestURI()]
		if !known {
			answer, known = answers[r.Method+" "+r.URL.Path]
		}
		if !known {
			answerProblem(w, 404, "There is nothing of this name.")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func answerProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"/problems/x","title":"No","status":%d,"detail":%q,"errors":[{"parameter":"at","detail":"is no time"}]}`, status, detail)
}

// refusing is a Rouse that refuses whatever is asked.
func refusing(t *testing.T, status int, problem string) *fakeAPI {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		io.WriteString(w, problem)
	}))
	t.Cleanup(server.Close)
	return &fakeAPI{url: server.URL}
}

// Who is not there is named, unless the answer does so, and what to do next is said.
func TestARefusalNamesWhatWasGiven(t *testing.T) {
	nobody := `{"type":"/problems/validation","title":"Invalid","errors":[{"pointer":"/person","value":"zed","detail":"there is no such person"}]}`
	for _, test := range []struct {
		args, problem, want string
		status              int
	}{
		{"ack HOT-1 --as zed", nobody, "person \"zed\": there is no such person\nSay who answers by their handle: `rouse oncall` shows those on call, `rouse export` with an admin's key everybody", 422},
		{"provider test vonage --to zed", nobody, `person "zed": there is no such person`, 422},
		{"provider test vonage --to ann", `{"title":"Not found","detail":"There is no provider vonage."}`, "there is no provider vonage: `rouse provider list` shows them", 404},
		{"provider user slack U1 zed", `{"title":"Invalid","errors":[{"pointer":"/person","value":"zed","detail":"there is no person zed"}]}`, "person: there is no person zed", 422},
	} {
		_, err := refusing(t, test.status, test.problem).call(t, strings.Fields(test.args)...)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v\nwant %s", test.args, err, test.want)
		}
	}
}

func (f *fakeAPI) call(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, _, err := call(t, settingsOf("ROUSE_URL="+f.url, "ROUSE_TOKEN=rouse_test"), args...)
	return out, err
}

const onCallAnswer = `{"items":[
	{"roster":"bitbucket-im","name":"Bitbucket","at":"2026-11-20T12:00:00Z","on_call":[
		{"person":"ann","name":"Ann Example","until":"2026-11-23T08:00:00Z","rotation":"primary"},
		{"person":"bob","name":"Bob","until":"2026-11-21T00:00:00Z","override":7}]},
	{"roster":"dba","name":"Databases","at":"2026-11-20T12:00:00Z","on_call":[]}]}`

func TestOnCall(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"GET /v1/oncall": onCallAnswer})
	out, err := api.call(t, "oncall", "--zone", "Europe/Berlin", "--at", "2026-11-20 13:00")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "oncall.txt", out)
	if want := "GET /v1/oncall?at=2026-11-20T12%3A00%3A00Z&limit=200"; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}
}

func TestAListIsReadToItsEnd(t *testing.T) {
	api := newFakeAPI(t, map[string]string{
		"GET /v1/oncall?limit=200":          `{"items":[{"roster":"a","on_call":[]}],"next":"2"}`,
		"GET /v1/oncall?cursor=2&limit=200": `{"items":[{"roster":"b","on_call":[]}]}`,
	})
	out, err := api.call(t, "oncall", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Items []onCall }
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Items) != 2 || got.Items[1].Roster != "b" {
		t.Errorf("got %s (%v)", out, err)
	}
}

func TestAnEmptyListIsJSON(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"GET /v1/incidents": `{"items":[]}`})
	out, err := api.call(t, "incidents", "--json")
	if err != nil || strings.Join(strings.Fields(out), "") != `{"items":[]}` {
		t.Errorf("got %s (%v)", out, err)
	}
	if out, _ = api.call(t, "incidents"); out != "No incidents.\n" {
		t.Errorf("got %q", out)
	}
}

func TestIncidents(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"GET /v1/incidents": `{"next":"x","items":[
		{"key":"HOT-12","service":"bitbucket","severity":1,"summary":"disk full","status":"new","alerts":3,"opened_at":"2026-11-20T12:00:00Z"},
		{"key":"HOT-11","severity":2,"summary":"a\u001b]0;owned\u0007\nb\tc","status":"fixing","manager":"ann","alerts":1,"opened_at":"2026-11-19T12:00:00Z"}]}`})
	out, err := api.call(t, "incidents", "--limit", "2")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "incidents.txt", out)
	if want := "GET /v1/incidents?limit=2&status=new&status=fixing"; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}
	if _, err := api.call(t, "incidents", "--status", "all"); err != nil || api.asked[1] != "GET /v1/incidents?limit=50" {
		t.Errorf("asked %s (%v)", api.asked[1], err)
	}
}

const incidentAnswer = `{"key":"HOT-12","service":"bitbucket","severity":1,"summary":"disk full","status":"fixing","manager":"ann","alerts":3,
	"opened_at":"2026-11-20T12:00:00Z","alerted_at":"2026-11-20T12:02:00Z","acknowledged_at":"2026-11-20T12:03:00Z","next_at":"2026-11-20T12:33:00Z",
	"reports":[
		{"id":7,"first_id":3,"dedup_key":"db1/disk","source":"pagerduty","summary":"disk full","severity":1,"firing":true,"count":3,
			"first_at":"2026-11-20T12:00:00Z","last_at":"2026-11-20T12:02:00Z","labels":{"host":"db1","client":"Grafana\u001b[2J","empty of lines":"a\nb"},
			"details":"/dev/sda1 100%\n\tbeing 40 GB\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17","links":[{"href":"https://grafana.example/d/disk","text":"Disks"},{"href":"https://wiki.example/disk"}]},
		{"id":4,"first_id":4,"dedup_key":"db2/disk","source":"pagerduty","summary":"disk full on db2","severity":2,"firing":false,"count":1,
			"first_at":"2026-11-20T12:01:00Z","last_at":"2026-11-20T12:01:00Z"}],
	"escalations":[
		{"no":1,"role":"incident manager","ladder":"bitbucket","state":"acknowledged","level":1,"round":1,"holder":"ann","levels":[],"pages":[]},
		{"no":2,"role":"dba","ladder":"dba","state":"climbing","round":1,"levels":[],"pages":[]}],
	"timeline":[
		{"at":"2026-11-20T12:00:00Z","reason":"opened","text":"Opened by alertmanager."},
		{"at":"2026-11-20T12:03:00Z","reason":"acknowledged","text":"ann acknowledged.","by":"ann"},
		{"at":"2026-11-20T12:04:00Z","reason":"paged in","text":"Paged in dba.","by":"ann"}]}`

func TestIncident(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"GET /v1/incidents/HOT-12": incidentAnswer})
	out, err := api.call(t, "incidents", "hot-12")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "incident.txt", out)
	out, err = api.call(t, "incidents", "HOT-12", "--json")
	if err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, `"ladder": "bitbucket"`) {
		t.Errorf("got %s (%v)", out, err)
	}
}

func TestAck(t *testing.T) {
	for outcome, says := range map[string]string{
		"incident_manager": "ann is the incident manager.",
		"acknowledged":     "ann takes the role dba.",
		"still_on":         "ann still has it in hand.",
	} {
		api := newFakeAPI(t, map[string]string{"POST /v1/incidents/HOT-12/acknowledge": `{"outcome":"` + outcome + `","key":"HOT-12","severity":1,"summary":"disk full","role":"dba","person":"ann"}`})
		out, err := api.call(t, "ack", "hot-12", "--as", "ann")
		if err != nil || out != "HOT-12 (severity 1, disk full): "+says+"\n" {
			t.Errorf("got %q (%v)", out, err)
		}
		if want := `POST /v1/incidents/HOT-12/acknowledge {"person":"ann"}`; api.asked[0] != want {
			t.Errorf("asked %s, want %s", api.asked[0], want)
		}
	}
}

func TestPageFindsOutWhatAnNameIs(t *testing.T) {
	answers := map[string]string{
		"GET /v1/people/ann":             `{}`,
		"GET /v1/people/ops":             `{}`,
		"GET /v1/rosters/ops":            `{}`,
		"GET /v1/rosters/dba":            `{}`,
		"POST /v1/incidents/HOT-12/page": `{"escalation":2}`,
	}
	for _, test := range []struct{ name, body, says string }{
		{"ann", `{"person":"ann","role":"comms","why":"lag"}`, "HOT-12: ann is being paged (escalation 2).\n"},
		{"dba", `{"roster":"dba","role":"comms","why":"lag"}`, "HOT-12: whoever is on call in dba is being paged (escalation 2).\n"},
		{"roster:ops", `{"roster":"ops","role":"comms","why":"lag"}`, "HOT-12: whoever is on call in ops is being paged (escalation 2).\n"},
		{"ops", "", "write person:ops or roster:ops"},
		{"zoe", "", "neither a person nor a roster"},
	} {
		api := newFakeAPI(t, answers)
		out, err := api.call(t, "page", "HOT-12", test.name, "--role", "comms", "--why", "lag")
		last := api.asked[len(api.asked)-1]
		if test.body == "" {
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.HasPrefix(last, "POST") {
				t.Errorf("%s: got %q (%v), last asked %s", test.name, out, err, last)
			}
			continue
		}
		if err != nil || out != test.says || last != "POST /v1/incidents/HOT-12/page "+test.body {
			t.Errorf("%s: got %q (%v), last asked %s", test.name, out, err, last)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	status, body := 0, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case body != "":
			w.WriteHeader(status)
			io.WriteString(w, body)
		case status == 301:
			w.Header().Set("Location", "https://rouse.example.com/")
			w.WriteHeader(status)
		default:
			answerProblem(w, status, "The detail.")
		}
	}))
	defer server.Close()
	for _, test := range []struct {
		status      int
		body, token string
		want        string
	}{
		{401, "", "", "`rouse token create --scope respond --name me` makes one"},
		{401, "", "x", "does not know the key in ROUSE_TOKEN"},
		{403, "", "x", "at: is no time\nThe key in ROUSE_TOKEN may not do this"},
		{404, "", "x", "`rouse incidents --status all` lists the incidents"},
		{422, "", "x", "at: is no time"},
		{301, "", "x", "sends us on to https://rouse.example.com/: set ROUSE_URL"},
		{404, "<html>nginx</html>", "x", "not as Rouse does: check ROUSE_URL"},
		{200, "<html>hello</html>", "x", "not as Rouse does: check ROUSE_URL"},
		{502, "bad gateway", "x", "502 Bad Gateway"},
	} {
		status, body = test.status, test.body
		_, _, err := call(t, settingsOf("ROUSE_URL="+server.URL, "ROUSE_TOKEN="+test.token), "incidents", "HOT-1")
		if err == nil || !strings.Contains(err.Error(), test.want) || exitStatus(err) != 1 {
			t.Errorf("%d %q: got %v", test.status, test.body, err)
		}
	}
}

func TestTheKeyIsNeverInAnError(t *testing.T) {
	_, _, err := call(t, settingsOf("ROUSE_URL=http://no.such.host.invalid", "ROUSE_TOKEN=rouse_sesame"), "oncall")
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v", err)
	}
}

func TestCoverage(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"GET /v1/coverage": `{"from":"2026-11-20T12:00:00Z","to":"2026-12-20T12:00:00Z","holes":[
		{"kind":"catch_all","from":"2026-11-28T00:00:00Z","to":"2026-11-30T00:00:00Z","severities":[1,2],"where":"catch-all","problem":"nobody is on call in roster imoc","remedy":"Put somebody into rotation week of roster imoc, or override it","text":"-"},
		{"kind":"nobody","from":"2026-11-29T00:00:00Z","to":"2026-11-29T06:00:00Z","service":"bitbucket","severities":[1,2],"where":"bitbucket, severity 1 and 2","problem":"nobody is paged at all","remedy":"Name people in ROUSE_LAST_RESORT","text":"-"}]}`})
	out, err := api.call(t, "coverage", "--zone", "Europe/Berlin", "--from", "2026-11-20 13:00", "--service", "bitbucket")
	if exitStatus(err) != 1 || err.Error() != "2 holes: close them, or put up with them" {
		t.Errorf("holes end with %v", err)
	}
	golden(t, "coverage.txt", out)
	if want := "GET /v1/coverage?from=2026-11-20T12%3A00%3A00Z&service=bitbucket&to=2026-12-20T12%3A00%3A00Z&zone=Europe%2FBerlin"; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}

	api = newFakeAPI(t, map[string]string{"GET /v1/coverage": `{"from":"2026-11-20T12:00:00Z","to":"2026-12-20T12:00:00Z","holes":[]}`})
	out, err = api.call(t, "coverage", "--zone", "UTC")
	if want := "Every alert finds somebody to page, from Fri 2026-11-20 12:00 UTC to Sun 2026-12-20 12:00 UTC.\n"; err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if _, err := api.call(t, "coverage", "--days", "93"); exitStatus(err) != 2 || !strings.Contains(err.Error(), "use 1 to 92") {
		t.Errorf("93 days: %v", err)
	}
}
