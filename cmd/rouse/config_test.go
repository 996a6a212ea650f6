package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rouse/rosters"
)

func TestNothingHasToBeSet(t *testing.T) {
	cfg, err := parseConfig(settingsOf(), append(serverSections, clients)...)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.listen != ":8080" || cfg.keyPrefix != "HOT" || cfg.catchAll.Roster != "imoc" || cfg.publicURL != "http://localhost:8080" {
		t.Errorf("got %+v", cfg)
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	_, err := parseConfig(settingsOf(
		"ROUSE_LISTEN=8080",
		"ROUSE_PUBLIC_URL=rouse.example.com",
		"ROUSE_KEY_PREFIX=hot-",
		"ROUSE_IMOC=The IMOC",
		"ROUSE_LAST_RESORT=ann,,bob",
		"ROUSE_ALLOW_PRIVATE_ADDRESSES=perhaps",
		"ROUSE_TWILIO_ACCOUNT_SID=AC1",
		"ROUSE_TWILIO_FROM=030 1234567",
		"ROUSE_TWILIO_MESSAGING_SERVICE_SID=AC2",
		"ROUSE_LOG_LEVEL=loud",
		"ROUSE_LOG_FORMAT=xml",
	), serverSections...)
	if exitStatus(err) != 2 {
		t.Fatalf("exit status %d for %v", exitStatus(err), err)
	}
	golden(t, "settings-wrong.txt", err.Error()+"\n")
}

func TestWhatBelongsTogetherIsAskedFor(t *testing.T) {
	sid := "AC0123456789abcdef0123456789abcdef"
	for _, test := range []struct {
		env   []string
		wants []string
	}{
		{[]string{"ROUSE_TWILIO_ACCOUNT_SID=" + sid}, []string{"ROUSE_TWILIO_AUTH_TOKEN", "ROUSE_TWILIO_FROM"}},
		{[]string{"ROUSE_TWILIO_AUTH_TOKEN=x"}, []string{"ROUSE_TWILIO_ACCOUNT_SID", "ROUSE_TWILIO_FROM"}},
		{[]string{"ROUSE_TWILIO_ACCOUNT_SID=" + sid, "ROUSE_TWILIO_AUTH_TOKEN=x", "ROUSE_TWILIO_FROM=+15005550006", "ROUSE_TWILIO_API_KEY=SK1"}, []string{"ROUSE_TWILIO_API_SECRET"}},
		{[]string{"ROUSE_NTFY_TOKEN=tk_1"}, []string{"ROUSE_NTFY_URL"}},
		{[]string{"ROUSE_TWILIO_ACCOUNT_SID=" + sid, "ROUSE_TWILIO_AUTH_TOKEN=x", "ROUSE_TWILIO_FROM=+15005550006", "ROUSE_NTFY_URL=https://ntfy.sh"}, nil},
	} {
		_, err := parseConfig(settingsOf(test.env...), serverSections...)
		if (err == nil) != (test.wants == nil) {
			t.Errorf("%v: got %v", test.env, err)
		}
		for _, want := range test.wants {
			if !strings.Contains(err.Error(), want+" is missing: set it to") {
				t.Errorf("%v: %s is not asked for: %v", test.env, want, err)
			}
		}
	}
}

func TestASecretIsNeverShown(t *testing.T) {
	const secret = "hunter2secret"
	for _, s := range settings {
		if !s.secret {
			continue
		}
		for _, value := range []string{secret + "\x00,", "postgres://u:" + secret + "@h:port/db", "," + secret} {
			var c config
			if err := s.set(&c, value); err != nil && strings.Contains(s.quote(value)+err.Error(), secret) {
				t.Errorf("%s: %v", s.name, err)
			}
		}
		_, err := parseConfig(settingsOf(s.name+"="+secret, s.name+"_FILE=/nowhere"), s.section)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", s.name, err)
		}
	}
}

func TestASecretMayBeInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("tk_1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parseConfig(settingsOf("ROUSE_TOKEN_FILE="+file), clients)
	if err != nil || cfg.token != "tk_1" {
		t.Errorf("got %q, %v", cfg.token, err)
	}
	_, err = parseConfig(settingsOf("ROUSE_TOKEN_FILE="+file+"x"), clients)
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = parseConfig(settingsOf("ROUSE_TOKEN_FILE="+file), clients); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("got %v", err)
	}
}

func TestListsInSettings(t *testing.T) {
	cfg, err := parseConfig(settingsOf("ROUSE_LAST_RESORT= ann, bob,ann", "ROUSE_TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abcdef",
		"ROUSE_TWILIO_AUTH_TOKEN=new, old", "ROUSE_TWILIO_FROM=+15005550006"), serverSections...)
	if err != nil {
		t.Fatal(err)
	}
	if want := []rosters.PersonID{"ann", "bob"}; !slices.Equal(cfg.catchAll.LastResort, want) {
		t.Errorf("last resort %v, want %v", cfg.catchAll.LastResort, want)
	}
	if want := []string{"new", "old"}; !slices.Equal(cfg.twilio.authTokens, want) {
		t.Errorf("%d tokens, want %d", len(cfg.twilio.authTokens), len(want))
	}
}

func TestAClientDoesNotFailOnTheServersSettings(t *testing.T) {
	cfg, err := parseConfig(settingsOf("ROUSE_LISTEN=nonsense", "ROUSE_URL=https://rouse.example.com/"), clients)
	if err != nil || cfg.url != "https://rouse.example.com" {
		t.Errorf("got %q, %v", cfg.url, err)
	}
}

func TestEverySettingIsInTheHelpOnce(t *testing.T) {
	help := settingsHelp()
	for i, s := range settings {
		if n := strings.Count(help, "  "+s.name+" "); n != 1 {
			t.Errorf("%s is %d times in the help", s.name, n)
		}
		if s.set == nil || s.help == "" || !slices.Contains(append(serverSections, clients), s.section) {
			t.Errorf("%s lacks something", s.name)
		}
		if i > 0 && s.section != settings[i-1].section && slices.ContainsFunc(settings[:i], func(o setting) bool { return o.section == s.section }) {
			t.Errorf("%s: section %s is in two places", s.name, s.section)
		}
	}
}

func TestUnknownSettings(t *testing.T) {
	got := unknownSettings([]string{
		"PATH=/bin", "ROUSE_LISTEN=:1", "ROUSE_TOKEN_FILE=/run/secrets/token", // known
		"ROUSE_PORT=tcp://10.0.0.1:80", "ROUSE_SERVICE_HOST=10.0.0.1", "ROUSE_PORT_80_TCP_ADDR=10.0.0.1", // Kubernetes'
		"ROUSE_DATABSE_URL=postgres://", "ROUSE_LISTEN_FILE=/x", "ROUSE_COLOUR_OF_THE_LOGO=red",
	})
	want := []string{
		"ROUSE_COLOUR_OF_THE_LOGO is set, and nothing reads it: `rouse serve --help` lists the settings",
		"ROUSE_DATABSE_URL is set, and nothing reads it: did you mean ROUSE_DATABASE_URL?",
		"ROUSE_LISTEN_FILE is set, and nothing reads it: only secrets may be in files; set ROUSE_LISTEN",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}
