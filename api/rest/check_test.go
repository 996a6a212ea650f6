package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/oapi-codegen/runtime"
)

// bodies are valid requests, one for each kind of body.
var bodies = map[string]string{
	"POST /v1/people":                          `{"handle":"ann","name":"Ann","zone":"UTC","language":"en","contacts":[{"channel":"sms","address":"+4915112345617","after":"1h30m","disabled":true}]}`,
	"PUT /v1/people/ann/contacts/1":            `{"channel":"push","address":"ann","after":"90s"}`,
	"POST /v1/rosters":                         `{"slug":"dba","name":"DBA","rotations":[{"id":"a","zone":"UTC","start":"2026-01-05T09:00:00","rule":"FREQ=DAILY","length":"12h","participants":["ann","bob"]}]}`,
	"POST /v1/rosters/dba/overrides":           `{"rotation":"a","replaces":"ann","person":"bob","from":"2026-01-05T09:00:00Z","to":"2026-01-06T09:00:00.5+01:00"}`,
	"POST /v1/policies":                        `{"slug":"p","name":"P","levels":[{"targets":[{"person":"ann"},{"roster":"dba"}],"wait":"5m"}],"ack_expiry":{"1":"0s","2":"1.5h","3":"250ms"}}`,
	"POST /v1/services":                        `{"slug":"s","name":"S","policy":"p","hours":{"zone":"UTC","windows":[{"days":["mon","sun"],"from":"09:00","to":"24:00"}]}}`,
	"PUT /v1/configuration?prune=false":        `{"teams":[{"slug":"t","members":[{"person":"ann","role":"owner"}]}],"people":[{"handle":"ann"}],"services":[{"slug":"s"}]}`,
	"POST /v1/keys":                            `{"name":"k","scopes":["read","respond"],"person":"ann"}`,
	"POST /v1/services/s/keys":                 `{"name":"k","key":"0123456789abcdef","dialect":"grafana","settings":{"a":[1.5,{"b":null}]},"secret":"12345678"}`,
	"PUT /v1/keys/1":                           `{"name":"k","dialect":"grafana","settings":{},"secret":""}`,
	"POST /v1/incidents/HOT-1/acknowledge":     `{"person":"ann","escalation":1}`,
	"POST /v1/incidents":                       `{"service":"s","severity":1,"summary":"x","products":["a"],"stage":"identified","impact_began_at":"2026-01-05T09:00:00Z","links":[{"href":"https://a.example","text":"a"}],"by":"ann"}`,
	"PATCH /v1/incidents/HOT-1":                `{"service":"","summary":"x","description":"y","support_cases":[],"detected_at":"","why":"z"}`,
	"POST /v1/incidents/HOT-1/resolve":         `{"why":"done","by":"ann"}`,
	"POST /v1/incidents/HOT-1/page":            `{"person":"ann","roster":"dba","role":"db","why":"slow","wait":"5m","by":"bob"}`,
	"POST /v1/incidents/HOT-1/severity":        `{"severity":2,"why":"worse","by":"ann"}`,
	"POST /v1/incidents/HOT-1/notes":           `{"text":"restarted","by":"ann"}`,
	"PUT /v1/rosters/dba/rotations/a":          `{"id":"a","zone":"UTC","start":"2026-01-05T09:00:00","rule":"FREQ=DAILY","participants":[]}`,
	"GET /v1/people?limit=20&cursor=ann":       ``,
	"GET /v1/incidents?status=new&service=x":   ``,
	"GET /v1/oncall?at=2026-01-05T09:00:00Z":   ``,
	"GET /v1/rosters/dba/shifts?from=tomorrow": ``,
	"GET /v1/people?limit=0":                   ``,
	"GET /v1/people?limit=201":                 ``,
	"GET /v1/people/-ann":                      ``,
	"GET /v1/people/ann/contacts/0":            ``,
	"GET /v1/incidents?status=gone":            ``,
}

// TestContractAgreesWithKin holds thousands of requests, good ones changed in one place each, against
// contract.json here and against openapi.yaml in kin-openapi. (Where they differ on purpose: 30 February
// is no date here, and no text may have NUL in it.)
func TestContractAgreesWithKin(t *testing.T) {
	doc := document(t)
	kin, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	n, refused := 0, 0
	for _, request := range slices.Sorted(maps.Keys(bodies)) {
		for _, body := range mutations(bodies[request]) {
			method, path, _ := strings.Cut(request, " ")
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			if body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			route, vars, err := kin.FindRoute(r)
			if err != nil {
				t.Fatalf("%s: %v", request, err)
			}
			want := kinSays(t, r, route, vars)
			r.Body = http.NoBody
			if body != "" {
				r = httptest.NewRequest(method, path, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
			}
			_, p := theContract().check(theContract().Operations[method+" "+route.Path], httptest.NewRecorder(), r, vars)
			if (want == nil) != (p == nil) {
				t.Errorf("%s %s:\n here %v\n kin %v", request, body, p, want)
			}
			if n++; p != nil {
				refused++
			}
		}
	}
	if n < 1000 || refused < n/2 {
		t.Errorf("only %d requests, %d of them refused", n, refused)
	}
	t.Logf("%d requests, %d of them refused", n, refused)
}

func kinSays(t *testing.T, r *http.Request, route *routers.Route, vars map[string]string) error {
	return openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: vars, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeReadOnlyValidations: true}})
}

// mutations are a body, and the same with one value replaced, taken away or added, wherever that can be.
func mutations(body string) []string {
	if body == "" {
		return []string{""}
	}
	all := []string{body}
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		panic(err)
	}
	write := func() {
		b, err := json.Marshal(root)
		if err != nil {
			panic(err)
		}
		all = append(all, string(b))
	}
	replacements := []any{nil, true, 0.0, 1.0, 4.0, -7.0, 1.5, "", "x", "A b", "5 minutes", "5m", "mon", strings.Repeat("y", 2500), []any{}, []any{"x"},
		slices.Repeat([]any{"x"}, 201), map[string]any{}, map[string]any{"unknown": 1.0}}
	var walk func(value any, set func(any))
	walk = func(value any, set func(any)) {
		for _, r := range replacements {
			set(r)
			write()
		}
		set(value)
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				was := v[name]
				delete(v, name)
				write()
				v[name] = was
				walk(was, func(x any) { v[name] = x })
			}
			v["unknown"] = 1.0
			write()
			delete(v, "unknown")
		case []any:
			for i, was := range v {
				walk(was, func(x any) { v[i] = x })
			}
		}
	}
	walk(root, func(x any) { root = x })
	return all
}

func TestTooDeep(t *testing.T) {
	for text, want := range map[string]bool{
		``: false, `[]`: false,
		strings.Repeat("[", 32):                                  false,
		strings.Repeat("[", 33):                                  true,
		strings.Repeat("[]", 1000):                               false,
		`"` + strings.Repeat("[", 100) + `"`:                     false,
		`"\"` + strings.Repeat("[", 100) + `"`:                   false,
		`"\\"` + strings.Repeat(`{"a":`, 33):                     true,
		`{"a":"` + strings.Repeat("{", 50) + `","b":[[[[{}]]]]}`: false,
	} {
		if got := tooDeep([]byte(text)); got != want {
			t.Errorf("%.50s: %v", text, got)
		}
	}
}

// FuzzBody: whatever is sent, checking it neither panics nor lets anything through that the handlers
// could not read.
func FuzzBody(f *testing.F) {
	for request, body := range bodies {
		if body != "" {
			f.Add(request, body)
		}
	}
	operations := map[string]*operation{}
	doc := document(f)
	kin, err := gorillamux.NewRouter(doc)
	if err != nil {
		f.Fatal(err)
	}
	for request := range bodies {
		method, path, _ := strings.Cut(request, " ")
		if route, _, err := kin.FindRoute(httptest.NewRequest(method, path, nil)); err == nil {
			operations[request] = theContract().Operations[method+" "+route.Path]
		}
	}
	f.Fuzz(func(t *testing.T, request, body string) {
		op, ok := operations[request]
		if !ok || op.Body == nil {
			return
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r, p := theContract().check(op, httptest.NewRecorder(), r, map[string]string{"handle": "ann", "slug": "dba", "id": "1", "key": "HOT-1"})
		if p != nil || r.Body == http.NoBody {
			return
		}
		targets := map[string]any{"createPerson": &Person{}, "replaceContact": &Contact{}, "createRoster": &Roster{}, "createOverride": &Override{}, "createPolicy": &Policy{},
			"createService": &Service{}, "createKey": &KeyWish{}, "createServiceKey": &ServiceKeyWish{}, "replaceKey": &KeyChange{}, "acknowledgeIncident": &Answer{}, "resolveIncident": &Resolution{},
			"pageIn": &PageIn{}, "raiseIncident": &Raise{}, "describeIncident": &Description{}, "setSeverity": &SeverityChange{}, "addNote": &NewNote{}, "replaceRotation": &Rotation{}, "replaceConfiguration": &Configuration{}}
		if err := runtime.BindJSONBody(r, targets[op.ID]); err != nil {
			t.Errorf("%s: %s passed and cannot be read: %v", op.ID, body, err)
		}
	})
}

func TestDurationsAreWrittenShort(t *testing.T) {
	for text, want := range map[string]string{"0s": "0s", "300s": "5m", "90m": "1h30m", "24h": "24h", "1h0m5s": "1h0m5s", "250ms": "250ms", "1.5h": "1h30m", "10m10s": "10m10s", "100s": "1m40s"} {
		var d goDuration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Error(err)
		}
		if got := fmt.Sprint(d); got != want {
			t.Errorf("%s is written %s", text, got)
		}
	}
}
