package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rouse/api/keys"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

func TestAPrivateDatabaseHasASecretKeyOfItsOwn(t *testing.T) {
	dir := dbtest.Dir(t)
	data := "ROUSE_DATA=" + dir
	out, said, err := call(t, settingsOf(data, "PATH=/usr/bin:/bin"), "token", "create", "--scope", "intake", "--name", "grafana", "--dialect", "grafana", "--secret-file", fileWith(t, signsWith))
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	file := filepath.Join(dir, secretKeyFile)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("the key's file: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(file + ".new-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	is := func(what, want string, env ...string) {
		t.Helper()
		out, said, err := call(t, settingsOf(append(env, data, "PATH=/usr/bin:/bin")...), "doctor")
		if !strings.Contains(out, want) || !strings.Contains(out, "secrets") {
			t.Errorf("%s: doctor says %s (%v)\n%s", what, out, err, said)
		}
	}
	is("as it is", "1 is encrypted, with key")
	is("with a key that is set", "1 of 1 are encrypted with an older key", "ROUSE_SECRET_KEY="+secretKey(1))
	if _, log, stop := serving(t, data, "PATH=/usr/bin:/bin", "ROUSE_SECRET_KEY="+secretKey(1)); true {
		log.await(t, `secrets are sealed with the first key now" (secrets=1)`)
		if strings.Contains(log.String(), signsWith) || strings.Contains(log.String(), strings.TrimSpace(out)) {
			t.Errorf("the log has a secret:\n%s", log)
		}
		_ = stop()
	}
	is("sealed anew", "3 are encrypted, with key", "ROUSE_SECRET_KEY="+secretKey(1))
	is("without the key that sealed it", "WARN  secrets")

	if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = call(t, settingsOf(data, "PATH=/usr/bin:/bin"), "token", "list")
	if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("with a file that is no key: %v", err)
	}
}

func TestAKeyFileThatManyMakeAtOnceIsOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), secretKeyFile)
	var wg sync.WaitGroup
	ids := make([]seal.ID, 20)
	for i := range ids {
		wg.Go(func() {
			found, err := keptKeys(file)
			if err != nil || len(found) != 1 {
				t.Errorf("%d keys, %v", len(found), err)
				return
			}
			ids[i] = found[0].ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == (seal.ID{}) {
			t.Errorf("keys %v", ids)
			break
		}
	}
}

func TestASecretKeyThatIsWrongIsSaidAndNotShown(t *testing.T) {
	for value, says := range map[string]string{
		"hunter2hunter2":     "ROUSE_SECRET_KEY is not a key (it has 10 bytes, and a key has 32): make one with `openssl rand -base64 32`",
		"," + secretKey(1):   "ROUSE_SECRET_KEY is not a list of keys with commas between, as number 1 is none (it is empty)",
		secretKey(1) + ",x!": "as number 2 is none (it is not base64)",
	} {
		_, err := parseConfig(settingsOf("ROUSE_SECRET_KEY="+value), database)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), secretKey(1)[:8]) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
	file := fileWith(t, secretKey(2)+",\n"+secretKey(1)+"\n")
	if cfg, err := parseConfig(settingsOf("ROUSE_SECRET_KEY_FILE="+file), database); err != nil || len(cfg.secretKeys) != 2 {
		t.Errorf("from a file: %d keys, %v", len(cfg.secretKeys), err)
	}
}

func TestDoctorSaysWhichSecretsDoNotOpen(t *testing.T) {
	one, err := seal.ParseKeys(secretKey(1))
	if err != nil {
		t.Fatal(err)
	}
	box := seal.New(one...)
	first, _ := box.First()
	closed := keys.Unopened{Key: enginedb.Key{ID: 7, Prefix: "rouse_ABCDEF", Service: "bitbucket"}, Err: &seal.OtherKeyError{ID: seal.ID{1, 2, 3, 4}}}
	for _, test := range []struct {
		found keys.Sealed
		box   *seal.Box
		want  verdict
		says  string
	}{
		{keys.Sealed{}, nil, pass, "none are kept, and none can be: to keep what senders sign with, set ROUSE_SECRET_KEY"},
		{keys.Sealed{}, box, pass, "none are kept"},
		{keys.Sealed{All: 3}, box, pass, "3 are encrypted, with key " + first.String() + "; no other one is needed"},
		{keys.Sealed{All: 3, Older: 2}, box, pass, "2 of 3 are encrypted with an older key, which is needed until"},
		{keys.Sealed{All: 3, Closed: []keys.Unopened{closed}}, box, warn,
			"1 of 3 cannot be decrypted, and what their senders send is answered with 503: that of key 7 (rouse_ABCDEF… of service bitbucket): it was sealed with key 01020304, which is not set. To mend it, set ROUSE_SECRET_KEY"},
	} {
		if got := secretsFinding(test.found, test.box); got.Status != test.want || !strings.Contains(got.Text, test.says) {
			t.Errorf("%+v: got %+v", test.found, got)
		}
	}
}
