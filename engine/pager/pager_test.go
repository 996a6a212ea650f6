package pager_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

func TestAnAcceptedAlertPagesTheManagerOnCall(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.alert("db-1")
	if r.Outcome != pager.Opened || r.Key != "HOT-1" {
		t.Fatalf("the alert was answered %+v, want HOT-1 opened", r)
	}
	m := h.phones.expect(t, "ann", 1)
	if m.Key != "HOT-1" || m.Severity != 1 || m.Summary != "Pushes fail" || m.Role != engine.RoleManager || m.Code == "" {
		t.Errorf("Ann's push says %+v", m)
	}
	if !strings.HasPrefix(m.AckURL, "https://rouse.test/a/") {
		t.Errorf("the button leads to %q", m.AckURL)
	}
}

func TestARepeatedAlertJoinsAndPagesNobodyAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	r := h.alert("db-1")
	if r.Outcome != pager.Joined || r.Key != "HOT-1" {
		t.Fatalf("the repeat was answered %+v, want HOT-1 joined", r)
	}
	inc := h.incident("HOT-1")
	if inc.AlertN != 2 || inc.AttemptN != 1 {
		t.Errorf("HOT-1 counts %d alerts and %d attempts, want 2 and 1", inc.AlertN, inc.AttemptN)
	}
	if err := h.Resolve(t.Context(), "HOT-1", "bob", "done"); err != nil {
		t.Fatal(err)
	}
	if r := h.alert("db-1"); r.Outcome != pager.Opened || r.Key != "HOT-2" {
		t.Errorf("after the resolution the alert was answered %+v, want HOT-2 opened", r)
	}
}

func TestThirtyTwoSendersOfOneAlertOpenOneIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var wg sync.WaitGroup
	keys := make(chan engine.Key, 32)
	for range 32 {
		wg.Go(func() { keys <- h.alert("db-1").Key })
	}
	wg.Wait()
	close(keys)
	first := <-keys
	for k := range keys {
		if k != first {
			t.Errorf("one sender was told %s, another %s", first, k)
		}
	}
	if inc := h.incident(first); inc.AlertN != 32 {
		t.Errorf("%s counts %d alerts, want 32", first, inc.AlertN)
	}
}

func TestAnUnknownServiceGoesToTheCatchAllRoster(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r, err := h.Receive(t.Context(), engine.Alert{Action: engine.Trigger, Service: "nobody-knows", Severity: engine.Major, Summary: "odd"})
	if err != nil {
		t.Fatal(err)
	}
	if m := h.phones.expect(t, "dora", 1); m.Key != string(r.Key) {
		t.Errorf("Dora was paged for %s, want %s", m.Key, r.Key)
	}
}

func TestTheLadderClimbsUntilSomebodyAcknowledges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	h.MoveClock(time.Minute)
	h.phones.expect(t, "+491700000001", 1) // SMS
	h.MoveClock(time.Minute)
	if m := h.phones.expect(t, "+491700000001", 2); m.Channel != notifiers.Voice {
		t.Fatalf("after two minutes Ann got a %s, want a call", m.Channel)
	}
	h.MoveClock(3 * time.Minute)
	bob := h.phones.expect(t, "+491700000002", 1)
	reply, err := h.Acknowledge(t.Context(), pager.From{Number: "+491700000002", Code: bob.Code}, "sms")
	if err != nil || reply.Outcome != engine.OutcomeManager || reply.Person.ID != "bob" {
		t.Fatalf("Bob's SMS was answered %+v, %v; want him to be the manager", reply, err)
	}
	inc := h.incident("HOT-1")
	if inc.Status != engine.Fixing || inc.Manager != "bob" {
		t.Errorf("HOT-1 is %s under %q, want fixing under bob", inc.Status, inc.Manager)
	}
	if id := <-h.phones.withdraw; !strings.HasPrefix(id, "id-") {
		t.Errorf("hung up %q, want Ann's call", id)
	}
}

func TestEveryWayToAnswerNamesItsOwnPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	ann := h.phones.expect(t, "ann", 1)
	token := strings.TrimSuffix(strings.TrimPrefix(ann.AckURL, "https://rouse.test/a/"), "/ack")
	for name, from := range map[string]pager.From{
		"a token that was made up":       {Token: token[:len(token)-2] + "xx"},
		"a token without its parts":      {Token: "abc"},
		"a code of nobody":               {Number: "+491700000001", Code: "x" + ann.Code},
		"a code from a stranger's phone": {Number: "+491700000002", Code: ann.Code},
		"a call that never was":          {CallNonce: "nonesuch"},
		"an incident that never was":     {Key: "HOT-99", Person: "ann"},
		"a person who is not there":      {Key: "HOT-1", Person: "zoe"},
	} {
		if _, err := h.Acknowledge(t.Context(), from, "test"); !errors.Is(err, pager.ErrNotFound) {
			t.Errorf("%s: error %v, want not found", name, err)
		}
	}
	if inc := h.incident("HOT-1"); inc.Status != engine.New {
		t.Fatalf("HOT-1 is %s after wrong answers", inc.Status)
	}
	reply, err := h.Acknowledge(t.Context(), pager.From{Token: token}, "push")
	if err != nil || reply.Outcome != engine.OutcomeManager {
		t.Fatalf("the button did %+v, %v", reply, err)
	}
	reply, err = h.Acknowledge(t.Context(), pager.From{Key: "HOT-1", Person: "bob"}, "rest")
	if err != nil || reply.Outcome != engine.OutcomeTaken || reply.Holder != "Ann" {
		t.Errorf("Bob, too late, was told %+v, %v; want that Ann has it", reply, err)
	}
}

func TestAReplayedCallbackHasNoSecondEffect(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	ann := h.phones.expect(t, "ann", 1)
	from := pager.From{Number: "+491700000001", Code: ann.Code, Event: "SM1"}
	if _, err := h.Acknowledge(t.Context(), from, "sms"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Decline(t.Context(), pager.From{Key: "HOT-1", Person: "ann"}, "rest"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrSeen) {
		t.Errorf("the replay gave %v, want that it was acted on already", err)
	}
	if inc := h.incident("HOT-1"); inc.Manager != "" {
		t.Errorf("the replay made %s the manager again", inc.Manager)
	}
}

func TestABareReplyCountsOnlyWithOneOpenPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	from := pager.From{Number: "+491700000001"}
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("without any page: %v, want not found", err)
	}
	h.alert("db-1")
	h.alert("db-2")
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("with two pages that were pushed and not texted: %v, want not found", err)
	}
	h.MoveClock(time.Minute)
	h.phones.expect(t, "+491700000001", 2)
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrAmbiguous) {
		t.Errorf("with two texts: %v, want ambiguous", err)
	}
	if err := h.Resolve(t.Context(), "HOT-1", "", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrAmbiguous) {
		t.Errorf("with one open page and a text just now about another: %v, want ambiguous", err)
	}
	h.MoveClock(11 * time.Minute)
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrAmbiguous) {
		t.Errorf("with one page that was texted a while ago: %v, want to be asked back", err)
	}
	h.alert("db-3")
	h.phones.expect(t, "+491700000001", 3) // the call about HOT-2
	if err := h.Resolve(t.Context(), "HOT-2", "", ""); err != nil {
		t.Fatal(err)
	}
	h.MoveClock(time.Minute)
	h.phones.expect(t, "+491700000001", 4)
	if r, err := h.Acknowledge(t.Context(), from, "sms"); err != nil || r.Key != "HOT-3" {
		t.Errorf("with one page: %+v, %v; want HOT-3 acknowledged", r, err)
	}
}

func TestATeamIsPagedInAndAnswersForItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: "HOT-1", Person: "bob"}, "rest"); err != nil {
		t.Fatal(err)
	}
	in := pager.PageIn{Target: engine.Target{Roster: "dba"}, By: "bob", Why: "locks"}
	no, err := h.PageIn(t.Context(), "HOT-1", in)
	if err != nil || no != 2 {
		t.Fatalf("paging the DBAs in gave escalation %d, %v", no, err)
	}
	if again, err := h.PageIn(t.Context(), "HOT-1", in); err != nil || again != 2 {
		t.Errorf("paging them in twice gave escalation %d, %v; want the same", again, err)
	}
	call := h.phones.expect(t, "+491700000003", 1)
	view, err := h.Call(t.Context(), call.Nonce)
	if err != nil || view.Over || view.Message.Key != "HOT-1" || view.Message.Reason != "locks" {
		t.Errorf("Carl's call reads %+v, %v", view, err)
	}
	if r, err := h.Acknowledge(t.Context(), pager.From{CallNonce: call.Nonce, Event: "CA1:1"}, "voice"); err != nil || r.Outcome != engine.OutcomeAcknowledged {
		t.Fatalf("Carl's key did %+v, %v", r, err)
	}
	inc := h.incident("HOT-1")
	if inc.Manager != "bob" || inc.Escalations[1].Holder != "carl" {
		t.Errorf("manager %q, dba %q; want bob and carl", inc.Manager, inc.Escalations[1].Holder)
	}
	if _, err := h.PageIn(t.Context(), "HOT-1", pager.PageIn{Target: engine.Target{Roster: "nonesuch"}}); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("paging a roster that is not there gave %v", err)
	}
}

func TestAnUndeliveredMessageDoesNotWait(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Final, Provider: "phones", Detail: "no such topic"}
	h.alert("db-1")
	sms := h.phones.expect(t, "+491700000001", 1) // now, not in a minute
	if err := h.Report(t.Context(), sms.Nonce, notifiers.Receipt{State: notifiers.Failed, Code: "30003", Detail: "unreachable"}); err != nil {
		t.Fatal(err)
	}
	if m := h.phones.expect(t, "+491700000001", 2); m.Channel != notifiers.Voice {
		t.Errorf("after the undelivered SMS came a %s, want the call", m.Channel)
	}
}

func TestASendLeftByADeadWorkerIsTakenOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hold := make(chan struct{})
	h.phones.hold["ann"] = hold
	defer close(hold)
	h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	// The worker that holds the attempt is stuck; another node believes it dead once its lease is over.
	ctx := t.Context()
	if _, err := h.db.Exec(ctx, `update attempt set lease_until = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 2)
	if len(h.phones.looked) == 0 || h.phones.looked[0].Since.IsZero() {
		t.Error("the provider was not asked for the message before it was sent again")
	}
	inc := h.incident("HOT-1")
	var generation int
	if err := h.db.QueryRow(ctx, `select generation from attempt where incident = $1`, inc.ID).Scan(&generation); err != nil || generation != 2 {
		t.Errorf("the attempt is in generation %d, %v; want 2", generation, err)
	}
	stale := enginedb.Settlement{AttemptRef: enginedb.AttemptRef{Incident: inc.ID, Attempt: 1, Generation: 1}, Provider: "phones", ProviderID: "stale"}
	locked, err := enginedb.New(h.db).Lock(ctx, []enginedb.Want{{ID: inc.ID, Settle: &stale}}, 0, false)
	if err != nil || len(locked) != 1 || locked[0].Settled {
		t.Errorf("a stale worker could write (%+v, %v)", locked, err)
	}
}

func TestAMessageFoundAtTheProviderIsNotSentTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hold := make(chan struct{})
	h.phones.hold["ann"] = hold
	h.phones.found["ann"] = true
	defer close(hold)
	h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	if _, err := h.db.Exec(t.Context(), `update attempt set lease_until = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	h.eventually("HOT-1", "known to be sent", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent
	})
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
}

func TestAfterAnAcknowledgementNothingIsSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	inc := h.incident("HOT-1")
	// A job that comes late finds its attempt withdrawn.
	if _, err := h.db.Exec(t.Context(), `update attempt set state = 'queued', lease_until = now() + interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: "HOT-1", Person: "bob"}, "rest"); err != nil {
		t.Fatal(err)
	}
	_, err := enginedb.New(h.db).Claim(t.Context(), enginedb.AttemptRef{Incident: inc.ID, Attempt: 1, Generation: 1}, []byte("x"), enginedb.Lease{For: time.Second})
	if !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("the attempt could be claimed after the acknowledgement: %v", err)
	}
}

func TestTwoNodesPageOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.node("node-b")
	const n = 40
	for i := range n {
		h.alert(fmt.Sprint("db-", i))
	}
	told := h.phones.expectTold(t, "ann", n)
	for k, c := range told {
		if c != 1 {
			t.Errorf("Ann was told of %s %d times", k, c)
		}
	}
	if len(told) != n {
		t.Errorf("Ann was told of %d incidents, want %d", len(told), n)
	}
}

func TestASourceAcknowledgesOnlyForAPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	ack := engine.Alert{Action: engine.Acknowledge, Service: "bitbucket", DedupKey: "db-1", Source: "test"}
	r, err := h.Receive(t.Context(), ack)
	if err != nil || r.Outcome != pager.Noted || h.incident("HOT-1").Status != engine.New {
		t.Errorf("a machine's acknowledgement did %+v, %v", r, err)
	}
	ack.By, ack.Note = "ann", "on it"
	if r, err := h.Receive(t.Context(), ack); err != nil || r.Outcome != pager.Answered || h.incident("HOT-1").Manager != "ann" {
		t.Errorf("Ann's acknowledgement in the sender's system did %+v, %v", r, err)
	}
	if said := ask[int](h, `select count(*) from timeline where text = 'ann: on it'`); said != 1 {
		t.Errorf("what Ann said stands %d times in the timeline", said)
	}
}

func TestAnExpiredAcknowledgementAsksAndResumes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: "HOT-1", Person: "bob"}, "rest"); err != nil {
		t.Fatal(err)
	}
	h.MoveClock(30 * time.Minute)
	if m := h.phones.expect(t, "+491700000002", 1); m.Purpose != notifiers.StillOn {
		t.Fatalf("Bob got a %s, want to be asked", m.Purpose)
	}
	h.MoveClock(5 * time.Minute)
	h.eventually("HOT-1", "without a manager", func(inc engine.Incident) bool { return inc.Manager == "" })
	h.phones.expect(t, "ann", 2)
}

func TestTheTimelineTellsWhy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	h.eventually("HOT-1", "sent", func(inc engine.Incident) bool { return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent })
	lines, err := enginedb.New(h.db).Timeline(t.Context(), h.incident("HOT-1").ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, string(l.Note.Reason))
	}
	want := "opened, routed, level begins, first page, sent"
	if strings.Join(got, ", ") != want {
		t.Errorf("the timeline says %s\nwant %s", strings.Join(got, ", "), want)
	}
}

func TestAnAlertIsNotLostForItsForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, a := range map[string]engine.Alert{
		"NUL and broken UTF-8": {Summary: "a\x00b\xff", DedupKey: "k\x00\xff", Details: "\x00", Service: "s\x00", Source: "\xff",
			Links: []engine.Link{{Href: "h\x00", Text: "\xff"}}, Raw: []byte{0, 255}},
		"a dedup key of a megabyte": {Summary: "big", DedupKey: strings.Repeat("k", 1<<20)},
		"a service of a megabyte":   {Summary: "big", Service: engine.ServiceID(strings.Repeat("s", 1<<20))},
		"no summary":                {},
		"a summary of a megabyte":   {Summary: strings.Repeat("ü", 1<<19)},
		"a severity that is none":   {Summary: "x", Severity: 99},
		"a key that is none":        {Summary: "x", Key: "no key; drop table"},
	} {
		r, err := h.Receive(t.Context(), a)
		if err != nil || r.Outcome != pager.Opened {
			t.Errorf("%s: %+v, %v; want an incident", name, r, err)
		}
	}
}

func TestASendersKeyNamesTheIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	receive := func(key engine.Key) engine.Key {
		t.Helper()
		r, err := h.Receive(t.Context(), engine.Alert{Key: key, Summary: "x", Service: "bitbucket"})
		if err != nil {
			t.Fatal(err)
		}
		return r.Key
	}
	for _, want := range []engine.Key{"HOT-1", "HOT-2", "OPS-7"} {
		if got := receive(want); got != want {
			t.Errorf("%s was opened as %s", want, got)
		}
	}
	if got := receive("OPS-7"); got != "OPS-7" {
		t.Errorf("the open OPS-7 was not joined but opened as %s", got)
	}
	if got := receive(""); got != "HOT-3" {
		t.Errorf("the next own key is %s, want HOT-3: HOT-1 and HOT-2 were taken by senders", got)
	}
	if got := receive("HOT-3"); got != "HOT-4" {
		t.Errorf("a sender's key that Rouse had given to another trouble led to %s, want an incident of its own", got)
	}
	if err := h.Resolve(t.Context(), "OPS-7", "", ""); err != nil {
		t.Fatal(err)
	}
	if got := receive("OPS-7"); got != "HOT-5" {
		t.Errorf("a resolved incident's key was given again: %s", got)
	}
}

func TestAProviderThatHangsHoldsUpNoOtherChannelAndNoTimer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const workers = 50 + 32 // of the queue and of the sweeper
	for _, number := range h.many(workers + 20) {
		defer h.phones.holdUp(number)()
	}
	h.alertEach(0, workers+20)
	h.until("all that work at texts hang", func() bool { return len(h.phones.all()) >= workers })
	r := h.alert("db-1")
	h.phones.expect(t, "ann", 1)
	h.MoveClock(5 * time.Minute)
	h.eventually(r.Key, "on its second level", func(inc engine.Incident) bool { return inc.Escalations[0].Level == 1 })
}
