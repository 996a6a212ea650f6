package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rouse/api/keys"
	"rouse/api/seal"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

const (
	foreignKey = "b7f1d0c2-5e1d-4a4e-9d0f-6a3c1e9b2f77"
	signsWith  = "what grafana signs with"
)

// secretKey is one as people set it.
func secretKey(seed byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+seed)), seal.Size)))
}

func fileWith(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withService is a database that has the service bitbucket.
func withService(t *testing.T) (address string, conn *pgx.Conn) {
	t.Helper()
	address = dbtest.URL(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	if err := enginedb.New(conn).CreateService(t.Context(), engine.Service{ID: "bitbucket", Name: "Bitbucket"}); err != nil {
		t.Fatal(err)
	}
	return address, conn
}

func TestTokenListOfAServiceThatHasNoneOrIsNotThere(t *testing.T) {
	address, _ := withService(t)
	env := settingsOf("ROUSE_DATABASE_URL=" + address)
	if out, said, err := call(t, env, "token", "list", "--service", "bitbucket"); err != nil || said != "" || out != "Service bitbucket has no keys. Make one: rouse token create --service bitbucket --name alertmanager\n" {
		t.Errorf("got %q, and beside it %q (%v)", out, said, err)
	}
	if out, _, err := call(t, env, "token", "list", "--service", "nope", "--json"); err == nil || out != "" || err.Error() != "there is no service nope: `rouse export` shows those there are" {
		t.Errorf("got %q (%v)", out, err)
	}
}

func TestATokenForASenderThatSigns(t *testing.T) {
	address, conn := withService(t)
	env := settingsOf("ROUSE_DATABASE_URL="+address, "ROUSE_SECRET_KEY="+secretKey(1))
	out, said, err := call(t, env, "token", "create", "--service", "bitbucket", "--name", "grafana", "--dialect", "grafana", "--secret-file", fileWith(t, signsWith+"\n"))
	if err != nil || !strings.HasPrefix(out, "rouse_") || strings.Contains(out+said, signsWith) {
		t.Fatalf("got %q, and beside it %q, %v", out, said, err)
	}
	k, err := enginedb.New(conn).KeyByHash(t.Context(), enginedb.HashKey(strings.TrimSpace(out)))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := parseConfig(env, database)
	if err != nil {
		t.Fatal(err)
	}
	if secret, err := keys.SecretOf(seal.New(cfg.secretKeys...), k); err != nil || string(secret) != signsWith {
		t.Errorf("the sender signs with %q, %v", secret, err)
	}
	list, _, err := call(t, env, "token", "list", "--service", "bitbucket")
	if err != nil || !strings.Contains(list, "grafana, signed") || !strings.Contains(list, "DIALECT") || strings.Contains(list, "never") {
		t.Errorf("listed as %s, %v", list, err)
	}
	var shown []shown
	list, _, err = call(t, env, "token", "list", "--service", "bitbucket", "--json")
	if err != nil || json.Unmarshal([]byte(list), &shown) != nil || len(shown) != 1 || !shown[0].Signed || !shown[0].Live || shown[0].Dialect != "grafana" || shown[0].LastUsedAt.IsZero() {
		t.Errorf("listed as %s, %v", list, err)
	}
}

func TestATokenThatAnotherSystemMade(t *testing.T) {
	address, conn := withService(t)
	env := settingsOf("ROUSE_DATABASE_URL=" + address)
	file := fileWith(t, foreignKey+"\n")
	register := func(args ...string) (string, string, error) {
		return call(t, env, append([]string{"token", "create", "--service", "bitbucket", "--name", "opsgenie", "--register", file}, args...)...)
	}
	out, said, err := register()
	if err != nil || out != "" || said != "Key 1, b7f1d0c2-…, is registered.\n" {
		t.Fatalf("got %q, and beside it %q, %v", out, said, err)
	}
	if k, err := enginedb.New(conn).KeyByHash(t.Context(), enginedb.HashKey(foreignKey)); err != nil || k.Service != "bitbucket" {
		t.Errorf("it is %+v, %v", k, err)
	}
	if _, _, err = register(); err == nil || !strings.Contains(err.Error(), "registered already") || strings.Contains(err.Error(), "bitbucket") {
		t.Errorf("again: %v", err)
	}
	if err := os.WriteFile(file, []byte(" "+strings.ToUpper(foreignKey)+" "), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err = register("--json"); err != nil || strings.Contains(out, `"key"`) || !strings.Contains(out, `"live": true`) {
		t.Errorf("as JSON: %s, %v", out, err)
	}
}

func TestTheEleventhTokenOfAServiceIsRefused(t *testing.T) {
	address, _ := withService(t)
	env := settingsOf("ROUSE_DATABASE_URL=" + address)
	args := []string{"token", "create", "--service", "bitbucket", "--name", "x"}
	for range keys.MaxOfService {
		if _, _, err := call(t, env, args...); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := call(t, env, args...); err == nil || exitStatus(err) != 1 || !strings.Contains(err.Error(), "has 10 keys in force") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsWrongWithATokenIsSaidAsItWasAsked(t *testing.T) {
	address, _ := withService(t)
	bare, sealing := settingsOf("ROUSE_DATABASE_URL="+address), settingsOf("ROUSE_DATABASE_URL="+address, "ROUSE_SECRET_KEY="+secretKey(1))
	for _, test := range []struct {
		env  func(string) string
		args []string
		says string
	}{
		{sealing, []string{"--register", fileWith(t, "hunter2")}, "--register has 7 characters; it must have 16 to 256"},
		{sealing, []string{"--register", fileWith(t, "\n")}, "is empty"},
		{sealing, []string{"--register", "/nowhere/at/all"}, "/nowhere/at/all cannot be read"},
		{sealing, []string{"--register", "-", "--settings", "-"}, "--settings and --register cannot both be standard input"},
		{sealing, []string{"--dialect", "pigeon"}, "--dialect (pigeon) is not known; use one of"},
		{sealing, []string{"--dialect", "alerts", "--settings", fileWith(t, `{"a": `)}, `--settings must be a JSON object such as {"name": "value"}`},
		{sealing, []string{"--dialect", "alerts", "--settings", fileWith(t, `{"a": 1} {}`)}, "--settings must be one JSON object; something stands behind its end"},
		{sealing, []string{"--dialect", "alerts", "--settings", fileWith(t, `{"a": 1}`)}, "--settings "},
		{sealing, []string{"--secret-file", fileWith(t, "hunter2-hunter2")}, "--dialect must be one whose senders sign, as the key has a secret"},
		{bare, []string{"--dialect", "grafana", "--secret-file", fileWith(t, "hunter2-hunter2")}, "--secret-file cannot be kept: this Rouse has no key to encrypt it with. Make one (openssl rand -base64 32)"},
	} {
		for _, file := range test.args { // "-" is standard input, which is empty here
			if file == "-" {
				f := keyFlags{name: "x", service: "bitbucket", settings: "-", register: "-"}
				if _, err := f.wish(strings.NewReader("{}")); err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v: got %v", test.args, err)
				}
				test.args = nil
				break
			}
		}
		if test.args == nil {
			continue
		}
		_, said, err := call(t, test.env, append([]string{"token", "create", "--service", "bitbucket", "--name", "x"}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(said+err.Error(), "hunter2") {
			t.Errorf("%v: got %v", test.args, err)
		}
	}
	if out, _, err := call(t, bare, "token", "list", "--service", "bitbucket"); err != nil || !strings.Contains(out, "has no keys") {
		t.Errorf("something was made all the same: %s, %v", out, err)
	}
}

func TestAForeignKeyComesFromStandardInputToo(t *testing.T) {
	f := keyFlags{name: "x", service: "bitbucket", register: "-"}
	if w, err := f.wish(strings.NewReader(foreignKey + "\r\n")); err != nil || w.Foreign != foreignKey {
		t.Errorf("got %q, %v", w.Foreign, err)
	}
}
