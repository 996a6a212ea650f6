package pager_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// F2: a node that stops in the middle of a send cannot know whether the message went out. It says nothing,
// and the next node looks the message up.
func TestASendThatAStopCutOffIsLookedUpByTheNextNode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phones.holdUp("ann")
	key := h.alert("db-1").Key
	h.phones.expect(t, "ann", 1)
	if err := h.CutOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := h.incident(key).Escalations[0].Pages[0].Attempts; len(a) != 1 || a[0].State != engine.Sending {
		t.Fatalf("the stop made of the attempt: %+v; want it to be sending, for the next node", a)
	}
	h.phones.mu.Lock()
	h.phones.found["ann"] = true
	h.phones.mu.Unlock()
	h.leaseIsOver()
	h.node("node-b")
	h.eventually(key, "known to be sent", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent
	})
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
}

// stall stops, once, whoever ran a statement, after it was done: as SIGSTOP or a slow commit does.
type stall struct {
	after   string // a part of the statement
	once    atomic.Bool
	stalled chan struct{} // closed when it has
	goOn    chan struct{} // until this is closed
}

func (s *stall) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, s, strings.Contains(d.SQL, s.after))
}

func (s *stall) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if hit, _ := ctx.Value(s).(bool); hit && s.once.CompareAndSwap(false, true) {
		close(s.stalled)
		<-s.goOn
	}
}

// F11, F4: a worker sleeps between its claim and the send. Meanwhile somebody else sends, and Ann answers.
func TestAStalledWorkerSendsNothingAfterItsLeaseIsOver(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	zombie := &stall{after: "set state = 'sending'", stalled: make(chan struct{}), goOn: make(chan struct{})}
	h.Pager = h.node("zombie", func(c *pager.Config) { c.DB = h.pool(8, zombie) })
	key := h.alert("db-1").Key
	await(h, "the claim", zombie.stalled)
	claimed := time.Now() // at the latest
	h.leaseIsOver()
	h.phones.expect(t, "ann", 1)
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: key, Person: "ann"}, "rest"); err != nil {
		t.Fatal(err)
	}
	// Only the worker's own clock tells it how long it slept, and no test moves that.
	time.Sleep(time.Until(claimed.Add(pager.Margin + time.Millisecond)))
	close(zombie.goOn)
	if err := h.Stop(t.Context()); err != nil { // waits for the worker
		t.Fatal(err)
	}
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, the last after her answer", n)
	}
	if a := h.incident(key).Escalations[0].Pages[0].Attempts[0]; a.State != engine.Sent && a.State != engine.Sending {
		t.Errorf("the worker that slept made the attempt %s", a.State)
	}
}

// F3: the provider took the message, and its report has to wait longer than a lease lasts. The worker is
// alive and says so: nobody else sends.
func TestALeaseIsKeptUntilTheReportIsWritten(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	release := h.phones.holdUp("ann")
	key := h.alert("db-1").Key
	h.phones.expect(t, "ann", 1)
	unlock := h.lock(`select from incident for update`)
	release()
	h.untilWaiting(1)
	lease := func() time.Time { return ask[time.Time](h, `select lease_until from attempt`) }
	was := lease()
	h.until("the lease is renewed while the report waits", func() bool { return lease().After(was) })
	unlock()
	h.eventually(key, "known to be sent", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent
	})
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
}

// F10, F11: a worker that cannot keep its lease, as others will believe it dead, gives the send up and says
// nothing about it.
func TestAWorkerThatCannotKeepItsLeaseLetsGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	release := h.phones.holdUp("ann")
	key := h.alert("db-1").Key
	h.phones.expect(t, "ann", 1)
	unlock := h.lock(`select from attempt for update`)
	await(h, "the worker lets go", h.phones.cutOff)
	release()
	unlock()
	h.leaseIsOver()
	h.phones.expect(t, "ann", 2)
	h.eventually(key, "known to be sent", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent
	})
	h.phones.mu.Lock()
	defer h.phones.mu.Unlock()
	if len(h.phones.looked) == 0 {
		t.Error("the provider was not asked for the message before it was sent again")
	}
	if slices.Contains(h.reasons(key), engine.ReasonFailed) {
		t.Errorf("the worker that let go reported a failure: %v", h.reasons(key))
	}
}

// broken is a channel with a bug.
type broken struct{}

func (broken) Notify(context.Context, notifiers.Message) (notifiers.Receipt, error) {
	panic("a bug in a provider")
}

// F15, F26: the next contact is tried at once, and the node lives on.
func TestAProviderThatPanicsCostsNeitherThePageNorTheNode(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", func(c *pager.Config) {
		sendBy(c, notifiers.Push, notifiers.NewChain(notifiers.Provider{Name: "broken", Notifier: broken{}}))
	})
	for n, dedup := range []string{"sent by the queue", "sent by the sweeper"} {
		if n == 1 {
			h.stopQueue()
		}
		since := time.Now()
		r := h.alert(dedup)
		if m := h.phones.expect(t, annsNumber, n+1); m.Channel != notifiers.SMS || m.Key != string(r.Key) {
			t.Errorf("Ann got a %s about %s, want a text about %s", m.Channel, m.Key, r.Key)
		}
		h.inTime("the next contact", since)
		if a := h.incident(r.Key).Escalations[0].Pages[0].Attempts[0]; a.State != engine.Failed {
			t.Errorf("the push is %s, want failed", a.State)
		}
	}
}

// clumsy panics so often before it hangs up.
type clumsy struct {
	*phones
	left     atomic.Int32
	panicked chan struct{}
}

func (c *clumsy) Withdraw(ctx context.Context, id string) error {
	if c.left.Add(-1) >= 0 {
		c.panicked <- struct{}{}
		panic("a bug in a provider")
	}
	return c.phones.Withdraw(ctx, id)
}

// F4: the queue tries once to hang up, and the sweeper after it, whose goroutines nobody else would catch.
func TestAHangUpThatPanicsIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	voice := &clumsy{phones: h.phones, panicked: make(chan struct{}, 10)}
	voice.left.Store(2)
	h.Pager = h.node("node-a", func(c *pager.Config) { sendBy(c, notifiers.Voice, voice) })
	h.bobAcknowledges(h.ringing())
	for range 2 {
		await(h, "a try to hang up", voice.panicked)
		h.leaseIsOver()
	}
	if id := await(h, "hanging up", h.phones.withdraw); !strings.HasPrefix(id, "id-") {
		t.Errorf("hung up %q, want Ann's call", id)
	}
}

// F4, F9: a call that became unwanted while the queue takes no jobs is hung up by the sweeper, once.
func TestACallThatNobodyNeedsIsHungUpWithoutTheQueue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.ringing()
	h.stopQueue()
	since := time.Now()
	h.bobAcknowledges(key)
	if id := await(h, "hanging up", h.phones.withdraw); !strings.HasPrefix(id, "id-") {
		t.Errorf("hung up %q, want Ann's call", id)
	}
	h.inTime("hanging up", since)
	over := func(no int) func() bool {
		return func() bool { return ask[bool](h, `select hung_up from attempt where no = $1`, no) }
	}
	h.until("the call is known to be over", over(3))
	// The sweep that finds another call would find this one again, too.
	h.exec(`update attempt set lease_until = clock_timestamp() where no = 3`)
	h.exec(`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, unwanted, nonce, lease_until, provider_id)
		select incident, 4, page, contact, channel, address, state, reason, queued_at, sent_at, unwanted, 'other', clock_timestamp(), 'other' from attempt where no = 3`)
	h.until("the other call is known to be over", over(4))
	if id := await(h, "hanging up", h.phones.withdraw); id != "other" || len(h.phones.withdraw) > 0 {
		t.Errorf("hung up %q and %d more, want the other call alone", id, len(h.phones.withdraw))
	}
}

// What a provider says may be any bytes. Its failure is told to the engine nevertheless, and the next
// contact is tried at once.
func TestWhatAProviderSaysIsStoredWhateverItsBytes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Final, Provider: "ph\xffnes", Code: "\xff", Detail: "refus\xc3\x00"}
	since := time.Now()
	h.alert("db-1")
	text := h.phones.expect(t, annsNumber, 1)
	h.inTime("the next contact", since)
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("the push was made %d times, want once", n)
	}
	news := notifiers.Receipt{Provider: "\x00", ProviderID: "SM\xff", State: notifiers.Failed, Code: "\xff", Detail: "\xc3"}
	if err := h.Report(t.Context(), text.Nonce, news); err != nil {
		t.Errorf("a provider's callback: %v", err)
	}
	if m := h.phones.expect(t, annsNumber, 2); m.Channel != notifiers.Voice {
		t.Errorf("after the text that failed came a %s, want the call", m.Channel)
	}
}

// refuseReports lets every report that a message was sent fail with an error of that class. It counts the
// tries.
func (h *house) refuseReports(sqlstate string) (tries func() int64) {
	h.t.Helper()
	h.exec(`create sequence tries`)
	h.exec(`create function refuse() returns trigger language plpgsql as
		'begin perform nextval(''tries''); raise exception ''refused'' using errcode = ''` + sqlstate + `''; end'`)
	h.exec(`create trigger refuse before insert on timeline for each row when (new.reason = 'sent') execute function refuse()`)
	return func() int64 { // a sequence counts what was rolled back, too
		return ask[int64](h, `select case when is_called then last_value else 0 end from tries`)
	}
}

// F3: a report that the database will never take is at least written into the attempt's row, so that the
// message is not sent again and again.
func TestAReportThatCannotBeStoredIsForced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.refuseReports("22000")
	key := h.alert("db-1").Key
	m := h.phones.expect(t, "ann", 1)
	h.eventually(key, "known to be sent", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent
	})
	if id := ask[string](h, `select provider_id from attempt`); id != "id-"+m.Nonce {
		t.Errorf("the provider knows it as %q", id)
	}
	h.MoveClock(time.Minute) // the incident goes on
	h.phones.expect(t, annsNumber, 1)
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
}

// F12: a report waits for a database that is away for a moment: nothing is forced, nothing sent twice.
func TestAReportWaitsForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tries := h.refuseReports("57P03") // cannot_connect_now
	key := h.alert("db-1").Key
	h.phones.expect(t, "ann", 1)
	h.until("the report was tried more often than a refused one", func() bool { return tries() > 4 })
	h.exec(`drop trigger refuse on timeline`)
	h.eventually(key, "known to be sent", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent
	})
	if !slices.Contains(h.reasons(key), engine.ReasonSent) {
		t.Errorf("the timeline says %v, want that it was sent", h.reasons(key))
	}
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
}

// Rule 2: an incident that a dump, or a hand in the table, left without its timer goes on after a start.
func TestAnIncidentWithoutADeadlineIsRepairedAtStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.exec(`update incident set deadline = null`)
	next := h.node("node-b")
	h.until("the incident has a deadline that is ahead", func() bool {
		return ask[bool](h, `select coalesce(deadline > clock_timestamp(), false) from incident`)
	})
	next.MoveClock(time.Minute)
	if m := h.phones.expect(t, annsNumber, 1); m.Key != string(key) {
		t.Errorf("Ann was texted about %s, want %s", m.Key, key)
	}
}

// F4: Bob answers while Ann's provider refuses, and the provider would be tried again.
func TestAnAcknowledgementStopsTheTriesThatAreLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Passing, Detail: "429"}
	release := h.phones.holdUp("ann")
	key := h.alert("db-1").Key
	h.phones.expect(t, "ann", 1)
	h.bobAcknowledges(key)
	release() // now the provider says no
	h.eventually(key, "known to have failed", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Failed
	})
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("the push was tried %d times, want no try after the acknowledgement", n)
	}
}

// vague is a channel that cannot tell what became of its first message, nor look it up.
type vague struct{ *phones }

func (v vague) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	r, err := v.phones.Notify(ctx, m)
	if len(v.sentTo(m.To)) == 1 {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Unknown, Detail: "no answer"}
	}
	return r, err
}

// F2, F4: rather twice than never, unless somebody answered meanwhile.
func TestAMessageThatMayBeLostIsSentOnceMoreUnlessSomebodyAnswered(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		answer bool
		sends  int
		state  engine.AttemptState
	}{
		"nobody answered":   {answer: false, sends: 2, state: engine.Sent},
		"somebody answered": {answer: true, sends: 1, state: engine.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouseWithoutNode(t)
			h.Pager = h.node("node-a", func(c *pager.Config) { sendBy(c, notifiers.Push, vague{h.phones}) })
			release := h.phones.holdUp("ann")
			key := h.alert("db-1").Key
			h.phones.expect(t, "ann", 1)
			if want.answer {
				h.bobAcknowledges(key)
			}
			release()
			h.eventually(key, string(want.state), func(inc engine.Incident) bool {
				return inc.Escalations[0].Pages[0].Attempts[0].State == want.state
			})
			sent := h.phones.sentTo("ann")
			if len(sent) != want.sends {
				t.Errorf("the push was made %d times, want %d", len(sent), want.sends)
			}
			if last := sent[len(sent)-1]; !want.answer && last.Since.IsZero() {
				t.Error("whoever sends it again is not told that it may be there")
			}
		})
	}
}
