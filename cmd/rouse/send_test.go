package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// station takes alerts as a server does, after it has failed with some statuses.
type station struct {
	url    string
	fails  []int // statuses to fail with first
	got    []report
	once   []string
	key    string // what they carried
	answer string
}

func newStation(t *testing.T, answer string, fails ...int) *station {
	t.Helper()
	s := &station{fails: fails, answer: answer}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in report
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != "POST" || r.URL.Path != "/v1/alerts" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		s.got, s.once, s.key = append(s.got, in), append(s.once, r.Header.Get("Idempotency-Key")), r.Header.Get("Authorization")
		if len(s.fails) > 0 {
			status := s.fails[0]
			s.fails = s.fails[1:]
			answerProblem(w, status, "Rouse could not store the alert. Send it again.")
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, s.answer)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

const opened = `{"key":"HOT-12","outcome":"opened","dedup_key":"disk-db1"}`

func (s *station) call(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, _, err := call(t, settingsOf("ROUSE_URL="+s.url, "ROUSE_KEY=rouse_key"), append([]string{"send"}, args...)...)
	return out, err
}

func TestSend(t *testing.T) {
	s := newStation(t, opened)
	out, err := s.call(t, "--summary", "Disk full on db1", "--severity", "critical", "--service", "db", "--dedup-key", "disk-db1", "--details", "95 %",
		"--link", "https://a.example/", "--link", "https://b.example/", "--label", "host=db1", "--label", "x=a=b")
	if err != nil || out != "HOT-12 opened: Disk full on db1\n" {
		t.Fatalf("got %q, %v", out, err)
	}
	want := report{Summary: "Disk full on db1", Severity: "critical", Service: "db", DedupKey: "disk-db1", Details: "95 %",
		Links: []string{"https://a.example/", "https://b.example/"}, Labels: map[string]string{"host": "db1", "x": "a=b"}}
	if !reflect.DeepEqual(s.got[0], want) || s.key != "Bearer rouse_key" || len(s.once[0]) < 20 {
		t.Errorf("got %+v with %q and %q", s.got[0], s.key, s.once[0])
	}
	out, err = s.call(t, "--summary", "x", "--json")
	if err != nil || strings.Join(strings.Fields(out), "") != opened {
		t.Errorf("got %q, %v", out, err)
	}
	if s.once[0] == s.once[1] {
		t.Error("two alerts count as one")
	}
}

func TestSendTellsWhatFollowed(t *testing.T) {
	for answer, want := range map[string]string{
		`{"key":"","outcome":"noted","dedup_key":"d","why":"no incident is open for it"}`: "noted: no incident is open for it\n",
		`{"key":"HOT-3","outcome":"resolved","dedup_key":"d"}`:                            "HOT-3 resolved.\n",
	} {
		out, err := newStation(t, answer).call(t, "--action", "resolve", "--dedup-key", "d")
		if err != nil || out != want {
			t.Errorf("got %q, %v, want %q", out, err, want)
		}
	}
}

// A severity that nobody knows pages all the same; whoever sent it is told what it was taken for.
func TestSendRemarksWhatWasNotUnderstood(t *testing.T) {
	s := newStation(t, `{"key":"HOT-1","outcome":"opened","dedup_key":"d","remark":"The severity \"9\" is unknown: taken as 2."}`)
	for _, args := range [][]string{{"send"}, {"send", "--json"}} {
		out, said, err := call(t, settingsOf("ROUSE_URL="+s.url, "ROUSE_KEY=rouse_key"), append(args, "--summary", "x", "--severity", "9")...)
		if err != nil || said != "rouse: remark: The severity \"9\" is unknown: taken as 2.\n" || !strings.Contains(out, "HOT-1") {
			t.Errorf("%v: %q, and beside it %q (%v)", args, out, said, err)
		}
	}
	s = newStation(t, opened)
	if _, said, err := call(t, settingsOf("ROUSE_URL="+s.url, "ROUSE_KEY=rouse_key"), "send", "--summary", "x"); err != nil || said != "" {
		t.Errorf("nothing to remark: %q (%v)", said, err)
	}
}

// Details that are long come in by standard input.
func TestSendReadsDetails(t *testing.T) {
	s := newStation(t, opened)
	root := rootCommand(&cli{getenv: settingsOf("ROUSE_URL="+s.url, "ROUSE_KEY=k"), stdout: io.Discard, stderr: io.Discard})
	root.SetIn(strings.NewReader("a\nb\n"))
	root.SetArgs([]string{"send", "--summary", "x", "--details", "-"})
	if err := root.ExecuteContext(t.Context()); err != nil || s.got[0].Details != "a\nb\n" {
		t.Errorf("got %+v, %v", s.got, err)
	}
}

// An alert is sent until it is stored, and counts once.
func TestSendTriesAgain(t *testing.T) {
	s := newStation(t, opened, 503, 502)
	out, err := s.call(t, "--summary", "x")
	if err != nil || !strings.HasPrefix(out, "HOT-12") || len(s.got) != 3 {
		t.Fatalf("got %q, %v after %d tries", out, err, len(s.got))
	}
	if s.once[0] == "" || s.once[0] != s.once[1] || s.once[0] != s.once[2] {
		t.Errorf("the tries count apart: %q", s.once)
	}
	s = newStation(t, opened, 503, 503)
	if _, err := s.call(t, "--summary", "x", "--retry-for", "0"); err == nil || exitStatus(err) != 1 || len(s.got) != 1 || !strings.Contains(err.Error(), "at: is no time") {
		t.Errorf("got %v after %d tries", err, len(s.got))
	}
	for _, status := range []int{400, 401, 403, 404, 409, 422} {
		s = newStation(t, opened, status)
		if _, err := s.call(t, "--summary", "x"); exitStatus(err) != 1 || len(s.got) != 1 {
			t.Errorf("%d: got %v after %d tries", status, err, len(s.got))
		}
	}
}

// The times of a retry, on a clock of its own.
func TestRetry(t *testing.T) {
	down, busy := errors.New("connection refused"), &refusal{status: 503, text: "not stored"}
	for _, tt := range []struct {
		name  string
		total time.Duration
		takes time.Duration // each try
		err   error
		works int // the try that works, 0 for none
		tries int
		ends  time.Duration
		last  time.Duration // that the last try was given
		says  string
	}{
		{"works", 25 * time.Second, 0, down, 1, 1, 0, 10 * time.Second, ""},
		{"works in the end", 25 * time.Second, 0, down, 4, 4, 3500 * time.Millisecond, 10 * time.Second, ""},
		{"never works", 25 * time.Second, 0, down, 0, 8, 22500 * time.Millisecond, 2500 * time.Millisecond, "connection refused (tried 8 times in 23s)"},
		{"is too busy", 2 * time.Second, 0, busy, 0, 3, 1500 * time.Millisecond, 500 * time.Millisecond, "not stored (tried 3 times in 2s)"},
		{"hangs", 25 * time.Second, time.Minute, down, 0, 3, 25 * time.Second, 3500 * time.Millisecond, "tried 3 times in 25s"},
		{"once", 0, time.Second, down, 0, 1, time.Second, 10 * time.Second, "connection refused"},
		{"is refused", 25 * time.Second, 0, &refusal{status: 401, text: "no"}, 0, 1, 0, 10 * time.Second, "no"},
		{"is sent elsewhere", 25 * time.Second, 0, &refusal{status: 301, text: "elsewhere"}, 0, 1, 0, 10 * time.Second, "elsewhere"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, tries := time.Now(), 0
				var last time.Duration
				err := retry(t.Context(), tt.total, func(within time.Duration) error {
					tries++
					last = within
					<-time.After(min(tt.takes, within))
					if tries == tt.works {
						return nil
					}
					return tt.err
				})
				if tt.works > 0 && err != nil || tt.works == 0 && (err == nil || !strings.Contains(err.Error(), tt.says)) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); tries != tt.tries || last != tt.last || took != tt.ends {
					t.Errorf("%d tries, the last of %s, took %s", tries, last, took)
				}
			})
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		if err := retry(ctx, time.Hour, func(time.Duration) error { return errors.New("down") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSendAskedWrongly(t *testing.T) {
	for _, tt := range []struct {
		args []string
		says string
	}{
		{nil, "--summary is missing"},
		{[]string{"--summary", " "}, "--summary is missing"},
		{[]string{"--summary", "x", "--action", "explode"}, "use trigger, resolve, acknowledge, comment, record"},
		{[]string{"--action", "resolve"}, "--dedup-key is missing"},
		{[]string{"--action", "acknowledge", "--by", "ann"}, "--dedup-key is missing"},
		{[]string{"--action", "comment", "--dedup-key", "d"}, "--note is missing"},
		{[]string{"--summary", "x", "--label", "host"}, "--label"},
		{[]string{"--summary", "x", "--retry-for", "-1s"}, "use 0 to try once"},
		{[]string{"--summary", "x", "--key-file", "/nowhere"}, "--key-file /nowhere cannot be used: no such file"},
		{[]string{"--nagios", "--icinga"}, "exclude each other"},
		{[]string{"--nagios"}, "NAGIOS_NOTIFICATIONTYPE is not in the environment: set enable_environment_macros=1"},
		{[]string{"--icinga"}, "NOTIFICATIONTYPE is not in the environment: set it in env of the NotificationCommand"},
		{[]string{"disk full"}, "one argument too many"},
	} {
		s := newStation(t, opened)
		if _, err := s.call(t, tt.args...); exitStatus(err) != 2 || !strings.Contains(err.Error(), tt.says) || len(s.got) > 0 {
			t.Errorf("%v: %v", tt.args, err)
		}
	}
	if _, _, err := call(t, settingsOf("ROUSE_URL=http://127.0.0.1:1"), "send", "--summary", "x"); exitStatus(err) != 2 || !strings.Contains(err.Error(), "there is no integration key") {
		t.Errorf("got %v", err)
	}
}

func TestSendThatCannotSend(t *testing.T) {
	for status, says := range map[int]string{
		401: "does not know the integration key, or it was revoked: `rouse token list --service NAME`",
		403: "`rouse token create --service NAME --name nagios` makes a key that may send alerts",
	} {
		s := newStation(t, opened, status)
		if _, err := s.call(t, "--summary", "x"); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "rouse_key") {
			t.Errorf("%d: %v", status, err)
		}
	}
	_, _, err := call(t, settingsOf("ROUSE_URL=http://127.0.0.1:1", "ROUSE_KEY=k"), "send", "--summary", "x", "--retry-for", "0")
	if exitStatus(err) != 1 || !strings.Contains(err.Error(), "is `rouse serve` running?") {
		t.Errorf("got %v", err)
	}
}

func TestSendTakesItsKeyFromAFile(t *testing.T) {
	s := newStation(t, opened)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("rouse_other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.call(t, "--summary", "x", "--key-file", file); err != nil || s.key != "Bearer rouse_other" {
		t.Errorf("sent with %q, %v", s.key, err)
	}
}

// What Nagios and Icinga 2 put into the environment of a notification command.
func TestSendForNagiosAndIcinga(t *testing.T) {
	service := []string{"HOSTNAME=db1", "HOSTALIAS=Database 1", "HOSTADDRESS=10.0.0.1", "SERVICEDESC=Disk /var", "SERVICEOUTPUT=DISK CRITICAL - 5% free",
		"LONGSERVICEOUTPUT=/var 95%\\n/tmp 3%", "TIMET=1787300000", "SERVICEACTIONURL=https://nagios.example/db1", "HOSTSTATE=UP", "HOSTOUTPUT=PING OK",
		"NOTIFICATIONTYPE=PROBLEM", "SERVICESTATE=CRITICAL"}
	labels := map[string]string{"host": "db1", "address": "10.0.0.1", "service_description": "Disk /var", "state": "CRITICAL", "notification_type": "PROBLEM"}
	for _, tt := range []struct {
		name  string
		flag  string
		env   []string
		flags []string
		want  report
	}{
		{"a problem of a service", "--nagios", service, nil,
			report{Action: "trigger", Severity: "critical", DedupKey: "nagios/db1/Disk /var", Summary: "Disk /var on db1 is CRITICAL: DISK CRITICAL - 5% free",
				Details: "DISK CRITICAL - 5% free\n/var 95%\n/tmp 3%\nhost alias: Database 1", Labels: labels, Links: []string{"https://nagios.example/db1"}, At: "2026-08-21T08:13:20Z"}},
		{"flags count first", "--nagios", service,
			[]string{"--severity", "3", "--service", "db", "--dedup-key", "d", "--label", "state=bad", "--details", "x", "--link", "https://r.example/"},
			report{Action: "trigger", Severity: "3", Service: "db", DedupKey: "d", Summary: "Disk /var on db1 is CRITICAL: DISK CRITICAL - 5% free", Details: "x",
				Labels: map[string]string{"host": "db1", "address": "10.0.0.1", "service_description": "Disk /var", "state": "bad", "notification_type": "PROBLEM"},
				Links:  []string{"https://r.example/", "https://nagios.example/db1"}, At: "2026-08-21T08:13:20Z"}},
		{"a host", "--nagios", []string{"NOTIFICATIONTYPE=PROBLEM", "HOSTNAME=db1", "HOSTSTATE=DOWN", "HOSTOUTPUT=100% loss", "SERVICEDESC=$", "TIMET="}, nil,
			report{Action: "trigger", Severity: "critical", DedupKey: "nagios/db1", Summary: "db1 is DOWN: 100% loss", Details: "100% loss",
				Labels: map[string]string{"host": "db1", "state": "DOWN", "notification_type": "PROBLEM"}}},
		{"a recovery", "--nagios", []string{"NOTIFICATIONTYPE=RECOVERY", "HOSTNAME=db1", "SERVICEDESC=Disk", "SERVICESTATE=OK", "SERVICEOUTPUT=fine"}, nil,
			report{Action: "resolve", DedupKey: "nagios/db1/Disk", Summary: "Disk on db1 is OK: fine", Details: "fine",
				Labels: map[string]string{"host": "db1", "service_description": "Disk", "state": "OK", "notification_type": "RECOVERY"}}},
		{"an acknowledgement", "--nagios", []string{"NOTIFICATIONTYPE=ACKNOWLEDGEMENT", "HOSTNAME=db1", "HOSTSTATE=DOWN", "NOTIFICATIONAUTHOR=Ann A.", "NOTIFICATIONAUTHORNAME=ann", "NOTIFICATIONCOMMENT=looking"}, nil,
			report{Action: "acknowledge", By: "ann", Note: "looking", DedupKey: "nagios/db1", Summary: "db1 is DOWN",
				Labels: map[string]string{"host": "db1", "state": "DOWN", "notification_type": "ACKNOWLEDGEMENT"}}},
		{"flapping", "--nagios", []string{"NOTIFICATIONTYPE=FLAPPINGSTART", "HOSTNAME=db1", "HOSTSTATE=UP", "HOSTOUTPUT=PING OK"}, nil,
			report{Action: "comment", Note: "FLAPPINGSTART: PING OK", DedupKey: "nagios/db1", Summary: "db1 is UP: PING OK", Details: "PING OK",
				Labels: map[string]string{"host": "db1", "state": "UP", "notification_type": "FLAPPINGSTART"}}},
		{"a downtime", "--nagios", []string{"NOTIFICATIONTYPE=DOWNTIMECANCELLED", "HOSTNAME=db1", "NOTIFICATIONAUTHOR=ann"}, nil,
			report{Action: "comment", By: "ann", Note: "DOWNTIMECANCELLED", DedupKey: "nagios/db1", Summary: "db1",
				Labels: map[string]string{"host": "db1", "notification_type": "DOWNTIMECANCELLED"}}},
		{"a kind that is not known", "--nagios", []string{"NOTIFICATIONTYPE=SURPRISE", "HOSTNAME=db1", "HOSTSTATE=LOST"}, nil,
			report{Action: "trigger", Severity: "lost", DedupKey: "nagios/db1", Summary: "db1 is LOST",
				Labels: map[string]string{"host": "db1", "state": "LOST", "notification_type": "SURPRISE"}}},
		{"Icinga", "--icinga", []string{"NOTIFICATIONTYPE=PROBLEM", "HOSTNAME=db1", "HOSTADDRESS=10.0.0.1", "SERVICEDESC=load", "SERVICESTATE=UNKNOWN", "SERVICEOUTPUT=no answer"}, nil,
			report{Action: "trigger", Severity: "error", DedupKey: "icinga/db1/load", Summary: "load on db1 is UNKNOWN: no answer", Details: "no answer",
				Labels: map[string]string{"host": "db1", "address": "10.0.0.1", "service_description": "load", "state": "UNKNOWN", "notification_type": "PROBLEM"}}},
		{"a custom notification of Icinga", "--icinga", []string{"NOTIFICATIONTYPE=CUSTOM", "HOSTNAME=db1", "SERVICENAME=load", "SERVICESTATE=WARNING", "SERVICEOUTPUT=9", "NOTIFICATIONAUTHORNAME=bob", "NOTIFICATIONCOMMENT=call me"}, nil,
			report{Action: "comment", By: "bob", Note: "CUSTOM: call me", DedupKey: "icinga/db1/load", Summary: "load on db1 is WARNING: 9", Details: "9",
				Labels: map[string]string{"host": "db1", "service_description": "load", "state": "WARNING", "notification_type": "CUSTOM"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStation(t, opened)
			env := []string{"ROUSE_URL=" + s.url, "ROUSE_KEY=k"}
			for _, pair := range tt.env {
				if tt.flag == "--nagios" {
					pair = "NAGIOS_" + pair
				}
				env = append(env, pair)
			}
			_, _, err := call(t, settingsOf(env...), append([]string{"send", tt.flag}, tt.flags...)...)
			if err != nil || len(s.got) != 1 || !reflect.DeepEqual(s.got[0], tt.want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, s.got, tt.want)
			}
		})
	}
}
