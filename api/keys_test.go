package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"rouse/api/intake"
	"rouse/api/keys"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

const (
	oldKey     = "b7f1d0c2-5e1d-4a4e-9d0f-6a3c1e9b2f77" // as Opsgenie makes them
	itsSecret  = "what grafana signs with, and nobody sees"
	nextSecret = "what it signs with from next week on"
)

// alert sends an alert with a key and gives the status.
func (d *desk) alert(key string) int {
	return d.send(key, "POST", "/v1/alerts", `{"summary": "disk full"}`).status
}

func TestAKeyOfAnotherSystemIsRegisteredAndNeverShown(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/services", `{"slug": "jira"}`)
	made := d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "opsgenie", "key": "`+oldKey+`"}`)
	if k := made.value(t); k["key"] != nil || k["prefix"] != oldKey[:9] || strings.Contains(made.body, oldKey) {
		t.Errorf("answered %s", made.body)
	}
	d.engine.told = nil
	if status := d.alert(oldKey); status != 202 || len(d.engine.told) != 1 || !strings.HasPrefix(d.engine.told[0], "alert bitbucket ") {
		t.Errorf("an alert with it: %d, %v", status, d.engine.told)
	}
	const taken = `409 /problems/conflict "The key is registered already, in force or revoked. Take another one, or have a new one made."`
	again := func(when string) {
		t.Helper()
		for _, path := range []string{"/v1/services/bitbucket/keys", "/v1/services/jira/keys"} {
			if got := d.as("admin", "POST", path, `{"name": "again", "key": "`+oldKey+`"}`).said(); got != taken {
				t.Errorf("%s, again at %s: %s", when, path, got)
			}
		}
		if got := d.as("admin", "POST", "/v1/keys", `{"name": "again", "scopes": ["intake"], "key": "`+oldKey+`"}`).said(); got != taken {
			t.Errorf("%s, again for no service: %s", when, got)
		}
	}
	again("in force")
	d.must(204, "DELETE", made.header.Get("Location"), "")
	again("revoked")
	if status := d.alert(oldKey); status != 401 {
		t.Errorf("revoked, and taken: %d", status)
	}
	if unbound := d.must(201, "POST", "/v1/keys", `{"name": "pagerduty", "scopes": ["intake"], "key": "R0123456789ABCDEFGHIJKLMNOPQRSTU"}`); unbound.value(t)["key"] != nil {
		t.Errorf("answered %s", unbound.body)
	}
	if status := d.alert("R0123456789ABCDEFGHIJKLMNOPQRSTU"); status != 202 {
		t.Errorf("with one of no service: %d", status)
	}
}

func TestASendersSecretIsKeptAndNeverShown(t *testing.T) {
	d := newDesk(t)
	ring := NewKeyring(d.db, d.secrets, slog.New(slog.DiscardHandler))
	made := d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "grafana", "dialect": "grafana", "secret": "`+itsSecret+`"}`)
	key, where := made.value(t)["key"].(string), made.header.Get("Location")
	signs := func(want string) {
		t.Helper()
		s, err := ring.Sender(t.Context(), key)
		if err != nil || string(s.Secret) != want || want == "" && s.Secret != nil {
			t.Errorf("the sender signs with %q, %v; want %q", s.Secret, err, want)
		}
		if shown := d.must(200, "GET", where, "").value(t); shown["signed"] != (want != "") {
			t.Errorf("shown as %v", shown)
		}
	}
	signs(itsSecret)
	d.must(200, "PUT", where, `{"name": "grafana eu", "dialect": "grafana"}`)
	signs(itsSecret)
	if got, want := d.as("admin", "PUT", where, `{"name": "grafana"}`).said(), `[/dialect must be one whose senders sign, as the key has a secret`; !strings.Contains(got, want) {
		t.Errorf("without its dialect: %s", got)
	}
	d.must(200, "PUT", where, `{"name": "grafana", "dialect": "grafana", "secret": "`+nextSecret+`"}`)
	signs(nextSecret)
	d.must(200, "PUT", where, `{"name": "grafana", "secret": ""}`)
	signs("")
	if shown := d.must(200, "GET", where, "").value(t); shown["name"] != "grafana" || shown["dialect"] != nil || shown["settings"] != nil {
		t.Errorf("replaced, it is shown as %v", shown)
	}
	d.must(200, "PUT", where, `{"name": "grafana", "dialect": "grafana", "secret": "`+itsSecret+`"}`)
	d.must(204, "DELETE", where, "")
	if got := d.as("admin", "PUT", where, `{"name": "grafana", "dialect": "grafana", "secret": "`+itsSecret+`"}`).said(); !strings.Contains(got, "[/secret the key was revoked; make another one]") {
		t.Errorf("a secret for a key that is revoked: %s", got)
	}
	var sealed int
	if err := d.db.QueryRow(t.Context(), `select count(*) from api_key where sealed <> ''`).Scan(&sealed); err != nil || sealed != 0 {
		t.Errorf("%d secrets are left of a key that is revoked, %v", sealed, err)
	}
	for _, path := range []string{where, "/v1/services/bitbucket/keys", "/v1/keys"} {
		if body := d.must(200, "GET", path, "").body; strings.Contains(body, itsSecret) || strings.Contains(body, key[12:]) || strings.Contains(body, "sealed") {
			t.Errorf("GET %s shows %s", path, body)
		}
	}
}

func TestWhatIsWrongWithAKeyIsSaidAndNotShown(t *testing.T) {
	d := newDesk(t)
	const service, unbound = "/v1/services/bitbucket/keys", "/v1/keys"
	long := func(n int) string { return strings.Repeat("k", n) }
	for _, c := range []struct{ what, path, body, want string }{
		{"too short a key", service, `{"name": "x", "key": "hunter2-hunter2"}`, "[/key has 15 characters; it must have 16 to 256"},
		{"too long a key", service, `{"name": "x", "key": "` + long(257) + `"}`, "[/key is 257 characters long; the limit is 256]"},
		{"a key with a space", service, `{"name": "x", "key": "hunter2 hunter2 hunter2"}`, "[/key must be printable ASCII characters without spaces"},
		{"a key that is not ASCII", service, `{"name": "x", "key": "hunter2-hunter2-hünter2"}`, "[/key must be printable ASCII"},
		{"a key with a line's end", service, `{"name": "x", "key": "hunter2-hunter2-hunter2\n"}`, "[/key must be printable ASCII"},
		{"too short a secret", service, `{"name": "x", "dialect": "grafana", "secret": "hunter2"}`, "[/secret has 7 bytes; it must have 8 to 1024"},
		{"a secret with a line's end", service, `{"name": "x", "dialect": "grafana", "secret": "hunter2-hunter2\n"}`, "[/secret begins or ends with white space"},
		{"a secret with NUL", service, `{"name": "x", "dialect": "grafana", "secret": "hunter2\u0000hunter2"}`, "[/secret must be UTF-8 without NUL]"},
		{"a secret without dialect", service, `{"name": "x", "secret": "hunter2-hunter2"}`, "[/dialect must be one whose senders sign, as the key has a secret, which the others would not look at: grafana, jira, webhook]"},
		{"a secret for a dialect that does not look at it", service, `{"name": "x", "dialect": "pagerduty", "secret": "hunter2-hunter2"}`, "[/dialect must be one whose senders sign"},
		{"a dialect that is none", service, `{"name": "x", "dialect": "carrier pigeon"}`, "[/dialect (carrier pigeon) is not known; use one of "},
		{"settings of a dialect that has none", service, `{"name": "x", "dialect": "alerts", "settings": {"a": 1}}`, "[/settings "},
		{"settings that are no object", service, `{"name": "x", "settings": [1]}`, "[/settings must be an object, not a list]"},
		{"settings with NUL", service, `{"name": "x", "dialect": "alerts", "settings": {"a": [{"\u0000": 1}]}}`, "[/settings must not contain NUL"},
		{"settings with a number beyond all", service, `{"name": "x", "dialect": "alerts", "settings": {"a": 1e999999}}`, "[/settings have a number that is too large"},
		{"settings too large", service, `{"name": "x", "dialect": "alerts", "settings": {"a": "` + long(16<<10) + `"}}`, "[/settings are 16392 bytes of JSON; the limit is 16384]"},
		{"settings too deep", service, `{"name": "x", "dialect": "alerts", "settings": ` + strings.Repeat(`{"a": `, 18) + "1" + strings.Repeat("}", 18) + `}`, "[/settings are nested deeper than 16 levels]"},
		{"all of it", service, `{"name": "x", "key": "hunter2", "dialect": "pigeon", "secret": "hunter2"}`, "[/key has 7 characters; it must have 16 to 256, as a shorter one could be guessed] [/dialect (pigeon) is not known"},

		{"an admin's key that another system made", unbound, `{"name": "x", "scopes": ["admin"], "key": "hunter2-hunter2-hunter2"}`, "[/key is for keys of senders, whose only scope is intake]"},
		{"a reader's key with what is a sender's", unbound, `{"name": "x", "scopes": ["read", "intake"], "dialect": "grafana", "secret": "hunter2-hunter2"}`, "[/dialect is for keys of senders, whose only scope is intake] [/secret is for keys of senders"},
		{"a key for nobody", unbound, `{"name": "x", "scopes": ["respond"], "person": "nobody"}`, "[/person (nobody) there is no such person]"},
		{"a key of a service that is not there", "/v1/services/nothing/keys", `{"name": "x", "key": "hunter2-hunter2-hunter2"}`, `404 /problems/not-found "There is no service nothing."`},
	} {
		got := d.as("admin", "POST", c.path, c.body)
		if said := got.said(); !strings.Contains(said, c.want) || got.status != 422 && got.status != 404 {
			t.Errorf("%s: %s\nwant %s", c.what, said, c.want)
		}
		if strings.Contains(got.body, "hunter2") || strings.Contains(got.body, "hünter2") {
			t.Errorf("%s: the answer shows it: %s", c.what, got.body)
		}
	}
	if strings.Contains(d.log.String(), "hunter2") {
		t.Error("the log shows it")
	}
	admin := d.must(201, "POST", unbound, `{"name": "x", "scopes": ["admin"]}`).header.Get("Location")
	if got := d.as("admin", "PUT", admin, `{"name": "x", "dialect": "grafana"}`).said(); !strings.Contains(got, "[/dialect is for keys of senders") {
		t.Errorf("an admin's key is bound to a dialect: %s", got)
	}
}

func TestWithoutASecretKeyNothingIsKeptThatWouldNeedOneAndAllElseWorks(t *testing.T) {
	d := newDesk(t)
	d.secrets = nil
	d.api = d.on(d.db)
	for method, path := range map[string]string{"POST": "/v1/services/bitbucket/keys", "PUT": "/v1/services/bitbucket/keys/6"} {
		got := d.as("admin", method, path, `{"name": "x", "dialect": "grafana", "secret": "`+itsSecret+`"}`).said()
		if !strings.HasPrefix(got, "422 ") || !strings.Contains(got, "[/secret cannot be kept") || !strings.Contains(got, "openssl rand -base64 32") || !strings.Contains(got, "ROUSE_SECRET_KEY") {
			t.Errorf("%s %s: %s", method, path, got)
		}
	}
	made := d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "x", "dialect": "alerts"}`)
	if status := d.alert(made.value(t)["key"].(string)); status != 202 {
		t.Errorf("an alert: %d", status)
	}
}

func TestAServiceHasTenKeysInForceAndRevokedOnesBeside(t *testing.T) {
	d := newDesk(t) // the service has one
	var first string
	for range keys.MaxOfService - 1 {
		first = d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "x"}`).header.Get("Location")
	}
	const full = `409 /problems/full "Service bitbucket has 10 keys in force, which is the limit. Revoke one whose last_used_at says that nobody sends with it."`
	if got := d.as("admin", "POST", "/v1/services/bitbucket/keys", `{"name": "x"}`).said(); got != full {
		t.Errorf("the eleventh: %s", got)
	}
	d.must(204, "DELETE", first, "")
	d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "x"}`)
	live, revoked := 0, 0
	for _, k := range d.must(200, "GET", "/v1/services/bitbucket/keys", "").value(t)["items"].([]any) {
		if k := k.(map[string]any); k["live"] == true && k["revoked_at"] == nil {
			live++
		} else if k["live"] == false && k["revoked_at"] != nil {
			revoked++
		}
	}
	if live != keys.MaxOfService || revoked != 1 {
		t.Errorf("%d in force, %d revoked", live, revoked)
	}
}

// countingEngine takes alerts and counts them.
type countingEngine struct {
	pager.Engine
	n atomic.Int64
}

func (e *countingEngine) Receive(context.Context, engine.Alert) (pager.Received, error) {
	e.n.Add(1)
	return pager.Received{Key: "HOT-1", Outcome: pager.Opened}, nil
}

func TestAKeyIsChangedUnderLoadAndNoAlertIsLost(t *testing.T) {
	d := newDesk(t)
	taken := &countingEngine{}
	h := intake.New(intake.Config{Engine: taken, Keys: NewKeyring(d.db, d.secrets, slog.New(slog.DiscardHandler))})
	send := func(key string) int {
		r := httptest.NewRequest("POST", "/v1/alerts", strings.NewReader(`{"summary": "disk full"}`))
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		h.Alerts(w, r)
		return w.Code
	}
	type answer struct {
		sender, status int
		key            string
	}
	var key atomic.Pointer[string] // what the senders are configured with
	first := d.keys["bitbucket"]
	key.Store(&first)
	answers, stop := make(chan answer), make(chan struct{})
	defer close(stop)
	for sender := range 4 {
		go func() {
			for {
				with := *key.Load()
				status := send(with)
				if status == http.StatusServiceUnavailable {
					continue // the machine is busy: senders try again
				}
				select {
				case answers <- answer{sender, status, with}:
				case <-stop:
					return
				}
			}
		}()
	}
	n := 0
	until := func(enough func(answer) bool) {
		t.Helper()
		for {
			a := <-answers
			n++
			if a.status != http.StatusAccepted {
				t.Fatalf("an alert is refused with %d: %+v", a.status, a)
			}
			if enough(a) {
				return
			}
		}
	}
	during := func(change func() answered) (got answered) { // a change, while alerts come in
		done := make(chan answered, 1)
		go func() { done <- change() }()
		until(func(answer) bool {
			select {
			case got = <-done:
				return true
			default:
				return false
			}
		})
		return got
	}
	for range 50 {
		until(func(answer) bool { return true })
	}
	made := during(func() answered {
		return d.as("admin", "POST", "/v1/services/bitbucket/keys", `{"name": "alertmanager 2"}`)
	})
	second := made.value(t)["key"].(string)
	key.Store(&second)
	changed := map[int]bool{}
	until(func(a answer) bool {
		changed[a.sender] = changed[a.sender] || a.key == second
		return len(changed) == 4 && !slices.Contains(slices.Collect(maps.Values(changed)), false)
	})
	if got := during(func() answered { return d.as("admin", "DELETE", "/v1/services/bitbucket/keys/6", "") }); got.status != 204 {
		t.Fatalf("revoking the first: %s", got.said())
	}
	for range 50 {
		until(func(answer) bool { return true })
	}
	if status := send(first); status != http.StatusUnauthorized {
		t.Errorf("the first key is revoked: %d", status)
	}
	if got := taken.n.Load(); got < int64(n) {
		t.Errorf("%d alerts were accepted, and %d taken", n, got)
	}
	for _, k := range d.must(200, "GET", "/v1/services/bitbucket/keys", "").value(t)["items"].([]any) {
		if k := k.(map[string]any); k["last_used_at"] == nil {
			t.Errorf("it is not shown when it was last used: %v", k)
		}
	}
}

// TestADumpHoldsNeitherKeysNorSecrets looks through every row of every table, as a dump would write it.
func TestADumpHoldsNeitherKeysNorSecrets(t *testing.T) {
	d := newDesk(t)
	made := d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "new", "dialect": "grafana", "secret": "`+itsSecret+`"}`, "Idempotency-Key: 1")
	d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "old", "dialect": "grafana", "key": "`+oldKey+`", "secret": "`+itsSecret+`"}`)
	d.must(201, "POST", "/v1/keys", `{"name": "another", "scopes": ["intake"], "dialect": "grafana", "secret": "`+itsSecret+`"}`)
	d.must(200, "PUT", made.header.Get("Location"), `{"name": "new", "dialect": "grafana", "secret": "`+nextSecret+`"}`)
	if status := d.alert(oldKey); status != 202 && status != 403 {
		t.Errorf("an alert: %d", status)
	}
	hidden := map[string]string{"a secret": itsSecret, "the next secret": nextSecret, "a key that was registered": oldKey[9:], "a key that was made": made.value(t)["key"].(string)[12:]}
	for name, key := range d.keys {
		hidden["the key of "+name] = key[12:]
	}
	rows, _ := d.db.Query(t.Context(), `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	var dump strings.Builder
	for _, table := range tables {
		rows, _ := d.db.Query(t.Context(), `select x::text from `+table+` x`)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&dump, table, strings.Join(lines, "\n"))
	}
	var sealed int
	if err := d.db.QueryRow(t.Context(), `select count(*) from api_key where sealed <> ''`).Scan(&sealed); err != nil || sealed != 3 {
		t.Errorf("%d secrets are sealed in the dump, want 3; %v", sealed, err)
	}
	for what, secret := range hidden {
		for form, text := range map[string]string{"": secret, " in hexadecimal": hex.EncodeToString([]byte(secret)), " in base64": base64.RawStdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(dump.String(), text) {
				t.Errorf("the dump has %s%s", what, form)
			}
			if strings.Contains(d.log.String(), text) {
				t.Errorf("the log has %s%s", what, form)
			}
		}
	}
}

func TestSecretsAreSealedAnewWithTheFirstKey(t *testing.T) {
	d := newDesk(t) // seals with key 1
	store := enginedb.New(d.db)
	made := d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "one", "dialect": "grafana", "secret": "`+itsSecret+`"}`)
	text := made.value(t)["key"].(string)
	d.secrets = sealedBy(t, 3)
	d.api = d.on(d.db)
	d.must(201, "POST", "/v1/services/bitbucket/keys", `{"name": "of a key that is lost", "dialect": "grafana", "secret": "`+itsSecret+`"}`)

	both := sealedBy(t, 2, 1)
	var log strings.Builder
	keys.ResealOnce(t.Context(), store, both, slog.New(slog.NewTextHandler(&log, nil)))
	first, _ := both.First()
	if said := log.String(); !strings.Contains(said, "secrets=1 secret_key="+first.String()) || !strings.Contains(said, "503") || strings.Contains(said, itsSecret) {
		t.Errorf("the log says %s", said)
	}
	found, err := keys.Survey(t.Context(), store, sealedBy(t, 2))
	if err != nil || found.All != 2 || found.Older != 0 || len(found.Closed) != 1 {
		t.Errorf("with the new key alone: %+v, %v", found, err)
	}
	s, err := NewKeyring(d.db, sealedBy(t, 2), slog.New(slog.DiscardHandler)).Sender(t.Context(), text)
	if err != nil || string(s.Secret) != itsSecret {
		t.Errorf("the sender signs with %q, %v", s.Secret, err)
	}
	if n, err := keys.Reseal(t.Context(), store, both); n != 0 || err != nil {
		t.Errorf("once more %d were sealed, %v", n, err)
	}
	if n, err := keys.Reseal(t.Context(), store, nil); n != 0 || err != nil {
		t.Errorf("without a key %d were sealed, %v", n, err)
	}
}
