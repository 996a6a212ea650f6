package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
)

// Rule 9.
func TestE2ESeverityThreeWaitsForWorkingHours(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, dana := h.resident("ann", bySMS(0)), h.resident("dana", bySMS(0))
	dba := h.roster("dba", dana)
	now := time.Now().UTC()
	in3days := strings.ToLower(now.AddDate(0, 0, 3).Format("Mon"))
	closed := object{"zone": "UTC", "windows": []object{{"days": []string{in3days}, "from": "09:00", "to": "17:00"}}}
	h.service("bitbucket", closed, level(later, ann))
	minor, major := h.alert("bitbucket", 3, "Avatars are blurred"), h.alert("bitbucket", 2, "Clones are slow")
	ann.isTexted(major)
	inc := h.incident(minor)
	opens := time.Date(now.Year(), now.Month(), now.Day()+3, 9, 0, 0, 0, time.UTC)
	if e := inc.Escalations[0]; e.State != string(engine.Waiting) || !e.OpensAt.Equal(opens) || inc.attempts(ann) != "" {
		t.Errorf("%s should wait until %s: %+v", minor, opens, e)
	}

	t.Log("whom a person pages in is not put off")
	h.does("POST", "/v1/incidents/"+minor+"/page", object{"roster": "dba", "why": "is it the cache?"}, nil)
	code := dana.isTexted(minor)
	if len(ann.Inbox()) != 1 {
		t.Errorf("ann was paged too")
	}
	dana.Reply(code)
	dana.isTold(minor + ": Acknowledged. You are on it as " + string(dba))
	if inc := h.incident(minor); inc.Manager != "" || inc.Escalations[0].State != string(engine.Waiting) {
		t.Errorf("dana's answer was taken for the manager's: %+v", inc)
	}

	t.Log("raised, it pages at once")
	h.does("POST", "/v1/incidents/"+minor+"/severity", object{"severity": 1, "why": "it is everything"}, nil)
	ann.ExpectSMS(t, soon, minor+" SEV1")
}

// Rules 5 and 6: each escalation is acknowledged for itself.
func TestE2ETeamIsPagedIn(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob, dana, kofi := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0)), h.resident("dana", bySMS(0)), h.resident("kofi", bySMS(0))
	h.roster("dba", dana, kofi)
	h.service("bitbucket", nil, level(later, ann), level(later, bob))
	key := h.alert("bitbucket", 1, "Pushes fail")
	code := ann.isTexted(key)
	page := object{"roster": "dba", "why": "the primary does not answer", "wait": "1h"}
	h.does("POST", "/v1/incidents/"+key+"/page", page, nil)
	danas := dana.isTexted(key)
	kofi.isTexted(key)
	states := func() string {
		var all []string
		for _, e := range h.incident(key).Escalations {
			all = append(all, strings.TrimSpace(e.State+" "+e.Holder))
		}
		return strings.Join(all, ", ")
	}

	ann.Reply(code)
	ann.isTold("You are now the incident manager.")
	if got := states(); got != "acknowledged ann, climbing" {
		t.Errorf("after ann's answer: %s", got)
	}
	dana.Reply(danas)
	dana.isTold(key + ": Acknowledged. You are on it as dba")
	if got := states(); got != "acknowledged ann, acknowledged dana" {
		t.Errorf("after dana's answer: %s", got)
	}
	h.isManagedBy(key, ann)

	t.Log("who is wanted again is paged again; who hands back has the next paged")
	ann.Reply(code + " no")
	ann.isTold("Somebody else is being paged.")
	bob.isTexted(key)
	if inc := h.incident(key); inc.Manager != "" || inc.Escalations[1].Holder != dana.handle {
		t.Errorf("after ann handed it back: %+v", inc)
	}

	t.Log("it is over for everybody")
	h.does("POST", "/v1/incidents/"+key+"/resolve", object{"by": "dana", "why": "failed over"}, nil)
	if got := states(); got != "stopped, stopped dana" {
		t.Errorf("at the end: %s", got)
	}
}

// Rules 7 and 9: who holds it is asked before anybody else is woken.
func TestE2EHolderIsAsked(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: 500 * time.Millisecond})
	ann, bob := h.resident("ann", bySMS(0), byCall(later)), h.resident("bob", bySMS(0))
	h.service("bitbucket", nil, level(later, ann), level(later, bob))
	key := h.alert("bitbucket", 3, "Clones are slow") // of which the holder is never asked, unless it grows
	h.does("POST", "/v1/incidents/"+key+"/acknowledge", object{"person": "ann"}, nil)
	for _, severity := range []int{2, 1} {
		h.does("POST", "/v1/incidents/"+key+"/severity", object{"severity": severity}, nil)
		text := ann.ExpectSMS(t, soon, key+" SEV", "still on it?").Body
		if severity == 2 {
			ann.Reply(replyCode.FindStringSubmatch(text)[1])
			ann.isTold(key + ": Thank you. It stays with you.")
			h.isManagedBy(key, ann)
			if len(bob.Inbox()) > 0 {
				t.Error("bob was woken for nothing")
			}
		} else {
			ann.Reply(replyCode.FindStringSubmatch(text)[1] + " no")
			ann.isTold(key + ": Understood. Somebody else is being paged.")
		}
	}
	bob.isTexted(key) // ann has said no in this round
	h.becomes(key, "nobody's", func(inc told) bool { return inc.Manager == "" && inc.Escalations[0].Level == 2 })
}

// F4: nothing is sent for what somebody has taken: whenever the answer comes,
func TestE2ENothingIsSentAfterAnAcknowledgement(t *testing.T) {
	story(t)
	const incidents = 12
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", byPush(0), bySMS(300*time.Millisecond)), h.resident("bob", bySMS(0))
	h.service("bitbucket", nil, level(later, ann), level(later, bob))
	taken := map[string]time.Time{} // by key
	for i := range incidents {
		key := h.alert("bitbucket", 1, fmt.Sprintf("Shard %d is down", i))
		ann.isPushed(key)
		<-time.After(200*time.Millisecond + time.Duration(i)*16*time.Millisecond) // around the moment of the text
		h.acknowledge(key, ann)
		taken[key] = time.Now()
	}
	if err := h.twilioIsIdle(); err != nil {
		t.Error(err)
	}
	for _, text := range ann.Inbox() {
		key, _, _ := strings.Cut(text.Body, " ")
		if late := text.At.Sub(taken[key]); late > time.Second {
			t.Errorf("%s: a text %s after the answer", key, late)
		}
	}
	if len(bob.Inbox()) > 0 {
		t.Error("bob was texted too")
	}
}

// and though a hundred wait to be sent.
func TestE2ENothingThatWaitedIsSentAfterAnAcknowledgement(t *testing.T) {
	story(t)
	const people, each = 60, 2
	var texts *gate
	h := newHouse(t, wish{gates: func(twilio, _ http.Handler) []string {
		texts = newGate(t, twilio, func(int, string) holding { return onTheWay })
		return []string{"ROUSE_TWILIO_BASE_URL=" + texts.URL}
	}})
	db, err := pgx.Connect(t.Context(), h.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	var crowd []*resident
	for i := range people {
		name := fmt.Sprintf("ann-%d", i)
		crowd = append(crowd, h.resident(name, bySMS(0)))
		h.service(name, nil, level(later, crowd[i]))
	}
	var keys []string
	for i := range people * each {
		keys = append(keys, h.alert(crowd[i%people].handle, 1, fmt.Sprintf("Shard %d is down", i)))
	}
	texts.expect(t, 40)
	var answers sync.WaitGroup
	for sender := range 8 { // all before those that are held are given up, and make room for others
		answers.Go(func() {
			for i := sender; i < len(keys); i += 8 {
				status, _, body, err := h.ask("", "POST", "/v1/incidents/"+keys[i]+"/acknowledge", h.admin, object{"person": crowd[i%people].handle})
				if err != nil || status >= 300 {
					t.Errorf("acknowledging %s: %d %s %v", keys[i], status, body, err)
				}
			}
		})
	}
	answers.Wait()
	var held int
	if !eventually(func() bool { // one that was begun before the answer may not have come to the provider yet
		var begun int
		if err := db.QueryRow(t.Context(), `select count(*) from attempt where state = 'sending'`).Scan(&begun); err != nil {
			t.Fatal(err)
		}
		held = texts.holds()
		return begun <= held
	}) {
		t.Fatalf("more messages are being sent than the %d that came to the provider", held)
	}
	texts.open()
	last := h.alert(crowd[0].handle, 1, "Pushes fail") // which comes after all that were waiting
	crowd[0].isTexted(last)
	h.nodes[0].Stop() // with all that it had to send
	n := -1
	for _, r := range crowd {
		n += len(r.Inbox())
	}
	if n > held || held == len(keys) {
		t.Errorf("of %d acknowledged incidents %d were on their way, and %d were texted", len(keys), held, n)
	}
}

// Rules 3, 4: nobody on call is no reason to wait.
func TestE2ENobodyOnCall(t *testing.T) {
	story(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_LAST_RESORT=lena"}})
	lena := h.resident("lena", byCall(0))
	mute := h.resident("mute")
	longAgo := time.Now().UTC().AddDate(0, 0, -3).Format("2006-01-02T15:04:05")
	h.does("POST", "/v1/rosters", object{"slug": "empty", "rotations": []object{{"id": "short", "zone": "UTC", "start": longAgo, "rule": "FREQ=WEEKLY",
		"length": "1h", "participants": []string{"lena"}}}}, nil)
	h.service("bitbucket", nil, level(later, team("empty")), level(later, mute))
	key := h.alert("bitbucket", 1, "Pushes fail")
	h.ida.isTexted(key)
	inc := h.incident(key)
	if len(inc.lines(engine.ReasonLevelEmpty)) != 2 || len(inc.lines(engine.ReasonNobodyOnCall)) != 1 || len(inc.lines(engine.ReasonNoContact)) != 1 {
		t.Errorf("timeline: %+v", inc.Timeline)
	}

	t.Log("no service, and nobody's number any more: the last resort")
	h.does("PUT", "/v1/people/ida?force=true", object{"name": "Ida", "contacts": []object{}}, nil)
	key = h.alert("payments", 1, "Card payments time out")
	lena.ExpectCall(t, soon)
	if inc := h.incident(key); len(inc.lines(engine.ReasonUnknownService)) != 1 || len(inc.lines(engine.ReasonLastResort)) == 0 {
		t.Errorf("timeline: %+v", inc.Timeline)
	}
}

// S3: what a key may do, and whose trouble its alerts are.
func TestE2EKeys(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	id, bound := h.key("/v1/services/bitbucket/keys", object{"name": "alertmanager"})
	_, reads := h.key("/v1/keys", object{"name": "wallboard", "scopes": []string{"read"}})
	_, responds := h.key("/v1/keys", object{"name": "ann", "scopes": []string{"respond"}, "person": "ann"})
	alert := object{"summary": "Pushes fail", "severity": 1, "service": "jira", "dedup_key": "pushes"}
	h.secret("Pushes fail", "a summary")

	t.Log("the key's service is paged, whatever the alert says")
	if status := h.asked("POST", "/v1/alerts", bound, alert); status != http.StatusAccepted {
		t.Fatalf("the service's key: %d", status)
	}
	ann.isTexted("HOT-1")
	if inc := h.incident("HOT-1"); inc.Service != "bitbucket" {
		t.Errorf("routed to %s", inc.Service)
	}
	webhook := object{"version": "4", "groupKey": "g", "status": "firing", "receiver": "rouse", "alerts": []object{{"status": "firing",
		"labels": object{"alertname": "Down", "severity": "critical", "service": "jira"}, "annotations": object{"summary": "Jira is down"},
		"startsAt": "2026-11-20T12:00:00Z", "fingerprint": "0123456789abcdef"}}}
	h.secret("Jira is down", "a summary")
	if status := h.asked("POST", "/v1/alertmanager", bound, webhook); status != http.StatusOK && status != http.StatusAccepted {
		t.Fatalf("Alertmanager with the service's key: %d", status)
	}
	ann.isTexted("HOT-2")

	t.Log("no key may more than it has to")
	for _, test := range []struct {
		what, method, path, key string
		in                      object
		status                  int
	}{
		{"no key sends", "POST", "/v1/alerts", "", alert, http.StatusUnauthorized},
		{"a made-up key sends", "POST", "/v1/alerts", "rouse_" + strings.Repeat("A", 52), alert, http.StatusUnauthorized},
		{"the beginning of a key sends", "POST", "/v1/alerts", bound[:12], alert, http.StatusUnauthorized},
		{"a reader sends", "POST", "/v1/alerts", reads, alert, http.StatusForbidden},
		{"a responder sends", "POST", "/v1/alertmanager", responds, webhook, http.StatusForbidden},
		{"a sender reads", "GET", "/v1/incidents", bound, nil, http.StatusForbidden},
		{"a sender acknowledges", "POST", "/v1/incidents/HOT-1/acknowledge", bound, object{"person": "ann"}, http.StatusForbidden},
		{"a reader acknowledges", "POST", "/v1/incidents/HOT-1/acknowledge", reads, object{"person": "ann"}, http.StatusForbidden},
		{"a responder makes keys", "POST", "/v1/keys", responds, object{"name": "more", "scopes": []string{"admin"}}, http.StatusForbidden},
		{"ann's key answers for ida", "POST", "/v1/incidents/HOT-1/acknowledge", responds, object{"person": "ida"}, http.StatusForbidden},
		{"a key in the query", "GET", "/v1/incidents?access_token=" + reads, "", nil, http.StatusUnauthorized},
	} {
		var in any
		if test.in != nil {
			in = test.in
		}
		if status := h.asked(test.method, test.path, test.key, in); status != test.status {
			t.Errorf("%s: %d, not %d", test.what, status, test.status)
		}
	}
	h.isNobodys("HOT-1")

	t.Log("a key is bound to who answers with it")
	if status := h.asked("POST", "/v1/incidents/HOT-1/acknowledge", responds, object{}); status != http.StatusOK {
		t.Errorf("ann's key: %d", status)
	}
	h.isManagedBy("HOT-1", ann)

	t.Log("a key that is revoked is refused from then on")
	h.does("DELETE", "/v1/services/bitbucket/keys/"+strconv.Itoa(id), nil, nil)
	if status := h.asked("POST", "/v1/alerts", bound, alert); status != http.StatusUnauthorized {
		t.Errorf("a revoked key: %d", status)
	}
	if inc := h.incident("HOT-1"); inc.Alerts != 1 {
		t.Errorf("%d alerts came through", inc.Alerts)
	}
}
