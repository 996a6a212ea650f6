package engine

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

var update = flag.Bool("update", false, "write what happened into the scenarios of testdata")

// TestScenarios tells the stories of testdata/*.txt. In each, lines that begin at the margin are given,
// and the indented ones say what followed; -update writes those anew, and the diff is to be read.
//
//	start    Friday 18:30                  the clock; Monday 02:00 if there is none
//	person   ann push@0s voice@2m          with a contact plan
//	roster   first ann bob                 who is on call
//	again    ann 5m                        how often ann is called again at severity 1
//	carriers 2                             providers of each channel
//	hours    Europe/Berlin Mon-Fri 09:00-17:00
//	policy   first wait=5m | bob wait=5m   a level names rosters and people, with commas between
//	resort   zoe                           the last resort; the catch-all roster is called imoc
//	expiry   1=30m 2=1h                    of acknowledgements
//	provider delivers                      what is sent; or takes (and no receipt comes), fails, idles
//	at 2m    …                             so long after the start, or at Monday 09:00:
//	         alert sev=1 "disk full" · tick · until 1h (with every tick in between) · ack bob · decline bob
//	         sent, delivered, failed ann sms (the last one) · undelivered ann sms (another provider may) · severity 2 by ann · page in dba by ann
//	         drill ann (a new incident, whatever there was)
//	         active ann "a comment" · resolve by ann · resumed after 2h (nobody kept time for so long)
//	         person, roster or provider, as above
//
// and what keeps quiet, or sends elsewhere:
//
//	noise    delay=3m return=10m once auto-close=4h group
//	words    page=1                        the operator's words for severities
//	rule     night page=dba                matches every alert; severity=1, or fails
//	sender   word=page doubt=request waited=3m responders=ann,?who
//	at 2m    maintenance until 1h "new disks" · maintenance over
//	         joined "db2 full" 2/2 · over "db2 full" 1 left · source resolves
//	         unacknowledge by ann "…" · snooze ann 2h · escalate by ann "…" · told "…"
//
// An answer may say how it came: "ack ann by sms" names the page of ann's last SMS, and "ack ann as dba"
// the escalation of that role.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	told, stories := map[Reason]bool{}, 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stories++
			s := scenario{world: empty(t), provider: "delivers", told: told}
			s.invariants = true
			s.startAt(time.Date(2026, 1, 12, 2, 0, 0, 0, time.UTC))
			got := s.tell(string(want))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, want) {
				t.Errorf("%s tells another story; go test ./engine -update writes it, git diff shows it\n%s", file, firstDifference(string(got), string(want)))
			}
		})
	}
	// Rule 17: the list of reasons is closed, and each of them is told in some story.
	for _, r := range slices.Sorted(maps.Keys(closedList())) {
		if stories == len(files) && !told[r] {
			t.Errorf("rule 17: no scenario tells the reason %q", r)
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return fmt.Sprintf("line %d: missing %q", i+1, w[i])
		case i >= len(w):
			return fmt.Sprintf("line %d: new %q", i+1, g[i])
		case g[i] != w[i]:
			return fmt.Sprintf("line %d:\n\tgot  %q\n\twant %q", i+1, g[i], w[i])
		}
	}
	return ""
}

// scenario is a story being told.
type scenario struct {
	*world
	provider string
	told     map[Reason]bool
	out      bytes.Buffer
	stood    string // how the escalations stood when it was last said
	prefix   string // the time, within until
}

func (s *scenario) tell(text string) []byte {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, " ") {
			continue // written anew
		}
		fmt.Fprintln(&s.out, line)
		if f := fields(line); len(f) > 0 && !strings.HasPrefix(line, "#") {
			s.line(f)
		}
	}
	return s.out.Bytes()
}

// fields splits at spaces, but not within quotes.
func fields(line string) []string {
	quoted := false
	f := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for i := range f {
		f[i] = strings.Trim(f[i], `"`)
	}
	return f
}

func (s *scenario) line(f []string) {
	switch f[0] {
	case "start":
		s.startAt(s.clock(f[1], f[2]))
	case "hours":
		s.service.Hours = s.hours(f[1], f[2], f[3])
	case "policy":
		s.levels(strings.Join(f[1:], " "))
	case "service":
		s.service, s.policy = nil, nil // "service unknown"
		if f[1] == "without-policy" {
			s.service = &Service{ID: "db"}
		}
	case "resort":
		for _, p := range f[1:] {
			s.end.LastResort = append(s.end.LastResort, rosters.PersonID(p))
		}
	case "expiry":
		s.policy.AckExpiry = map[Severity]time.Duration{}
		for _, e := range f[1:] {
			sev, after, _ := strings.Cut(e, "=")
			s.policy.AckExpiry[Severity(s.number(sev))] = s.duration(after)
		}
	case "noise":
		s.noise(f[1:])
	case "words":
		word, meaning, _ := strings.Cut(f[1], "=")
		s.routing.Words = Words{"": {word: Meaning(s.number(meaning))}}
	case "rule":
		s.rule(f[1:])
	case "sender":
		s.sender(f[1:])
	case "at":
		n := 2
		if to, err := time.ParseDuration(f[1]); err == nil {
			s.now = s.start.Add(to)
		} else {
			s.now, n = s.clock(f[1], f[2]), 3
		}
		s.happens(f[n:])
	default:
		s.happens(f)
	}
}

// clock finds the next such time, "Monday 09:00".
func (s *scenario) clock(day, at string) time.Time {
	hm, err := time.Parse("15:04", at)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	for t := s.now.Truncate(24 * time.Hour).Add(time.Duration(hm.Hour())*time.Hour + time.Duration(hm.Minute())*time.Minute); ; t = t.AddDate(0, 0, 1) {
		if t.Weekday().String() == day && !t.Before(s.now) {
			return t
		}
	}
}

func (s *scenario) hours(zone, days, times string) rosters.Hours {
	short := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	first, last, _ := strings.Cut(days, "-")
	from, to, _ := strings.Cut(times, "-")
	w := rosters.Window{From: from, To: to}
	for d := slices.Index(short, first); d <= slices.Index(short, last); d++ {
		w.Days = append(w.Days, time.Weekday(d))
	}
	return rosters.Hours{Zone: zone, Windows: []rosters.Window{w}}
}

func (s *scenario) number(n string) int {
	i, err := strconv.Atoi(n)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return i
}

// happens brings one event, and says what followed.
func (s *scenario) happens(f []string) {
	said := s.out.Len()
	who := func(n int) rosters.PersonID { return rosters.PersonID(f[n]) }
	switch f[0] {
	case "person":
		s.person(who(1), strings.Join(f[2:], " "))
		return
	case "roster":
		var people []rosters.PersonID
		for i := range f[2:] {
			people = append(people, who(i+2))
		}
		s.onCall(rosters.RosterID(f[1]), people...)
		return
	case "provider":
		s.provider = f[1]
		return
	case "again":
		s.again[who(1)] = s.duration(f[2])
		return
	case "carriers":
		s.providers = s.number(f[1])
		return
	case "noise", "sender":
		s.line(f)
		return
	case "until":
		s.until(s.start.Add(s.duration(f[1])))
	case "alert":
		s.summary = f[2]
		s.report(func() { s.alert(Severity(s.number(strings.TrimPrefix(f[1], "sev=")))) })
	case "tick":
		s.report(func() { s.tick() })
	case "resumed": // after 2h
		s.report(func() { s.resume(f[2]) })
	case "ack", "decline":
		s.report(func() { s.step(s.answer(f)) })
	case "sent", "delivered", "failed":
		s.report(func() { s.hear(who(1), rosters.Channel(f[2]), AttemptState(f[0])) })
	case "undelivered":
		s.report(func() { s.undelivered(who(1), rosters.Channel(f[2])) })
	case "severity":
		s.report(func() { s.severity(Severity(s.number(f[1])), f[3]) })
	case "page": // in dba by ann
		s.report(func() {
			s.step(PagedIn{By: f[4], Why: strings.Join(f[5:], ""), Ladder: RouteTo(s.target(f[2]), 5*time.Minute, s.end)})
		})
	case "active":
		s.report(func() { s.step(Active{By: f[1], What: f[2]}) })
	case "describe": // ann stage identified "why"
		d := Described{By: f[1], Why: strings.Join(f[4:], "")}
		switch value := f[3]; f[2] {
		case "summary":
			d.Summary = &value
		case "service":
			d.Service = (*ServiceID)(&value)
		case "description":
			d.Description = &value
		case "reporter":
			d.Reporter = &value
		case "stage":
			d.Stage = (*Stage)(&value)
		case "impact_ended_at":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				s.t.Fatalf("%v", err)
			}
			d.ImpactEnded = &at
		default:
			s.t.Fatalf("nothing is known of %s", f[2])
		}
		s.report(func() { s.step(d) })
	case "resolve":
		s.report(func() { s.step(Ended{By: f[2]}) })
	case "source": // resolves
		s.report(func() { s.step(Ended{By: "zabbix", Source: true, Why: "The source says that it is over."}) })
	case "joined":
		all, firing, _ := strings.Cut(f[2], "/")
		s.report(func() {
			s.step(Alerted{Severity: s.inc.Severity, Group: Group{Joined: f[1], All: s.number(all), Firing: s.number(firing)}})
		})
	case "over":
		s.report(func() { s.step(Ended{By: "zabbix", Source: true, Over: f[1], Firing: s.number(f[2])}) })
	case "maintenance":
		s.maintenance(f[1:])
	case "unacknowledge":
		s.report(func() { s.step(Released{By: f[2], Why: f[3]}) })
	case "snooze":
		s.report(func() { s.step(Snoozed{Person: who(1), Until: s.now.Add(s.duration(f[2])), Via: "opsgenie"}) })
	case "escalate":
		s.report(func() { s.step(Escalated{By: f[2], Why: f[3]}) })
	case "drill":
		s.report(func() { s.drill(who(1)) })
	case "told":
		s.report(func() { s.step(Told{By: "opsgenie", Text: f[1]}) })
	default:
		s.t.Fatalf("the story does not know %q", f[0])
	}
	if s.out.Len() == said {
		s.say("(nothing)")
	}
}

// noise says how the service keeps quiet.
func (s *scenario) noise(f []string) {
	for _, setting := range f {
		name, value, _ := strings.Cut(setting, "=")
		n := &s.service.Noise
		switch name {
		case "delay":
			n.Delay = map[Severity]time.Duration{Critical: s.duration(value), Major: s.duration(value)}
		case "return":
			n.Return.Within = s.duration(value)
		case "once":
			n.Return.Once = true
		case "auto-close":
			n.AutoClose = s.duration(value)
		case "group":
			n.Grouping.By = []string{"cluster"}
		}
	}
}

// rule is a rule for all alerts.
func (s *scenario) rule(f []string) {
	r := Rule{ID: RuleID(f[0])}
	fails := false
	for _, part := range f[1:] {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "page":
			r.Page = append(r.Page, rosters.RosterID(value))
		case "severity":
			r.Severity = Severity(s.number(value))
		case "fails":
			fails = true
		}
	}
	s.routing.Rules = append(s.routing.Rules, ReadyRule{Rule: r, Condition: certain(!fails)})
}

// certain is a condition that holds, or fails.
type certain bool

func (a certain) Holds(*Facts) (bool, error) {
	if !a {
		return false, errors.New("no such overload")
	}
	return true, nil
}

// sender is what the sender says beside.
func (s *scenario) sender(f []string) {
	for _, part := range f {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "word":
			s.sent.Word, s.sent.Source = value, "zabbix"
		case "doubt":
			s.sent.Doubts = append(s.sent.Doubts, Doubt{DoubtOf(value), "The " + value + " was not understood."})
		case "waited":
			s.sent.Waited = s.duration(value)
		case "responders":
			for who := range strings.SplitSeq(value, ",") {
				kind := "user"
				if unknown, ok := strings.CutPrefix(who, "?"); ok {
					who, kind = unknown, ""
				}
				s.sent.Responders = append(s.sent.Responders, Responder{kind, who})
			}
		}
	}
}

// maintenance begins one that everything falls into, or changes it.
func (s *scenario) maintenance(f []string) {
	s.held = Held{}
	if f[0] == "until" {
		s.held = Held{Maintenance: 1, Until: s.start.Add(s.duration(f[1])), Why: f[2]}
	}
	if s.inc.Status != "" {
		s.report(func() { s.step(Tick{}) })
	}
}

func (s *scenario) until(end time.Time) {
	for d := s.inc.Deadline(); !d.IsZero() && !d.After(end); d = s.inc.Deadline() {
		s.now = d
		s.prefix = fmt.Sprintf("%-8s", short(d.Sub(s.start)))
		s.report(func() { s.tick() })
	}
	s.now, s.prefix = end, ""
}

// short is "10m" instead of "10m0s".
func short(d time.Duration) string {
	t := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(t, zero) {
			t = t[:len(t)-2]
		}
	}
	return t
}

func (s *scenario) answer(f []string) Answer {
	a := Answer{Person: rosters.PersonID(f[1]), Decline: f[0] == "decline", Via: "rest"}
	if len(f) == 4 && f[2] == "as" {
		for _, e := range s.inc.Escalations {
			if e.Role == f[3] {
				a.Escalation = e.No
			}
		}
	}
	if len(f) == 4 && f[2] == "by" {
		a.Attempt, a.Via = s.attempt(a.Person, rosters.Channel(f[3])).No, f[3]
		_, p, _ := s.inc.Attempt(a.Attempt)
		a.Page = p.No
	}
	return a
}

// report lets something happen, lets the provider do its part, and says what followed.
func (s *scenario) report(happen func()) {
	before := s.inc
	happen()
	s.follow(before)
	for no := before.AttemptN + 1; no <= s.inc.AttemptN; no++ {
		for _, news := range map[string][]AttemptState{"delivers": {Sent, Delivered}, "takes": {Sent}, "fails": {Failed}}[s.provider] {
			before := s.inc
			if _, _, a := before.Attempt(no); a.State == Withdrawn {
				continue
			}
			s.step(Reported{Attempt: no, State: news})
			s.follow(before)
		}
	}
	var stands []string
	for _, e := range s.inc.Escalations {
		role := ""
		if e.No > 1 {
			role = e.Role + ": "
		}
		stands = append(stands, role+e.stands())
	}
	stood := fmt.Sprintf("%s; %s", s.inc.Status, strings.Join(stands, "; "))
	if stood != s.stood {
		s.say("now  %s", stood)
		s.stood = stood
	}
}

// follow says what the last step did: what it sent, hung up and withdrew, and what it wrote into the
// timeline besides.
func (s *scenario) follow(before Incident) {
	for _, ef := range s.effects {
		switch ef := ef.(type) {
		case Send:
			_, p, a := s.inc.Attempt(ef.Attempt)
			s.say("send %-18s %s", fmt.Sprintf("%s %s", p.Person, a.Channel), ef.Reason)
		case Withdraw:
			_, p, _ := s.inc.Attempt(ef.Attempt)
			s.say("hang up on %-12s %s", p.Person, ef.Reason)
		case Note:
			s.told[ef.Reason] = true
			if _, _, a := before.Attempt(ef.Attempt); ef.Attempt != 0 && (a == nil || ef.Reason == ReasonSent || ef.Reason == ReasonDelivered) {
				continue // the line about a send that is told already, or a receipt as expected
			}
			s.say("note (%s) %s", ef.Reason, strings.TrimSpace(ef.Text))
		}
	}
	for _, e := range s.inc.Escalations {
		for _, p := range e.Pages {
			for _, a := range p.Attempts {
				if _, _, was := before.Attempt(a.No); a.State == Withdrawn && was != nil && was.State != Withdrawn {
					s.say("withdraw %s %s", p.Person, a.Channel)
				}
			}
		}
	}
}

func (s *scenario) say(format string, args ...any) {
	line := "         " + s.prefix + fmt.Sprintf(format, args...)
	fmt.Fprintln(&s.out, strings.TrimRight(line, " "))
}
