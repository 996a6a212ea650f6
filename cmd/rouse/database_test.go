package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

func TestATokenIsShownOnceAndWorksUntilRevoked(t *testing.T) {
	address := dbtest.URL(t)
	env := settingsOf("ROUSE_DATABASE_URL=" + address)
	out, said, err := call(t, env, "token", "create", "--scope", "admin", "--name", "laptop")
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(out)
	if !strings.HasPrefix(secret, "rouse_") || strings.ContainsAny(secret, " \n") || strings.Contains(said, secret) {
		t.Fatalf("got %q, and beside it %q", out, said)
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	key, err := enginedb.New(conn).KeyByHash(t.Context(), enginedb.HashKey(secret))
	if err != nil || key.Name != "laptop" {
		t.Fatalf("got %+v, %v", key, err)
	}
	if out, _, err = call(t, env, "token", "list"); err != nil || !strings.Contains(out, "laptop") || strings.Contains(out, secret) {
		t.Errorf("got %s (%v)", out, err)
	}
	if out, _, err = call(t, env, "token", "revoke", "1"); err != nil || out != "Key 1 is revoked.\n" {
		t.Errorf("got %s (%v)", out, err)
	}
	if _, err := enginedb.New(conn).KeyByHash(t.Context(), enginedb.HashKey(secret)); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("revoked, and found: %v", err)
	}
	if out, _, err = call(t, env, "token", "list"); err != nil || !strings.Contains(out, "There are no keys") {
		t.Errorf("got %s (%v)", out, err)
	}
	var listed []shown
	out, _, err = call(t, env, "token", "list", "--all", "--json")
	if err != nil || json.Unmarshal([]byte(out), &listed) != nil || len(listed) != 1 || listed[0].RevokedAt.IsZero() || listed[0].Key != "" {
		t.Errorf("got %s (%v)", out, err)
	}
}

func TestTokenErrors(t *testing.T) {
	env := settingsOf("ROUSE_DATABASE_URL=" + dbtest.URL(t))
	for _, test := range []struct{ args, says string }{
		{"token create --service web --name x", "there is no service web"},
		{"token create --scope respond --person zoe --name x", "there is no person zoe"},
		{"token revoke 99", "there is no key 99"},
	} {
		_, _, err := call(t, env, strings.Fields(test.args)...)
		if err == nil || !strings.Contains(err.Error(), test.says) || exitStatus(err) != 1 {
			t.Errorf("%s: got %v", test.args, err)
		}
	}
}

func TestMigrate(t *testing.T) {
	env := settingsOf("ROUSE_DATABASE_URL=" + dbtest.Empty(t).Config().ConnString())
	out, _, err := call(t, env, "migrate", "--status")
	if err == nil || !strings.Contains(err.Error(), "run `rouse migrate`") || !strings.Contains(out, "pending  0001_rosters.sql") {
		t.Errorf("got %s (%v)", out, err)
	}
	if _, _, err = call(t, env, "token", "list"); err == nil || !strings.Contains(err.Error(), "run `rouse migrate` first") {
		t.Errorf("got %v", err)
	}
	if out, _, err = call(t, env, "migrate"); err != nil || !strings.Contains(out, "applied  0001_rosters.sql") {
		t.Errorf("got %s (%v)", out, err)
	}
	var r migrationReport
	out, _, err = call(t, env, "migrate", "--status", "--json")
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || r.Pending == nil || len(r.Pending) > 0 {
		t.Errorf("got %s (%v)", out, err)
	}
	if out, _, err = call(t, env, "migrate"); err != nil || out != "The database is up to date.\n" {
		t.Errorf("got %s (%v)", out, err)
	}
}

// Nobody changes another database than the one they meant without being told.
func TestCommandsNameThePrivateDatabase(t *testing.T) {
	dir := fileWith(t, "") + "/pg" // no server can be there
	want := "rouse: this is the private trial database in " + dir + ": set ROUSE_DATABASE_URL to use another\n"
	for _, args := range []string{"migrate", "migrate --status --json", "token create --scope read --name me", "token list", "token revoke 1"} {
		_, said, err := call(t, settingsOf("ROUSE_DATA="+dir), strings.Fields(args)...)
		if err == nil || !strings.HasPrefix(said, want) {
			t.Errorf("%s says %q (%v), want %q", args, said, err, want)
		}
		if _, said, _ := call(t, settingsOf("ROUSE_DATA="+dir, "ROUSE_DATABASE_URL=postgres://127.0.0.1:1/rouse"), strings.Fields(args)...); strings.Contains(said, "private") {
			t.Errorf("%s, whose database is named, says %q", args, said)
		}
	}
}

func TestAPrivateDatabaseIsSharedWithWhoeverRunsIt(t *testing.T) {
	data := "ROUSE_DATA=" + dbtest.Dir(t) + "/pg"
	out, said, err := call(t, settingsOf(data, "PATH=/usr/bin:/bin"), "token", "create", "--scope", "read", "--name", "before")
	if err != nil || !strings.HasPrefix(out, "rouse_") {
		t.Fatalf("on a new private database: %v\n%s", err, said)
	}
	_, log, _ := serving(t, data, "PATH=/usr/bin:/bin")
	if !strings.Contains(log.String(), "TRIAL DATABASE") {
		t.Errorf("it is not said loudly that this is a trial database:\n%s", log)
	}
	out, said, err = call(t, settingsOf(data), "token", "list")
	if err != nil || !strings.Contains(out, "before") {
		t.Errorf("beside the server: %s (%v)\n%s", out, err, said)
	}
}

func TestDoctorOnARunningRouse(t *testing.T) {
	address := dbtest.URL(t)
	url, _, _ := serving(t, "ROUSE_DATABASE_URL="+address)
	deadline := time.Now().Add(15 * time.Second)
	for status := 0; status != http.StatusOK; status, _ = getText(t, url+"/readyz") {
		if time.Now().After(deadline) {
			t.Fatal("the server never was ready")
		}
	}
	out, _, err := call(t, settingsOf("ROUSE_DATABASE_URL="+address, "ROUSE_PUBLIC_URL="+url), "doctor", "--json")
	if exitStatus(err) != 1 || !strings.Contains(err.Error(), "checks failed") {
		t.Errorf("got %v", err)
	}
	var findings []finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil {
		t.Fatal(err)
	}
	got := map[string]verdict{}
	for _, f := range findings {
		got[f.Check] = f.Status
	}
	for check, want := range map[string]verdict{"database": pass, "migrations": pass, "server": pass, "providers": fail, "roster imoc": fail, "last resort": warn} {
		if got[check] != want {
			t.Errorf("%s: %s, want %s", check, got[check], want)
		}
	}
	if out, _, _ = call(t, settingsOf("ROUSE_DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/rouse"), "doctor"); !strings.Contains(out, "FAIL  database") || strings.Contains(out, "hunter2") {
		t.Errorf("got %s", out)
	}
}
