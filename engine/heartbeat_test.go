package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/engine"
)

// A watch is one source of a heartbeat, watched from ten o'clock on.
type watch struct {
	t   *testing.T
	hb  engine.Heartbeat
	src engine.HeartbeatSource
	now time.Time
	got []string // alerts that the last line gave
}

var tenOClock = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// story plays a timeline and compares it with what is told: a line that begins with "at" is what happens,
// one that is indented an alert that follows from the line before it.
func story(t *testing.T, hb engine.Heartbeat, script string) *watch {
	t.Helper()
	if hb.Name == "" {
		hb.Name = "backup"
	}
	hb.ID, hb.Service, hb.Severity = 7, "bitbucket", engine.Major
	w := &watch{t: t, hb: hb}
	var told []string
	for line := range strings.Lines(strings.TrimSpace(script)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "at "); ok {
			w.settle(told)
			told = nil
			w.happens(strings.Fields(rest))
			continue
		}
		told = append(told, line)
	}
	w.settle(told)
	return w
}

func (w *watch) settle(told []string) {
	w.t.Helper()
	if strings.Join(w.got, "\n") != strings.Join(told, "\n") {
		w.t.Errorf("at %s got\n  %s\nwant\n  %s", w.now.Sub(tenOClock), strings.Join(w.got, "\n  "), strings.Join(told, "\n  "))
	}
	w.got = nil
}

func (w *watch) happens(words []string) {
	w.t.Helper()
	after, err := time.ParseDuration(words[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = tenOClock.Add(after)
	words = append(words, "", "")
	var alerts []engine.Alert
	switch what := words[1]; what {
	case "tick":
		w.src, alerts = w.hb.Tick(w.src, w.now)
	case "resume":
		w.src = w.hb.Resumed(w.src, w.now)
	case "forget":
		alerts = w.hb.Forgotten(w.src, "It was disabled.")
	default:
		w.src, alerts = w.hb.Heard(w.src, engine.Sign{Kind: engine.SignKind(what), Run: words[2], Exit: strings.ReplaceAll(words[3], "_", " ")}, w.now)
	}
	for _, a := range alerts {
		line := fmt.Sprintf("%s %s", a.Action, a.Summary)
		if a.Note != "" {
			line += ": " + a.Note
		}
		w.got = append(w.got, line)
	}
}

func (w *watch) wantDeadline(after string) {
	w.t.Helper()
	if d := w.hb.Deadline(w.src); after == "" && !d.IsZero() || after != "" && d.Sub(tenOClock).String() != after {
		w.t.Errorf("the deadline is %v, want %s", d.Sub(tenOClock), after)
	}
}

func TestSilenceIsNoticedOnceAndEndsWithTheNextSign(t *testing.T) {
	story(t, engine.Heartbeat{Every: 5 * time.Minute}, `
		at 2m alive
		at 7m alive
		at 11m59s tick
		at 12m tick
			trigger Heartbeat backup is silent: last seen 10:07 UTC, 5 min ago; it should come every 5 min
		at 13m tick
		at 19m alive
			resolve Heartbeat backup is well again: It came back after 12 min.
		at 20m alive
	`).wantDeadline("25m0s")
}

func TestGraceIsOnTop(t *testing.T) {
	w := story(t, engine.Heartbeat{Every: 24 * time.Hour, Grace: 90 * time.Minute, Message: "The nightly backup of db1 is missing"}, `
		at 0m alive
		at 25h29m tick
		at 25h30m tick
			trigger The nightly backup of db1 is missing (heartbeat backup is silent: last seen 2026-11-21 10:00 UTC, 1 day 1 h ago; it should come every 1 day, or 1 h 30 min later)
	`)
	w.wantDeadline("")
}

func TestAnAlertSaysWhoseTroubleItIs(t *testing.T) {
	hb := engine.Heartbeat{ID: 7, Service: "prometheus", Name: "watchdog", ByLabel: "cluster", Every: time.Minute, Severity: engine.Critical, Word: "P1",
		Tags: []string{"infra"}, About: "Prometheus itself."}
	src, _ := hb.Heard(engine.HeartbeatSource{Name: hb.SourceOf(map[string]string{"cluster": "eu-1"})}, engine.Sign{Kind: engine.SignAlive}, tenOClock)
	_, alerts := hb.Tick(src, tenOClock.Add(time.Hour))
	want := engine.Alert{Action: engine.Trigger, Service: "prometheus", Severity: engine.Critical, Word: "P1", DedupKey: "heartbeat:7:eu-1", Source: "heartbeat",
		Summary: "Heartbeat watchdog of eu-1 is silent: last seen 10:00 UTC, 1 h ago; it should come every 1 min", Details: "Prometheus itself.",
		Labels: map[string]string{"heartbeat": "watchdog", "cluster": "eu-1", "tag:infra": ""}, At: tenOClock.Add(time.Minute)}
	if len(alerts) != 1 || !reflect.DeepEqual(alerts[0], want) {
		t.Errorf("got  %+v\nwant %+v", alerts, want)
	}
	if src := hb.SourceOf(nil); src != "" {
		t.Errorf("without the label the source is %q", src)
	}
	if src := hb.SourceOf(map[string]string{"cluster": "\x00" + strings.Repeat("ü", 200) + "\xff"}); src != strings.Repeat("ü", 100) {
		t.Errorf("a long one is %q", src)
	}
}

func TestAFailedRunIsTroubleUntilOneSucceeds(t *testing.T) {
	story(t, engine.Heartbeat{Every: time.Hour}, `
		at 0m started a
		at 2m failed a exit_status_3
			trigger Heartbeat backup failed: exit status 3
		at 30m started b
		at 31m failed b
			trigger Heartbeat backup failed
		at 60m started c
		at 61m succeeded c
			resolve Heartbeat backup is well again: A run of it succeeded.
		at 90m failed
			trigger Heartbeat backup failed
		at 91m alive
			resolve Heartbeat backup is well again: A run of it succeeded.
	`)
}

func TestTheFailureSaysHowAndHowLong(t *testing.T) {
	hb := engine.Heartbeat{Name: "backup", Every: time.Hour}
	src, _ := hb.Heard(engine.HeartbeatSource{}, engine.Sign{Kind: engine.SignStarted, Run: "a"}, tenOClock)
	_, alerts := hb.Heard(src, engine.Sign{Kind: engine.SignFailed, Run: "a", Output: "disk full\n"}, tenOClock.Add(90*time.Second))
	if want := "It began 10:00 UTC and took 1 min 30 s.\n\nThe end of what it wrote:\n\ndisk full\n"; len(alerts) != 1 || alerts[0].Details != want {
		t.Errorf("got %+v, want the details %q", alerts, want)
	}
}

func TestTheBeginningOfARunEndsSilenceAndNoFailure(t *testing.T) {
	story(t, engine.Heartbeat{Every: time.Hour}, `
		at 0m alive
		at 60m tick
			trigger Heartbeat backup is silent: last seen 10:00 UTC, 1 h ago; it should come every 1 h
		at 70m started a
			resolve Heartbeat backup is well again: It came back after 1 h 10 min.
		at 75m failed a
			trigger Heartbeat backup failed
		at 135m tick
			trigger Heartbeat backup is silent: last seen 11:15 UTC, 1 h ago; it should come every 1 h
		at 140m started b
		at 150m succeeded b
			resolve Heartbeat backup is well again: A run of it succeeded.
	`)
}

func TestARunThatTakesTooLong(t *testing.T) {
	story(t, engine.Heartbeat{Every: 24 * time.Hour, MaxRun: time.Hour}, `
		at 0m started a
		at 59m tick
		at 60m tick
			trigger Heartbeat backup runs longer than 1 h: it began 10:00 UTC, 1 h ago
		at 61m tick
		at 65m succeeded a
			resolve Heartbeat backup is well again: It ended, after 1 h 5 min.
	`).wantDeadline("25h5m0s")
}

func TestRunsThatOverlapAreToldApart(t *testing.T) {
	story(t, engine.Heartbeat{Every: 24 * time.Hour, MaxRun: time.Hour}, `
		at 0m started a
		at 30m started b
		at 50m succeeded b
		at 60m tick
			trigger Heartbeat backup runs longer than 1 h: it began 10:00 UTC, 1 h ago
		at 70m started c
		at 80m succeeded c
			resolve Heartbeat backup is well again: A later run of it succeeded.
		at 90m started d
		at 95m started e
		at 150m tick
			trigger Heartbeat backup runs longer than 1 h: it began 11:30 UTC, 1 h ago
		at 155m tick
			trigger Heartbeat backup runs longer than 1 h: it began 11:35 UTC, 1 h ago
		at 156m succeeded d
		at 157m succeeded e
			resolve Heartbeat backup is well again: It ended, after 1 h 2 min.
	`)
}

func TestARunThatHangsWhileTheNextOnesBeginUnderTheSameName(t *testing.T) {
	story(t, engine.Heartbeat{Every: 24 * time.Hour, MaxRun: 10 * time.Minute}, `
		at 0m started
		at 5m started
		at 10m tick
		at 15m tick
			trigger Heartbeat backup runs longer than 10 min: it began 10:05 UTC, 10 min ago
		at 16m started
		at 20m tick
		at 26m tick
			trigger Heartbeat backup runs longer than 10 min: it began 10:16 UTC, 10 min ago
		at 27m alive
			resolve Heartbeat backup is well again: It ended, after 11 min.
	`)
}

func TestARunThatNeverEndsIsSilentInTheEnd(t *testing.T) {
	w := story(t, engine.Heartbeat{Every: time.Hour}, `at 0m started a`)
	w.wantDeadline("1h0m0s")
	_, alerts := w.hb.Tick(w.src, tenOClock.Add(time.Hour))
	if len(alerts) != 1 || alerts[0].Details != "A run has begun and not ended." {
		t.Errorf("got %+v", alerts)
	}
}

func TestRunsWithoutEndAreBounded(t *testing.T) {
	hb := engine.Heartbeat{Name: "backup", Every: time.Hour, MaxRun: time.Minute}
	var src engine.HeartbeatSource
	for i := range 1000 {
		src, _ = hb.Heard(src, engine.Sign{Kind: engine.SignStarted, Run: fmt.Sprint(i)}, tenOClock.Add(time.Duration(i)*time.Millisecond))
	}
	if len(src.Runs) != engine.MaxRuns {
		t.Errorf("%d runs are kept", len(src.Runs))
	}
	// The first ones stay, so that it is noticed that they do not end.
	if _, alerts := hb.Tick(src, tenOClock.Add(time.Minute)); len(alerts) != 1 || !strings.Contains(alerts[0].Summary, "runs longer than 1 min") {
		t.Errorf("got %+v", alerts)
	}
	src, _ = hb.Tick(src, tenOClock.Add(2*time.Minute))
	if src, alerts := hb.Heard(src, engine.Sign{Kind: engine.SignSucceeded, Run: "999"}, tenOClock.Add(3*time.Minute)); len(alerts) != 1 || len(src.Runs) != 0 {
		t.Errorf("a run that was not counted succeeds: %+v, %d are left", alerts, len(src.Runs))
	}
}

// Rule 18.
func TestTimeInWhichNobodyWatchedCountsForNobody(t *testing.T) {
	story(t, engine.Heartbeat{Every: 10 * time.Minute, Grace: time.Minute, MaxRun: 30 * time.Minute}, `
		at 0m started a
		at 120m resume
		at 120m tick
		at 130m tick
		at 131m tick
			trigger Heartbeat backup is silent: last seen 10:00 UTC, 2 h 11 min ago; it should come every 10 min, or 1 min later
		at 150m tick
			trigger Heartbeat backup runs longer than 30 min: it began 10:00 UTC, 2 h 30 min ago
	`)
	// What cannot have been lost is expected as before.
	story(t, engine.Heartbeat{Every: 5 * time.Hour}, `
		at 0m alive
		at 120m resume
	`).wantDeadline("5h0m0s")
	// What was silent before stays so, and is not told of again.
	story(t, engine.Heartbeat{Every: 10 * time.Minute}, `
		at 0m alive
		at 10m tick
			trigger Heartbeat backup is silent: last seen 10:00 UTC, 10 min ago; it should come every 10 min
		at 120m resume
		at 300m tick
		at 310m alive
			resolve Heartbeat backup is well again: It came back after 5 h 10 min.
	`)
}

// Rule 18: what falls due just after a stop, its sign lost in it, has its usual gap from the end of the stop on.
func TestWhatComesAsOftenAsItShouldIsNotSilentAfterAStop(t *testing.T) {
	const every, step = 60, 5 // seconds
	hb := engine.Heartbeat{ID: 1, Name: "x", Every: every * time.Second, Grace: time.Second}
	at := func(s int) time.Time { return tenOClock.Add(time.Duration(s) * time.Second) }
	for comes := step; comes <= every; comes += step { // so often, or more often than it must
		for from := step; from < 3*every; from += step {
			for to := from + step; to < from+3*every; to += step {
				src, _ := hb.Heard(engine.HeartbeatSource{}, engine.Sign{}, at(0))
				for now := 1; now < to+3*every; now++ {
					if now == to {
						src = hb.Resumed(src, at(now))
					}
					if from <= now && now <= to { // a sign of the last moment is lost as well
						continue
					}
					if now%comes == 0 {
						src, _ = hb.Heard(src, engine.Sign{}, at(now))
					}
					if _, alerts := hb.Tick(src, at(now)); len(alerts) > 0 {
						t.Fatalf("it comes every %d s, nobody watched from %d to %d s, and after %d s: %s", comes, from, to, now, alerts[0].Summary)
					}
				}
			}
		}
	}
}

// A stop late in a long wait puts off no more than it must, and the alarm says why it came later.
func TestAStopPutsOffAHeartbeatByWhatItMayHaveLost(t *testing.T) {
	w := story(t, engine.Heartbeat{Every: 24 * time.Hour, Grace: time.Hour}, `
		at 0m alive
		at 1080m resume
	`)
	w.wantDeadline("37h0m0s") // 18 h again, and an hour
	_, alerts := w.hb.Tick(w.src, tenOClock.Add(37*time.Hour))
	if len(alerts) != 1 || !strings.HasPrefix(alerts[0].Details, "Rouse could hear nobody for a time since, and so gave it until ") {
		t.Errorf("got %+v", alerts)
	}
	w = story(t, engine.Heartbeat{Every: 10 * time.Minute}, `
		at 0m alive
		at 6m resume
		at 9m resume
	`)
	w.wantDeadline("18m0s")
}

func TestADisabledHeartbeatExpectsNothing(t *testing.T) {
	w := story(t, engine.Heartbeat{Every: time.Minute}, `
		at 0m alive
		at 1m tick
			trigger Heartbeat backup is silent: last seen 10:00 UTC, 1 min ago; it should come every 1 min
		at 2m forget
			resolve Heartbeat backup is not watched any more: It was disabled.
	`)
	w.hb.Disabled = true
	w.wantDeadline("")
	if src, alerts := w.hb.Tick(engine.HeartbeatSource{Since: tenOClock}, tenOClock.Add(time.Hour)); len(alerts) > 0 || src.Silent {
		t.Errorf("got %+v, %+v", src, alerts)
	}
	story(t, engine.Heartbeat{Every: time.Minute}, `
		at 0m alive
		at 0m forget
	`)
}

func TestHowAHeartbeatIs(t *testing.T) {
	hb := engine.Heartbeat{Every: time.Minute}
	alive := engine.HeartbeatSource{}
	late := engine.HeartbeatSource{Runs: map[string]engine.HeartbeatRun{"": {Late: true}}}
	failed := engine.HeartbeatSource{Failed: true, Runs: late.Runs}
	silent := engine.HeartbeatSource{Failed: true, Silent: true}
	for _, c := range []struct {
		sources []engine.HeartbeatSource
		want    engine.HeartbeatState
	}{
		{nil, "waiting"},
		{[]engine.HeartbeatSource{alive}, "alive"},
		{[]engine.HeartbeatSource{alive, late}, "late"},
		{[]engine.HeartbeatSource{failed, late}, "failed"},
		{[]engine.HeartbeatSource{failed, silent, alive}, "silent"},
	} {
		if got := hb.Worst(c.sources); got != c.want {
			t.Errorf("%+v: %s, want %s", c.sources, got, c.want)
		}
	}
	hb.Disabled = true
	if got := hb.Worst([]engine.HeartbeatSource{silent}); got != "disabled" {
		t.Errorf("disabled it is %s", got)
	}
}

// TestWhateverHappensToAHeartbeat plays a hundred thousand signs, ticks and stops by chance: what was told is
// ended when it is over, nothing else is, and time is never forgotten.
func TestWhateverHappensToAHeartbeat(t *testing.T) {
	chance := rand.New(rand.NewPCG(18, 20261121))
	for range 2000 {
		hb := engine.Heartbeat{ID: 1, Name: "x", Every: time.Duration(30+chance.IntN(300)) * time.Second, Grace: time.Duration(chance.IntN(60)) * time.Second,
			MaxRun: time.Duration(chance.IntN(3)*100) * time.Second}
		src, _ := hb.Heard(engine.HeartbeatSource{}, engine.Sign{}, tenOClock)
		now, open, did := tenOClock, false, []string{}
		for range 50 {
			now = now.Add(time.Duration(chance.IntN(200)) * time.Second)
			before, due := src, hb.Deadline(src)
			before.Runs = maps.Clone(src.Runs)
			var alerts []engine.Alert
			what := chance.IntN(9)
			if what < 4 {
				sign := engine.Sign{Kind: []engine.SignKind{engine.SignAlive, engine.SignStarted, engine.SignSucceeded, engine.SignFailed}[what],
					Run: []string{"", "a", "b"}[chance.IntN(3)]}
				did = append(did, fmt.Sprint(now.Sub(tenOClock), " ", sign.Kind, " ", sign.Run))
				src, alerts = hb.Heard(before, sign, now)
			} else if what < 8 {
				did = append(did, fmt.Sprint(now.Sub(tenOClock), " tick"))
				src, alerts = hb.Tick(before, now)
				if early := due.IsZero() || now.Before(due); early && (len(alerts) > 0 || !reflect.DeepEqual(src, before)) || !early && len(alerts) == 0 {
					t.Fatalf("a tick, early %v, gave %+v after %v", early, alerts, did)
				}
				if next := hb.Deadline(src); !next.IsZero() && !next.After(now) {
					t.Fatalf("after a tick something is due still, after %v", did)
				}
			} else {
				did = append(did, fmt.Sprint(now.Sub(tenOClock), " resume"))
				src = hb.Resumed(before, now)
				if next := hb.Deadline(src); !due.IsZero() && (next.Before(due) || next.IsZero()) {
					t.Fatalf("a stop makes it due at %v instead of %v, after %v", next, due, did)
				}
			}
			for _, a := range alerts {
				if a.Action == engine.Resolve && !open {
					t.Fatalf("what was not open is resolved, after %v", did)
				}
				open = a.Action == engine.Trigger
			}
			if trouble := len(hb.Forgotten(src, "")) > 0; trouble != open || trouble != (hb.State(src) != engine.HeartbeatAlive) {
				t.Fatalf("an incident is open: %v; it is %s, after %v", open, hb.State(src), did)
			}
			if !src.Silent && hb.Deadline(src).IsZero() {
				t.Fatalf("nobody waits for it any more, after %v", did)
			}
			if len(src.Runs) > engine.MaxRuns {
				t.Fatalf("%d runs, after %v", len(src.Runs), did)
			}
		}
	}
}

func TestAHeartbeatThatMayNotBeSaved(t *testing.T) {
	good := engine.Heartbeat{Name: "nightly backup", Every: 30 * time.Second, Severity: 3}
	if err := good.Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for want, change := range map[string]func(*engine.Heartbeat){
		"/name must be 1 to 200 characters, without line ends or control characters":     func(h *engine.Heartbeat) { h.Name = "" },
		"/name must not have a /: the name stands in addresses":                          func(h *engine.Heartbeat) { h.Name = "a/b" },
		"/every must be 30s to 720h0m0s":                                                 func(h *engine.Heartbeat) { h.Every-- },
		"/grace must be 0s to 720h0m0s":                                                  func(h *engine.Heartbeat) { h.Grace = -1 },
		"/max_run must be 1s to 720h0m0s":                                                func(h *engine.Heartbeat) { h.MaxRun = 1 },
		"/severity must be 1, 2 or 3":                                                    func(h *engine.Heartbeat) { h.Severity = 0 },
		"/message must be 0 to 300 characters, without line ends or control characters":  func(h *engine.Heartbeat) { h.Message = strings.Repeat("x", 301) },
		"/by_label must be 0 to 100 characters, without line ends or control characters": func(h *engine.Heartbeat) { h.ByLabel = "a\nb" },
		"/description must be at most 2000 characters":                                   func(h *engine.Heartbeat) { h.About = "\x00" },
		"/tags a heartbeat has at most 20 tags":                                          func(h *engine.Heartbeat) { h.Tags = strings.Fields(strings.Repeat("x ", 21)) },
		"/tags/0 must be 1 to 50 characters, without line ends or control characters":    func(h *engine.Heartbeat) { h.Tags = []string{""} },
	} {
		h := good
		change(&h)
		if got := fields(h.Validate()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
