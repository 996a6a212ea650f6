package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/notifiers/twilio/twiliosim"
)

// F2, F10: a node dies with sends in its hands. Everybody is paged all the same, and nobody is texted or
// called twice, as Twilio can be asked; a push that ntfy had taken comes again.
func TestE2ENodeIsKilledInTheMiddleOfSends(t *testing.T) {
	story(t)
	const people = 20
	everyOther := func(n int, _ string) holding { return []holding{onTheWay, onReturn}[n%2] }
	var twilios, ntfys *gate
	h := newHouse(t, wish{second: time.Second, gates: func(twilio, ntfy http.Handler) []string {
		twilios, ntfys = newGate(t, twilio, everyOther), newGate(t, ntfy, everyOther)
		return []string{"ROUSE_TWILIO_BASE_URL=" + twilios.URL, "ROUSE_NTFY_URL=" + ntfys.URL}
	}})
	first := h.nodes[0]
	residents, keys := make([]*resident, people), make([]string, people)
	for i := range people {
		name := fmt.Sprintf("ann-%d", i)
		residents[i] = h.resident(name, bySMS(0), byPush(0), byCall(0))
		residents[i].OnSMS(twiliosim.SMSPlan{NoReceipt: i%2 == 0}) // else the receipt tells that it was sent
		h.service(name, nil, level(later, residents[i]))
	}
	for i := range people {
		if i == people/2 {
			twilios.expect(t, people) // texts and calls
			ntfys.expect(t, people/2)
			h.newNode() // what comes from now on either of them takes
		}
		keys[i] = h.alert(residents[i].handle, 1, fmt.Sprintf("Pushes fail on shard %d", i))
	}
	if !eventually(func() bool {
		for i, key := range keys {
			if strings.Contains(h.incident(key).attempts(residents[i]), "queued") {
				return false
			}
		}
		return true
	}) {
		t.Fatal("some sends were not begun")
	}
	h.again = ntfys.holds()
	held := twilios.holds()

	first.Kill()

	killed := time.Now()
	for i, r := range residents {
		r.isTexted(keys[i])
		r.isPushed(keys[i])
		r.ExpectCall(t, soon)
	}
	took := time.Since(killed)
	if took > 10*time.Second {
		t.Errorf("everybody was paged %s after the kill", took)
	}
	pushes := 0
	for i, key := range keys {
		r := residents[i]
		inc := h.becomes(key, "settled", func(inc told) bool {
			return !strings.Contains(inc.attempts(r), "queued") && !strings.Contains(inc.attempts(r), "sending")
		})
		if strings.Contains(inc.attempts(r), "failed") {
			t.Errorf("%s: %s", key, inc.attempts(r))
		}
		if texts, calls := len(r.Inbox()), len(r.Calls()); texts != 1 || calls != 1 {
			t.Errorf("%s was texted %d times and called %d times", r.handle, texts, calls)
		}
		pushes += len(r.screen.Inbox())
	}
	if h.requests("GET Messages") == 0 {
		t.Error("Twilio was not asked: the story is not told")
	}
	t.Logf("held at the kill: %d texts and calls, %d pushes; all were paged %s later, with %d pushes again",
		held, h.again, took.Round(time.Millisecond), pushes-people)
}

// F11: a node that was asleep while its send was taken over writes nothing when it wakes, though it is
// told then that the number does not exist.
func TestE2EZombieWritesNothing(t *testing.T) {
	story(t)
	var texts *gate
	h := newHouse(t, wish{gates: func(twilio, _ http.Handler) []string {
		texts = newGate(t, twilio, func(int, string) holding { return onTheWay })
		return []string{"ROUSE_TWILIO_BASE_URL=" + texts.URL}
	}})
	ann := h.resident("ann", bySMS(0), byPush(later))
	ann.OnSMS(twiliosim.SMSPlan{NoReceipt: true})
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	texts.expect(t, 1)
	zombie, other := h.nodes[0], h.newNode()
	h.door.only(other.Address)
	send(t, zombie.PID(), syscall.SIGSTOP)
	slept := time.Now()

	ann.isTexted(key)
	if took := time.Since(slept); took > 10*time.Second {
		t.Errorf("the other node took the send over after %s", took)
	}
	before := h.becomes(key, "sent", func(inc told) bool { return inc.attempts(ann) == "sms sent" })
	ann.Refuse(21211)
	texts.open()
	if !eventually(func() bool { return h.requests("POST Messages") == 2 }) {
		t.Error("the zombie's send did not come through: the story is not told")
	}
	send(t, zombie.PID(), syscall.SIGCONT)
	h.door.only(zombie.Address)
	if after := h.incident(key); !reflect.DeepEqual(before, after) { // it answers, as if nothing had been
		t.Errorf("was %+v, is %+v", before, after)
	}
	zombie.Stop() // with all that it had to write
	h.door.only(other.Address)
	if after := h.incident(key); !reflect.DeepEqual(before, after) {
		t.Errorf("was %+v, is %+v", before, after)
	}
}

// Rule 2, F1: the server dies three times while incidents climb.
func TestE2EServerIsKilledWhileIncidentsClimb(t *testing.T) {
	story(t)
	const incidents = 30
	h := newHouse(t, wish{})
	ladder := []*resident{h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0)), h.resident("cleo", bySMS(0)), h.ida}
	h.service("bitbucket", nil, level(2*time.Second, ladder[0]), level(2*time.Second, ladder[1]), level(2*time.Second, ladder[2]))
	killed := func(r *resident, texted int) {
		t.Helper()
		if !eventually(func() bool { return len(r.texted()) >= texted }) {
			t.Fatalf("%s was texted about %v", r.handle, r.texted())
		}
		h.nodes[0].Kill()
		h.start(h.nodes[0])
	}
	keys := map[string]bool{}
	for i := range incidents {
		keys[h.alert("bitbucket", 1, fmt.Sprintf("Shard %d is down", i))] = true
		if i == incidents/2 {
			killed(ladder[0], 1)
		}
	}
	killed(ladder[1], 1)           // the second level has just begun
	killed(ladder[2], incidents/2) // in the middle of the third
	for key := range keys {
		for _, r := range ladder {
			r.isTexted(key)
		}
		// Not in this order, perhaps: a text that the dead server had in hand is taken over after 5 s, and
		// these levels wait no longer than 2 s.
		var begun []int
		for _, l := range h.incident(key).lines(engine.ReasonLevelBegins) {
			begun = append(begun, l.Level)
		}
		if !slices.Equal(begun, []int{1, 2, 3, 4}) {
			t.Errorf("%s: levels %d began", key, begun)
		}
	}
}

// Rule 1, F3, F12, F13: Postgres is killed, stays away for longer than a lease, and comes back.
func TestE2EDatabaseIsKilled(t *testing.T) {
	story(t)
	postgres := ownPostgres(t)
	var texts *gate
	held := map[string]holding{} // by number
	h := newHouse(t, wish{database: postgres.URL(), second: time.Second, gates: func(twilio, _ http.Handler) []string {
		texts = newGate(t, twilio, func(_ int, to string) holding { return held[to] })
		return []string{"ROUSE_TWILIO_BASE_URL=" + texts.URL}
	}})
	ann, bob, cleo := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0)), h.resident("cleo", byCall(0))
	dana, emi := h.resident("dana", bySMS(0)), h.resident("emi", bySMS(0))
	held[dana.Number()], held[emi.Number()] = onTheWay, onReturn
	emi.OnSMS(twiliosim.SMSPlan{NoReceipt: true})
	h.service("bitbucket", nil, level(2*time.Second, ann), level(later, bob))
	h.service("jira", nil, level(later, cleo))
	h.service("confluence", nil, level(later, dana, emi))
	pid := h.nodes[0].PID()
	keys := make([]string, 3) // as many as are told one by one
	for i := range keys {
		keys[i] = h.alert("bitbucket", 1, fmt.Sprintf("Shard %d is down", i))
	}
	jira, confluence := h.alert("jira", 1, "Search fails"), h.alert("confluence", 1, "Pages do not load")
	cleo.ExpectCall(t, soon)
	texts.expect(t, 2)
	var code string
	for _, key := range keys {
		code = ann.isTexted(key)
	}
	answered, keys := keys[len(keys)-1], keys[:len(keys)-1]

	send(t, postgres.PID(), syscall.SIGQUIT) // immediate: no checkpoint, no good-bye
	<-postgres.Done()
	postgres.Stop()

	away := time.Now()
	alert := object{"service": "bitbucket", "severity": 1, "summary": "Pushes fail while the database is away", "dedup_key": "away"}
	for answers := false; time.Since(away) < 6*time.Second; {
		began := time.Now()
		status, header, body, err := h.ask("", "POST", "/v1/alerts", h.admin, alert)
		if err != nil || status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Fatalf("an alert while the database is away: %d %v %s %v", status, header, body, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the sender waited %s", took)
		}
		if !answers && time.Since(away) > 5*time.Second { // both are held until they can be stored, for 8 s and more
			answers = true
			ann.Reply(code)
			if err := cleo.Press("1"); err != nil {
				t.Fatal(err)
			}
			cleo.hears("One moment, please.")
		}
		<-time.After(20 * time.Millisecond) // as senders do
	}
	if status := h.asked("GET", "/readyz", "", nil); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d", status)
	}
	texts.open()

	postgres.startAgain()
	back := time.Now()
	for _, key := range keys {
		bob.isTexted(key)
	}
	dana.isTexted(confluence)
	emi.isTexted(confluence)
	if late := time.Since(back); late > 10*time.Second {
		t.Errorf("what was overdue was done %s after the database came back", late)
	}
	if retry := "try again in a minute"; ann.hearsOf("Acknowledged.", retry) == retry { // this Postgres took longer than an answer is held
		ann.Reply(code)
	}
	ann.isTold(answered + ": Acknowledged.")
	h.isManagedBy(answered, ann)
	cleo.hears("You are now the incident manager.")
	h.isManagedBy(jira, cleo)
	var got received
	h.does("POST", "/v1/alerts", alert, &got) // as its sender does, told to try again
	if got.Outcome != "opened" {
		t.Errorf("the alert is %s: it was stored though its sender got a 503", got.Outcome)
	}
	ann.isTexted(got.Key)
	if now := h.nodes[0].PID(); now != pid {
		t.Errorf("the node was restarted: %d, then %d", pid, now)
	}
}

// Rule 1, F13: what cannot be stored in time is refused, and is not stored after all.
func TestE2EAlertThatCannotBeStoredIsRefused(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	db, err := pgx.Connect(t.Context(), h.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	if _, err := db.Exec(t.Context(), `begin; lock table incident in exclusive mode`); err != nil { // can be read, not written
		t.Fatal(err)
	}
	alert := object{"service": "bitbucket", "severity": 1, "summary": "Pushes fail", "dedup_key": "pushes"}
	began := time.Now()
	status, header, body, err := h.ask("", "POST", "/v1/alerts", h.admin, alert)
	if err != nil || status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("an alert that cannot be stored: %d %v %s %v", status, header, body, err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the sender waited %s", took)
	}
	if _, err := db.Exec(t.Context(), `rollback`); err != nil {
		t.Fatal(err)
	}
	var got received
	h.does("POST", "/v1/alerts", alert, &got)
	if got.Outcome != "opened" {
		t.Errorf("the alert is %s: it was stored though its sender got a 503", got.Outcome)
	}
	ann.isTexted(got.Key)
}

// What is being sent is sent, and the next server finds nothing to clear up.
func TestE2ESendIsFinishedBeforeTheEnd(t *testing.T) {
	story(t)
	var texts *gate
	h := newHouse(t, wish{gates: func(twilio, _ http.Handler) []string {
		texts = newGate(t, twilio, func(int, string) holding { return onTheWay })
		return []string{"ROUSE_TWILIO_BASE_URL=" + texts.URL}
	}})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	texts.expect(t, 1)
	n := h.nodes[0]

	send(t, n.PID(), syscall.SIGTERM)
	if !eventually(func() bool { return !listens(n.Address) }) {
		t.Fatal("requests are still taken")
	}
	if n.PID() == 0 {
		t.Fatal("it did not wait for the send")
	}
	texts.open()
	ann.isTexted(key)
	if !eventually(func() bool { return n.PID() == 0 }) {
		t.Fatal("it did not end")
	}
	if log := h.log(n); !strings.Contains(log, "msg=stopped") || strings.Contains(log, "cut off") {
		t.Error("it did not end in an orderly way")
	}

	h.start(n)
	h.becomes(key, "delivered", func(inc told) bool { return inc.attempts(ann) == "sms delivered" })
	ann.isTexted(h.alert("bitbucket", 1, "Clones fail"))
	if strings.Contains(h.log(n), "taking over") {
		t.Error("the next node found something left")
	}
}

func send(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// listens tells whether anybody takes connections there.
func listens(address string) bool {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
