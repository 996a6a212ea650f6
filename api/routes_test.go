package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"

	"rouse/api/calendar"
	"rouse/api/callbacks"
	"rouse/api/intake"
	"rouse/api/problem"
	"rouse/api/rest"
	"rouse/engine/enginedb"
)

// bare is the server without a database, for what is known of the routes alone.
func bare() (*server, []route) {
	s := &server{rest: rest.New(rest.Config{})}
	return s, s.routes(Config{Intake: &intake.Handler{}, Callbacks: &callbacks.Handler{}, Calendar: &calendar.Handler{}, Health: http.NotFoundHandler()})
}

func TestEveryRouteSaysWhoMayCome(t *testing.T) {
	s, routes := bare()
	known := []access{read, respond, intakes, admin, owner, member, self, public, signed, secret}
	listed, found := map[string]bool{}, map[string]bool{}
	for _, rt := range routes {
		if !slices.Contains(known, rt.who) {
			t.Errorf("%s %s says %q", rt.method, rt.path, rt.who)
		}
		if needsKey := strings.HasPrefix(rt.path, "/v1/"); rt.who != intakes && needsKey != (len(includes[rt.who]) > 0) {
			t.Errorf("%s %s says %q: what is under /v1 needs a key, and nothing else but senders of alerts", rt.method, rt.path, rt.who)
		}
		listed[rt.method+" "+rt.path] = true
	}
	// What the router has is what the table lists.
	err := s.router(routes).Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, _ := r.GetPathTemplate()
		methods, _ := r.GetMethods()
		for name := range listed {
			verbs, where, _ := strings.Cut(name, " /")
			if verbs, where = strings.TrimSpace(verbs), strings.TrimSuffix("/"+where, "*"); strings.Fields(verbs)[0] == methods[0] && (path == where || path == where+"/") {
				delete(listed, name)
				found[path] = true
			}
		}
		if !found[path] && !found[strings.TrimSuffix(path, "/")] {
			t.Errorf("%v %s is routed, and not in the table", methods, path)
		}
		return nil
	})
	if err != nil || len(listed) > 0 {
		t.Errorf("not routed: %v, %v", listed, err)
	}
}

func TestARouteThatSaysNobodyCannotBeBuilt(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it was built")
		}
	}()
	s, _ := bare()
	s.router([]route{{"GET", "/v1/people", "", plain(http.NotFound)}})
}

func TestRoutesAndDocumentAgree(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	_, routes := bare()
	found := map[string]access{}
	for _, rt := range routes {
		if strings.HasPrefix(rt.path, "/v1/") {
			for _, method := range strings.Fields(rt.method) {
				found[method+" "+rt.path] = rt.who
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			scope, _ := op.Extensions["x-rouse-scope"].(string)
			if who, ok := found[name]; !ok || string(who) != scope {
				t.Errorf("%s asks for %q in openapi.yaml, and for %q in the table of routes", name, scope, who)
			}
			delete(found, name)
		}
	}
	for name, who := range found {
		if who != intakes { // what others have laid down how to send is described beside its handler
			t.Errorf("%s is not in openapi.yaml", name)
		}
	}
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// TestEveryRouteHoldsEveryKeyAgainstItsScope is generated from the table: each route without a key, with
// a wrong one, with a revoked one, and with a key of each scope.
func TestEveryRouteHoldsEveryKeyAgainstItsScope(t *testing.T) {
	d := newEmptyDesk(t)
	revoked := d.newKey(enginedb.Key{Name: "old", Scopes: []enginedb.Scope{enginedb.ScopeAdmin}})
	k, err := enginedb.New(d.db).KeyByHash(t.Context(), enginedb.HashKey(revoked))
	if err == nil {
		err = enginedb.New(d.db).RevokeKey(t.Context(), "", k.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, routes := bare()
	n := 0
	for _, rt := range routes {
		path := placeholder.ReplaceAllString(rt.path, "4711")
		for key, secret := range map[string]string{"none": "", "wrong": "rouse_" + strings.Repeat("A", 52), "revoked": revoked, "of another kind": "xyz",
			"intake": d.keys["intake"], "read": d.keys["read"], "respond": d.keys["respond"], "admin": d.keys["admin"]} {
			got := d.send(secret, strings.Fields(rt.method)[0], path, "")
			_, real := d.keys[key]
			allowed := slices.Contains(includes[rt.who], enginedb.Scope(key))
			n++
			switch {
			case len(includes[rt.who]) == 0:
				if got.status == http.StatusUnauthorized {
					t.Errorf("%s %s with key %s: %d", rt.method, rt.path, key, got.status)
				}
			case rt.who == intakes && !allowed && rt.path != "/v1/alerts": // each dialect refuses in its own words
				if got.status != http.StatusBadRequest && got.status != http.StatusUnauthorized && got.status != http.StatusForbidden {
					t.Errorf("%s %s with key %s: %s", rt.method, rt.path, key, got.said())
				}
			case !real && (got.status != http.StatusUnauthorized || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer")):
				t.Errorf("%s %s with key %s: %s", rt.method, rt.path, key, got.said())
			case real && !allowed && (got.status != http.StatusForbidden || !strings.Contains(got.body, "it needs the scope "+string(includes[rt.who][0]))):
				t.Errorf("%s %s with key %s: %s", rt.method, rt.path, key, got.said())
			case allowed && key == "respond" && needs[rt.who] != "": // it acts as nobody: see TestRoles
				if got.status < 400 || got.status >= 500 {
					t.Errorf("%s %s with a key that acts as nobody: %s", rt.method, rt.path, got.said())
				}
			case allowed && (got.status == http.StatusUnauthorized || got.status == http.StatusForbidden || got.status >= 500):
				t.Errorf("%s %s with key %s: %s", rt.method, rt.path, key, got.said())
			}
		}
	}
	t.Logf("%d requests to %d routes", n, len(routes))
}

func TestWhatNoRouteTakes(t *testing.T) {
	d := newEmptyDesk(t)
	for _, c := range []struct{ method, path, want, allow string }{
		{"GET", "/", `404 /problems/not-found "There is nothing at this path. GET /openapi.yaml tells what there is."`, ""},
		{"GET", "/v1", `404 /problems/not-found "There is nothing at this path. GET /openapi.yaml tells what there is."`, ""},
		{"GET", "/v1/people/", `404 /problems/not-found "There is nothing at this path. GET /openapi.yaml tells what there is."`, ""},
		{"POST", "//v1/people", `404 /problems/not-found "There is nothing at this path. GET /openapi.yaml tells what there is."`, ""},
		{"GET", "/v1/rosters/a%2Fb", `404 /problems/not-found "There is nothing at this path. GET /openapi.yaml tells what there is."`, ""},
		{"PATCH", "/v1/people/ann", `405 /problems/method-not-allowed "This path takes GET, HEAD, PUT, DELETE."`, "GET, HEAD, PUT, DELETE"},
		{"DELETE", "/v1/people", `405 /problems/method-not-allowed "This path takes GET, HEAD, POST."`, "GET, HEAD, POST"},
		{"GET", "/v1/alerts", `405 /problems/method-not-allowed "This path takes POST."`, "POST"},
		{"POST", "/v1/oncall", `405 /problems/method-not-allowed "This path takes GET, HEAD."`, "GET, HEAD"},
		{"GET", "/callbacks/twilio/sms", `405 /problems/method-not-allowed "This path takes POST."`, "POST"},
	} {
		got := d.as("admin", c.method, c.path, "")
		if got.said() != c.want || got.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: got %s, Allow %q", c.method, c.path, got.said(), got.header.Get("Allow"))
		}
	}
}

func TestHEADIsGETWithoutItsBody(t *testing.T) {
	d := newEmptyDesk(t)
	for _, path := range []string{"/v1/people", "/healthz", "/openapi.yaml"} {
		if got := d.as("read", "HEAD", path, ""); got.status != 200 {
			t.Errorf("HEAD %s: %d", path, got.status)
		}
	}
}

func TestWhatAnybodyMayRead(t *testing.T) {
	d := newEmptyDesk(t)
	for path, want := range map[string]string{
		"/openapi.yaml":        "openapi: 3.0.3",
		"/healthz":             "ok",
		"/problems/validation": "Not valid (422)",
		"/problems/not-stored": "Not stored (503)",
		"/problems/nothing":    "There is no such type of problem.",
	} {
		if got := d.send("", "GET", path, ""); !strings.Contains(got.body, want) {
			t.Errorf("GET %s: %d %.100s", path, got.status, got.body)
		}
	}
}

func TestEveryTypeOfProblemCanBeLookedUp(t *testing.T) {
	d := newEmptyDesk(t)
	seen := map[string]bool{}
	for _, k := range problem.Kinds() {
		if got := d.send("", "GET", k.Type(), ""); got.status != 200 || !strings.Contains(got.body, k.Meaning) || seen[k.Name] {
			t.Errorf("%s: %d %s", k.Name, got.status, got.body)
		}
		seen[k.Name] = true
	}
}
