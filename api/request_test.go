package api

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/callbacks"
	"rouse/api/intake"
)

func TestTheLogNamesTheRouteAndNothingSecret(t *testing.T) {
	d := newDesk(t)
	d.log.Reset()
	got := d.as("ann", "GET", "/v1/people/ann?limit=+4915112345617", "")
	d.as("admin", "PUT", "/v1/people/ann", `{"contacts": [{"channel": "sms", "address": "+4915112345618"}]}`)
	d.send("", "GET", "/a/verysecrettoken", "")
	d.send("rouse_wrongkey", "GET", "/v1/people?cursor=ann", "")
	d.send("", "GET", "/healthz", "")
	log := d.log.String()
	for _, want := range []string{
		`"level":"INFO","msg":"request","request":"` + got.header.Get("X-Request-Id") + `","method":"GET","route":"/v1/people/{handle}","status":422,`,
		`"api_key":"` + d.keys["ann"][:12] + `"`,
		`"method":"PUT","route":"/v1/people/{handle}","status":200,`,
		`"route":"/a/{token}","status":404,`,
		`"route":"/v1/people","status":401,`,
		`"level":"DEBUG","msg":"request","request":`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("%s is not in the log:\n%s", want, log)
		}
	}
	for _, secret := range []string{d.keys["ann"], "verysecrettoken", "wrongkey", "12345617", "12345618", "cursor", `/ann`} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log:\n%s", secret, log)
		}
	}
}

func TestAPanicIsA500AndTheOthersGoOn(t *testing.T) {
	d := newEmptyDesk(t)
	broken := New(Config{Engine: d.engine, DB: d.db, Intake: &intake.Handler{}, Callbacks: &callbacks.Handler{},
		Health: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })})
	w := httptest.NewRecorder()
	broken.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	got := answered{w.Code, w.Header(), w.Body.String()}
	if got.said() != `500 /problems/internal "Something went wrong. The log knows more."` {
		t.Error(got.said())
	}
	if strings.Contains(got.body, "boom") {
		t.Error("the cause is shown")
	}
}

func TestEveryAnswerHasAnIDAndHeaders(t *testing.T) {
	d := newEmptyDesk(t)
	for _, path := range []string{"/v1/people", "/nothing", "/healthz", "/openapi.yaml"} {
		h := d.send("", "GET", path, "").header
		if !regexp.MustCompile(`^[A-Z2-7]{16}$`).MatchString(h.Get("X-Request-Id")) {
			t.Errorf("%s: id is %q", path, h.Get("X-Request-Id"))
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Strict-Transport-Security": "max-age=31536000"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
	}
	got := d.send("", "GET", "/v1/people", "")
	if id := got.value(t)["request_id"]; id != got.header.Get("X-Request-Id") {
		t.Errorf("the problem's id is %v", id)
	}
}

func TestWithoutDatabaseEverybodyIsAskedToComeAgain(t *testing.T) {
	d := newDesk(t)
	d.api = d.on(closedPool(t, d.db))
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/people", ""}, {"POST", "/v1/people", `{"handle": "dan"}`}, {"POST", "/v1/alerts", `{"summary": "disk full"}`}, {"GET", "/v1/oncall", ""},
	} {
		got := d.as("admin", c.method, c.path, c.body)
		if got.said() != `503 /problems/unavailable "The key cannot be looked up: the database is away; try again."` || got.header.Get("Retry-After") != "5" {
			t.Errorf("%s %s: %s", c.method, c.path, got.said())
		}
	}
	if strings.Contains(d.log.String(), "+4915112345617") {
		t.Error("a number is in the log")
	}
}

// closedPool is a pool on a database that takes no connection any more.
func closedPool(t *testing.T, db *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), db.Config())
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	return pool
}

func TestTheSchemeOfAKeyIsReadAsRFC6750Says(t *testing.T) {
	d := newEmptyDesk(t)
	for header, want := range map[string]int{"Bearer " + d.keys["read"]: 200, "bearer  " + d.keys["read"]: 200, "Basic " + d.keys["read"]: 401,
		d.keys["read"]: 401, "Bearer": 401, "Bearer " + d.keys["read"] + "x": 401, "Bearer " + strings.ToLower(d.keys["read"]): 401} {
		if got := d.send("", "GET", "/v1/people", "", "Authorization: "+header); got.status != want {
			t.Errorf("%.20s: %s", header, got.said())
		}
	}
	if got := d.send("", "GET", "/v1/people?key="+d.keys["read"], ""); got.status != 401 {
		t.Errorf("a key in the query: %s", got.said())
	}
}

func TestContentTypes(t *testing.T) {
	d := newEmptyDesk(t)
	for kind, want := range map[string]string{
		"application/json":                  `409 /problems/conflict "There is a person ann already."`,
		"application/json; charset=utf-8":   `409 /problems/conflict "There is a person ann already."`,
		"":                                  `409 /problems/conflict "There is a person ann already."`,
		"application/x-www-form-urlencoded": `415 /problems/media-type "The body is sent as \"application/x-www-form-urlencoded\"; send it with Content-Type: application/json."`,
		"text/plain":                        `415 /problems/media-type "The body is sent as \"text/plain\"; send it with Content-Type: application/json."`,
	} {
		d.as("admin", "POST", "/v1/people", `{"handle": "ann"}`)
		if got := d.as("admin", "POST", "/v1/people", `{"handle": "ann"}`, "Content-Type: "+kind).said(); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
